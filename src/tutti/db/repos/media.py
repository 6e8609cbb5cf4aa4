"""Items and blobs."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Select, bindparam, func, or_, select, update
from sqlalchemy.orm import Session

from tutti.db.bulk import insert_rows, reserve_ids
from tutti.db.search import TRACKS, hide_texts
from tutti.domain.values import BlobHash, ItemId, LibraryId, UserId
from tutti.models import Blob, Folder, MediaItem, Source, SourceObject, Track


class BytesRow(NamedTuple):
    """Where the bytes of an item are: a blob when `blob_hash` is set, else `root`, `folder` and `name` of a source."""

    item_id: int
    library_id: int
    filename: str
    mime: str
    size_bytes: int
    changed_at: datetime
    is_gone: bool
    blob_hash: str | None
    root: bytes | None
    folder: bytes | None
    name: bytes | None
    source_state: str | None
    cover_hash: str | None


class BlobItemRow(NamedTuple):
    """An item with bytes of ours."""

    id: ItemId
    library_id: LibraryId
    blob_hash: BlobHash


class MediaRepo:
    """Questions about items."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, item: MediaItem) -> None:
        """Insert one item; its id is known afterwards."""
        self._session.add(item)
        self._session.flush()

    def add_many(self, rows: Sequence[Mapping[str, Any]]) -> Sequence[ItemId]:
        """Insert items; return their ids in the order of the rows."""
        ids = reserve_ids(self._session, MediaItem, len(rows))
        insert_rows(self._session, MediaItem, [{"id": found, **row} for found, row in zip(ids, rows, strict=True)])
        return [ItemId(found) for found in ids]

    def change_many(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Update items by primary key; every row has `id` and the same columns."""
        if rows:
            self._session.execute(update(MediaItem), rows)

    def by_id(self, item_id: int) -> MediaItem | None:
        """Return the item, None when absent."""
        return self._session.get(MediaItem, item_id)

    def by_ids(self, item_ids: Sequence[ItemId]) -> Mapping[int, MediaItem]:
        """Return items by their id; those that are none are left out."""
        found = self._session.scalars(select(MediaItem).where(MediaItem.id.in_(item_ids)))
        return {item.id: item for item in found}

    def by_blob(self, library_id: LibraryId, blob_hash: BlobHash) -> MediaItem | None:
        """Return the item of a library that these bytes already are."""
        return self._known(_by_blob(), library_id, blob_hash)

    def by_uuid(self, item_uuid: UUID, libraries: Sequence[LibraryId]) -> MediaItem | None:
        """Return the item, None when it is in none of these libraries."""
        query = select(MediaItem).where(MediaItem.uuid == item_uuid, MediaItem.library_id.in_(libraries))
        return self._session.scalar(query)

    def purged(self, library_id: LibraryId, content_hash: BlobHash) -> MediaItem | None:
        """Return the item that these bytes were before it was removed for good."""
        return self._known(_purged(), library_id, content_hash)

    def _known(self, statement: Select[int], library_id: LibraryId, content_hash: BlobHash) -> MediaItem | None:
        given = {"library": library_id, "hash": content_hash}
        found = self._session.connection().execute(statement, given).scalar()
        return None if found is None else self._session.get(MediaItem, found)

    def stored_bytes(self, owner_id: UserId) -> int:
        """Return the size of all that an account brought in, what lies in the trash included."""
        query = select(func.sum(MediaItem.size_bytes)).where(MediaItem.owner_id == owner_id)
        return int(self._session.scalar(query.where(MediaItem.blob_hash.is_not(None))) or 0)

    def put_blob(self, blob_hash: BlobHash, size_bytes: int, now: datetime) -> None:
        """Note a blob that the store has."""
        row = {"hash": blob_hash, "size_bytes": size_bytes, "created_at": now}
        insert_rows(self._session, Blob, [row], skip_known=True)

    def unmeasured(self, limit: int) -> Sequence[ItemId]:
        """Return items whose bytes are ours and were read before anybody looked for their sound."""
        mine = MediaItem.blob_hash.is_not(None) & MediaItem.audio_bytes.is_(None) & MediaItem.deleted_at.is_(None)
        query = select(MediaItem.id).where(mine, MediaItem.status != "pending").order_by(MediaItem.id)
        return [ItemId(found) for found in self._session.scalars(query.limit(limit))]

    def bytes_of(self, item_uuid: UUID, libraries: Sequence[LibraryId]) -> BytesRow | None:
        """Return where the bytes of an item are, None when it is in none of these libraries."""
        given = {"uuid": item_uuid, "libraries": list(libraries)}
        row = self._session.connection().execute(_bytes_by_uuid(), given).first()
        return None if row is None else BytesRow._make(row)

    def bytes_by_id(self, item_id: int) -> BytesRow | None:
        """Return where the bytes of an item are, None when there is no such item."""
        return next(iter(self.bytes_by_ids([item_id])), None)

    def bytes_by_ids(self, item_ids: Sequence[int]) -> Sequence[BytesRow]:
        """Return where the bytes of items are, by their id; those that are no items are left out."""
        rows = self._session.connection().execute(_bytes_by_ids(), {"ids": list(item_ids)})
        return list(map(BytesRow._make, rows))

    def mark_missing(self, item_ids: Iterable[ItemId], now: datetime) -> None:
        """Note that the files of these items vanished; they leave the lists and keep everything else."""
        ids = list(item_ids)
        self._session.execute(update(MediaItem).where(MediaItem.id.in_(ids)).values(missing_at=now, changed_at=now))
        self.unlist(ids)

    def mark_found(self, item_ids: Sequence[ItemId], now: datetime) -> None:
        """Note that the bytes of these items are back; they are listed when they were read."""
        found = {"missing_at": None, "changed_at": now, "status": "pending"}
        self._session.execute(update(MediaItem).where(MediaItem.id.in_(item_ids)).values(found))

    def with_blob(self, blob_hash: BlobHash) -> Sequence[BlobItemRow]:
        """Return the items of all libraries that have these bytes and were not deleted."""
        return self._blob_items(MediaItem.blob_hash == blob_hash, MediaItem.missing_at.is_(None))

    def lost(self, limit: int) -> Sequence[BlobItemRow]:
        """Return items whose bytes were found gone."""
        return self._blob_items(MediaItem.missing_at.is_not(None), MediaItem.blob_hash.is_not(None), limit=limit)

    def has_blob_beside(self, blob_hash: BlobHash) -> bool:
        """Return whether there are items with other bytes that should be there."""
        others = (MediaItem.blob_hash.is_not(None), MediaItem.blob_hash != blob_hash, MediaItem.missing_at.is_(None))
        return self._session.scalar(select(MediaItem.id).where(*others).limit(1)) is not None

    def _blob_items(self, *conditions: ColumnElement[bool], limit: int | None = None) -> Sequence[BlobItemRow]:
        query = select(MediaItem.id, MediaItem.library_id, MediaItem.blob_hash)
        query = query.where(MediaItem.deleted_at.is_(None), *conditions).order_by(MediaItem.id).limit(limit)
        return [BlobItemRow._make(row) for row in self._session.execute(query)]

    def unlist(self, ids: Sequence[ItemId]) -> None:
        """Let these items leave the lists."""
        self._session.execute(update(Track).where(Track.id.in_(ids)).values(is_listed=False))
        hide_texts(self._session, TRACKS, ids)


@cache
def _by_blob() -> Select[int]:
    mine = MediaItem.library_id == bindparam("library"), MediaItem.blob_hash == bindparam("hash")
    return select(MediaItem.id).where(*mine)


@cache
def _purged() -> Select[int]:
    mine = MediaItem.library_id == bindparam("library"), MediaItem.content_hash == bindparam("hash")
    gone = select(MediaItem.id).where(*mine, MediaItem.blob_hash.is_(None), MediaItem.deleted_at.is_not(None))
    return gone.order_by(MediaItem.id).limit(1)


@cache
def _bytes_by_uuid() -> Select[*tuple[Any, ...]]:
    inside = MediaItem.library_id.in_(bindparam("libraries", expanding=True))
    return _bytes_query().where(MediaItem.uuid == bindparam("uuid"), inside)


@cache
def _bytes_by_ids() -> Select[*tuple[Any, ...]]:
    return _bytes_query().where(MediaItem.id.in_(bindparam("ids", expanding=True))).order_by(MediaItem.id)


def _bytes_query() -> Select[*tuple[Any, ...]]:
    gone = or_(MediaItem.deleted_at.is_not(None), MediaItem.missing_at.is_not(None))
    return (
        select(
            MediaItem.id,
            MediaItem.library_id,
            MediaItem.filename,
            MediaItem.mime,
            MediaItem.size_bytes,
            MediaItem.changed_at,
            gone,
            MediaItem.blob_hash,
            Source.path,
            Folder.path,
            SourceObject.name,
            Source.state,
            Track.cover_hash,
        )
        .outerjoin(SourceObject, SourceObject.item_id == MediaItem.id)
        .outerjoin(Folder, Folder.id == SourceObject.folder_id)
        .outerjoin(Source, Source.id == SourceObject.source_id)
        .outerjoin(Track, Track.id == MediaItem.id)
    )
