"""The catalog as callers see it: lists, single things, search; only what a readable library shows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from tutti.db.engine import Database, Tx
from tutti.db.repos.browse import (
    AlbumRow,
    ArtistRow,
    FolderRow,
    GenreRow,
    Key,
    TrackFilter,
    TrackRow,
    track_key,
)
from tutti.domain.caller import Caller
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.values import LibraryId
from tutti.kit.paging import BadCursor, CursorKind, Page, page_of
from tutti.kit.text import words
from tutti.models import Track
from tutti.services.libraries import readable

MAX_PAGE = 500
_MAX_WORDS = 8

_ARTISTS = CursorKind("artists", (str, int))
_ALBUMS = CursorKind("albums", (str, int))
_GENRES = CursorKind("genres", (str, int))
_FOLDERS = CursorKind("folders", (str, int))
_BY_TITLE = CursorKind("tracks", (str, int))
_IN_ALBUM = CursorKind("tracks.album", (int, int, int))
_IN_FOLDER = CursorKind("tracks.folder", (str, int))

Row = TypeVar("Row", ArtistRow, AlbumRow, GenreRow, FolderRow)
Thing = TypeVar("Thing")


@dataclass(frozen=True, slots=True)
class Found:
    """The best matches of a search, each kind by itself."""

    artists: Sequence[ArtistRow]
    albums: Sequence[AlbumRow]
    tracks: Sequence[TrackRow]


@dataclass(frozen=True, slots=True)
class PageWish:
    """Which page is wanted: `limit` rows after the cursor, from the beginning when there is none."""

    cursor: str | None = None
    limit: int = 50


class Catalog:
    """Reads the catalog for somebody."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def artists(self, caller: Caller, wish: PageWish, *, library: UUID | None = None) -> Page[ArtistRow]:
        """Return a page of artists by name.

        Raises:
            AppError: INVALID `bad_cursor`, `bad_limit`; NOT_FOUND `library_not_found`.
        """
        after, limit = opened(wish, _ARTISTS)
        with self._db.read() as tx:
            rows = tx.browse.artists(_readable(tx, caller, library), after=after, limit=limit + 1)
        return page_of(rows, limit, _ARTISTS, _position)

    def albums(
        self, caller: Caller, wish: PageWish, *, library: UUID | None = None, artist: UUID | None = None
    ) -> Page[AlbumRow]:
        """Return a page of albums by title, of one artist when named.

        Raises:
            AppError: As `artists`.
        """
        after, limit = opened(wish, _ALBUMS)
        with self._db.read() as tx:
            libraries = _readable(tx, caller, library)
            rows = tx.browse.albums(libraries, artist=artist, after=after, limit=limit + 1)
        return page_of(rows, limit, _ALBUMS, _position)

    def genres(self, caller: Caller, wish: PageWish, *, library: UUID | None = None) -> Page[GenreRow]:
        """Return a page of genres by name.

        Raises:
            AppError: As `artists`.
        """
        after, limit = opened(wish, _GENRES)
        with self._db.read() as tx:
            rows = tx.browse.genres(_readable(tx, caller, library), after=after, limit=limit + 1)
        return page_of(rows, limit, _GENRES, _position)

    def tracks(
        self, caller: Caller, wish: PageWish, narrowed: TrackFilter, *, library: UUID | None = None
    ) -> Page[TrackRow]:
        """Return a page of tracks: by title, of an album by disc and number, of a folder by file name.

        Raises:
            AppError: As `artists`.
        """
        kind = _IN_ALBUM if narrowed.album else _IN_FOLDER if narrowed.folder else _BY_TITLE
        after, limit = opened(wish, kind)
        with self._db.read() as tx:
            rows = tx.browse.tracks(_readable(tx, caller, library), narrowed, after=after, limit=limit + 1)
        return page_of(rows, limit, kind, track_key(narrowed))

    def roots(self, caller: Caller) -> Sequence[FolderRow]:
        """Return the top folders of all sources the caller may read."""
        with self._db.read() as tx:
            return tx.browse.roots(_readable(tx, caller, None))

    def folder(self, caller: Caller, uuid: UUID) -> FolderRow:
        """Return one folder.

        Raises:
            AppError: NOT_FOUND `folder_not_found`.
        """
        with self._db.read() as tx:
            return _found(tx.browse.folder(_readable(tx, caller, None), uuid), "folder")

    def subfolders(self, caller: Caller, uuid: UUID, wish: PageWish) -> Page[FolderRow]:
        """Return a page of the folders in a folder by name.

        Raises:
            AppError: INVALID `bad_cursor`, `bad_limit`; NOT_FOUND `folder_not_found`.
        """
        after, limit = opened(wish, _FOLDERS)
        with self._db.read() as tx:
            parent = _found(tx.browse.folder(_readable(tx, caller, None), uuid), "folder")
            rows = tx.browse.subfolders(parent, after=after, limit=limit + 1)
        return page_of(rows, limit, _FOLDERS, _position)

    def artist(self, caller: Caller, uuid: UUID) -> ArtistRow:
        """Return one artist.

        Raises:
            AppError: NOT_FOUND `artist_not_found`.
        """
        return self._one(caller, lambda tx, libraries: tx.browse.artist(libraries, uuid), "artist")

    def album(self, caller: Caller, uuid: UUID) -> AlbumRow:
        """Return one album.

        Raises:
            AppError: NOT_FOUND `album_not_found`.
        """
        return self._one(caller, lambda tx, libraries: tx.browse.album(libraries, uuid), "album")

    def track(self, caller: Caller, uuid: UUID) -> tuple[TrackRow, Track]:
        """Return one track whole.

        Raises:
            AppError: NOT_FOUND `track_not_found`.
        """
        return self._one(caller, lambda tx, libraries: tx.browse.track(libraries, uuid), "track")

    def search(self, caller: Caller, query: str, *, limit: int, library: UUID | None = None) -> Found:
        """Return the best matches; every word of the query is the beginning of a word that is looked for.

        Raises:
            AppError: INVALID `bad_limit`; NOT_FOUND `library_not_found`.
        """
        _check_limit(limit)
        typed = words(query, _MAX_WORDS)
        with self._db.read() as tx:
            libraries = _readable(tx, caller, library)
            return Found(
                artists=tx.browse.artists_by_shelf(tx.search.artists(libraries, typed, limit)),
                albums=tx.browse.albums_by_shelf(tx.search.albums(libraries, typed, limit)),
                tracks=tx.browse.tracks_by_id(tx.search.tracks(libraries, typed, limit)),
            )

    def _one(self, caller: Caller, find: Callable[[Tx, Sequence[LibraryId]], Thing | None], noun: str) -> Thing:
        with self._db.read() as tx:
            return _found(find(tx, _readable(tx, caller, None)), noun)


