"""Reads pages of what a caller may see, by keyset: each library is read in index order and the pages are merged."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from heapq import merge
from itertools import groupby
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import Uuid, literal, null, select
from sqlalchemy.orm import Session

from tutti.db.repos import pages
from tutti.db.repos.pages import Query
from tutti.models import (
    Folder,
    Source,
    Track,
)

Key = tuple[Any, ...]
Row = TypeVar("Row", bound=tuple[Any, ...])


class TrackRow(NamedTuple):
    """One track of a list."""

    id: int
    sort: str
    uuid: UUID
    title: str
    artist_name: str
    artist_uuid: UUID
    album_title: str
    album_uuid: UUID
    album_artist_name: str
    disc: int
    number: int
    date: str
    genre_name: str
    cover_hash: str
    file_sort: str
    duration_ms: int
    size_bytes: int
    mime: str
    container: str
    codec: str
    bitrate_bps: int
    sample_rate_hz: int
    channels: int
    filename: str
    added_at: datetime
    library_uuid: UUID


class ArtistRow(NamedTuple):
    """One artist of a list; counts are of the libraries that were asked for."""

    id: int
    sort: str
    uuid: UUID
    name: str
    mbid: str
    album_count: int
    track_count: int


class AlbumRow(NamedTuple):
    """One album of a list; counts are of the libraries that were asked for."""

    id: int
    sort: str
    uuid: UUID
    title: str
    artist_name: str
    artist_uuid: UUID
    date: str
    is_compilation: bool
    mbid: str
    track_count: int
    duration_ms: int
    cover_track_id: int | None
    cover_folder_id: int | None


class GenreRow(NamedTuple):
    """One genre of a list."""

    id: int
    sort: str
    uuid: UUID
    name: str
    track_count: int


class FolderRow(NamedTuple):
    """One real folder."""

    id: int
    sort: str
    uuid: UUID
    name: str
    parent_uuid: UUID | None


class TrackFilter(NamedTuple):
    """What a list of tracks is narrowed to, and thereby how it is ordered."""

    album: UUID | None = None
    artist: UUID | None = None
    genre: UUID | None = None
    folder: UUID | None = None

    def given(self) -> dict[str, UUID]:
        """Return what is set."""
        return {name: value for name, value in self._asdict().items() if value is not None}


class FolderCover(NamedTuple):
    """Where the picture of a folder is."""

    root: bytes
    folder: bytes
    name: bytes
    stamp: str


class BrowseRepo:
    """Questions of people who look around; `libraries` are always those the caller may read."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def tracks(
        self, libraries: Sequence[int], narrowed: TrackFilter, *, after: Key | None, limit: int
    ) -> Sequence[TrackRow]:
        """Return tracks by title; those of an album by disc and number, those of a folder by file name."""
        given = narrowed.given()
        statement = pages.track_page(tuple(given), after is not None)
        return self._merged(statement, libraries, given | _bound(after, limit), TrackRow, track_key(narrowed))[:limit]

    def tracks_by_id(self, ids: Sequence[int]) -> Sequence[TrackRow]:
        """Return listed tracks in the order of the ids."""
        found = {row.id: row for row in self._rows(pages.tracks_by_id(), {"ids": list(ids)}, TrackRow)}
        return [found[track_id] for track_id in ids if track_id in found]

    def track(self, libraries: Sequence[int], uuid: UUID) -> tuple[TrackRow, Track] | None:
        """Return one track whole."""
        row = self._first(pages.track_by_uuid(), libraries, uuid, TrackRow)
        return None if row is None else (row, self._session.get_one(Track, row.id))

    def artists(self, libraries: Sequence[int], *, after: Key | None, limit: int) -> Sequence[ArtistRow]:
        """Return artists by name."""
        rows = self._merged(pages.artist_page(after is not None), libraries, _bound(after, limit), ArtistRow, _by_sort)
        return _joined(rows, _add_artists, limit)

    def artist(self, libraries: Sequence[int], uuid: UUID) -> ArtistRow | None:
        """Return one artist that one of the libraries shows."""
        rows = self._rows(pages.artist_by_uuid(), {"libraries": list(libraries), "uuid": uuid}, ArtistRow)
        return next(iter(_joined(rows, _add_artists, 1)), None)

    def artists_by_shelf(self, shelf_ids: Sequence[int]) -> Sequence[ArtistRow]:
        """Return artists in the order of the shelf rows a search found, each once."""
        return self._shelved(pages.artists_by_shelf(), shelf_ids, ArtistRow)

    def albums(
        self, libraries: Sequence[int], *, artist: UUID | None, after: Key | None, limit: int
    ) -> Sequence[AlbumRow]:
        """Return albums by title, or those of one artist."""
        statement = pages.album_page(artist is not None, after is not None)
        given = {} if artist is None else {"artist": artist}
        rows = self._merged(statement, libraries, given | _bound(after, limit), AlbumRow, _by_sort)
        return _joined(rows, _add_albums, limit)

    def album(self, libraries: Sequence[int], uuid: UUID) -> AlbumRow | None:
        """Return one album that one of the libraries shows."""
        rows = self._rows(pages.album_by_uuid(), {"libraries": list(libraries), "uuid": uuid}, AlbumRow)
        return next(iter(_joined(rows, _add_albums, 1)), None)

    def albums_by_shelf(self, shelf_ids: Sequence[int]) -> Sequence[AlbumRow]:
        """Return albums in the order of the shelf rows a search found, each once."""
        return self._shelved(pages.albums_by_shelf(), shelf_ids, AlbumRow)

    def genres(self, libraries: Sequence[int], *, after: Key | None, limit: int) -> Sequence[GenreRow]:
        """Return genres by name."""
        rows = self._merged(pages.genre_page(after is not None), libraries, _bound(after, limit), GenreRow, _by_sort)
        return _joined(rows, _add_genres, limit)

    def roots(self, libraries: Sequence[int]) -> Sequence[FolderRow]:
        """Return the root folder of every source, under its path's last name."""
        query = pages.folders(null()).where(Source.library_id.in_(libraries), Folder.parent_id.is_(None))
        return self._rows(query.order_by(Folder.name_sort, Folder.id), {}, FolderRow)

    def folder(self, libraries: Sequence[int], uuid: UUID) -> FolderRow | None:
        """Return one folder with its parent."""
        return self._first(pages.folder_by_uuid(), libraries, uuid, FolderRow)

    def subfolders(self, parent: FolderRow, *, after: Key | None, limit: int) -> Sequence[FolderRow]:
        """Return the folders in a folder by name."""
        query = pages.folders(literal(parent.uuid, Uuid())).where(Folder.parent_id == parent.id)
        page = pages.page(query, (Folder.name_sort, Folder.id), is_after=after is not None)
        return self._rows(page, _bound(after, limit), FolderRow)

    def folder_cover(self, folder_id: int) -> FolderCover | None:
        """Return where the picture of a folder is, None when it has none."""
        query = select(Source.path, Folder.path, Folder.cover_name, Folder.cover_stamp).join(Source)
        row = self._session.execute(query.where(Folder.id == folder_id, Folder.cover_name.is_not(None))).first()
        return None if row is None else FolderCover._make(row)

    def folder_of(self, track_id: int) -> int | None:
        """Return the folder of a track."""
        return self._session.scalar(select(Track.folder_id).where(Track.id == track_id))

    def _merged(
        self,
        statement: Query,
        libraries: Sequence[int],
        given: Mapping[str, Any],
        shape: type[Row],
        key: Callable[[Row], Key],
    ) -> list[Row]:
        pages = [self._rows(statement, {"library": library, **given}, shape) for library in libraries]
        return pages[0] if len(pages) == 1 else list(merge(*pages, key=key))

    def _first(self, statement: Query, libraries: Sequence[int], uuid: UUID, shape: type[Row]) -> Row | None:
        return next(iter(self._rows(statement, {"libraries": list(libraries), "uuid": uuid}, shape)), None)

    def _shelved(self, statement: Query, shelf_ids: Sequence[int], shape: type[Row]) -> Sequence[Row]:
        rows = self._session.connection().execute(statement, {"ids": list(shelf_ids)})
        found = {row[-1]: _make(shape, row[:-1]) for row in rows}
        return list({found[shelf][0]: found[shelf] for shelf in shelf_ids if shelf in found}.values())

    def _rows(self, statement: Query, given: Mapping[str, Any], shape: type[Row]) -> list[Row]:
        rows = self._session.connection().execute(statement, given)
        return [_make(shape, row) for row in rows]


