"""Devices, and what they are told: the newest change of each file, and what a limit of space moves."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    bindparam,
    delete,
    exists,
    false,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.orm import Session, aliased

from tutti.db.repos.playlists import visible_to
from tutti.domain.sync import NOTHING, Keep, Line
from tutti.domain.values import BlobHash, LibraryId, UserId
from tutti.models import (
    Album,
    Artist,
    Change,
    Credit,
    Device,
    Library,
    LibraryMember,
    MediaItem,
    Playlist,
    PlaylistEntry,
    Track,
)

_ARTIST_ROLES = ("artist", "album_artist")


class Standing(NamedTuple):
    """A library that an account follows: its membership, and the number of the newest change."""

    id: int
    uuid: UUID
    epoch: int
    change_seq: int


class FileRow(NamedTuple):
    """A file that a device is told of; `is_kept` is what its rule says.

    Both hashes are of its bytes; the second one stays when they are gone for good.
    """

    seq: int
    item_id: int
    library_id: int
    uuid: UUID
    blob_hash: str | None
    content_hash: str | None
    size_bytes: int
    filename: str
    folder: str
    audio_hash: str | None
    audio_offset: int
    audio_bytes: int | None
    changed_at: datetime
    is_deleted: bool
    is_kept: bool


class HeldRow(NamedTuple):
    """Bytes that a library has, and as what."""

    hash: str
    uuid: UUID


@dataclass(frozen=True, slots=True)
class Rule:
    """What a device of an account keeps of these libraries, and from which line on; None when it has room for all."""

    user_id: UserId
    keep: Keep
    libraries: Sequence[Standing]
    line: Line | None


class SyncRepo:
    """Questions about devices."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, device: Device) -> None:
        """Insert a device."""
        self._session.add(device)
        self._session.flush()

    def device(self, user_id: UserId, device_uuid: UUID) -> Device | None:
        """Return a device of that account, None when there is none."""
        return self._session.scalar(select(Device).where(Device.user_id == user_id, Device.uuid == device_uuid))

    def devices(self, user_id: UserId) -> Sequence[Device]:
        """Return the devices of an account, by name."""
        query = select(Device).where(Device.user_id == user_id).order_by(Device.name, Device.id)
        return self._session.scalars(query).all()

    def remove(self, user_id: UserId, device_uuid: UUID) -> bool:
        """Forget a device; return whether there was one."""
        mine = delete(Device).where(Device.user_id == user_id, Device.uuid == device_uuid)
        return bool(self._session.execute(mine.returning(Device.id)).all())

    def standing(self, user_id: UserId) -> Sequence[Standing]:
        """Return the libraries that the devices of an account follow, in order."""
        rows = self._session.connection().execute(_standing(), {"user": user_id})
        return [Standing._make(row) for row in rows]

    def held(self, library_id: LibraryId, hashes: Sequence[BlobHash]) -> Sequence[HeldRow]:
        """Return which of these bytes a library has as a file that nobody deleted, and that was not found lost."""
        query = select(MediaItem.blob_hash, MediaItem.uuid)
        mine = query.where(MediaItem.library_id == library_id, MediaItem.blob_hash.in_(hashes))
        there = mine.where(MediaItem.deleted_at.is_(None), MediaItem.missing_at.is_(None))
        return [HeldRow._make(row) for row in self._session.execute(there)]

    def page(self, library_id: int, rule: Rule, *, after: int, limit: int) -> Sequence[FileRow]:
        """Return the files whose newest change comes after a number, in the order of those changes."""
        later = aliased(Change)
        has_later = exists().where(later.item_id == Change.item_id, later.seq > Change.seq)
        query: Select[*tuple[Any, ...]] = (
            select(Change.seq, *_FIELDS, _kept(rule))
            .join(MediaItem, MediaItem.id == Change.item_id)
            .where(Change.library_id == library_id, Change.seq > after, _IS_TOLD, ~has_later)
            .order_by(Change.seq)
            .limit(limit)
        )
        return self._rows(query)

    def line(self, rule: Rule) -> Line:
        """Return where the space of a device ends now."""
        total = func.sum(MediaItem.size_bytes).over(order_by=(MediaItem.added_at.desc(), MediaItem.id.desc()))
        inside = (
            select(MediaItem.id, MediaItem.added_at, total.label("total")).where(_IS_FILE, _chosen(rule)).subquery()
        )
        last = select(inside.c.added_at, inside.c.id).where(inside.c.total <= rule.keep.max_bytes)
        row = self._session.execute(last.order_by(inside.c.added_at, inside.c.id).limit(1)).first()
        return NOTHING if row is None else Line(row[0], row[1])

    def line_of(self, item_id: int) -> Line:
        """Return the line that a file is the last to be kept by."""
        added_at = self._session.scalars(select(MediaItem.added_at).where(MediaItem.id == item_id)).one()
        return Line(added_at, item_id)

    def between(self, rule: Rule, old: Line, new: Line, limit: int) -> Sequence[FileRow]:
        """Return the files that a line passes on its way, in its direction; `is_kept` as the new line has it."""
        key = tuple_(MediaItem.added_at, MediaItem.id)
        low, high = sorted((old, new))
        is_rising = new > old
        fields = (literal(0), *_FIELDS, false() if is_rising else true())
        query: Select[*tuple[Any, ...]] = select(*fields).where(
            _IS_FILE, _chosen(rule), key >= tuple_(*low), key < tuple_(*high)
        )
        order = (MediaItem.added_at, MediaItem.id)
        return self._rows(query.order_by(*(order if is_rising else (one.desc() for one in order))).limit(limit))

    def _rows(self, query: Select[*tuple[Any, ...]]) -> Sequence[FileRow]:
        return list(map(FileRow._make, self._session.connection().execute(query)))  # the ORM adds a third


