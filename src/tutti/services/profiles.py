"""Profiles: what people say of themselves, and their passwords."""

from dataclasses import dataclass
from datetime import date, datetime

from tutti.db.engine import Database, Tx
from tutti.domain.accounts import ANY, KEPT, AccountRules, Kept, check_password
from tutti.domain.audit import Action
from tutti.domain.caller import Caller
from tutti.domain.errors import AppError, ErrorKind
from tutti.kit.text import clean
from tutti.models import User
from tutti.ports.identity import PasswordHasher, Verdict
from tutti.services.accounts import AccountPolicy, access_changed
from tutti.services.administration import set_email
from tutti.services.attempts import Attempts
from tutti.services.auditing import note

_NAME_MAX = 100


@dataclass(frozen=True, slots=True)
class Account:
    """An account as its owner sees it."""

    caller: Caller
    email: str | None
    first_name: str
    last_name: str
    birth_date: date | None
    quota_bytes: int | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ProfileChange:
    """What is to be different; `KEPT` stays as it is."""

    first_name: str | Kept = KEPT
    last_name: str | Kept = KEPT
    birth_date: date | Kept | None = KEPT
    email: str | Kept | None = KEPT


class Profiles:
    """One's own account."""

    def __init__(self, db: Database, passwords: PasswordHasher, attempts: Attempts, *, policy: AccountPolicy) -> None:
        self._db = db
        self._passwords = passwords
        self._attempts = attempts
        self._policy = policy

    def mine(self, caller: Caller) -> Account:
        """Return the caller's own account.

        Raises:
            AppError: UNAUTHENTICATED `session_ended` when it is gone.
        """
        with self._db.read() as tx:
            return _account(tx, caller)

    def change(self, caller: Caller, change: ProfileChange) -> Account:
        """Change what the caller says of himself.

        Raises:
            AppError: FORBIDDEN `not_allowed` for a credential that may not change that; INVALID `bad_name`,
                `bad_birth_date`, `bad_email`; CONFLICT `user_exists` when the address is taken.
        """
        caller.require_credentials()
        with self._db.write() as tx:
            user = _existing(tx, caller)
            profile = tx.accounts.profile(user.id)
            if change.first_name is not KEPT:
                profile.first_name = _name(change.first_name)
            if change.last_name is not KEPT:
                profile.last_name = _name(change.last_name)
            if change.birth_date is not KEPT:
                profile.birth_date = _birth_date(change.birth_date, tx.now.date())
            if change.email is not KEPT:
                set_email(tx, caller, user, change.email)
            user.changed_at = tx.now
            tx.accounts.keep_profile(profile)
            tx.flush()
            return _account(tx, caller)

    def change_password(self, caller: Caller, current: str, new: str, rules: AccountRules = ANY) -> None:
        """Replace the caller's password; his other sessions end, this one and his app keys stay.

        Raises:
            AppError: FORBIDDEN `not_allowed` for a credential that may not change that, `wrong_password`; INVALID
                `bad_password`; LIMITED `too_many_attempts`; BUSY `password_queue_full`.
        """
        caller.require_credentials()
        with self._db.read() as tx:
            found = _existing(tx, caller)
            before = found.password_hash
        with self._attempts.password(Action.PASSWORD_CHANGE, caller.username, found, actor=caller):
            if self._passwords.verify(current, before) is Verdict.WRONG:
                raise _wrong()
        check_password(new, self._policy.floor, rules)
        after = self._passwords.hash(new)
        with self._db.write() as tx:
            user = _existing(tx, caller)
            if user.password_hash != before:  # changed meanwhile: whoever was faster knew the old one, too
                raise _wrong()
            user.password_hash, user.changed_at = after, tx.now
            tx.accounts.revoke_sessions(user.id, tx.now, but=caller.session_uuid)
            access_changed(tx)
            note(tx, Action.PASSWORD_CHANGE, caller, user.username)


def _existing(tx: Tx, caller: Caller) -> User:
    user = tx.accounts.by_id(caller.user_id)
    if user is None:
        raise AppError(ErrorKind.UNAUTHENTICATED, "session_ended", "The session has ended; sign in again.")
    return user


def _account(tx: Tx, caller: Caller) -> Account:
    user = _existing(tx, caller)
    profile = tx.accounts.profile(user.id)
    names = profile.first_name, profile.last_name
    return Account(caller, user.email, *names, profile.birth_date, user.quota_bytes, user.created_at)


def _name(wanted: str) -> str:
    if clean(wanted, _NAME_MAX + 1) != wanted or len(wanted) > _NAME_MAX:
        raise AppError(ErrorKind.INVALID, "bad_name", f"A name has at most {_NAME_MAX} visible characters.")
    return wanted


def _birth_date(wanted: date | None, today: date) -> date | None:
    if wanted is not None and not date(1900, 1, 1) <= wanted <= today:
        raise AppError(ErrorKind.INVALID, "bad_birth_date", "That is no day on which somebody alive was born.")
    return wanted


def _wrong() -> AppError:
    return AppError(ErrorKind.FORBIDDEN, "wrong_password", "The current password is wrong.")
