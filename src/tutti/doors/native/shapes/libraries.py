"""Libraries and the folders they read."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from tutti.db.repos.libraries import LibraryRow
from tutti.db.repos.sources import RefusedFile
from tutti.doors.native.shapes.common import Name, readable
from tutti.models import Source


class NewLibrary(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A shared library to be made; whoever makes it owns it."""

    name: Name


class Library(Struct, frozen=True, kw_only=True):
    """A library; `role` is the caller's own: owner, editor or listener."""

    id: UUID
    name: str
    is_personal: bool
    role: str
    track_count: int


class SourceFolder(Struct, frozen=True, kw_only=True):
    """A folder that a library reads; `state` is new, scanning, ok or unavailable."""

    id: UUID
    path: str
    state: str
    message: str
    scanned_at: datetime | None


class RefusedPath(Struct, frozen=True, kw_only=True):
    """A file that is no track: `reason` is a stable word, `message` a sentence."""

    path: str
    reason: str
    message: str


def library(row: LibraryRow) -> Library:
    """Shape a library."""
    return Library(id=row.uuid, name=row.name, is_personal=row.is_personal, role=row.role, track_count=row.track_count)


def source(entity: Source) -> SourceFolder:
    """Shape a source."""
    return SourceFolder(
        id=entity.uuid,
        path=readable(entity.path),
        state=entity.state,
        message=entity.state_message,
        scanned_at=entity.scanned_at,
    )


def refused(row: RefusedFile) -> RefusedPath:
    """Shape a file that is no track."""
    path = row.folder + b"/" + row.name if row.folder else row.name
    return RefusedPath(path=readable(path), reason=row.reason, message=row.message)
