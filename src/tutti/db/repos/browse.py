"""Reads pages of what a caller may see, by keyset: each library is read in index order and the pages are merged."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from heapq import merge
from itertools import groupby, islice
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Select, select, tuple_
from sqlalchemy.orm import Session

from tutti.models import (
    Album,
    Artist,
    Credit,
    Folder,
    Genre,
    Library,
    LibraryAlbum,
    LibraryArtist,
    LibraryGenre,
    MediaItem,
    Source,
    Track,
    TrackGenre,
)

Key = tuple[Any, ...]
Query = Select[*tuple[Any, ...]]
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
        key = _track_key(narrowed)

        def one(library: int) -> Query:
            query = _narrow(_tracks().where(Track.library_id == library, Track.is_listed), narrowed)
            return _page(query, key, after, limit)

        return self._merged(libraries, one, TrackRow, track_key(narrowed), limit)

    def tracks_by_id(self, ids: Sequence[int]) -> Sequence[TrackRow]:
        """Return listed tracks in the order of the ids."""
        query = _tracks().where(Track.id.in_(ids), Track.is_listed)
        found = {row.id: TrackRow(*row) for row in self._session.execute(query)}
        return [found[track_id] for track_id in ids if track_id in found]

    def track(self, libraries: Sequence[int], uuid: UUID) -> tuple[TrackRow, Track] | None:
        """Return one track whole."""
        query = _tracks().where(MediaItem.uuid == uuid, Track.library_id.in_(libraries), Track.is_listed)
        row = self._session.execute(query).first()
        if row is None:
            return None
        track = self._session.get_one(Track, row.id)
        return TrackRow(*row), track

    def artists(self, libraries: Sequence[int], *, after: Key | None, limit: int) -> Sequence[ArtistRow]:
        """Return artists by name."""
        shelf = (LibraryArtist.sort_key, LibraryArtist.artist_id)

        def one(library: int) -> Query:
            return _page(_artists().where(LibraryArtist.library_id == library), shelf, after, limit)

        return _joined(self._merged(libraries, one, ArtistRow, _by_sort, limit * len(libraries)), _add_artists, limit)

    def artist(self, libraries: Sequence[int], uuid: UUID) -> ArtistRow | None:
        """Return one artist that one of the libraries shows."""
        query = _artists().where(Artist.uuid == uuid, LibraryArtist.library_id.in_(libraries))
        rows = [ArtistRow(*row) for row in self._session.execute(query)]
        return next(iter(_joined(rows, _add_artists, 1)), None)

    def artists_by_shelf(self, shelf_ids: Sequence[int]) -> Sequence[ArtistRow]:
        """Return artists in the order of the shelf rows a search found, each once."""
        query = _artists().add_columns(LibraryArtist.id).where(LibraryArtist.id.in_(shelf_ids))
        found = {row[-1]: ArtistRow(*row[:-1]) for row in self._session.execute(query)}
        return _once(found, shelf_ids)

    def albums(
        self, libraries: Sequence[int], *, artist: UUID | None, after: Key | None, limit: int
    ) -> Sequence[AlbumRow]:
        """Return albums by title, or those of one artist."""
        shelf = (LibraryAlbum.sort_key, LibraryAlbum.album_id)

        def one(library: int) -> Query:
            query = _albums().where(LibraryAlbum.library_id == library)
            if artist is not None:
                query = query.where(Album.id.in_(_albums_of(artist)))
            return _page(query, shelf, after, limit)

        return _joined(self._merged(libraries, one, AlbumRow, _by_sort, limit * len(libraries)), _add_albums, limit)

    def album(self, libraries: Sequence[int], uuid: UUID) -> AlbumRow | None:
        """Return one album that one of the libraries shows."""
        query = _albums().where(Album.uuid == uuid, LibraryAlbum.library_id.in_(libraries))
        rows = [AlbumRow(*row) for row in self._session.execute(query)]
        return next(iter(_joined(rows, _add_albums, 1)), None)

    def albums_by_shelf(self, shelf_ids: Sequence[int]) -> Sequence[AlbumRow]:
        """Return albums in the order of the shelf rows a search found, each once."""
        query = _albums().add_columns(LibraryAlbum.id).where(LibraryAlbum.id.in_(shelf_ids))
        found = {row[-1]: AlbumRow(*row[:-1]) for row in self._session.execute(query)}
        return _once(found, shelf_ids)

    def genres(self, libraries: Sequence[int], *, after: Key | None, limit: int) -> Sequence[GenreRow]:
        """Return genres by name."""
        shelf = (LibraryGenre.sort_key, LibraryGenre.genre_id)

        def one(library: int) -> Query:
            query = select(Genre.id, LibraryGenre.sort_key, Genre.uuid, Genre.name, LibraryGenre.track_count)
            query = query.join(LibraryGenre, LibraryGenre.genre_id == Genre.id)
            return _page(query.where(LibraryGenre.library_id == library), shelf, after, limit)

        return _joined(self._merged(libraries, one, GenreRow, _by_sort, limit * len(libraries)), _add_genres, limit)

    def roots(self, libraries: Sequence[int]) -> Sequence[FolderRow]:
        """Return the root folder of every source, under its path's last name."""
        query = _folders().where(Source.library_id.in_(libraries), Folder.parent_id.is_(None))
        return [FolderRow(*row, None) for row in self._session.execute(query.order_by(Folder.name_sort, Folder.id))]

    def folder(self, libraries: Sequence[int], uuid: UUID) -> FolderRow | None:
        """Return one folder with its parent."""
        query = _folders().add_columns(Folder.parent_id)
        row = self._session.execute(query.where(Folder.uuid == uuid, Source.library_id.in_(libraries))).first()
        if row is None:
            return None
        *known, parent_id = row
        return FolderRow(*known, self._session.scalar(select(Folder.uuid).where(Folder.id == parent_id)))

    def subfolders(self, parent: FolderRow, *, after: Key | None, limit: int) -> Sequence[FolderRow]:
        """Return the folders in a folder by name."""
        query = _folders().where(Folder.parent_id == parent.id)
        page = _page(query, (Folder.name_sort, Folder.id), after, limit)
        return [FolderRow(*row, parent.uuid) for row in self._session.execute(page)]

    def folder_cover(self, folder_id: int) -> FolderCover | None:
        """Return where the picture of a folder is, None when it has none."""
        query = select(Source.path, Folder.path, Folder.cover_name, Folder.cover_stamp).join(Source)
        row = self._session.execute(query.where(Folder.id == folder_id, Folder.cover_name.is_not(None))).first()
        return None if row is None else FolderCover(*row)

    def folder_of(self, track_id: int) -> int | None:
        """Return the folder of a track."""
        return self._session.scalar(select(Track.folder_id).where(Track.id == track_id))

    def _merged(
        self,
        libraries: Sequence[int],
        query: Callable[[int], Query],
        shape: type[Row],
        key: Callable[[Row], Key],
        limit: int,
    ) -> list[Row]:
        pages = [[shape(*row) for row in self._session.execute(query(library))] for library in libraries]
        return list(islice(merge(*pages, key=key), limit))


