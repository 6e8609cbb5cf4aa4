"""Bytes on their way in, and what they hold of an account's room."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from uuid import UUID

from sqlalchemy import Select, bindparam, delete, func, select
from sqlalchemy.orm import Session

from tutti.domain.values import UserId
from tutti.models import Upload


class UploadRepo:
    """Questions about uploads."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, upload: Upload) -> None:
        """Insert an upload; its id is known afterwards."""
        self._session.add(upload)
        self._session.flush()

    def by_id(self, upload_id: int) -> Upload | None:
        """Return the upload, None when absent."""
        return self._session.get(Upload, upload_id)

    def of_user(self, user_id: UserId, upload_uuid: UUID) -> Upload | None:
        """Return an upload of that account, None when there is none."""
        return self._session.scalar(select(Upload).where(Upload.uuid == upload_uuid, Upload.user_id == user_id))

    def reserved_by(self, user_id: UserId) -> int:
        """Return the bytes that the uploads of an account hold."""
        query = select(func.coalesce(func.sum(Upload.reserved_bytes), 0)).where(Upload.user_id == user_id)
        return int(self._session.scalar(query) or 0)

    def unfinished(self, user_id: UserId) -> int:
        """Return how many uploads of an account are no items yet."""
        return self._session.connection().execute(_unfinished(), {"user": user_id}).scalar() or 0

    def count(self) -> int:
        """Return how many uploads are no items yet."""
        query = select(func.count()).select_from(Upload).where(Upload.item_uuid.is_(None))
        return self._session.scalar(query) or 0

    def expired(self, now: datetime, *, limit: int) -> Sequence[Upload]:
        """Return uploads whose time is over, the oldest first."""
        query = select(Upload).where(Upload.expires_at <= now).order_by(Upload.expires_at, Upload.id)
        return self._session.scalars(query.limit(limit)).all()

    def delete(self, upload_id: int) -> None:
        """Forget an upload."""
        self._session.execute(delete(Upload).where(Upload.id == upload_id))


@cache
def _unfinished() -> Select[int]:
    query = select(func.count()).select_from(Upload)
    return query.where(Upload.user_id == bindparam("user"), Upload.item_uuid.is_(None))