def track_key(narrowed: TrackFilter) -> Callable[[TrackRow], Key]:
    """Return what a list narrowed like this is ordered by, as a cursor needs it."""
    if narrowed.album is not None:
        return lambda row: (row.disc, row.number, row.id)
    if narrowed.folder is not None:
        return lambda row: (row.file_sort, row.id)
    return _by_sort


def _by_sort(row: Any) -> Key:  # noqa: ANN401 - every row here begins with id and sort
    return (row[1], row[0])


def _make(shape: type[Row], values: Iterable[Any]) -> Row:
    return tuple.__new__(shape, values)


def _bound(after: Key | None, limit: int) -> dict[str, Any]:
    """Return the parameters of a page."""
    return {"limit": limit} | {f"after_{place}": value for place, value in enumerate(after or ())}


def _joined(rows: Iterable[Row], add: Callable[[Row, Row], Row], limit: int) -> list[Row]:
    """Make one row of the rows that several libraries have of the same thing."""
    joined = []
    for _, same in groupby(rows, key=lambda row: row[0]):
        first, *others = same
        for other in others:
            first = add(first, other)
        joined.append(first)
        if len(joined) == limit:
            break
    return joined


def _add_artists(one: ArtistRow, other: ArtistRow) -> ArtistRow:
    return one._replace(
        album_count=one.album_count + other.album_count, track_count=one.track_count + other.track_count
    )


def _add_albums(one: AlbumRow, other: AlbumRow) -> AlbumRow:
    return one._replace(
        track_count=one.track_count + other.track_count, duration_ms=one.duration_ms + other.duration_ms
    )


def _add_genres(one: GenreRow, other: GenreRow) -> GenreRow:
    return one._replace(track_count=one.track_count + other.track_count)
