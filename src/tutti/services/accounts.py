"""Accounts: the claim of a new server, people, and who is behind a credential."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from tutti.db.engine import Database, Tx, WriteTx
from tutti.db.repos.accounts import UserRow
from tutti.domain.caller import Actor, Caller, Role
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.events import Event
from tutti.domain.values import SessionUUID, UserId
from tutti.kit.text import clean, username_key
from tutti.models import Library, Session, User
from tutti.ports.identity import PasswordHasher, TicketSigner, TokenSigner

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


@dataclass(frozen=True, slots=True)
class AccountPolicy:
    """What a new account must keep to; checked at creation and change, never at login."""

    min_password_chars: int = 8
    max_username_chars: int = 64


@dataclass(frozen=True, slots=True)
class NewUser:
    """What is asked for a new account."""

    username: str
    password: str
    email: str | None = None
    is_admin: bool = False


@dataclass(frozen=True, slots=True)
class Me:
    """An account as its owner sees it."""

    caller: Caller
    email: str | None


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
        *,
        policy: AccountPolicy,
    ) -> None:
        self._db = db
        self._passwords = passwords
        self._tokens = tokens
        self._tickets = tickets
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

    def claim(self, token: str, wanted: NewUser) -> Caller:
        """Make the first administrator, who becomes the owner of every library that has none.

        Raises:
            AppError: FORBIDDEN `claim_refused` when the token is not the open one or the server is claimed; as `add`.
        """
        self._check_claim(token)
        prepared = self._prepare(wanted)
        with self._db.write() as tx:
            _check_claim(tx, token)
            user = self._insert(tx, prepared, is_admin=True)
            for library in tx.libraries.without_owner():
                tx.libraries.add_member(library.id, user.id, "owner")
            tx.server.close_claim()
            return caller_of(user, frozenset({Role.ADMIN, Role.USER}), None)

    def add(self, actor: Actor, wanted: NewUser) -> Caller:
        """Make an account with its personal library.

        Raises:
            AppError: FORBIDDEN `not_allowed` unless the actor is an administrator; INVALID `bad_username`,
                `bad_password`, `bad_email`; CONFLICT `user_exists`.
        """
        if not actor.is_admin:
            raise AppError(ErrorKind.FORBIDDEN, "not_allowed", "Only an administrator may add accounts.")
        prepared = self._prepare(wanted)
        with self._db.write() as tx:
            user = self._insert(tx, prepared, is_admin=wanted.is_admin)
            if wanted.is_admin:
                for library in tx.libraries.without_owner():
                    tx.libraries.add_member(library.id, user.id, "owner")
                tx.server.close_claim()
            return caller_of(user, tx_roles(tx, user), None)

    def everyone(self, actor: Actor) -> Sequence[UserRow]:
        """Return all accounts by name.

        Raises:
            AppError: FORBIDDEN `not_allowed` unless the actor is an administrator.
        """
        if not actor.is_admin:
            raise AppError(ErrorKind.FORBIDDEN, "not_allowed", "Only an administrator may list accounts.")
        with self._db.read() as tx:
            return tx.accounts.all_users()

    def set_active(self, actor: Actor, username: str, *, is_active: bool) -> None:
        """Let an account in or keep it out; its sessions end at once, on every door and in every process.

        Raises:
            AppError: FORBIDDEN `not_allowed`, NOT_FOUND `user_not_found`; CONFLICT `last_admin`.
        """
        if not actor.is_admin:
            raise AppError(ErrorKind.FORBIDDEN, "not_allowed", "Only an administrator may do that.")
        with self._db.write() as tx:
            user = self._existing(tx, username)
            if not is_active and tx.accounts.active_admins() == [user.id]:
                raise AppError(ErrorKind.CONFLICT, "last_admin", "The last administrator cannot be kept out.")
            user.is_active, user.changed_at = is_active, tx.now
            if not is_active:
                tx.accounts.revoke_sessions(user.id, tx.now)
            tx.server.raise_epoch()
            tx.emit(Event("access.changed"))

    def named(self, username: str) -> Caller:
        """Return the caller for an account, for the command line.

        Raises:
            AppError: NOT_FOUND `user_not_found`.
        """
        with self._db.read() as tx:
            user = self._existing(tx, username)
            return caller_of(user, tx_roles(tx, user), None)

    def authenticate(self, token: str) -> Access:
        """Return who holds an access token: its session must live and its account be active.

        Raises:
            AppError: UNAUTHENTICATED `token_invalid`, `token_expired`, `session_ended`.
        """
        claims = self._tokens.verify(token)
        is_limited = (claims.expires_at - claims.issued_at).total_seconds() > 3600  # noqa: PLR2004 - one hour
        with self._db.read() as tx:
            user, session = self._alive(tx, claims.session_uuid)
            caller = caller_of(user, tx_roles(tx, user), claims.session_uuid, is_limited=is_limited)
            return Access(caller, min(claims.expires_at, session.expires_at))

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
            user, session = self._alive(tx, opened.session_uuid)
            if user.uuid != opened.user_uuid:
                raise _ended()
            caller = caller_of(user, tx_roles(tx, user), opened.session_uuid, is_limited=True)
            return Access(caller, min(opened.expires_at, session.expires_at))

    def me(self, caller: Caller) -> Me:
        """Return the caller's own account.

        Raises:
            AppError: UNAUTHENTICATED `session_ended` when it is gone.
        """
        with self._db.read() as tx:
            user = tx.accounts.by_id(caller.user_id)
            if user is None:
                raise _ended()
            return Me(caller, user.email)

    def access_epoch(self) -> int:
        """Return the number that grows whenever somebody's access may have changed."""
        with self._db.read() as tx:
            return tx.server.epoch()

    def _check_claim(self, token: str) -> None:
        with self._db.read() as tx:
            _check_claim(tx, token)

    def _prepare(self, wanted: NewUser) -> User:
        """Check the wishes and hash the password, outside of any transaction."""
        username = self._username(wanted.username)
        email = _email(wanted.email)
        if len(wanted.password) < self._policy.min_password_chars:
            least = self._policy.min_password_chars
            raise AppError(ErrorKind.INVALID, "bad_password", f"The password needs at least {least} characters.")
        return User(
            uuid=uuid4(),
            username=username,
            username_key=username_key(username),
            email=email,
            email_key=None if email is None else email.casefold(),
            password_hash=self._passwords.hash(wanted.password),
            is_active=True,
        )

    def _username(self, wanted: str) -> str:
        name = clean(wanted, self._policy.max_username_chars + 1)
        if name != wanted or not username_key(name) or len(name) > self._policy.max_username_chars:
            longest = self._policy.max_username_chars
            raise AppError(
                ErrorKind.INVALID,
                "bad_username",
                f"A user name has 1 to {longest} visible characters and no space around it.",
            )
        return name

    def _insert(self, tx: WriteTx, user: User, *, is_admin: bool) -> User:
        taken = tx.accounts.by_username(user.username_key)
        if taken is None and user.email_key is not None:
            taken = tx.accounts.by_email(user.email_key)
        if taken is not None:
            raise AppError(ErrorKind.CONFLICT, "user_exists", "An account with this name or address exists.")
        user.created_at = user.changed_at = tx.now
        tx.accounts.add(user, [Role.USER, *([Role.ADMIN] if is_admin else [])])
        library = Library(
            uuid=uuid4(), name=user.username, is_personal=True, syncs=True, change_seq=0, created_at=tx.now
        )
        tx.libraries.add(library)
        tx.libraries.add_member(library.id, user.id, "owner")
        return user

    def _existing(self, tx: Tx, username: str) -> User:
        user = tx.accounts.by_username(username_key(username))
        if user is None:
            raise AppError(ErrorKind.NOT_FOUND, "user_not_found", "There is no such account.")
        return user

    def _alive(self, tx: Tx, session_uuid: SessionUUID) -> tuple[User, Session]:
        session = tx.accounts.session_by_uuid(session_uuid)
        if session is None or session.revoked_at is not None or session.expires_at <= tx.now:
            raise _ended()
        user = tx.accounts.by_id(UserId(session.user_id))
        if user is None or not user.is_active:
            raise _ended()
        return user, session


