"""App keys and invites: secrets that are known by their SHA-256 alone."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from tutti.models import AppKey, Invite, User


class InviteRow(NamedTuple):
    """One line of the list of invites; who made it and who used it are names, None when unknown or gone."""

    uuid: UUID
    created_at: datetime
    created_by: str | None
    expires_at: datetime
    used_at: datetime | None
    used_by: str | None


class AccessRepo:
    """Questions about app keys and invites."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add_key(self, key: AppKey) -> None:
        """Insert an app key."""
        self._session.add(key)
        self._session.flush()

    def keys_of(self, user_id: int) -> Sequence[AppKey]:
        """Return the app keys of an account that were not revoked, in the order they were made."""
        query = select(AppKey).where(AppKey.user_id == user_id, AppKey.revoked_at.is_(None))
        return self._session.scalars(query.order_by(AppKey.id)).all()

    def key_count(self, user_id: int) -> int:
        """Return how many app keys of an account were not revoked."""
        query = select(func.count()).select_from(AppKey)
        return self._session.scalar(query.where(AppKey.user_id == user_id, AppKey.revoked_at.is_(None))) or 0

    def key_by_hash(self, key_hash: bytes) -> AppKey | None:
        """Return the app key with that hash, revoked or not."""
        return self._session.scalar(select(AppKey).where(AppKey.key_hash == key_hash))

    def key_by_uuid(self, uuid: UUID) -> AppKey | None:
        """Return the app key, revoked or not."""
        return self._session.scalar(select(AppKey).where(AppKey.uuid == uuid))

    def note_key_use(self, key_id: int, now: datetime, *, unless_since: datetime) -> None:
        """Note that an app key is used, unless that was noted since."""
        is_due = or_(AppKey.last_used_at.is_(None), AppKey.last_used_at <= unless_since)
        self._session.execute(update(AppKey).where(AppKey.id == key_id, is_due).values(last_used_at=now))

    def revoke_keys(self, user_id: int, now: datetime) -> int:
        """Revoke every app key of an account; return how many there were."""
        statement = update(AppKey).where(AppKey.user_id == user_id, AppKey.revoked_at.is_(None))
        return len(self._session.scalars(statement.values(revoked_at=now).returning(AppKey.id)).all())

    def add_invite(self, invite: Invite) -> None:
        """Insert an invite."""
        self._session.add(invite)
        self._session.flush()

    def invites(self) -> Sequence[InviteRow]:
        """Return all invites, the newest first."""
        maker, guest = aliased(User), aliased(User)
        query = (
            select(Invite.uuid, Invite.created_at, maker.username, Invite.expires_at, Invite.used_at, guest.username)
            .outerjoin(maker, maker.id == Invite.created_by)
            .outerjoin(guest, guest.id == Invite.used_by)
        )
        return [InviteRow(*row) for row in self._session.execute(query.order_by(Invite.id.desc()))]

    def is_open(self, code_hash: bytes, now: datetime) -> bool:
        """Whether an invite may be used."""
        query = select(Invite.id).where(Invite.code_hash == code_hash)
        return self._session.scalar(query.where(Invite.used_at.is_(None), Invite.expires_at > now)) is not None

    def use_invite(self, code_hash: bytes, now: datetime) -> int | None:
        """Mark an open invite as used and return its id; None when it is not open: of two at once, one gets it."""
        statement = update(Invite).where(Invite.code_hash == code_hash, Invite.used_at.is_(None))
        return self._session.scalar(statement.where(Invite.expires_at > now).values(used_at=now).returning(Invite.id))

    def name_invited(self, invite_id: int, user_id: int) -> None:
        """Note whom an invite let in."""
        self._session.execute(update(Invite).where(Invite.id == invite_id).values(used_by=user_id))

    def delete_invite(self, uuid: UUID) -> bool:
        """Delete an invite; return whether there was one."""
        return self._session.scalar(delete(Invite).where(Invite.uuid == uuid).returning(Invite.id)) is not None
