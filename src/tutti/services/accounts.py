"""Accounts: the claim of a new server, people, and who is behind a credential."""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Concatenate, ParamSpec, TypeVar
from uuid import UUID, uuid4

from tutti.db.engine import Database, Tx, WriteTx
from tutti.db.repos.accounts import UserRow
from tutti.domain.accounts import ANY, AccountRules, check_email, check_password, check_username
from tutti.domain.audit import Action
from tutti.domain.caller import Actor, Caller, Permission, Role
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.events import Event
from tutti.domain.values import SessionUUID, UserId
from tutti.kit.text import username_key
from tutti.models import AppKey, Library, Session, User
from tutti.ports.identity import PasswordHasher, TicketSigner, TokenSigner
from tutti.services.attempts import Attempts
from tutti.services.auditing import note

P = ParamSpec("P")
T = TypeVar("T")

APP_KEY_PREFIX = "tutti_"
"""How every app key begins, so that it is known as one wherever it turns up."""
_KEY_USE_NOTED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class AccountPolicy:
    """What a new account must keep to at every door; checked at creation and change, never at login."""

    min_password_chars: int = 8
    max_username_chars: int = 64

    @property
    def floor(self) -> AccountRules:
        """The rules beside those of the door."""
        return AccountRules(min_password_chars=self.min_password_chars, max_username_chars=self.max_username_chars)


@dataclass(frozen=True, slots=True)
class NewUser:
    """What is asked for a new account."""

    username: str
    password: str = field(repr=False)
    email: str | None = None
    is_admin: bool = False
    is_guest: bool = False

    @property
    def roles(self) -> frozenset[Role]:
        """What the account will be."""
        if self.is_admin:
            return frozenset({Role.USER, Role.ADMIN})
        return frozenset({Role.GUEST if self.is_guest else Role.USER})


@dataclass(frozen=True, slots=True)
class Access:
    """A caller, and until when what he showed is good."""

    caller: Caller
    until: datetime