def caller_of(
    user: User, roles: frozenset[Role], session_uuid: SessionUUID | None, *, is_limited: bool = False
) -> Caller:
    """Make the caller that an account is."""
    return Caller(UserId(user.id), user.uuid, user.username, roles, session_uuid, is_limited)


def tx_roles(tx: Tx, user: User) -> frozenset[Role]:
    """Return the roles of an account, as they are now."""
    return frozenset(Role(role) for role in tx.accounts.roles(user.id))


def _email(wanted: str | None) -> str | None:
    if wanted is None:
        return None
    if len(wanted) > 254 or not _EMAIL.fullmatch(wanted) or clean(wanted, 255) != wanted:  # noqa: PLR2004 - RFC 5321
        raise AppError(ErrorKind.INVALID, "bad_email", "That is not an e-mail address.")
    return wanted


def _check_claim(tx: Tx, token: str) -> None:
    # Whoever is late learns no more than whoever guesses.
    if not hmac.compare_digest(tx.server.claim_hash(), _digest(token)):
        raise AppError(ErrorKind.FORBIDDEN, "claim_refused", "The claim address is not valid or was used already.")


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _ended() -> AppError:
    return AppError(ErrorKind.UNAUTHENTICATED, "session_ended", "The session has ended; sign in again.")
