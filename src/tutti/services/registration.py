"""Registration: whether strangers may make accounts, and the invites that let them."""

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID, uuid4

from tutti.db.engine import Database
from tutti.db.repos.access import InviteRow
from tutti.domain.accounts import ANY, AccountRules
from tutti.domain.audit import Action
from tutti.domain.caller import Actor, Caller, Permission, Role
from tutti.domain.errors import AppError, ErrorKind
from tutti.models import Invite, User
from tutti.ports.identity import PasswordHasher
from tutti.services.accounts import AccountPolicy, NewUser, caller_of, digest_of, insert, prepare
from tutti.services.attempts import Attempts
from tutti.services.auditing import note

INVITE_DAYS_MAX = 90


class Admission(StrEnum):
    """Who may make an account."""

    OPEN = "open"
    INVITE = "invite"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class MadeInvite:
    """A new invite; its code is shown here and never again."""

    uuid: UUID
    expires_at: datetime
    code: str = field(repr=False)


class Registration:
    """How strangers become users."""

    def __init__(
        self,
        db: Database,
        passwords: PasswordHasher,
        attempts: Attempts,
        *,
        policy: AccountPolicy,
        admission: Admission,
        security_key: str = "",
    ) -> None:
        """Keep who may register; without a security key nobody registers by one."""
        self._db = db
        self._passwords = passwords
        self._attempts = attempts
        self._policy = policy
        self._admission = admission
        self._security_key = security_key

    def register(self, wanted: NewUser, invite: str | None = None, rules: AccountRules = ANY) -> Caller:
        """Make an account for whoever asks; he becomes a user, whatever he wants to be.

        Who may not register learns nothing about names: he is refused before any is looked up.

        Raises:
            AppError: FORBIDDEN `registration_closed`, `invite_refused` for a code that is missing, unknown, used or
                expired; INVALID and CONFLICT as `Accounts.add`, and the invite stays good then;
                LIMITED `too_many_attempts` for whoever asks too often.
        """
        if self._admission is Admission.CLOSED:
            raise AppError(ErrorKind.FORBIDDEN, "registration_closed", "Nobody can register here; ask for an account.")
        code_hash = None
        if self._admission is Admission.INVITE:
            code_hash = digest_of(invite or "")
            with self._attempts.token(Action.REGISTER), self._db.read() as reading:
                if not reading.access.is_open(code_hash, reading.now):
                    raise _refused()
        self._attempts.registration()
        prepared, roles = self._prepared(wanted, rules)
        with self._db.write() as tx:
            used = None if code_hash is None else tx.access.use_invite(code_hash, tx.now)
            if code_hash is not None and used is None:
                raise _refused()
            user = insert(tx, prepared, roles)
            if used is not None:
                tx.access.name_invited(used, user.id)
            caller = caller_of(user, roles, None)
            note(tx, Action.REGISTER, caller, self._admission)
            return caller

    def register_with_key(self, wanted: NewUser, security_key: str, rules: AccountRules = ANY) -> Caller:
        """Make an account for whoever has the server's key, whatever `register` would say; the key is looked at first.

        Raises:
            AppError: FORBIDDEN `key_refused`, also when the server has no key; otherwise as `register`.
        """
        with self._attempts.token(Action.REGISTER):
            known, shown = self._security_key.encode(), security_key.encode("utf-8", "surrogatepass")
            if not hmac.compare_digest(known, shown) or not known:
                raise AppError(ErrorKind.FORBIDDEN, "key_refused", "The security key is wrong.")
        self._attempts.registration()
        prepared, roles = self._prepared(wanted, rules)
        with self._db.write() as tx:
            caller = caller_of(insert(tx, prepared, roles), roles, None)
            note(tx, Action.REGISTER, caller, "security key")
            return caller

    def _prepared(self, wanted: NewUser, rules: AccountRules) -> tuple[User, frozenset[Role]]:
        return prepare(self._passwords, wanted, self._policy.floor, rules), frozenset({Role.USER})

    def invites(self, actor: Actor) -> Sequence[InviteRow]:
        """Return all invites, the newest first.

        Raises:
            AppError: FORBIDDEN `not_allowed` unless the actor is an administrator.
        """
        actor.require(Permission.ADMINISTER)
        with self._db.read() as tx:
            return tx.access.invites()

    def invite(self, actor: Actor, *, days: int = 7) -> MadeInvite:
        """Make leave for one account.

        Raises:
            AppError: FORBIDDEN `not_allowed`; INVALID `bad_expiry` unless it is 1 to 90 days.
        """
        actor.require(Permission.ADMINISTER)
        if not 1 <= days <= INVITE_DAYS_MAX:
            raise AppError(ErrorKind.INVALID, "bad_expiry", f"An invite is good for 1 to {INVITE_DAYS_MAX} days.")
        code = secrets.token_urlsafe(24)
        with self._db.write() as tx:
            made = Invite(
                uuid=uuid4(),
                code_hash=digest_of(code),
                created_by=actor.user_id if isinstance(actor, Caller) else None,
                created_at=tx.now,
                expires_at=tx.now + timedelta(days=days),
            )
            tx.access.add_invite(made)
            note(tx, Action.INVITE_MAKE, actor, str(made.uuid))
            return MadeInvite(made.uuid, made.expires_at, code)

    def withdraw(self, actor: Actor, uuid: UUID) -> None:
        """Delete an invite; whom it let in stays.

        Raises:
            AppError: FORBIDDEN `not_allowed`; NOT_FOUND `invite_not_found`.
        """
        actor.require(Permission.ADMINISTER)
        with self._db.write() as tx:
            if not tx.access.delete_invite(uuid):
                raise AppError(ErrorKind.NOT_FOUND, "invite_not_found", "There is no such invite.")
            note(tx, Action.INVITE_WITHDRAW, actor, str(uuid))


def _refused() -> AppError:
    return AppError(ErrorKind.FORBIDDEN, "invite_refused", "Registering needs an invite that is still good.")
