"""The statements behind lists: building one costs more than running it, so each is built once and given its values."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, bindparam, select, tuple_
from sqlalchemy.orm import aliased

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

Query = Select[*tuple[Any, ...]]


@cache
def track_page(narrowed: tuple[str, ...], is_after: bool, is_common: bool) -> Query:  # noqa: FBT001 - a cache's key
    """Return a page of tracks: first the ids of the page, so that only those are joined with what is shown of them."""
    # Whoever has few tracks is asked for them, and they are sorted; for others the library is read in its order.
    few = not is_common and ("artist" in narrowed or "genre" in narrowed)
    library = Track.library_id + 0 if few else Track.library_id
    ids: Query = select(Track.id).where(library == bindparam("library"), Track.is_listed)
    if "album" in narrowed:
        ids = ids.where(Track.album_id == _id_of(Album, "album"))
    if "folder" in narrowed:
        ids = ids.where(Track.folder_id == _id_of(Folder, "folder"))
    if "artist" in narrowed:
        ids = ids.where(_has(Credit, Credit.artist_id == _id_of(Artist, "artist"), few=few))
    if "genre" in narrowed:
        ids = ids.where(_has(TrackGenre, TrackGenre.genre_id == _id_of(Genre, "genre"), few=few))
    key: Sequence[Any] = (Track.title_sort, Track.id)
    if "album" in narrowed:
        key = (Track.disc, Track.number, Track.id)
    elif "folder" in narrowed:
        key = (Track.file_sort, Track.id)
    shown = page(ids, key, is_after=is_after)
    return _tracks().where(Track.id.in_(shown)).order_by(*key)


def _has(table: type[Credit] | type[TrackGenre], named: ColumnElement[bool], *, few: bool) -> ColumnElement[bool]:
    """Return the condition that a track is in this table: by its list when that is short, else by asking for each."""
    if few:
        return Track.id.in_(select(table.track_id).where(named))
    return select(table.track_id).where(table.track_id == Track.id, named).exists()


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
    # An artist has few albums: they are sorted, rather than all albums of the library read in their order.
    library = LibraryAlbum.library_id + 0 if is_of_artist else LibraryAlbum.library_id
    query = _albums().where(library == bindparam("library"))
    if is_of_artist:
        credited = select(Track.album_id).join(Credit, Credit.track_id == Track.id)
        query = query.where(Album.id.in_(credited.where(Credit.artist_id == _id_of(Artist, "artist"))))
    return page(query, (LibraryAlbum.sort_key, LibraryAlbum.album_id), is_after=is_after)


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
def artist_counts() -> Query:
    """Return how many tracks of an artist each library shows; takes `uuid` and `libraries`."""
    query = select(LibraryArtist.track_count).join(Artist, Artist.id == LibraryArtist.artist_id)
    return _in_libraries(query.where(Artist.uuid == bindparam("uuid")), LibraryArtist.library_id)


@cache
def genre_counts() -> Query:
    """Return how many tracks of a genre each library shows; takes `uuid` and `libraries`."""
    query = select(LibraryGenre.track_count).join(Genre, Genre.id == LibraryGenre.genre_id)
    return _in_libraries(query.where(Genre.uuid == bindparam("uuid")), LibraryGenre.library_id)


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
    """Return folders, with an expression for the uuid of what they are in."""
    columns = (Folder.id, Folder.name_sort, Folder.uuid, Folder.name, parent)
    return select(*columns).join(Source, Source.id == Folder.source_id)
