"""Libraries and the folders they read."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from tutti.db.repos.libraries import ChangeRow, LibraryRow, MemberRow
from tutti.db.repos.sources import RefusedFile
from tutti.doors.native.shapes.common import Name, readable
from tutti.models import Source
from tutti.services.libraries import Changes


class NewLibrary(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A shared library to be made; whoever makes it owns it."""

    name: Name


class Library(Struct, frozen=True, kw_only=True):
    """A library; devices of its members follow it when it `syncs`; `role` is the caller's: owner, editor, listener."""

    id: UUID
    name: str
    is_personal: bool
    syncs: bool
    role: str
    track_count: int


class LibraryChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a library is to be called, and whether devices follow it; what is left out stays as it is."""

    name: Name | None = None
    syncs: bool | None = None


class NewRole(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a member may do: a listener hears, an editor also changes, an owner also decides about members."""

    role: Literal["owner", "editor", "listener"]


class Member(Struct, frozen=True, kw_only=True):
    """Somebody who may use a library."""

    id: UUID
    username: str
    role: str


class Change(Struct, frozen=True, kw_only=True):
    """One change of one track, by its number within the library; `is_gone` when it left the lists."""

    seq: int
    track: UUID
    is_gone: bool


class LibraryChanges(Struct, frozen=True, kw_only=True):
    """Changes in their order; `latest` is the number of the newest there is, so more follow while it is larger."""

    latest: int
    changes: list[Change]


class NewSource(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A folder of the server that a library shall read; the personal library when none is named."""

    path: Annotated[str, Meta(min_length=1, max_length=4096)]
    library: UUID | None = None


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
    return Library(
        id=row.uuid,
        name=row.name,
        is_personal=row.is_personal,
        syncs=row.syncs,
        role=row.role,
        track_count=row.track_count,
    )


def member(row: MemberRow) -> Member:
    """Shape a member."""
    return Member(id=row.uuid, username=row.username, role=row.role)


def changes(found: Changes) -> LibraryChanges:
    """Shape what changed."""
    return LibraryChanges(latest=found.latest, changes=[_change(row) for row in found.rows])


def _change(row: ChangeRow) -> Change:
    return Change(seq=row.seq, track=row.item_uuid, is_gone=row.is_gone)


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
