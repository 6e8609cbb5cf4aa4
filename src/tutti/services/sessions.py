"""Sessions: signing in, staying signed in by rotating refresh tokens, signing out, seeing where one is signed in."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from tutti.db.engine import Database, WriteTx
from tutti.db.repos.accounts import SessionRow
from tutti.domain.audit import Action, Outcome
from tutti.domain.caller import Caller
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.values import SessionUUID, UserId
from tutti.kit.text import clean, username_key
from tutti.models import RefreshToken, Session, User
from tutti.ports.identity import AccessClaims, PasswordHasher, TokenSigner, Verdict
from tutti.services.accounts import access_changed, caller_of, digest_of, tx_roles
from tutti.services.attempts import Attempts
from tutti.services.auditing import note


@dataclass(frozen=True, slots=True)
class SessionPolicy:
    """How one door keeps people signed in; each has its own.

    Attributes:
        refresh: How long a session lives without being refreshed; `absolute` is how long it lives at all.
        kept: How many sessions of an account that were made at this door live at once, the newest; None is any number.
        is_exact: A name is known in exactly the case and width it was registered in.
        grace: For this long after its use a refresh token gives its successor once more, so that a lost answer does
            not lock anybody out (reliability.md P31).
    """

    access: timedelta = timedelta(minutes=15)
    refresh: timedelta = timedelta(days=30)
    absolute: timedelta = timedelta(days=90)
    grace: timedelta = timedelta(seconds=10)
    door: str = "native"
    kept: int | None = None
    is_exact: bool = False


@dataclass(frozen=True, slots=True)
class Client:
    """The other end of a sign-in, as its owner will see it in the list of sessions."""

    label: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A live session and its two tokens; the refresh token is shown here and never again.

    Attributes:
        expires_at: The end of the access token.
        created_at: When the account was made.
    """

    caller: Caller
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in_s: int
    expires_at: datetime
    created_at: datetime
    email: str | None = None


