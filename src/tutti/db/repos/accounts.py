"""People, their roles, sessions and refresh tokens."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session as OrmSession

from tutti.domain.values import UserId
from tutti.models import RefreshToken, Session, User, UserRole


class UserRow(NamedTuple):
    """One line of the list of accounts."""

    uuid: UUID
    username: str
    email: str | None
    is_active: bool
    created_at: datetime


class AccountRepo:
    """Questions about accounts."""

    def __init__(self, session: OrmSession) -> None:
        self._session = session

    def has_users(self) -> bool:
        """Whether anybody exists."""
        return self._session.scalar(select(User.id).limit(1)) is not None

    def has_admin(self) -> bool:
        """Whether there is an administrator, active or not: then the server is claimed."""
        query = select(User.id).join(UserRole).where(UserRole.role == "admin").limit(1)
        return self._session.scalar(query) is not None

    def active_admins(self) -> Sequence[int]:
        """Return the administrators who may sign in."""
        query = select(User.id).join(UserRole).where(UserRole.role == "admin", User.is_active)
        return self._session.scalars(query.order_by(User.id)).all()

    def by_id(self, user_id: UserId) -> User | None:
        """Return the account, None when absent."""
        return self._session.get(User, user_id)

    def by_uuid(self, user_uuid: UUID) -> User | None:
        """Return the account, None when absent."""
        return self._session.scalar(select(User).where(User.uuid == user_uuid))

    def by_username(self, username_key: str) -> User | None:
        """Return the account with that folded name."""
        return self._session.scalar(select(User).where(User.username_key == username_key))

    def by_email(self, email_key: str) -> User | None:
        """Return the account with that folded address."""
        return self._session.scalar(select(User).where(User.email_key == email_key))

    def add(self, user: User, roles: Iterable[str]) -> None:
        """Insert an account with its roles; its id is known afterwards."""
        self._session.add(user)
        self._session.flush()
        self._session.add_all(UserRole(user_id=user.id, role=role) for role in roles)
        self._session.flush()

    def roles(self, user_id: int) -> frozenset[str]:
        """Return the roles of an account."""
        return frozenset(self._session.scalars(select(UserRole.role).where(UserRole.user_id == user_id)))

    def all_users(self) -> Sequence[UserRow]:
        """Return all accounts by name; their number is small."""
        columns = (User.uuid, User.username, User.email, User.is_active, User.created_at)
        return [UserRow(*row) for row in self._session.execute(select(*columns).order_by(User.username_key))]

    def add_session(self, session: Session) -> None:
        """Insert a session; its id is known afterwards."""
        self._session.add(session)
        self._session.flush()

    def session_by_uuid(self, session_uuid: UUID) -> Session | None:
        """Return the session, revoked or not."""
        return self._session.scalar(select(Session).where(Session.uuid == session_uuid))

    def session_by_id(self, session_id: int) -> Session | None:
        """Return the session, revoked or not."""
        return self._session.get(Session, session_id)

    def revoke_sessions(self, user_id: int, now: datetime) -> int:
        """Revoke every live session of an account; return how many there were."""
        statement = update(Session).where(Session.user_id == user_id, Session.revoked_at.is_(None))
        return len(self._session.scalars(statement.values(revoked_at=now).returning(Session.id)).all())

    def add_refresh(self, token: RefreshToken) -> None:
        """Insert a refresh token."""
        self._session.add(token)
        self._session.flush()

    def refresh_by_hash(self, token_hash: bytes) -> RefreshToken | None:
        """Return the refresh token with that hash, used or not."""
        return self._session.scalar(select(RefreshToken).where(RefreshToken.token_hash == token_hash))

    def drop_expired(self, now: datetime) -> int:
        """Delete sessions that nobody can use again, with their tokens; return how many."""
        statement = delete(Session).where(Session.expires_at < now).returning(Session.id)
        return len(self._session.scalars(statement).all())

    def count(self) -> int:
        """Return the number of accounts."""
        return self._session.scalar(select(func.count()).select_from(User)) or 0