def track_key(narrowed: TrackFilter) -> Callable[[TrackRow], Key]:
    """Return what a list narrowed like this is ordered by, as a cursor needs it."""
    if narrowed.album is not None:
        return lambda row: (row.disc, row.number, row.id)
    if narrowed.folder is not None:
        return lambda row: (row.file_sort, row.id)
    return _by_sort


def _by_sort(row: Any) -> Key:  # noqa: ANN401 - every row here begins with id and sort
    return (row.sort, row.id)


def _track_key(narrowed: TrackFilter) -> Sequence[Any]:
    if narrowed.album is not None:
        return (Track.disc, Track.number, Track.id)
    if narrowed.folder is not None:
        return (Track.file_sort, Track.id)
    return (Track.title_sort, Track.id)


def _page(query: Query, key: Sequence[Any], after: Key | None, limit: int) -> Query:
    if after is not None:
        query = query.where(tuple_(*key) > tuple_(*after))
    return query.order_by(*key).limit(limit)


def _narrow(query: Query, narrowed: TrackFilter) -> Query:
    if narrowed.album is not None:
        query = query.where(Track.album_id == _id_of(Album, narrowed.album))
    if narrowed.folder is not None:
        query = query.where(Track.folder_id == _id_of(Folder, narrowed.folder))
    if narrowed.artist is not None:
        credited = select(Credit.track_id).where(Credit.artist_id == _id_of(Artist, narrowed.artist))
        query = query.where(Track.id.in_(credited))
    if narrowed.genre is not None:
        tagged = select(TrackGenre.track_id).where(TrackGenre.genre_id == _id_of(Genre, narrowed.genre))
        query = query.where(Track.id.in_(tagged))
    return query