_FIELDS = (
    MediaItem.id,
    MediaItem.library_id,
    MediaItem.uuid,
    MediaItem.blob_hash,
    MediaItem.content_hash,
    MediaItem.size_bytes,
    MediaItem.filename,
    MediaItem.folder,
    MediaItem.audio_hash,
    MediaItem.audio_offset,
    MediaItem.audio_bytes,
    MediaItem.changed_at,
    MediaItem.deleted_at.is_not(None),
)
_IS_TOLD = or_(MediaItem.blob_hash.is_not(None), MediaItem.deleted_at.is_not(None))
"""Files of folders that are only read are nobody's to delete."""
_IS_FILE = and_(MediaItem.blob_hash.is_not(None), MediaItem.deleted_at.is_(None))


@cache
def _standing() -> Select[*tuple[Any, ...]]:
    query = select(Library.id, Library.uuid, LibraryMember.epoch, Library.change_seq)
    mine = query.join(LibraryMember).where(LibraryMember.user_id == bindparam("user"), Library.syncs)
    return mine.order_by(Library.id)


def _kept(rule: Rule) -> ColumnElement[bool]:
    if rule.line is None:
        return _chosen(rule)
    return and_(_chosen(rule), tuple_(MediaItem.added_at, MediaItem.id) >= tuple_(*rule.line))


def _chosen(rule: Rule) -> ColumnElement[bool]:
    """Return whether a device wants a file, if there is room."""
    keep, libraries = rule.keep, [library.id for library in rule.libraries]
    fits = true() if keep.max_bytes is None else MediaItem.size_bytes <= keep.max_bytes
    if keep.is_everything:
        return and_(MediaItem.library_id.in_(libraries), fits)
    ways: list[ColumnElement[bool]] = [false()]
    if keep.libraries:
        named = set(keep.libraries)
        ways.append(MediaItem.library_id.in_([library.id for library in rule.libraries if library.uuid in named]))
    if keep.albums:
        of_albums = select(Track.id).join(Album, Album.id == Track.album_id).where(Album.uuid.in_(keep.albums))
        ways.append(MediaItem.id.in_(of_albums))
    if keep.artists:
        credited = select(Credit.track_id).join(Artist, Artist.id == Credit.artist_id)
        theirs = credited.where(Credit.library_id.in_(libraries), Credit.role.in_(_ARTIST_ROLES))
        ways.append(MediaItem.id.in_(theirs.where(Artist.uuid.in_(keep.artists))))
    if keep.playlists:
        listed = select(PlaylistEntry.item_id).join(Playlist, Playlist.id == PlaylistEntry.playlist_id)
        seen = listed.where(Playlist.uuid.in_(keep.playlists), visible_to(rule.user_id))
        ways.append(MediaItem.id.in_(seen))
    if keep.tracks:
        ways.append(MediaItem.uuid.in_(keep.tracks))
    return and_(MediaItem.library_id.in_(libraries), fits, or_(*ways))