class Sessions:
    """Where people are signed in; a door that names no policy gets the one of the native door."""

    def __init__(
        self,
        db: Database,
        passwords: PasswordHasher,
        tokens: TokenSigner,
        attempts: Attempts,
        *,
        successor_key: bytes,
        policy: SessionPolicy,
    ) -> None:
        self._db = db
        self._passwords = passwords
        self._tokens = tokens
        self._attempts = attempts
        self._successor_key = successor_key
        self._policy = policy

    def sign_in(self, username: str, password: str, client: Client, policy: SessionPolicy | None = None) -> SignedIn:
        """Open a session.

        Raises:
            AppError: UNAUTHENTICATED `bad_login`, the same in words and time for an unknown name, a wrong password
                and a disabled account; LIMITED `too_many_attempts`; BUSY `password_queue_full`.
        """
        policy = policy or self._policy
        with self._db.read() as tx:
            found = tx.accounts.by_username(username_key(username))
        if found is not None and policy.is_exact and found.username != username:
            found = None
        with self._attempts.password(Action.SIGN_IN, username, found):
            return self._sign_in(found, password, client, policy)

    def _sign_in(self, found: User | None, password: str, client: Client, policy: SessionPolicy) -> SignedIn:
        usable = found is not None and found.is_active
        verdict = self._passwords.verify(password, found.password_hash if found is not None and usable else None)
        if found is None or verdict is Verdict.WRONG:
            raise AppError(ErrorKind.UNAUTHENTICATED, "bad_login", "The user name or the password is wrong.")
        fresh_hash = self._passwords.hash(password) if verdict is Verdict.RIGHT_BUT_OUTDATED else None
        with self._db.write() as tx:
            user = tx.accounts.by_id(UserId(found.id))
            # Disabled or changed between the two transactions: the old password opens nothing.
            if user is None or not user.is_active or user.password_hash != found.password_hash:
                raise AppError(ErrorKind.UNAUTHENTICATED, "bad_login", "The user name or the password is wrong.")
            user.password_hash = fresh_hash or user.password_hash
            return self._open(tx, user, client, policy)

    def open_for(self, caller: Caller, client: Client, policy: SessionPolicy | None = None) -> SignedIn:
        """Open a session for somebody whose identity was just proven otherwise, as by the claim."""
        with self._db.write() as tx:
            user = tx.accounts.by_id(caller.user_id)
            if user is None or not user.is_active:
                raise _refused()
            return self._open(tx, user, client, policy or self._policy)

    def refresh(self, token: str, policy: SessionPolicy | None = None) -> SignedIn:
        """Trade a refresh token for a new pair; each is good once.

        The successor of a token is computed from it, so the same answer can be given twice within the grace while
        only hashes are stored. A token used again after that ends the session: somebody else has a copy.

        Raises:
            AppError: UNAUTHENTICATED `refresh_refused`; LIMITED `too_many_attempts` in its place.
        """
        with self._attempts.token(Action.REFRESH):
            return self._refresh(token, policy or self._policy)

    def _refresh(self, token: str, policy: SessionPolicy) -> SignedIn:
        is_reused = False
        with self._db.write() as tx:
            row = tx.accounts.refresh_by_hash(digest_of(token))
            session = None if row is None else tx.accounts.session_by_id(row.session_id)
            if row is None or session is None or session.revoked_at is not None or row.expires_at <= tx.now:
                raise _refused()
            user = tx.accounts.by_id(UserId(session.user_id))
            if user is None or not user.is_active or session.expires_at <= tx.now:
                raise _refused()
            successor = self._successor(token)
            if row.used_at is None:
                row.used_at = tx.now
                _keep(tx, session, successor, policy)
            elif not _may_repeat(tx, row, successor, policy):
                is_reused = True
                session.revoked_at = tx.now
                access_changed(tx)
                caller = caller_of(user, tx_roles(tx, user), None)
                note(tx, Action.REFRESH_REUSE, caller, session.label, outcome=Outcome.REFUSED)
            session.last_used_at = tx.now
            signed_in = self._signed_in(tx, user, session, refresh_token=successor, policy=policy)
        if is_reused:
            raise _refused()
        return signed_in

    def sign_out(self, caller: Caller) -> None:
        """End the caller's session: its tokens and stream addresses are dead on every door."""
        if caller.session_uuid is None:
            return
        with self._db.write() as tx:
            session = tx.accounts.session_by_uuid(caller.session_uuid)
            if session is not None and session.revoked_at is None:
                session.revoked_at = tx.now
                access_changed(tx)
                note(tx, Action.SIGN_OUT, caller, session.label)

    def mine(self, caller: Caller) -> Sequence[SessionRow]:
        """Return where the caller is signed in, what was used last first.

        Raises:
            AppError: FORBIDDEN `not_allowed` for a credential that may not see that.
        """
        caller.require_credentials()
        with self._db.read() as tx:
            return tx.accounts.sessions_of(caller.user_id, tx.now)

    def end(self, caller: Caller, session_uuid: UUID) -> None:
        """End one session of the caller, his own included.

        Raises:
            AppError: FORBIDDEN `not_allowed`; NOT_FOUND `session_not_found`, also for one of somebody else.
        """
        caller.require_credentials()
        with self._db.write() as tx:
            session = tx.accounts.session_by_uuid(session_uuid)
            is_his = session is not None and session.user_id == caller.user_id
            if session is None or not is_his or session.revoked_at is not None or session.expires_at <= tx.now:
                raise AppError(ErrorKind.NOT_FOUND, "session_not_found", "There is no such session.")
            session.revoked_at = tx.now
            access_changed(tx)
            note(tx, Action.SESSION_END, caller, session.label)

    def sign_out_everywhere(self, caller: Caller) -> int:
        """End every session of the caller at every door, his own included; return how many. App keys stay.

        Raises:
            AppError: FORBIDDEN `session_needed` for an app key: those are handed out, and what gets lost must not
                lock its owner out.
        """
        if caller.session_uuid is None:
            raise AppError(ErrorKind.FORBIDDEN, "session_needed", "Only a signed-in session can sign out.")
        with self._db.write() as tx:
            ended = tx.accounts.revoke_sessions(caller.user_id, tx.now)
            access_changed(tx)
            note(tx, Action.SIGN_OUT_EVERYWHERE, caller)
            return ended

    def _open(self, tx: WriteTx, user: User, client: Client, policy: SessionPolicy) -> SignedIn:
        session = Session(
            uuid=uuid4(),
            user_id=user.id,
            door=policy.door,
            label=clean(client.label, 200),
            address=client.address[:100],
            created_at=tx.now,
            last_used_at=tx.now,
            expires_at=tx.now + policy.absolute,
        )
        tx.accounts.add_session(session)
        if policy.kept is not None and tx.accounts.revoke_surplus(user.id, policy.door, policy.kept, tx.now):
            access_changed(tx)
        token = secrets.token_hex(32)
        _keep(tx, session, token, policy)
        signed_in = self._signed_in(tx, user, session, refresh_token=token, policy=policy)
        note(tx, Action.SIGN_IN, signed_in.caller, session.label)
        return signed_in

    def _successor(self, token: str) -> str:
        return hmac.new(self._successor_key, token.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()

    def _signed_in(
        self, tx: WriteTx, user: User, session: Session, *, refresh_token: str, policy: SessionPolicy
    ) -> SignedIn:
        roles = tx_roles(tx, user)
        session_uuid = SessionUUID(session.uuid)
        caller = caller_of(user, roles, session_uuid)
        expires_at, expires_in_s = tx.now + policy.access, int(policy.access.total_seconds())
        access_token = self._tokens.mint(
            AccessClaims(
                user_uuid=user.uuid,
                user_id=UserId(user.id),
                username=user.username,
                email=user.email,
                roles=roles,
                permissions=sorted(caller.permissions),
                session_uuid=session_uuid,
                issued_at=tx.now,
                expires_at=expires_at,
            )
        )
        return SignedIn(
            caller, access_token, refresh_token, expires_in_s, expires_at, user.created_at, email=user.email
        )


def _keep(tx: WriteTx, session: Session, token: str, policy: SessionPolicy) -> None:
    expires_at = min(tx.now + policy.refresh, session.expires_at)
    tx.accounts.add_refresh(
        RefreshToken(session_id=session.id, token_hash=digest_of(token), created_at=tx.now, expires_at=expires_at)
    )


def _may_repeat(tx: WriteTx, row: RefreshToken, successor: str, policy: SessionPolicy) -> bool:
    following = tx.accounts.refresh_by_hash(digest_of(successor))
    is_fresh = row.used_at is not None and tx.now - row.used_at <= policy.grace
    return is_fresh and following is not None and following.used_at is None


def _refused() -> AppError:
    return AppError(ErrorKind.UNAUTHENTICATED, "refresh_refused", "The refresh token is not valid; sign in again.")
