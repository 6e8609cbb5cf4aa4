"""People, their roles and profiles, sessions and refresh tokens."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Select, bindparam, delete, func, select, update
from sqlalchemy.orm import Session as OrmSession

from tutti.domain.values import UserId
from tutti.models import Library, LibraryMember, MediaItem, Profile, RefreshToken, Session, Source, User, UserRole


class UserRow(NamedTuple):
    """One line of the list of accounts; `quota_bytes` is None for the server's own limit, `roles` are in order."""

    uuid: UUID
    username: str
    email: str | None
    is_active: bool
    created_at: datetime
    quota_bytes: int | None
    roles: Sequence[str]


class SessionRow(NamedTuple):
    """One line of a list of sessions."""

    uuid: UUID
    door: str
    label: str
    address: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime


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

    def quota_of(self, user_id: UserId) -> int | None:
        """Return the quota of an account in bytes, None when it has none of its own."""
        found: int | None = self._session.connection().execute(_quota(), {"user": user_id}).scalar()
        return found

    def by_uuid(self, uuid: UUID) -> User | None:
        """Return the account, None when absent."""
        return self._session.scalar(select(User).where(User.uuid == uuid))

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

    def set_roles(self, user_id: int, roles: Iterable[str]) -> None:
        """Replace the roles of an account."""
        self._session.execute(delete(UserRole).where(UserRole.user_id == user_id))
        self._session.add_all(UserRole(user_id=user_id, role=role) for role in roles)
        self._session.flush()

    def all_users(self) -> Sequence[UserRow]:
        """Return all accounts by name; their number is small."""
        roles = defaultdict(list)
        for user_id, role in self._session.execute(select(UserRole.user_id, UserRole.role).order_by(UserRole.role)):
            roles[user_id].append(role)
        columns = (User.uuid, User.username, User.email, User.is_active, User.created_at, User.quota_bytes)
        rows = self._session.execute(select(User.id, *columns).order_by(User.username_key))
        return [UserRow(*row[1:], roles=roles[row[0]]) for row in rows]

    def profile(self, user_id: int) -> Profile:
        """Return what a person says of himself; a new, empty one that is not stored yet when he said nothing."""
        return self._session.get(Profile, user_id) or Profile(
            user_id=user_id, first_name="", last_name="", birth_date=None
        )

    def keep_profile(self, profile: Profile) -> None:
        """Store it."""
        self._session.add(profile)

    def delete(self, user: User) -> None:
        """Delete an account with its empty personal library; sessions, keys and memberships go with it."""
        mine = select(LibraryMember.library_id).where(LibraryMember.user_id == user.id, LibraryMember.role == "owner")
        personal = self._session.scalars(select(Library.id).where(Library.id.in_(mine), Library.is_personal)).all()
        self._session.execute(delete(User).where(User.id == user.id))
        self._session.execute(delete(Library).where(Library.id.in_(personal)))

    def has_things(self, user_id: int) -> bool:
        """Whether the personal library of an account holds anything, deleted and missing things included."""
        mine = select(LibraryMember.library_id).where(LibraryMember.user_id == user_id, LibraryMember.role == "owner")
        personal = select(Library.id).where(Library.id.in_(mine), Library.is_personal)
        found = (select(kind.id).where(kind.library_id.in_(personal)).limit(1) for kind in (MediaItem, Source))
        return any(self._session.scalar(query) is not None for query in found)

    def owns_alone(self, user_id: int) -> bool:
        """Whether an account is the only owner of a shared library."""
        owners = (
            select(LibraryMember.library_id, func.count().label("count"), func.min(LibraryMember.user_id).label("one"))
            .join(Library, Library.id == LibraryMember.library_id)
            .where(LibraryMember.role == "owner", Library.is_personal.is_(False))
            .group_by(LibraryMember.library_id)
            .subquery()
        )
        query = select(owners.c.library_id).where(owners.c.count == 1, owners.c.one == user_id).limit(1)
        return self._session.scalar(query) is not None

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

    def sessions_of(self, user_id: int, now: datetime) -> Sequence[SessionRow]:
        """Return the living sessions of an account, the one that was used last first."""
        columns = (Session.uuid, Session.door, Session.label, Session.address)
        times = (Session.created_at, Session.last_used_at, Session.expires_at)
        query = select(*columns, *times).where(*_living(user_id, now))
        return [
            SessionRow(*row) for row in self._session.execute(query.order_by(Session.last_used_at.desc(), Session.id))
        ]

    def addresses_of(self, user_id: int) -> Sequence[str]:
        """Return from where an account was opened of late, ended sessions included; at most a thousand addresses."""
        query = select(Session.address).where(Session.user_id == user_id).distinct().limit(1000)
        return self._session.scalars(query).all()

    def revoke_sessions(self, user_id: int, now: datetime, *, but: UUID | None = None) -> int:
        """Revoke every living session of an account, but for the named one; return how many there were."""
        statement = update(Session).where(*_living(user_id, now))
        if but is not None:
            statement = statement.where(Session.uuid != but)
        return len(self._session.scalars(statement.values(revoked_at=now).returning(Session.id)).all())

    def revoke_surplus(self, user_id: int, door: str, keep: int, now: datetime) -> int:
        """Revoke the oldest living sessions made at a door until `keep` are left; return how many went."""
        kept = select(Session.id).where(*_living(user_id, now), Session.door == door)
        kept = kept.order_by(Session.created_at.desc(), Session.id.desc()).limit(keep)
        chosen = self._session.scalars(kept).all()
        statement = update(Session).where(*_living(user_id, now), Session.door == door, Session.id.not_in(chosen))
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


def _living(user_id: int, now: datetime) -> tuple[ColumnElement[bool], ...]:
    return Session.user_id == user_id, Session.revoked_at.is_(None), Session.expires_at > now


@cache
def _quota() -> Select[int | None]:
    return select(User.quota_bytes).where(User.id == bindparam("user"))
