"""The statements behind lists: building one costs more than running it, so each is built once and given its values."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, and_, bindparam, select, tuple_
from sqlalchemy.orm import aliased

from tutti.models import (
    Album,
    Artist,
    ArtistAlbum,
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

Query = Select[*tuple[Any, ...]]


@cache
def track_page(narrowed: tuple[str, ...], is_after: bool) -> Query:  # noqa: FBT001 - the key of a cache
    """Return a page of tracks: first the ids of the page, so that only those are joined with what is shown of them."""
    order: Sequence[Any] = (Track.title_sort, Track.id)
    if "album" in narrowed:
        order = (Track.disc, Track.number, Track.id)
    elif "folder" in narrowed:
        order = (Track.file_sort, Track.id)
    elif "artist" in narrowed:
        return _shown(page(*_listed_by(Credit, narrowed), is_after=is_after), order)
    elif "genre" in narrowed:
        return _shown(page(*_listed_by(TrackGenre, narrowed), is_after=is_after), order)
    # Few tracks are of an album or in a folder: the sum keeps the planner from reading the library for them.
    library = Track.library_id + 0 if {"album", "folder"} & set(narrowed) else Track.library_id
    ids = select(Track.id).where(library == bindparam("library"), Track.is_listed, *_narrowing(narrowed))
    return _shown(page(ids, order, is_after=is_after), order)


def _listed_by(table: type[Credit] | type[TrackGenre], narrowed: Sequence[str]) -> tuple[Query, Sequence[Any]]:
    """Return ids of tracks in the order of the table's own key, each once though an artist may have many roles."""
    key = (table.title_sort, table.track_id)
    query = select(table.track_id).join(Track, Track.id == table.track_id).group_by(*key)
    named = _artist() if table is Credit else _genre()
    others = [one for one in narrowed if one != ("artist" if table is Credit else "genre")]
    return query.where(table.library_id == bindparam("library"), named, Track.is_listed, *_narrowing(others)), key


def _narrowing(narrowed: Iterable[str]) -> Sequence[ColumnElement[bool]]:
    """Return the conditions on a track, put so that each is asked of the track at hand."""
    conditions = {
        "album": Track.album_id == _id_of(Album, "album"),
        "folder": Track.folder_id == _id_of(Folder, "folder"),
        "artist": select(Credit.track_id).where(Credit.track_id == Track.id, _artist()).exists(),
        "genre": select(TrackGenre.track_id).where(TrackGenre.track_id == Track.id, _genre()).exists(),
    }
    return [conditions[name] for name in narrowed]


def _artist() -> ColumnElement[bool]:
    return Credit.artist_id == _id_of(Artist, "artist")


def _genre() -> ColumnElement[bool]:
    return TrackGenre.genre_id == _id_of(Genre, "genre")


def _shown(ids: Query, order: Sequence[Any]) -> Query:
    return _tracks().where(Track.id.in_(ids)).order_by(*order)


@cache
def tracks_by_id() -> Query:
    """Return listed tracks; takes `ids`."""
    return _tracks().where(Track.id.in_(bindparam("ids", expanding=True)), Track.is_listed)


@cache
def track_by_uuid() -> Query:
    """Return one listed track; takes `uuid` and `libraries`."""
    return _in_libraries(_tracks().where(MediaItem.uuid == bindparam("uuid"), Track.is_listed), Track.library_id)


@cache
def artist_page(is_after: bool) -> Query:  # noqa: FBT001 - the key of a cache
    """Return a page of artists; takes `library` and what `page` takes."""
    query = _artists().where(LibraryArtist.library_id == bindparam("library"))
    return page(query, (LibraryArtist.sort_key, LibraryArtist.artist_id), is_after=is_after)


@cache
def artist_by_uuid() -> Query:
    """Return an artist once for each library; takes `uuid` and `libraries`."""
    return _in_libraries(_artists().where(Artist.uuid == bindparam("uuid")), LibraryArtist.library_id)


@cache
def artists_by_shelf() -> Query:
    """Return artists with the id of their shelf row behind; takes `ids`."""
    return _artists().add_columns(LibraryArtist.id).where(LibraryArtist.id.in_(bindparam("ids", expanding=True)))


@cache
def album_page(is_of_artist: bool, is_after: bool) -> Query:  # noqa: FBT001 - the key of a cache
    """Return a page of albums; takes `library`, `artist` and what `page` takes."""
    if not is_of_artist:
        query = _albums().where(LibraryAlbum.library_id == bindparam("library"))
        return page(query, (LibraryAlbum.sort_key, LibraryAlbum.album_id), is_after=is_after)
    credited = (ArtistAlbum.library_id == LibraryAlbum.library_id, ArtistAlbum.album_id == LibraryAlbum.album_id)
    query = _albums().join(ArtistAlbum, and_(*credited))
    query = query.where(
        ArtistAlbum.library_id == bindparam("library"), ArtistAlbum.artist_id == _id_of(Artist, "artist")
    )
    return page(query, (ArtistAlbum.sort_key, ArtistAlbum.album_id), is_after=is_after)


@cache
def album_by_uuid() -> Query:
    """Return an album once for each library; takes `uuid` and `libraries`."""
    return _in_libraries(_albums().where(Album.uuid == bindparam("uuid")), LibraryAlbum.library_id)


@cache
def albums_by_shelf() -> Query:
    """Return albums with the id of their shelf row behind; takes `ids`."""
    return _albums().add_columns(LibraryAlbum.id).where(LibraryAlbum.id.in_(bindparam("ids", expanding=True)))


@cache
def genre_page(is_after: bool) -> Query:  # noqa: FBT001 - the key of a cache
    """Return a page of genres; takes `library` and what `page` takes."""
    query = select(Genre.id, LibraryGenre.sort_key, Genre.uuid, Genre.name, LibraryGenre.track_count)
    query = query.join(LibraryGenre, LibraryGenre.genre_id == Genre.id)
    query = query.where(LibraryGenre.library_id == bindparam("library"))
    return page(query, (LibraryGenre.sort_key, LibraryGenre.genre_id), is_after=is_after)


@cache
def folder_by_uuid() -> Query:
    """Return one folder; takes `uuid` and `libraries`."""
    above = aliased(Folder)
    parent = select(above.uuid).where(above.id == Folder.parent_id).scalar_subquery()
    return _in_libraries(folders(parent).where(Folder.uuid == bindparam("uuid")), Source.library_id)


def page(query: Query, key: Sequence[Any], *, is_after: bool) -> Query:
    """Cut a page out of a query in the order of `key`; takes `limit`, and `after_0` ... behind a row."""
    if is_after:
        after = [bindparam(f"after_{place}", type_=column.type) for place, column in enumerate(key)]
        query = query.where(tuple_(*key) > tuple_(*after))
    return query.order_by(*key).limit(bindparam("limit", type_=Integer()))


def _in_libraries(query: Query, column: Any) -> Query:  # noqa: ANN401 - the library of any table
    return query.where(column.in_(bindparam("libraries", expanding=True)))


def _id_of(table: Any, name: str) -> ColumnElement[int]:  # noqa: ANN401 - any table with id and uuid
    return select(table.id).where(table.uuid == bindparam(name)).scalar_subquery()


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


def folders(parent: Any) -> Query:  # noqa: ANN401 - an expression that gives the parent's uuid
    """Return folders that are there, with an expression for the uuid of what they are in."""
    columns = (Folder.id, Folder.name_sort, Folder.uuid, Folder.name, parent)
    return select(*columns).join(Source, Source.id == Folder.source_id).where(Folder.missing_at.is_(None))