class Accounts:
    """Who exists and who is calling."""

    def __init__(
        self,
        db: Database,
        passwords: PasswordHasher,
        tokens: TokenSigner,
        tickets: TicketSigner,
        attempts: Attempts,
        *,
        policy: AccountPolicy,
    ) -> None:
        self._db = db
        self._passwords = passwords
        self._tokens = tokens
        self._tickets = tickets
        self._attempts = attempts
        self._policy = policy

    def open_claim(self) -> str | None:
        """Return a fresh claim token while nobody has claimed the server, and forget the one before; else None."""
        token = secrets.token_urlsafe(24)
        with self._db.write() as tx:
            if tx.accounts.has_admin():
                tx.server.close_claim()
                return None
            tx.server.open_claim(_digest(token))
            return token

    def is_claimed(self) -> bool:
        """Whether there is an administrator."""
        with self._db.read() as tx:
            return tx.accounts.has_admin()

    def claim(self, token: str, wanted: NewUser, rules: AccountRules = ANY) -> Caller:
        """Make the first administrator, who becomes the owner of every library that has none.

        Raises:
            AppError: FORBIDDEN `claim_refused` when the token is not the open one or the server is claimed; LIMITED
                `too_many_attempts` in its place; as `add`.
        """
        with self._attempts.token(Action.CLAIM), self._db.read() as reading:
            _check_claim(reading, token)
        roles = frozenset({Role.USER, Role.ADMIN})
        prepared = prepare(self._passwords, wanted, self._policy.floor, rules)
        with self._db.write() as tx:
            _check_claim(tx, token)
            user = insert(tx, prepared, roles)
            for library in tx.libraries.without_owner():
                tx.libraries.add_member(library.id, user.id, "owner")
            tx.server.close_claim()
            caller = caller_of(user, roles, None)
            note(tx, Action.CLAIM, caller)
            return caller

    def add(self, actor: Actor, wanted: NewUser, rules: AccountRules = ANY) -> Caller:
        """Make an account with its personal library; it keeps to the rules of the door that it is asked for at.

        Raises:
            AppError: FORBIDDEN `not_allowed` unless the actor is an administrator; INVALID `bad_username`,
                `bad_password`, `bad_email`; CONFLICT `user_exists`.
        """
        actor.require(Permission.ADMINISTER)
        prepared = prepare(self._passwords, wanted, self._policy.floor, rules)
        with self._db.write() as tx:
            user = insert(tx, prepared, wanted.roles)
            if wanted.is_admin:
                for library in tx.libraries.without_owner():
                    tx.libraries.add_member(library.id, user.id, "owner")
                tx.server.close_claim()
            note(tx, Action.ACCOUNT_ADD, actor, f"{user.username} {' '.join(sorted(wanted.roles))}")
            return caller_of(user, tx_roles(tx, user), None)

    def everyone(self, actor: Actor) -> Sequence[UserRow]:
        """Return all accounts by name.

        Raises:
            AppError: FORBIDDEN `not_allowed` unless the actor is an administrator.
        """
        actor.require(Permission.ADMINISTER)
        with self._db.read() as tx:
            return tx.accounts.all_users()

    def set_active(self, actor: Actor, username: str, *, is_active: bool) -> None:
        """Let an account in or keep it out; its sessions end at once, on every door and in every process.

        Raises:
            AppError: FORBIDDEN `not_allowed`, NOT_FOUND `user_not_found`; CONFLICT `last_admin`.
        """
        actor.require(Permission.ADMINISTER)
        with self._db.write() as tx:
            switch(tx, actor, self._existing(tx, username), is_active=is_active)

    def named(self, username: str) -> Caller:
        """Return the caller for an account, for the command line.

        Raises:
            AppError: NOT_FOUND `user_not_found`.
        """
        with self._db.read() as tx:
            user = self._existing(tx, username)
            return caller_of(user, tx_roles(tx, user), None)

    def stand_in(self, username: str) -> Caller:
        """Return the caller for an account as which everybody without a token acts at an open door.

        He may listen, upload and sync, whatever the account may do beside that.

        Raises:
            AppError: UNAUTHENTICATED `nobody_stands_in` when there is no such account or it is disabled.
        """
        with self._db.read() as tx:
            user = tx.accounts.by_username(username_key(username))
            if user is None or not user.is_active:
                raise AppError(ErrorKind.UNAUTHENTICATED, "nobody_stands_in", "Sign in first; this door is not open.")
            known = caller_of(user, tx_roles(tx, user), None, is_limited=True)
            return replace(known, scopes=frozenset({Permission.LISTEN, Permission.UPLOAD, Permission.SYNC}))

    def carry_out(
        self, caller: Caller, method: Callable[Concatenate[Caller, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a use case; that it refuses what the caller may never do is noted (reliability.md P48).

        Raises:
            AppError: Whatever the use case raises.
        """
        try:
            return method(caller, *args, **kwargs)
        except AppError as error:
            if error.code == "not_allowed":
                self._attempts.forbidden(caller, error.message)
            raise

    def authenticate(self, token: str) -> Access:
        """Return who holds an access token or an app key: its session must live and its account be active.

        Raises:
            AppError: UNAUTHENTICATED `token_invalid`, `token_expired`, `session_ended`; for app keys `key_invalid`
                and `key_ended`, and LIMITED `too_many_attempts` in their place.
        """
        if token.startswith(APP_KEY_PREFIX):
            with self._attempts.token(Action.APP_KEY_USE):
                return self._authenticate_key(token)
        claims = self._tokens.verify(token)
        is_limited = (claims.expires_at - claims.issued_at).total_seconds() > 3600  # noqa: PLR2004 - one hour
        with self._db.read() as tx:
            user, session = _alive(tx, claims.session_uuid)
            caller = caller_of(user, tx_roles(tx, user), claims.session_uuid, is_limited=is_limited)
            return Access(caller, min(claims.expires_at, session.expires_at))

    def _authenticate_key(self, text: str) -> Access:
        with self._db.read() as tx:
            key = tx.access.key_by_hash(digest_of(text))
            if key is None:
                raise AppError(ErrorKind.UNAUTHENTICATED, "key_invalid", "The app key is not valid.")
            user = _alive_key(tx, key)
            caller = caller_of_key(user, tx_roles(tx, user), key)
            # Verified anew after a while, so that its use is noted though nobody asks us in between.
            ends = [tx.now + _KEY_USE_NOTED_EVERY, *([] if key.expires_at is None else [key.expires_at])]
            noted = tx.now - _KEY_USE_NOTED_EVERY
        if key.last_used_at is None or key.last_used_at <= noted:
            # Whoever may listen may do so on a full disk.
            with suppress(AppError), self._db.write() as writing:
                writing.access.note_key_use(key.id, writing.now, unless_since=noted)
        return Access(caller, min(ends))

    def redeem(self, ticket: str, item_uuid: UUID) -> Access:
        """Return who was given a ticket for this item.

        Raises:
            AppError: UNAUTHENTICATED `ticket_invalid` also when it is for another item, `ticket_expired`,
                `session_ended`.
        """
        opened = self._tickets.verify(ticket)
        if opened.item_uuid != item_uuid:
            raise AppError(ErrorKind.UNAUTHENTICATED, "ticket_invalid", "The address is not valid.")
        with self._db.read() as tx:
            user, session = _alive(tx, opened.session_uuid)
            if user.uuid != opened.user_uuid:
                raise _ended()
            caller = caller_of(user, tx_roles(tx, user), opened.session_uuid, is_limited=True)
            return Access(caller, min(opened.expires_at, session.expires_at))

    def access_epoch(self) -> int:
        """Return the number that grows whenever somebody's access may have changed."""
        with self._db.read() as tx:
            return tx.server.epoch()

    def _existing(self, tx: Tx, username: str) -> User:
        user = tx.accounts.by_username(username_key(username))
        if user is None:
            raise AppError(ErrorKind.NOT_FOUND, "user_not_found", "There is no such account.")
        return user


def prepare(passwords: PasswordHasher, wanted: NewUser, *rules: AccountRules) -> User:
    """Check the wishes and hash the password, outside of any transaction.

    Raises:
        AppError: INVALID `bad_username`, `bad_password`, `bad_email`; as `PasswordHasher.hash`.
    """
    check_username(wanted.username, *rules)
    if wanted.email is not None:
        check_email(wanted.email)
    check_password(wanted.password, *rules)
    return User(
        uuid=uuid4(),
        username=wanted.username,
        username_key=username_key(wanted.username),
        email=wanted.email,
        email_key=None if wanted.email is None else wanted.email.casefold(),
        password_hash=passwords.hash(wanted.password),
        is_active=True,
    )


def insert(tx: WriteTx, user: User, roles: Collection[Role]) -> User:
    """Store a prepared account with its personal library.

    Raises:
        AppError: CONFLICT `user_exists`.
    """
    taken = tx.accounts.by_username(user.username_key)
    if taken is None and user.email_key is not None:
        taken = tx.accounts.by_email(user.email_key)
    if taken is not None:
        raise AppError(ErrorKind.CONFLICT, "user_exists", "An account with this name or address exists.")
    user.created_at = user.changed_at = tx.now
    tx.accounts.add(user, roles)
    library = Library(uuid=uuid4(), name=user.username, is_personal=True, syncs=True, change_seq=0, created_at=tx.now)
    tx.libraries.add(library)
    tx.libraries.add_member(library.id, user.id, "owner")
    return user


def switch(tx: WriteTx, actor: Actor, user: User, *, is_active: bool) -> None:
    """Let an account in or keep it out.

    Raises:
        AppError: CONFLICT `last_admin`.
    """
    if not is_active:
        check_not_last_admin(tx, user)
        tx.accounts.revoke_sessions(user.id, tx.now)
    user.is_active, user.changed_at = is_active, tx.now
    access_changed(tx)
    note(tx, Action.ACCOUNT_ENABLE if is_active else Action.ACCOUNT_DISABLE, actor, user.username)


def check_not_last_admin(tx: Tx, user: User) -> None:
    """See that somebody else can administer the server.

    Raises:
        AppError: CONFLICT `last_admin`.
    """
    if tx.accounts.active_admins() == [user.id]:
        raise AppError(ErrorKind.CONFLICT, "last_admin", "The last administrator must stay one, and let in.")


def access_changed(tx: WriteTx) -> None:
    """Make every process forget what it cached about access, and look again at what it is sending."""
    tx.server.raise_epoch()
    tx.emit(Event("access.changed"))


def alive(tx: Tx, caller: Caller) -> Caller | None:
    """Return the caller as he is now, None when the credential that he has shown is good no more."""
    try:
        if caller.key_uuid is not None:
            key = tx.access.key_by_uuid(caller.key_uuid)
            return None if key is None else replace(caller, roles=tx_roles(tx, _alive_key(tx, key)))
        if caller.session_uuid is None:
            user = tx.accounts.by_id(caller.user_id)
            return None if user is None or not user.is_active else replace(caller, roles=tx_roles(tx, user))
        user, _ = _alive(tx, caller.session_uuid)
    except AppError:
        return None
    return replace(caller, roles=tx_roles(tx, user))


def _alive(tx: Tx, session_uuid: SessionUUID) -> tuple[User, Session]:
    session = tx.accounts.session_by_uuid(session_uuid)
    if session is None or session.revoked_at is not None or session.expires_at <= tx.now:
        raise _ended()
    user = tx.accounts.by_id(UserId(session.user_id))
    if user is None or not user.is_active:
        raise _ended()
    return user, session


def _alive_key(tx: Tx, key: AppKey) -> User:
    user = tx.accounts.by_id(UserId(key.user_id))
    is_over = key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= tx.now)
    if is_over or user is None or not user.is_active:
        raise AppError(ErrorKind.UNAUTHENTICATED, "key_ended", "The app key was revoked or has expired.")
    return user


def caller_of(
    user: User, roles: frozenset[Role], session_uuid: SessionUUID | None, *, is_limited: bool = False
) -> Caller:
    """Make the caller that an account is."""
    return Caller(UserId(user.id), user.uuid, user.username, roles, session_uuid, is_limited)


def caller_of_key(user: User, roles: frozenset[Role], key: AppKey) -> Caller:
    """Make the caller that an app key is."""
    scopes = frozenset(map(Permission, key.scopes.split()))
    return Caller(UserId(user.id), user.uuid, user.username, roles, is_limited=True, key_uuid=key.uuid, scopes=scopes)


def tx_roles(tx: Tx, user: User) -> frozenset[Role]:
    """Return the roles of an account, as they are now."""
    return frozenset(Role(role) for role in tx.accounts.roles(user.id))


def _check_claim(tx: Tx, token: str) -> None:
    # Whoever is late learns no more than whoever guesses.
    if not hmac.compare_digest(tx.server.claim_hash(), _digest(token)):
        raise AppError(ErrorKind.FORBIDDEN, "claim_refused", "The claim address is not valid or was used already.")


def digest_of(secret: str) -> bytes:
    """Return what is stored of a secret that we made: its SHA-256; it is long and random, so no salt is needed."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _digest(token: str) -> str:
    return digest_of(token).hex()


def _ended() -> AppError:
    return AppError(ErrorKind.UNAUTHENTICATED, "session_ended", "The session has ended; sign in again.")
