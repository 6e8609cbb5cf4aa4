"""What every library must show, counted from scratch: the truth that kept counts are compared with."""

from collections import defaultdict
from typing import NamedTuple

from sqlalchemy import Connection, select, text

from tutti.db.dialect import is_sqlite
from tutti.db.engine import Database
from tutti.models import (
    AlbumText,
    ArtistAlbum,
    ArtistText,
    Credit,
    LibraryAlbum,
    LibraryArtist,
    LibraryGenre,
    MediaItem,
    Track,
    TrackGenre,
    TrackText,
)

Key = tuple[int, int]
_Numbered = AlbumText | ArtistText | LibraryAlbum | LibraryArtist | Track | TrackText


class Shelves(NamedTuple):
    """Library and thing to its counts: tracks and milliseconds, albums and tracks, tracks; who has which albums."""

    albums: dict[Key, tuple[int, int]]
    artists: dict[Key, tuple[int, int]]
    genres: dict[Key, int]
    pages: set[tuple[int, int, int]]


def kept(db: Database) -> Shelves:
    """Return the counts as they are stored."""
    with db.engine.connect() as connection:
        albums = select(
            LibraryAlbum.library_id, LibraryAlbum.album_id, LibraryAlbum.track_count, LibraryAlbum.duration_ms
        )
        artists = select(
            LibraryArtist.library_id, LibraryArtist.artist_id, LibraryArtist.album_count, LibraryArtist.track_count
        )
        genres = select(LibraryGenre.library_id, LibraryGenre.genre_id, LibraryGenre.track_count)
        pages = select(ArtistAlbum.library_id, ArtistAlbum.artist_id, ArtistAlbum.album_id)
        return Shelves(
            {(row[0], row[1]): (row[2], row[3]) for row in connection.execute(albums)},
            {(row[0], row[1]): (row[2], row[3]) for row in connection.execute(artists)},
            {(row[0], row[1]): row[2] for row in connection.execute(genres)},
            {(row[0], row[1], row[2]) for row in connection.execute(pages)},
        )


def counted(db: Database) -> Shelves:
    """Return the counts as the listed tracks give them."""
    with db.engine.connect() as connection:
        tracks = {
            row.id: row
            for row in connection.execute(
                select(Track.id, Track.library_id, Track.album_id, MediaItem.duration_ms)
                .join(MediaItem, MediaItem.id == Track.id)
                .where(Track.is_listed)
            )
        }
        credits_ = connection.execute(select(Credit.track_id, Credit.artist_id).distinct()).all()
        tagged = connection.execute(select(TrackGenre.track_id, TrackGenre.genre_id)).all()
    albums: defaultdict[Key, list[int]] = defaultdict(list)
    artists: defaultdict[Key, set[tuple[int, int]]] = defaultdict(set)
    genres: defaultdict[Key, set[int]] = defaultdict(set)
    for track in tracks.values():
        albums[track.library_id, track.album_id].append(track.duration_ms)
    for track_id, artist_id in credits_:
        if track_id in tracks:
            artists[tracks[track_id].library_id, artist_id].add((tracks[track_id].album_id, track_id))
    for track_id, genre_id in tagged:
        if track_id in tracks:
            genres[tracks[track_id].library_id, genre_id].add(track_id)
    return Shelves(
        {key: (len(durations), sum(durations)) for key, durations in albums.items()},
        {key: (len({album for album, _ in found}), len(found)) for key, found in artists.items()},
        {key: len(found) for key, found in genres.items()},
        {(*key, album) for key, found in artists.items() for album, _ in found},
    )


def check_indexes(connection: Connection) -> None:
    """Let SQLite say whether its indexes agree with the texts; PostgreSQL derives its own from them."""
    if is_sqlite(connection.dialect):
        for index in ("track_words", "album_words", "artist_words", "word_parts"):
            connection.execute(text(f"INSERT INTO {index}({index}, rank) VALUES ('integrity-check', 1)"))


def search_is_in_step(db: Database) -> bool:
    """Return whether everything that is shown has its text, and whether each index agrees with its texts."""
    with db.engine.connect() as connection:
        check_indexes(connection)
        return (
            _ids(connection, AlbumText) == _ids(connection, LibraryAlbum)
            and _ids(connection, ArtistText) == _ids(connection, LibraryArtist)
            and _ids(connection, TrackText) == _ids(connection, Track)
        )


def _ids(connection: Connection, table: type[_Numbered]) -> set[int]:
    return set(connection.scalars(select(table.id)))
