"""Administration: what those who run the server see of it, and decide about accounts."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from tutti.db.engine import Database, Tx, WriteTx
from tutti.db.repos.accounts import SessionRow, UserRow
from tutti.domain.accounts import ANY, KEPT, AccountRules, Kept, check_email, check_password
from tutti.domain.audit import Action
from tutti.domain.caller import Actor, Permission, Role
from tutti.domain.errors import AppError, ErrorKind
from tutti.models import User
from tutti.ports.identity import PasswordHasher
from tutti.services.accounts import AccountPolicy, access_changed, check_not_last_admin, switch
from tutti.services.auditing import note

_QUOTA_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True)
class UserChange:
    """What is to be different; `KEPT` stays as it is.

    Attributes:
        roles: All of them: `guest` alone, or `user`, with `admin` or without.
        quota_bytes: None for the server's own limit.
        email: None takes it away.
    """

    is_active: bool | Kept = KEPT
    roles: Collection[Role] | Kept = KEPT
    quota_bytes: int | Kept | None = KEPT
    email: str | Kept | None = KEPT


@dataclass(frozen=True, slots=True)
class Overview:
    """How many there are of everything; sizes are bytes.

    Attributes:
        stored_bytes: Of all blobs, each counted once.
        trash_bytes: Of what lies in the trash.
        jobs: State to how many.
        sources: State to how many.
    """

    users: int
    libraries: int
    tracks: int
    stored_bytes: int
    trash_bytes: int
    jobs: Mapping[str, int]
    sources: Mapping[str, int]


class Administration:
    """Looks and changes; every method is for administrators, else FORBIDDEN `not_allowed`."""

    def __init__(self, db: Database, passwords: PasswordHasher, *, policy: AccountPolicy) -> None:
        self._db = db
        self._passwords = passwords
        self._policy = policy

    def overview(self, actor: Actor) -> Overview:
        """Count everything."""
        actor.require(Permission.ADMINISTER)
        with self._db.read() as tx:
            return Overview(
                users=tx.accounts.count(),
                libraries=tx.libraries.count(),
                tracks=tx.libraries.track_count_everywhere(),
                stored_bytes=tx.trash.stored_bytes(),
                trash_bytes=tx.trash.trashed_bytes(),
                jobs=tx.jobs.by_state(),
                sources=Counter(source.state for source in tx.sources.all_sources()),
            )

    def user(self, actor: Actor, uuid: UUID) -> UserRow:
        """Return an account.

        Raises:
            AppError: NOT_FOUND `user_not_found`.
        """
        actor.require(Permission.ADMINISTER)
        with self._db.read() as tx:
            return _row(tx, _existing(tx, uuid))

    def change(self, actor: Actor, uuid: UUID, change: UserChange) -> UserRow:
        """Change an account; it acts at once, on every door and in every process.

        Raises:
            AppError: NOT_FOUND `user_not_found`; INVALID `bad_roles`, `bad_email`, `bad_quota`; CONFLICT `last_admin`
                when nobody would be left to administer the server, `user_exists` when the address is taken.
        """
        actor.require(Permission.ADMINISTER)
        with self._db.write() as tx:
            user = _existing(tx, uuid)
            if change.email is not KEPT:
                set_email(tx, actor, user, change.email)
            if change.quota_bytes is not KEPT:
                _set_quota(tx, actor, user, change.quota_bytes)
            if change.roles is not KEPT:
                _set_roles(tx, actor, user, frozenset(change.roles))
            if change.is_active is not KEPT and change.is_active != user.is_active:
                switch(tx, actor, user, is_active=change.is_active)
            user.changed_at = tx.now
            tx.flush()
            return _row(tx, user)

    def set_password(self, actor: Actor, uuid: UUID, password: str, rules: AccountRules = ANY) -> None:
        """Give an account another password; its sessions and app keys end, for they may be somebody else's by now.

        Raises:
            AppError: NOT_FOUND `user_not_found`; INVALID `bad_password`.
        """
        actor.require(Permission.ADMINISTER)
        check_password(password, self._policy.floor, rules)
        password_hash = self._passwords.hash(password)
        with self._db.write() as tx:
            user = _existing(tx, uuid)
            user.password_hash, user.changed_at = password_hash, tx.now
            tx.accounts.revoke_sessions(user.id, tx.now)
            tx.access.revoke_keys(user.id, tx.now)
            access_changed(tx)
            note(tx, Action.PASSWORD_CHANGE, actor, user.username)

    def delete(self, actor: Actor, uuid: UUID) -> None:
        """Delete an account with its sessions, keys and empty personal library; what it gave to others stays theirs.

        Raises:
            AppError: NOT_FOUND `user_not_found`; CONFLICT `last_admin`, `library_not_empty` while its personal library
                holds anything, `owns_library` while it is the only owner of a shared one.
        """
        actor.require(Permission.ADMINISTER)
        with self._db.write() as tx:
            user = _existing(tx, uuid)
            check_not_last_admin(tx, user)
            if tx.accounts.has_things(user.id):
                raise AppError(ErrorKind.CONFLICT, "library_not_empty", "The personal library still holds something.")
            if tx.accounts.owns_alone(user.id):
                raise AppError(ErrorKind.CONFLICT, "owns_library", "A shared library would have no owner.")
            note(tx, Action.ACCOUNT_DELETE, actor, user.username)
            tx.accounts.delete(user)
            access_changed(tx)

    def sessions_of(self, actor: Actor, uuid: UUID) -> Sequence[SessionRow]:
        """Return where somebody is signed in.

        Raises:
            AppError: NOT_FOUND `user_not_found`.
        """
        actor.require(Permission.ADMINISTER)
        with self._db.read() as tx:
            return tx.accounts.sessions_of(_existing(tx, uuid).id, tx.now)

    def end_sessions(self, actor: Actor, uuid: UUID) -> int:
        """Sign somebody out everywhere; return how many sessions ended. App keys stay.

        Raises:
            AppError: NOT_FOUND `user_not_found`.
        """
        actor.require(Permission.ADMINISTER)
        with self._db.write() as tx:
            user = _existing(tx, uuid)
            ended = tx.accounts.revoke_sessions(user.id, tx.now)
            access_changed(tx)
            note(tx, Action.SIGN_OUT_EVERYWHERE, actor, user.username)
            return ended


def set_email(tx: WriteTx, actor: Actor, user: User, email: str | None) -> None:
    """Give an account another address, or none.

    Raises:
        AppError: INVALID `bad_email`; CONFLICT `user_exists`.
    """
    if email is not None:
        check_email(email)
    email_key = None if email is None else email.casefold()
    taken = None if email_key is None else tx.accounts.by_email(email_key)
    if taken is not None and taken.id != user.id:
        raise AppError(ErrorKind.CONFLICT, "user_exists", "An account with this address exists.")
    user.email, user.email_key = email, email_key
    note(tx, Action.EMAIL_CHANGE, actor, user.username)


def _set_quota(tx: WriteTx, actor: Actor, user: User, quota_bytes: int | None) -> None:
    if quota_bytes is not None and not 0 <= quota_bytes <= _QUOTA_MAX:
        raise AppError(ErrorKind.INVALID, "bad_quota", "A quota is a number of bytes, or null for the server's own.")
    user.quota_bytes = quota_bytes
    note(tx, Action.QUOTA_CHANGE, actor, f"{user.username} {quota_bytes}")


def _set_roles(tx: WriteTx, actor: Actor, user: User, roles: frozenset[Role]) -> None:
    if roles not in _ROLES:
        raise AppError(
            ErrorKind.INVALID, "bad_roles", "An account is a guest, a user, or a user who is administrator, too."
        )
    if Role.ADMIN not in roles:
        check_not_last_admin(tx, user)
    tx.accounts.set_roles(user.id, roles)
    access_changed(tx)
    note(tx, Action.ROLES_CHANGE, actor, f"{user.username} {' '.join(sorted(roles))}")


_ROLES = ({Role.GUEST}, {Role.USER}, {Role.USER, Role.ADMIN})


def _existing(tx: Tx, uuid: UUID) -> User:
    user = tx.accounts.by_uuid(uuid)
    if user is None:
        raise AppError(ErrorKind.NOT_FOUND, "user_not_found", "There is no such account.")
    return user


def _row(tx: Tx, user: User) -> UserRow:
    roles = sorted(tx.accounts.roles(user.id))
    return UserRow(user.uuid, user.username, user.email, user.is_active, user.created_at, user.quota_bytes, roles)