def _id_of(table: Any, uuid: UUID) -> ColumnElement[int]:  # noqa: ANN401 - any table with id and uuid
    return select(table.id).where(table.uuid == uuid).scalar_subquery()


def _tracks() -> Query:
    by = Artist.__table__.alias("album_artist")
    return (
        select(
            Track.id,
            Track.title_sort,
            MediaItem.uuid,
            Track.title,
            Track.artist_name,
            Artist.uuid,
            Album.title,
            Album.uuid,
            by.c.name,
            Track.disc,
            Track.number,
            Track.date,
            Track.genre_name,
            Track.cover_hash,
            Track.file_sort,
            MediaItem.duration_ms,
            MediaItem.size_bytes,
            MediaItem.mime,
            MediaItem.container,
            MediaItem.codec,
            MediaItem.bitrate_bps,
            MediaItem.sample_rate_hz,
            MediaItem.channels,
            MediaItem.filename,
            MediaItem.added_at,
            Library.uuid,
        )
        .join(MediaItem, MediaItem.id == Track.id)
        .join(Artist, Artist.id == Track.artist_id)
        .join(Album, Album.id == Track.album_id)
        .join(by, by.c.id == Album.artist_id)
        .join(Library, Library.id == Track.library_id)
    )


def _artists() -> Query:
    return select(
        Artist.id,
        LibraryArtist.sort_key,
        Artist.uuid,
        Artist.name,
        Artist.mbid,
        LibraryArtist.album_count,
        LibraryArtist.track_count,
    ).join(LibraryArtist, LibraryArtist.artist_id == Artist.id)


def _albums() -> Query:
    return (
        select(
            Album.id,
            LibraryAlbum.sort_key,
            Album.uuid,
            Album.title,
            Album.artist_name,
            Artist.uuid,
            Album.date,
            Album.is_compilation,
            Album.mbid,
            LibraryAlbum.track_count,
            LibraryAlbum.duration_ms,
            LibraryAlbum.cover_track_id,
            LibraryAlbum.cover_folder_id,
        )
        .join(LibraryAlbum, LibraryAlbum.album_id == Album.id)
        .join(Artist, Artist.id == Album.artist_id)
    )


def _albums_of(artist: UUID) -> Query:
    credited = select(Track.album_id).join(Credit, Credit.track_id == Track.id)
    return credited.where(Credit.artist_id == _id_of(Artist, artist))


def _folders() -> Query:
    columns = (Folder.id, Folder.name_sort, Folder.uuid, Folder.name)
    return select(*columns).join(Source, Source.id == Folder.source_id)


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


def _once(found: dict[int, Row], shelf_ids: Sequence[int]) -> list[Row]:
    return list({found[shelf][0]: found[shelf] for shelf in shelf_ids if shelf in found}.values())
