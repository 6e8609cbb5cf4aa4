"""Playlists and what is in them; `libraries` are always those the caller may read."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Select, delete, func, or_, select, tuple_, update
from sqlalchemy.orm import Session

from tutti.db.bulk import insert_rows, reserve_ids
from tutti.domain.values import ItemId, LibraryId, UserId
from tutti.models import MediaItem, Playlist, PlaylistEntry, Track, User


class PlaylistRow(NamedTuple):
    """A playlist; the last two are of the tracks that its reader may hear."""

    id: int
    sort: str
    uuid: UUID
    name: str
    description: str
    is_public: bool
    revision: int
    created_at: datetime
    updated_at: datetime
    owner_id: int
    owner_uuid: UUID
    owner_name: str
    track_count: int = 0
    duration_ms: int = 0


class EntryRow(NamedTuple):
    """One place of a playlist."""

    position: int
    id: int
    item_id: int


class PlaylistRepo:
    """Questions about playlists."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, playlist: Playlist) -> None:
        """Insert a playlist."""
        self._session.add(playlist)
        self._session.flush()

    def page(self, user_id: UserId, *, after: tuple[Any, ...] | None, limit: int) -> Sequence[PlaylistRow]:
        """Return the playlists that an account sees, by name; their tracks are not counted."""
        query = _shown().where(visible_to(user_id))
        if after is not None:
            query = query.where(tuple_(Playlist.sort_key, Playlist.id) > tuple_(*after))
        found = self._session.execute(query.order_by(Playlist.sort_key, Playlist.id).limit(limit))
        return [PlaylistRow(*row) for row in found]

    def visible(self, user_id: UserId, uuid: UUID) -> PlaylistRow | None:
        """Return a playlist that an account sees, None when there is none."""
        row = self._session.execute(_shown().where(visible_to(user_id), Playlist.uuid == uuid)).first()
        return None if row is None else PlaylistRow(*row)

    def count(self, user_id: UserId) -> int:
        """Return how many playlists an account keeps."""
        return self._session.scalars(select(func.count()).where(Playlist.user_id == user_id)).one()

    def counted(self, rows: Sequence[PlaylistRow], libraries: Sequence[LibraryId]) -> Sequence[PlaylistRow]:
        """Return the playlists with the number and the length of their tracks."""
        query = (
            select(PlaylistEntry.playlist_id, func.count(), func.sum(MediaItem.duration_ms))
            .join(Track, Track.id == PlaylistEntry.item_id)
            .join(MediaItem, MediaItem.id == Track.id)
            .where(PlaylistEntry.playlist_id.in_([row.id for row in rows]), _is_heard(libraries))
            .group_by(PlaylistEntry.playlist_id)
        )
        found = {playlist: (count, int(length)) for playlist, count, length in self._session.execute(query)}
        counts = [found.get(row.id, (0, 0)) for row in rows]
        return [row._replace(track_count=count, duration_ms=ms) for row, (count, ms) in zip(rows, counts, strict=True)]

    def change(self, playlist_id: int, **values: Any) -> None:  # noqa: ANN401 - columns
        """Give columns of a playlist other values."""
        self._session.execute(update(Playlist).where(Playlist.id == playlist_id).values(**values))

    def touch(self, playlist_id: int, now: datetime) -> None:
        """Note that other tracks, or in another order, are in a playlist now."""
        self.change(playlist_id, revision=Playlist.revision + 1, updated_at=now)

    def remove(self, playlist_id: int) -> None:
        """Delete a playlist."""
        self._session.execute(delete(Playlist).where(Playlist.id == playlist_id))

    def entries(
        self, playlist_id: int, libraries: Sequence[LibraryId], *, after: tuple[Any, ...] | None, limit: int
    ) -> Sequence[EntryRow]:
        """Return the places of a playlist whose tracks can be heard, in order."""
        order = (PlaylistEntry.position, PlaylistEntry.id)
        query = select(*order, PlaylistEntry.item_id).join(Track, Track.id == PlaylistEntry.item_id)
        query = query.where(PlaylistEntry.playlist_id == playlist_id, _is_heard(libraries))
        if after is not None:
            query = query.where(tuple_(*order) > tuple_(*after))
        return [EntryRow._make(row) for row in self._session.execute(query.order_by(*order).limit(limit))]

    def size(self, playlist_id: int) -> int:
        """Return how many places a playlist has, those whose tracks cannot be heard included."""
        return self._session.scalars(select(func.count()).where(PlaylistEntry.playlist_id == playlist_id)).one()

    def size_of_all(self, user_id: UserId) -> int:
        """Return how many places all playlists of an account have."""
        query = select(func.count()).select_from(PlaylistEntry).join(Playlist).where(Playlist.user_id == user_id)
        return self._session.scalars(query).one()

    def place(self, playlist_id: int, libraries: Sequence[LibraryId], index: int | None) -> int:
        """Return the position that a track is put at to be heard as the `index`th, behind all others with None."""
        if index is not None:
            query = select(PlaylistEntry.position).join(Track, Track.id == PlaylistEntry.item_id)
            query = query.where(PlaylistEntry.playlist_id == playlist_id, _is_heard(libraries))
            query = query.order_by(PlaylistEntry.position, PlaylistEntry.id).offset(index).limit(1)
            found = self._session.scalar(query)
            if found is not None:
                return found
        last = select(func.max(PlaylistEntry.position)).where(PlaylistEntry.playlist_id == playlist_id)
        highest = self._session.scalar(last)
        return 0 if highest is None else highest + 1

    def insert(self, playlist_id: int, position: int, items: Sequence[ItemId]) -> None:
        """Put items at a position; what is there and behind it moves on."""
        behind = update(PlaylistEntry).where(
            PlaylistEntry.playlist_id == playlist_id, PlaylistEntry.position >= position
        )
        self._session.execute(behind.values(position=PlaylistEntry.position + len(items)))
        ids = reserve_ids(self._session, PlaylistEntry, len(items))
        rows = [
            {"id": entry, "playlist_id": playlist_id, "item_id": item, "position": position + place}
            for place, (entry, item) in enumerate(zip(ids, items, strict=True))
        ]
        insert_rows(self._session, PlaylistEntry, rows)

    def clear(self, playlist_id: int, libraries: Sequence[LibraryId]) -> None:
        """Take out all that can be heard."""
        heard = select(Track.id).where(Track.id == PlaylistEntry.item_id, _is_heard(libraries)).exists()
        self._session.execute(delete(PlaylistEntry).where(PlaylistEntry.playlist_id == playlist_id, heard))

    def take_out(self, playlist_id: int, item_uuid: UUID) -> bool:
        """Take a track out, wherever it is in a playlist; return whether it was."""
        item = select(MediaItem.id).where(MediaItem.uuid == item_uuid).scalar_subquery()
        mine = delete(PlaylistEntry).where(PlaylistEntry.playlist_id == playlist_id, PlaylistEntry.item_id == item)
        return bool(self._session.execute(mine.returning(PlaylistEntry.id)).all())

    def heard(self, libraries: Sequence[LibraryId], uuids: Sequence[UUID]) -> dict[UUID, ItemId]:
        """Return the ids of those tracks that can be heard."""
        query = select(MediaItem.uuid, Track.id).join(Track, Track.id == MediaItem.id).where(_is_heard(libraries))
        found: dict[UUID, ItemId] = {}
        for start in range(0, len(uuids), _AT_ONCE):
            some = query.where(MediaItem.uuid.in_(uuids[start : start + _AT_ONCE]))
            found.update((uuid, ItemId(item)) for uuid, item in self._session.execute(some))
        return found

    def stamps(self, user_id: UserId, uuids: Sequence[UUID]) -> Sequence[tuple[UUID, int]]:
        """Return which revision each of these playlists has that an account sees, in order."""
        query = select(Playlist.uuid, Playlist.revision).where(visible_to(user_id), Playlist.uuid.in_(uuids))
        return [(uuid, revision) for uuid, revision in self._session.execute(query.order_by(Playlist.id))]


_AT_ONCE = 1000


def visible_to(user_id: int) -> ColumnElement[bool]:
    """Return whether an account sees a playlist."""
    return or_(Playlist.user_id == user_id, Playlist.is_public)


def _is_heard(libraries: Sequence[LibraryId]) -> ColumnElement[bool]:
    return Track.library_id.in_(libraries) & Track.is_listed


def _shown() -> Select[*tuple[Any, ...]]:
    return select(
        Playlist.id,
        Playlist.sort_key,
        Playlist.uuid,
        Playlist.name,
        Playlist.description,
        Playlist.is_public,
        Playlist.revision,
        Playlist.created_at,
        Playlist.updated_at,
        User.id,
        User.uuid,
        User.username,
    ).join(User, User.id == Playlist.user_id)