def _found(thing: Thing | None, noun: str) -> Thing:
    if thing is None:
        raise AppError(ErrorKind.NOT_FOUND, f"{noun}_not_found", f"There is no such {noun}.")
    return thing


def _readable(tx: Tx, caller: Caller, library: UUID | None) -> Sequence[LibraryId]:
    everything = readable(tx, caller)
    if library is None:
        return everything
    chosen = [LibraryId(row.id) for row in tx.libraries.of_user(caller.user_id) if row.uuid == library]
    if not chosen:
        raise AppError(ErrorKind.NOT_FOUND, "library_not_found", "There is no such library.")
    return chosen


def opened(wish: PageWish, kind: CursorKind) -> tuple[Key | None, int]:
    """Return after which values a page begins, None for the first one, and how many rows it has.

    Raises:
        AppError: INVALID `bad_cursor`, `bad_limit`.
    """
    _check_limit(wish.limit)
    if wish.cursor is None:
        return None, wish.limit
    try:
        return kind.decode(wish.cursor), wish.limit
    except BadCursor as error:
        raise AppError(ErrorKind.INVALID, "bad_cursor", "The cursor is not one of this list.") from error


def _check_limit(limit: int) -> None:
    if not 1 <= limit <= MAX_PAGE:
        raise AppError(ErrorKind.INVALID, "bad_limit", f"The limit must be between 1 and {MAX_PAGE}.")


def _position(row: Row) -> tuple[str, int]:
    return (row.sort, row.id)
