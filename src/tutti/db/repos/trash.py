"""Items that somebody deleted, and the removal for good: of their bytes, of a library with all that is in it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import delete, func, select, tuple_, update
from sqlalchemy.orm import Session

from tutti.db.search import TRACKS, forget_words, hide_texts, show_texts
from tutti.domain.values import ItemId
from tutti.models import (
    ArtistAlbum,
    Blob,
    Folder,
    Library,
    LibraryAlbum,
    LibraryArtist,
    LibraryGenre,
    MediaItem,
    Source,
    SourceObject,
    Track,
)

_SHELVES: Sequence[Any] = (LibraryAlbum, LibraryArtist, LibraryGenre, ArtistAlbum)


class TrashRow(NamedTuple):
    """One deleted item whose bytes are still there; `title` is empty when nobody read its tags yet."""

    id: int
    uuid: UUID
    library_uuid: UUID
    title: str
    filename: str
    size_bytes: int
    deleted_at: datetime


class TrashRepo:
    """Questions about what was deleted."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def put(self, item_ids: Sequence[ItemId], now: datetime) -> None:
        """Let items leave every list; they keep their bytes and everything else."""
        self._session.execute(
            update(MediaItem).where(MediaItem.id.in_(item_ids)).values(deleted_at=now, changed_at=now)
        )
        self._session.execute(update(Track).where(Track.id.in_(item_ids)).values(is_listed=False))
        hide_texts(self._session, TRACKS, item_ids)

    def take_back(self, item: MediaItem, now: datetime) -> None:
        """Let an item be as it was: listed when its bytes were read."""
        item.deleted_at, item.changed_at = None, now
        self._session.flush()
        if item.status != "ready":
            return
        self._session.execute(update(Track).where(Track.id == item.id).values(is_listed=True))
        show_texts(self._session, TRACKS, item.library_id, [item.id])

    def page(self, libraries: Sequence[int], *, after: tuple[datetime, int] | None, limit: int) -> Sequence[TrashRow]:
        """Return what lies in the trash of these libraries, the last deleted first."""
        query = (
            select(
                MediaItem.id,
                MediaItem.uuid,
                Library.uuid,
                func.coalesce(Track.title, ""),
                MediaItem.filename,
                MediaItem.size_bytes,
                MediaItem.deleted_at,
            )
            .join(Library, Library.id == MediaItem.library_id)
            .outerjoin(Track, Track.id == MediaItem.id)
            .where(
                MediaItem.library_id.in_(libraries), MediaItem.deleted_at.is_not(None), MediaItem.blob_hash.is_not(None)
            )
        )
        if after is not None:
            query = query.where(tuple_(MediaItem.deleted_at, MediaItem.id) < tuple_(*after))
        ordered = query.order_by(MediaItem.deleted_at.desc(), MediaItem.id.desc())
        return [TrashRow._make(row) for row in self._session.execute(ordered.limit(limit))]

    def due(self, *, before: datetime, limit: int, libraries: Sequence[int] | None = None) -> Sequence[int]:
        """Return items that were deleted before a moment and still have their bytes; everywhere when none is named."""
        query = select(MediaItem.id).where(MediaItem.deleted_at < before, MediaItem.blob_hash.is_not(None))
        if libraries is not None:
            query = query.where(MediaItem.library_id.in_(libraries))
        return self._session.scalars(query.order_by(MediaItem.id).limit(limit)).all()

    def purge(self, item_ids: Sequence[int]) -> None:
        """Let items give up their bytes; whoever brings the same bytes again gets the same item.

        The row of a blob goes with the last item that names it; the bytes go later, when nobody can need them.
        """
        mine = select(MediaItem.blob_hash).where(MediaItem.id.in_(item_ids), MediaItem.blob_hash.is_not(None))
        hashes = self._session.scalars(mine).all()
        self._session.execute(update(MediaItem).where(MediaItem.id.in_(item_ids)).values(blob_hash=None))
        self.drop_blobs(hashes)

    def stored_bytes(self) -> int:
        """Return the size of all blobs."""
        return int(self._session.scalar(select(func.sum(Blob.size_bytes))) or 0)

    def trashed_bytes(self) -> int:
        """Return the size of what lies in the trash."""
        query = select(func.sum(MediaItem.size_bytes)).where(MediaItem.deleted_at.is_not(None))
        return int(self._session.scalar(query.where(MediaItem.blob_hash.is_not(None))) or 0)

    def remove_items(self, library_id: int, limit: int) -> int:
        """Remove items of a library with all that hangs on them; return how many."""
        query = select(MediaItem.id, MediaItem.blob_hash).where(MediaItem.library_id == library_id)
        rows = self._session.execute(query.order_by(MediaItem.id).limit(limit)).all()
        self._session.execute(delete(MediaItem).where(MediaItem.id.in_([row[0] for row in rows])))
        self.drop_blobs([row[1] for row in rows if row[1] is not None])
        return len(rows)

    def remove_files(self, library_id: int, limit: int) -> int:
        """Forget files that were seen in the sources of a library; return how many."""
        query = select(SourceObject.id).join(Source).where(Source.library_id == library_id).limit(limit)
        found = self._session.scalars(query).all()
        self._session.execute(delete(SourceObject).where(SourceObject.id.in_(found)))
        return len(found)

    def remove_library(self, library_id: int) -> None:
        """Remove a library that has no item any more."""
        for table in _SHELVES:
            self._session.execute(delete(table).where(table.library_id == library_id))
        forget_words(self._session, library_id)
        sources = select(Source.id).where(Source.library_id == library_id)
        self._session.execute(update(Folder).where(Folder.source_id.in_(sources)).values(parent_id=None))
        self._session.execute(delete(Source).where(Source.library_id == library_id))
        self._session.execute(delete(Library).where(Library.id == library_id))

    def drop_blobs(self, hashes: Sequence[str | None]) -> None:
        """Remove the rows of those of these blobs that no item names any more."""
        wanted = select(MediaItem.blob_hash).where(MediaItem.blob_hash.is_not(None))
        for start in range(0, len(hashes), 500):
            some = hashes[start : start + 500]
            used = wanted.where(MediaItem.blob_hash.in_(some))
            self._session.execute(delete(Blob).where(Blob.hash.in_(some), Blob.hash.not_in(used)))
