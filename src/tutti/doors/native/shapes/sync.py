"""Devices that are kept in step."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from tutti.db.repos.sync import HeldRow
from tutti.domain.sync import Keep
from tutti.doors.native.shapes.common import Name
from tutti.services.devices import MOST_KEPT, KnownDevice
from tutti.services.sync import MOST_HASHES, FileChange, Told

_Ids = Annotated[list[UUID], Meta(max_length=MOST_KEPT)]
_Hash = Annotated[str, Meta(pattern="^[0-9a-f]{64}$", min_length=64, max_length=64)]


class DeviceName(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a device is called."""

    name: Name


class KeepRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a device keeps: everything in `libraries`, and everything of these artists, albums, tracks and playlists.

    `libraries` null and nothing else is everything there is. `max_bytes` ends it: the newest are kept.
    """

    libraries: _Ids | None = None
    artists: _Ids = []
    albums: _Ids = []
    tracks: _Ids = []
    playlists: _Ids = []
    max_bytes: Annotated[int, Meta(ge=0, lt=1 << 62)] | None = None


class SyncDevice(Struct, frozen=True, kw_only=True):
    """A device; `id` is of its own choice, `seen_at` when it last asked, as far as an hour."""

    id: UUID
    name: str
    created_at: datetime
    seen_at: datetime
    keep: KeepRule


class SyncDevices(Struct, frozen=True, kw_only=True):
    """Devices, by name."""

    devices: list[SyncDevice]


class SyncChange(Struct, frozen=True, kw_only=True):
    """What has become of one file.

    `kind` is gone when somebody deleted it. `folder` is where the client that sent it has it, never to be trusted as a
    path. `audio_hash` is the SHA-256 of `audio_bytes` bytes from `audio_offset` on, its sound without tags; null when
    that is not known. `keep` is what the device's rule says of it.
    """

    library: UUID
    item: UUID
    kind: Literal["file", "gone"]
    hash: str
    size: int
    filename: str
    folder: str
    audio_hash: str | None
    audio_offset: int
    audio_bytes: int
    changed_at: datetime
    keep: bool


class SyncChanges(Struct, frozen=True, kw_only=True):
    """What changed since the cursor; the client first forgets what it knows of the libraries in `reset`."""

    changes: list[SyncChange]
    cursor: str
    has_more: bool
    reset: list[UUID]


class HashQuestion(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which of these files does a library have? The caller's own when none is named."""

    hashes: Annotated[list[_Hash], Meta(max_length=MOST_HASHES)]
    library: UUID | None = None


class HeldFile(Struct, frozen=True, kw_only=True):
    """Bytes that the library has, and as what."""

    hash: str
    item: UUID


class HeldFiles(Struct, frozen=True, kw_only=True):
    """Those that it has."""

    have: list[HeldFile]


def device(known: KnownDevice) -> SyncDevice:
    """Shape a device."""
    return SyncDevice(
        id=known.uuid, name=known.name, created_at=known.created_at, seen_at=known.seen_at, keep=_rule(known.keep)
    )


def keep(rule: KeepRule) -> Keep:
    """Understand a rule."""
    return Keep(
        libraries=None if rule.libraries is None else tuple(rule.libraries),
        artists=tuple(rule.artists),
        albums=tuple(rule.albums),
        tracks=tuple(rule.tracks),
        playlists=tuple(rule.playlists),
        max_bytes=rule.max_bytes,
    )


def _rule(known: Keep) -> KeepRule:
    return KeepRule(
        libraries=None if known.libraries is None else list(known.libraries),
        artists=list(known.artists),
        albums=list(known.albums),
        tracks=list(known.tracks),
        playlists=list(known.playlists),
        max_bytes=known.max_bytes,
    )


def told(found: Told) -> SyncChanges:
    """Shape what changed."""
    changes = list(map(_change, found.changes))
    return SyncChanges(changes=changes, cursor=found.cursor, has_more=found.has_more, reset=list(found.reset))


def _change(one: FileChange) -> SyncChange:
    return SyncChange(
        library=one.library_uuid,
        item=one.item_uuid,
        kind="gone" if one.is_gone else "file",
        hash=one.hash,
        size=one.size_bytes,
        filename=one.filename,
        folder=one.folder,
        audio_hash=one.audio_hash,
        audio_offset=one.audio_offset,
        audio_bytes=one.audio_bytes,
        changed_at=one.changed_at,
        keep=one.is_kept,
    )


def held(row: HeldRow) -> HeldFile:
    """Shape bytes that are there."""
    return HeldFile(hash=row.hash, item=row.uuid)
