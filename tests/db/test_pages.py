"""Pages by keyset: put together they are the whole list in its order, over any number of libraries."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.databases import add_folder, add_library, add_tracks, fresh_database, song
from support.tiers import is_deep
from tutti.db.engine import Database, Tx
from tutti.db.repos.browse import AlbumRow, ArtistRow, GenreRow, Key, TrackFilter, TrackRow, track_key
from tutti.domain.media import Tags
from tutti.domain.values import LibraryId
from tutti.kit.text import fold, sort_key

Rows = Sequence[Any]
Reader = Callable[[Key | None, int], Rows]

# Names that clash when folded, that sort by number, with articles, and in other scripts.
_names = st.sampled_from(
    ["Abba", "abba", "The Abba", "Track 2", "Track 10", "Élan", "elan", "!!!", "Żółw", "東京", "Z"]
)
_songs = st.builds(song, _names, _names, _names, disc=st.integers(0, 2), track=st.integers(0, 3), genre=_names)
_lists = st.lists(st.lists(_songs, max_size=15), min_size=1, max_size=3)


class Filled(NamedTuple):
    """Libraries with their songs."""

    libraries: Sequence[LibraryId]
    songs: Sequence[Sequence[Tags]]


@pytest.fixture(scope="module")
def shared_db(tmp_path_factory: pytest.TempPathFactory, database_kind: str) -> Iterator[Database]:
    """One database for all examples of a property, each with libraries of its own."""
    db = fresh_database(tmp_path_factory.mktemp("shared"), database_kind)
    yield db
    db.close()


def filled(db: Database, songs: Sequence[Sequence[Tags]]) -> Filled:
    libraries = [add_library(db) for _ in songs]
    for library_id, own in zip(libraries, songs, strict=True):
        add_tracks(db, library_id, own)
    return Filled(libraries, songs)


def walked(read: Reader, size: int, key: Callable[[Any], Key]) -> Rows:
    """Return the whole list, page by page."""
    rows: list[Any] = []
    after = None
    while page := read(after, size):
        assert len(page) <= size
        rows += page
        after = key(page[-1])
    return rows


def by_sort(row: ArtistRow | AlbumRow | GenreRow) -> Key:
    return (row.sort, row.id)


class TestTracks:
    @settings(max_examples=40 if is_deep() else 8)
    @given(_lists, st.integers(1, 7))
    def test_pages_by_title_are_the_sorted_list(
        self, shared_db: Database, songs: Sequence[Sequence[Tags]], size: int
    ) -> None:
        libraries, _ = filled(shared_db, songs)
        with shared_db.read() as tx:
            rows = walked(_tracks(tx, libraries, TrackFilter()), size, track_key(TrackFilter()))

        assert sorted(row.title for row in rows) == sorted(one.title for own in songs for one in own)
        assert [by_sort(row) for row in rows] == sorted(by_sort(row) for row in rows)
        assert [row.sort for row in rows] == [sort_key(row.title) for row in rows]

    @settings(max_examples=40 if is_deep() else 8)
    @given(_lists, st.integers(1, 7), st.sampled_from(["artist", "genre", "album"]))
    def test_pages_of_one_thing_are_its_tracks_in_their_order(
        self, shared_db: Database, songs: Sequence[Sequence[Tags]], size: int, field: str
    ) -> None:
        libraries, _ = filled(shared_db, songs)
        with shared_db.read() as tx:
            for uuid, titles in _truth(tx, libraries, field).items():
                narrowed = TrackFilter(**{field: uuid})
                rows = walked(_tracks(tx, libraries, narrowed), size, track_key(narrowed))

                assert sorted(row.title for row in rows) == sorted(titles)
                assert [track_key(narrowed)(row) for row in rows] == sorted(track_key(narrowed)(row) for row in rows)

    @pytest.mark.parametrize("size", [1, 2, 50])
    def test_pages_of_a_folder_are_its_files_in_their_order(self, db: Database, size: int) -> None:
        music = add_library(db)
        folder = add_folder(db, music)
        add_tracks(db, music, [song(f"{number}") for number in (10, 2, 1)], folder_id=folder.id)
        add_tracks(db, music, [song("Elsewhere")])
        narrowed = TrackFilter(folder=folder.uuid)

        with db.read() as tx:
            rows = walked(_tracks(tx, [music], narrowed), size, track_key(narrowed))

        assert [row.title for row in rows] == ["1", "2", "10"]

    def test_filters_may_be_combined(self, db: Database) -> None:
        music = add_library(db)
        add_tracks(db, music, [song("A", "Ann", genre="Pop"), song("B", "Ann", genre="Folk"), song("C", "Bob")])

        with db.read() as tx:
            ann = _uuid(tx.browse.artists([music], after=None, limit=9), "Ann")
            pop = _uuid(tx.browse.genres([music], after=None, limit=9), "Pop")
            rows = tx.browse.tracks([music], TrackFilter(artist=ann, genre=pop), after=None, limit=9)

        assert [row.title for row in rows] == ["A"]

    def test_an_artist_of_many_roles_has_a_track_once(self, db: Database) -> None:
        music = add_library(db)
        tags = song("A", "Ann")
        add_tracks(db, music, [Tags(title="A", artists=("Ann",), album_artists=("Ann",), composers=("Ann",)), tags])

        with db.read() as tx:
            ann = _uuid(tx.browse.artists([music], after=None, limit=9), "Ann")
            rows = tx.browse.tracks([music], TrackFilter(artist=ann), after=None, limit=9)

        assert [row.title for row in rows] == ["A", "A"]

    @pytest.mark.parametrize("narrowed", ["nothing", "artist", "genre", "album"])
    def test_a_track_whose_file_vanished_is_in_no_list(self, db: Database, narrowed: str) -> None:
        music = add_library(db)
        items = add_tracks(db, music, [song(f"Song {number}", track=number) for number in range(1, 6)])
        with db.write() as tx:
            tx.media.mark_missing(items[1:4], tx.now)

        with db.read() as tx:
            chosen = TrackFilter() if narrowed == "nothing" else TrackFilter(**{narrowed: _only(tx, music, narrowed)})
            rows = walked(_tracks(tx, [music], chosen), 2, track_key(chosen))

        assert [row.title for row in rows] == ["Song 1", "Song 5"]


class TestShelves:
    @settings(max_examples=40 if is_deep() else 8)
    @given(_lists, st.integers(1, 7), st.sampled_from(["artists", "albums", "genres"]))
    def test_pages_over_libraries_have_everything_once_with_its_counts_added(
        self, shared_db: Database, songs: Sequence[Sequence[Tags]], size: int, noun: str
    ) -> None:
        libraries, _ = filled(shared_db, songs)
        with shared_db.read() as tx:
            rows = walked(_shelf(tx, libraries, noun), size, by_sort)
            alone = [row for one in libraries for row in _shelf(tx, [one], noun)(None, 500)]

        assert [by_sort(row) for row in rows] == sorted({by_sort(row) for row in alone})
        assert {row.id: row.track_count for row in rows} == {
            row.id: sum(one.track_count for one in alone if one.id == row.id) for row in rows
        }

    @settings(max_examples=40 if is_deep() else 8)
    @given(_lists, st.integers(1, 7))
    def test_pages_of_an_artists_albums_are_the_albums_that_credit_him(
        self, shared_db: Database, songs: Sequence[Sequence[Tags]], size: int
    ) -> None:
        libraries, _ = filled(shared_db, songs)
        with shared_db.read() as tx:
            for artist in _shelf(tx, libraries, "artists")(None, 500):
                rows = walked(_albums_of(tx, libraries, artist.uuid), size, by_sort)
                tracks = tx.browse.tracks(libraries, TrackFilter(artist=artist.uuid), after=None, limit=500)

                assert {row.uuid for row in rows} == {track.album_uuid for track in tracks}
                assert [by_sort(row) for row in rows] == sorted({by_sort(row) for row in rows})

    def test_two_libraries_that_share_an_artist_show_one_row_with_both_counts(self, db: Database) -> None:
        one, other = add_library(db), add_library(db)
        add_tracks(db, one, [song("A", "Ann", "First"), song("B", "Ann", "Second")])
        add_tracks(db, other, [song("C", "Ann", "Third")])

        with db.read() as tx:
            (row,) = tx.browse.artists([one, other], after=None, limit=9)

        assert (row.name, row.track_count, row.album_count) == ("Ann", 3, 3)


def _tracks(tx: Tx, libraries: Sequence[LibraryId], narrowed: TrackFilter) -> Reader:
    return lambda after, limit: tx.browse.tracks(libraries, narrowed, after=after, limit=limit)


def _albums_of(tx: Tx, libraries: Sequence[LibraryId], artist: UUID) -> Reader:
    return lambda after, limit: tx.browse.albums(libraries, artist=artist, after=after, limit=limit)


def _shelf(tx: Tx, libraries: Sequence[LibraryId], noun: str) -> Reader:
    if noun == "albums":
        return lambda after, limit: tx.browse.albums(libraries, artist=None, after=after, limit=limit)
    read = tx.browse.artists if noun == "artists" else tx.browse.genres
    return lambda after, limit: read(libraries, after=after, limit=limit)


def _truth(tx: Tx, libraries: Sequence[LibraryId], field: str) -> Mapping[UUID, Sequence[str]]:
    """Return every artist, genre or album with the titles of its tracks, read without a filter."""
    every: Sequence[TrackRow] = tx.browse.tracks(libraries, TrackFilter(), after=None, limit=500)
    return {
        one.uuid: [row.title for row in every if _is_of(row, field, one)]
        for one in _shelf(tx, libraries, f"{field}s")(None, 500)
    }


def _is_of(row: TrackRow, field: str, one: ArtistRow | AlbumRow | GenreRow) -> bool:
    if isinstance(one, GenreRow):
        return fold(row.genre_name) == fold(one.name)
    return bool(getattr(row, f"{field}_uuid") == one.uuid)


def _only(tx: Tx, library_id: LibraryId, noun: str) -> UUID:
    (row,) = _shelf(tx, [library_id], f"{noun}s")(None, 9)
    uuid: UUID = row.uuid
    return uuid


def _uuid(rows: Sequence[ArtistRow] | Sequence[GenreRow], name: str) -> UUID:
    return next(row.uuid for row in rows if row.name == name)
