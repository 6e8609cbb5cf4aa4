"""Attempts: whoever shows wrong secrets too often is told to wait, at every door, before anything costly is done.

Nobody can lock somebody else out: what is counted for an account counts for the network it came from, and what comes
from everywhere together only slows down networks from which that account was never opened (docs/adr/0025).
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tutti.db.engine import Database
from tutti.domain.audit import Action, Outcome
from tutti.domain.caller import Caller
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.origin import network_of, origin
from tutti.domain.values import UserId
from tutti.kit.text import username_key
from tutti.models import User
from tutti.ports.limiter import Limiter, Rate
from tutti.services.auditing import note_refused

_WRONG = frozenset({ErrorKind.UNAUTHENTICATED, ErrorKind.FORBIDDEN})
_NOBODY = UserId(0)
Rates = Sequence[Rate]
_NOTED: Rates = (Rate(1, 60),)


@dataclass(frozen=True, slots=True)
class AttemptPolicy:
    """How often secrets may be wrong.

    Attributes:
        network: Passwords, whatever the account, from one network.
        account: Passwords of one account from one network.
        everywhere: Passwords of one account from all networks; beyond it `strange` counts, too.
        strange: Passwords of one account from one network from which it was never opened.
        tokens: Long random secrets from one network. They cannot be guessed, so a right one is always taken.
        registrations: New accounts from one network, made or refused.
    """

    network: Rates = (Rate(20, 60), Rate(100, 3600))
    account: Rates = (Rate(10, 300),)
    everywhere: Rates = (Rate(50, 3600),)
    strange: Rates = (Rate(1, 60),)
    tokens: Rates = (Rate(200, 60),)
    registrations: Rates = (Rate(20, 60), Rate(100, 3600))


class Attempts:
    """Stands around every check of a secret."""

    def __init__(self, db: Database, limiter: Limiter, *, policy: AttemptPolicy) -> None:
        self._db = db
        self._limiter = limiter
        self._policy = policy

    @contextmanager
    def password(
        self, action: Action, username: str, found: User | None, *, actor: Caller | None = None
    ) -> Iterator[None]:
        """Check a password within the block; it was wrong when that raises UNAUTHENTICATED or FORBIDDEN.

        Right ones are not counted, however many come at once. Wrong ones that come at once all count, so they are paid
        for by a longer wait.

        Args:
            action: What it is needed for.
            username: As it was typed; whether it is anybody's makes no difference.
            found: The account of that name.
            actor: Who is signed in already.

        Raises:
            AppError: LIMITED `too_many_attempts`, with the seconds to wait, before the block has begun.
        """
        name = hashlib.sha256(username_key(username).encode()).hexdigest()[:32]
        rules = self._rules(name, found)
        # What is no account's name may be a password in the wrong field, and is not noted.
        target = "" if found is None else found.username
        self._check(rules, action, actor, target)
        try:
            yield
        except AppError as error:
            if error.kind in _WRONG:
                for key, rates in (rules | {f"everywhere {name}": self._policy.everywhere}).items():
                    self._limiter.count(key, rates)
                note_refused(self._db, action, actor, target)
            raise

    @contextmanager
    def token(self, action: Action) -> Iterator[None]:
        """Look a long random secret up within the block; it was wrong when that raises UNAUTHENTICATED or FORBIDDEN.

        Raises:
            AppError: LIMITED `too_many_attempts` in place of what says that it was wrong.
        """
        try:
            yield
        except AppError as error:
            if error.kind in _WRONG:
                self._spend(f"token {_network()}", self._policy.tokens, action)
                self._note(action, Outcome.REFUSED)
            raise

    def forbidden(self, caller: Caller, sentence: str) -> None:
        """Note that somebody asked for what he may never do."""
        self._note(Action.NOT_ALLOWED, Outcome.REFUSED, caller, sentence)

    def registration(self) -> None:
        """Count somebody who wants an account, whatever becomes of it.

        Raises:
            AppError: LIMITED `too_many_attempts`.
        """
        self._spend(f"registration {_network()}", self._policy.registrations, Action.REGISTER)

    def _rules(self, name: str, found: User | None) -> dict[str, Rates]:
        """Return what counts for a password of this account from the network at hand."""
        network, policy = _network(), self._policy
        rules = {f"network {network}": policy.network, f"account {name} {network}": policy.account}
        if self._limiter.wait_s(f"everywhere {name}", policy.everywhere) and not self._is_familiar(found, network):
            rules[f"strange {name} {network}"] = policy.strange
        return rules

    def _is_familiar(self, found: User | None, network: str) -> bool:
        """Whether somebody has signed in to this account from this network; nobody's takes as long to say."""
        with self._db.read() as tx:
            addresses = tx.accounts.addresses_of(_NOBODY if found is None else UserId(found.id))
        return any(network_of(address) == network for address in addresses)

    def _spend(self, key: str, rates: Rates, action: Action) -> None:
        self._check({key: rates}, action)
        self._limiter.count(key, rates)

    def _check(self, rules: Mapping[str, Rates], action: Action, actor: Caller | None = None, target: str = "") -> None:
        wait_s = max(self._limiter.wait_s(key, rates) for key, rates in rules.items())
        if wait_s:
            self._note(action, Outcome.LIMITED, actor, target)
            raise AppError(
                ErrorKind.LIMITED,
                "too_many_attempts",
                f"Too many attempts; try again in {wait_s} seconds.",
                retry_after_s=wait_s,
            )

    def _note(self, action: Action, outcome: Outcome, actor: Caller | None = None, target: str = "") -> None:
        """Note what anybody can make happen a thousand times, once a minute: each costs a write to the disk."""
        name = "" if actor is None else actor.username
        key = f"noted {action} {outcome} {name} {target} {_network()}"
        if not self._limiter.wait_s(key, _NOTED):
            self._limiter.count(key, _NOTED)
            note_refused(self._db, action, actor, target, outcome=outcome)


def _network() -> str:
    return network_of(origin().address)
