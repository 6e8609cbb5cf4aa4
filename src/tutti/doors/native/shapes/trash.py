"""What was deleted, and how much there may be."""

from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct

from tutti.db.repos.trash import TrashRow
from tutti.services.quotas import Usage


class Trashed(Struct, frozen=True, kw_only=True):
    """A deleted track that can be restored until `purged_at`; `title` is empty when its tags were never read."""

    id: UUID
    library: UUID
    title: str
    filename: str
    size_bytes: int
    deleted_at: datetime
    purged_at: datetime


class Quota(Struct, frozen=True, kw_only=True):
    """What an account keeps here in bytes, the trash and running uploads included; no limit is null."""

    used_bytes: int
    reserved_bytes: int
    limit_bytes: int | None


def trashed(row: TrashRow, keep: timedelta) -> Trashed:
    """Shape a deleted track."""
    return Trashed(
        id=row.uuid,
        library=row.library_uuid,
        title=row.title,
        filename=row.filename,
        size_bytes=row.size_bytes,
        deleted_at=row.deleted_at,
        purged_at=row.deleted_at + keep,
    )


def quota(usage: Usage) -> Quota:
    """Shape what an account has."""
    return Quota(used_bytes=usage.used_bytes, reserved_bytes=usage.reserved_bytes, limit_bytes=usage.limit_bytes)
