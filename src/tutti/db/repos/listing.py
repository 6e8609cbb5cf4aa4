"""Files of ours by their content: what devices are told that keep them by hash."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Select, and_, bindparam, select
from sqlalchemy.orm import Session

from tutti.domain.values import BlobHash, LibraryId, UserId
from tutti.models import Album, Library, LibraryMember, MediaItem, Track


class KnownRow(NamedTuple):
    """A file that was ever ours; `is_live` when it has bytes and nobody deleted it."""

    id: int
    content_hash: str
    filename: str
    container: str
    is_live: bool


class DetailRow(NamedTuple):
    """What is known of a live file; the texts are None until its tags were read."""

    id: int
    uuid: UUID
    content_hash: str
    filename: str
    title: str | None
    artist: str | None
    album: str | None
    duration_ms: int
    size_bytes: int
    mime: str
    added_at: datetime
    changed_at: datetime
    told: dict[str, Any] | None


class HashRow(NamedTuple):
    """A live file that has some content."""

    item: MediaItem
    role: str
    syncs: bool


class ListingRepo:
    """Questions of devices that know files by their hash."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def libraries(self, user_id: UserId, roles: Sequence[str]) -> Sequence[LibraryId]:
        """Return the syncing libraries in which an account has one of these roles, in order."""
        query = select(Library.id).join(LibraryMember, LibraryMember.library_id == Library.id)
        mine = query.where(LibraryMember.user_id == user_id, LibraryMember.role.in_(roles), Library.syncs)
        return [LibraryId(found) for found in self._session.scalars(mine.order_by(Library.id))]

    def known(self, libraries: Sequence[LibraryId]) -> Sequence[KnownRow]:
        """Return all files that were ever ours in these libraries, in the order in which they came."""
        rows = self._session.connection().execute(_known(), {"libraries": list(libraries)})
        return list(map(KnownRow._make, rows))

    def having(self, library_id: LibraryId, hashes: Sequence[str]) -> set[str]:
        """Return which of these contents were ever ours in a library."""
        query = select(MediaItem.content_hash).where(MediaItem.library_id == library_id)
        return {found for found in self._session.scalars(query.where(MediaItem.content_hash.in_(hashes))) if found}

    def details(self, libraries: Sequence[LibraryId]) -> Sequence[DetailRow]:
        """Return what is known of the live files of these libraries, in the order in which they came."""
        rows = self._session.connection().execute(_details(), {"libraries": list(libraries)})
        return list(map(DetailRow._make, rows))

    def detail(self, libraries: Sequence[LibraryId], which: int | UUID) -> DetailRow | None:
        """Return what is known of one live file by its id or UUID, None when it is in none of these libraries."""
        is_it = MediaItem.uuid == which if isinstance(which, UUID) else MediaItem.id == which
        row = self._session.connection().execute(_details().where(is_it), {"libraries": list(libraries)}).first()
        return None if row is None else DetailRow._make(row)

    def by_hash(self, user_id: UserId, content_hash: BlobHash) -> Sequence[HashRow]:
        """Return the live files with some content in all libraries of an account, the oldest first."""
        query = (
            select(MediaItem, LibraryMember.role, Library.syncs)
            .join(Library, Library.id == MediaItem.library_id)
            .join(LibraryMember, LibraryMember.library_id == Library.id)
            .where(LibraryMember.user_id == user_id, MediaItem.blob_hash == content_hash, _is_live())
        )
        return [HashRow._make(row) for row in self._session.execute(query.order_by(MediaItem.id))]


def _is_live() -> Any:  # noqa: ANN401 - an SQL expression
    return and_(
        MediaItem.blob_hash.is_not(None),
        MediaItem.deleted_at.is_(None),
        MediaItem.missing_at.is_(None),
        MediaItem.size_bytes > 0,
    )


def _inside() -> Any:  # noqa: ANN401 - an SQL expression
    return MediaItem.library_id.in_(bindparam("libraries", expanding=True))


@cache
def _known() -> Select[*tuple[Any, ...]]:
    """Return the statement that every sync of a phone runs; it takes in 40,000 rows at a time."""
    columns = (MediaItem.id, MediaItem.content_hash, MediaItem.filename, MediaItem.container, _is_live())
    query = select(*columns).where(_inside(), MediaItem.content_hash.is_not(None))
    return query.order_by(MediaItem.id)


@cache
def _details() -> Select[*tuple[Any, ...]]:
    return (
        select(
            MediaItem.id,
            MediaItem.uuid,
            MediaItem.content_hash,
            MediaItem.filename,
            Track.title,
            Track.artist_name,
            Album.title,
            MediaItem.duration_ms,
            MediaItem.size_bytes,
            MediaItem.mime,
            MediaItem.added_at,
            MediaItem.changed_at,
            MediaItem.told,
        )
        .outerjoin(Track, Track.id == MediaItem.id)
        .outerjoin(Album, Album.id == Track.album_id)
        .where(_inside(), _is_live())
        .order_by(MediaItem.id)
    )
