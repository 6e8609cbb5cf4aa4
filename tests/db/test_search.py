"""What a search finds, in which order, and what it must never see."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from support.databases import ON_SQLITE, add_library, add_tracks, fresh_database, song
from support.shelves import check_indexes, search_is_in_step
from tutti.db.engine import Database
from tutti.db.search import ALBUMS, ARTISTS, CANDIDATES, TRACKS, Kind
from tutti.domain.media import Tags
from tutti.domain.values import LibraryId
from tutti.kit.text import fold, words


@pytest.fixture
def music(db: Database) -> LibraryId:
    return add_library(db)


@pytest.fixture(scope="module")
def shared_db(tmp_path_factory: pytest.TempPathFactory, database_kind: str) -> Iterator[Database]:
    """One database for all examples of a property, each with a library of its own."""
    db = fresh_database(tmp_path_factory.mktemp("shared"), database_kind)
    yield db
    db.close()


def titles(db: Database, libraries: Sequence[LibraryId], query: str, limit: int = 10) -> list[str]:
    """Return the titles of the tracks that are found, the best first."""
    with db.read() as tx:
        found = tx.search.tracks(libraries, words(query, 8), limit)
        return [row.title for row in tx.browse.tracks_by_id(found)]


def artists(db: Database, libraries: Sequence[LibraryId], query: str) -> list[str]:
    with db.read() as tx:
        return [row.name for row in tx.browse.artists_by_shelf(tx.search.artists(libraries, words(query, 8), 10))]


def albums(db: Database, libraries: Sequence[LibraryId], query: str) -> list[str]:
    with db.read() as tx:
        return [row.title for row in tx.browse.albums_by_shelf(tx.search.albums(libraries, words(query, 8), 10))]


class TestWords:
    @pytest.mark.parametrize("query", ["joga", "JÓGA", "Jóga", "jo", "j", "bjork", "Björk jóg", "hom jog bj"])
    def test_case_and_accents_do_not_matter(self, db: Database, music: LibraryId, query: str) -> None:
        add_tracks(db, music, [song("Jóga", "Björk", "Homogenic"), song("Bachelorette", "Someone", "Else")])

        assert titles(db, [music], query) == ["Jóga"]

    @pytest.mark.parametrize("length", range(1, len("wonderwall") + 1))
    def test_every_beginning_of_a_word_finds_it(self, db: Database, music: LibraryId, length: int) -> None:
        add_tracks(db, music, [song("My Wonderwall"), song("Other")])

        assert titles(db, [music], "wonderwall"[:length]) == ["My Wonderwall"]

    @pytest.mark.parametrize("query", ["ann wonder", "wonder ann", "first won an", "wonderwall ann first"])
    def test_every_word_must_be_there_in_any_field_and_order(self, db: Database, music: LibraryId, query: str) -> None:
        add_tracks(db, music, [song("Wonderwall", "Ann"), song("Wonderwall", "Bob", "Second"), song("Other", "Ann")])

        assert titles(db, [music], query) == ["Wonderwall"]

    @pytest.mark.parametrize("query", ["onderw", "wall", "derwa", "nderwall my", "erw m"])
    def test_parts_of_words_are_found_when_no_beginning_is(self, db: Database, music: LibraryId, query: str) -> None:
        add_tracks(db, music, [song("My Wonderwall"), song("Other Thing")])

        assert titles(db, [music], query) == ["My Wonderwall"]

    @pytest.mark.parametrize("query", ["erw x", "all ot", "wonderwalls", "wallmy", "zz"])
    def test_what_is_not_there_is_not_found(self, db: Database, music: LibraryId, query: str) -> None:
        add_tracks(db, music, [song("My Wonderwall"), song("Other Thing")])

        assert titles(db, [music], query) == []

    @pytest.mark.parametrize(
        ("title", "query"),
        [
            ("東京事変", "東京"),
            ("Группа крови", "кров"),
            ("Ελλάδα", "ελλ"),
            ("हिन्दी गीत", "हिन्"),
            ("שלום", "של"),
            ("ไทย เพลง", "เพล"),
        ],
        ids=["Japanese", "Russian", "Greek", "Hindi", "Hebrew", "Thai"],
    )
    def test_every_script_is_found(self, db: Database, music: LibraryId, title: str, query: str) -> None:
        add_tracks(db, music, [song(title, "X", "Y")])

        assert titles(db, [music], query) == [title]

    def test_a_common_beginning_of_many_words_finds_all_of_them(self, db: Database, music: LibraryId) -> None:
        endings = [f"inter{first}{second}" for first in "abcdefgh" for second in "abcdefgh"]
        add_tracks(db, music, [song(ending) for ending in endings])

        assert titles(db, [music], "inter", limit=100) == sorted(endings)

    def test_nothing_typed_finds_nothing(self, db: Database, music: LibraryId) -> None:
        add_tracks(db, music, [song("Song")])

        assert titles(db, [music], " !? ") == []

    @given(st.text(max_size=40))
    def test_no_text_makes_a_search_fail(self, shared_db: Database, query: str) -> None:
        titles(shared_db, [LibraryId(1)], query)


class TestOrder:
    def test_the_name_itself_is_first_then_its_beginning_then_another_field_then_the_rest(
        self, db: Database, music: LibraryId
    ) -> None:
        add_tracks(
            db,
            music,
            [
                song("All You Need Is Love"),
                song("Something", "Love"),
                song("Love Me Do"),
                song("Lovely Day"),
                song("Love"),
            ],
        )

        assert titles(db, [music], "love") == [
            "Love",
            "Love Me Do",
            "Lovely Day",
            "Something",
            "All You Need Is Love",
        ]

    def test_the_shorter_text_is_first_among_equals(self, db: Database, music: LibraryId) -> None:
        add_tracks(db, music, [song("Rain on the Roof"), song("Rain"), song("Rain Dance")])

        assert titles(db, [music], "rai") == ["Rain", "Rain Dance", "Rain on the Roof"]

    def test_beginnings_come_before_parts(self, db: Database, music: LibraryId) -> None:
        add_tracks(db, music, [song("Wallflower"), song("Wonderwall")])

        assert titles(db, [music], "wall") == ["Wallflower", "Wonderwall"]

    @pytest.mark.parametrize(
        "exact", ["Needle", "The Needle", "Needle 2"], ids=["plain", "with an article", "with a number"]
    )
    def test_an_exact_title_is_found_though_it_came_after_the_cap(
        self, db: Database, music: LibraryId, exact: str
    ) -> None:
        add_tracks(db, music, [song(f"Hay {number}", "Needlers", "Needles") for number in range(CANDIDATES + 50)])
        add_tracks(db, music, [song(exact, "Z", "Z")])

        assert titles(db, [music], exact)[0] == exact

    def test_no_more_than_the_cap_is_ranked(self, db: Database, music: LibraryId) -> None:
        add_tracks(db, music, [song(f"Hay stack {number:06}") for number in range(CANDIDATES + 500)])

        with db.read() as tx:
            assert len(tx.search.tracks([music], ["stack"], CANDIDATES * 10)) <= CANDIDATES


class TestLibraries:
    @pytest.mark.parametrize("find", [titles, artists, albums])
    @pytest.mark.parametrize("query", ["secret", "secr", "ecre", "s"])
    def test_nothing_of_a_foreign_library_is_found(
        self, db: Database, find: Callable[[Database, Sequence[LibraryId], str], list[str]], query: str
    ) -> None:
        own, foreign = add_library(db, "Own"), add_library(db, "Foreign")
        add_tracks(db, foreign, [song("Secret Title", "Secret Artist", "Secret Album")])
        add_tracks(db, own, [song("Known", "Known", "Known")])

        assert find(db, [own], query) == []
        assert find(db, [], query) == []
        assert len(find(db, [foreign], query)) == 1

    @pytest.mark.parametrize("query", ["hay", "ayst"], ids=["beginning", "part"])
    def test_a_small_library_is_found_beside_a_huge_one(self, db: Database, query: str) -> None:
        huge, small = add_library(db, "Huge"), add_library(db, "Small")
        add_tracks(db, huge, [song(f"Haystack {number}") for number in range(CANDIDATES + 50)])
        add_tracks(db, small, [song("Haystack")])

        assert titles(db, [small], query) == ["Haystack"]
        assert titles(db, [huge, small], query)[0] == "Haystack"

    def test_words_of_a_foreign_library_do_not_crowd_out_own_ones(self, db: Database) -> None:
        own, foreign = add_library(db, "Own"), add_library(db, "Foreign")
        add_tracks(db, foreign, [song(f"x{number}mid") for number in range(CANDIDATES + 50)])
        add_tracks(db, own, [song("somewhatlongmidword")])

        assert titles(db, [own], "mid") == ["somewhatlongmidword"]

    def test_an_artist_of_two_libraries_is_found_once(self, db: Database) -> None:
        one, other = add_library(db, "One"), add_library(db, "Other")
        add_tracks(db, one, [song("A", "Ann")])
        add_tracks(db, other, [song("B", "Ann")])

        assert artists(db, [one, other], "ann") == ["Ann"]

    def test_hundreds_of_libraries_are_searched_in_turn(self, db: Database, music: LibraryId) -> None:
        add_tracks(db, music, [song("Song")])

        assert titles(db, [music, *(LibraryId(number) for number in range(100, 600))], "song") == ["Song"]


class TestChanges:
    def test_a_track_whose_file_vanished_is_not_found(self, db: Database, music: LibraryId) -> None:
        gone, stays = add_tracks(db, music, [song("Song", "Gone"), song("Song", "Stays")])
        with db.write() as tx:
            tx.media.mark_missing([gone], tx.now)

        with db.read() as tx:
            assert tx.search.tracks([music], ["song"], 10) == [stays]
        assert search_is_in_step(db)

    def test_vanished_tracks_take_no_place_of_candidates(self, db: Database, music: LibraryId) -> None:
        gone = add_tracks(db, music, [song(f"Hay stack {number}") for number in range(CANDIDATES + 50)])
        add_tracks(db, music, [song("Last stack")])
        with db.write() as tx:
            tx.media.mark_missing(gone, tx.now)

        assert titles(db, [music], "stack") == ["Last stack"]

    def test_a_track_that_is_deleted_leaves_the_index(self, db: Database, music: LibraryId) -> None:
        (item,) = add_tracks(db, music, [song("Song")])
        with db.engine.begin() as connection:
            connection.execute(text("DELETE FROM media_item WHERE id = :id"), {"id": item})

        assert titles(db, [music], "song") == []
        with db.engine.connect() as connection:
            check_indexes(connection)

    def test_a_search_while_somebody_adds_sees_one_moment(self, db: Database, music: LibraryId) -> None:
        add_tracks(db, music, [song("Song one")])
        with db.read() as tx:
            before = tx.search.tracks([music], ["song"], 10)
            add_tracks(db, music, [song("Song two")])

            assert tx.search.tracks([music], ["song"], 10) == before
        assert len(titles(db, [music], "song")) == 2


# Few letters and short words, so that beginnings, parts and misses all happen.
_letters = st.sampled_from("abé")
_names = st.lists(st.text(_letters, min_size=1, max_size=6), min_size=1, max_size=3).map(" ".join)
_songs = st.builds(song, _names, _names, _names)


@given(st.lists(_songs, min_size=1, max_size=12), _names)
def test_what_is_found_is_what_a_comparison_of_all_texts_finds(
    shared_db: Database, songs: Sequence[Tags], query: str
) -> None:
    music = add_library(shared_db)
    ids = add_tracks(shared_db, music, songs)
    typed = words(query, 8)

    with shared_db.read() as tx:
        found = tx.search.tracks([music], typed, 100)

    matching = {found for found, one in zip(ids, songs, strict=True) if _matches(typed, _words(one))}
    assert set(found) == matching
    assert len(found) == len(matching)


def _words(tags: Tags) -> Sequence[str]:
    return " ".join(map(fold, (tags.title, tags.artists[0], tags.album))).split()


def _matches(typed: Iterable[str], known: Sequence[str]) -> bool:
    """Say whether each typed word begins a word, or is a part of one when it has three letters and more."""
    return all(any(word.startswith(one) or (len(one) >= 3 and one in word) for word in known) for one in typed)


@ON_SQLITE
@pytest.mark.parametrize("kind", [TRACKS, ALBUMS, ARTISTS])
def test_names_are_read_from_their_place_in_the_list(db: Database, kind: Kind) -> None:
    """Read from the beginning of the list, they cost 100 ms in a library of a million."""
    query = f"EXPLAIN QUERY PLAN SELECT 1 FROM {kind.by_name} BETWEEN :first AND :last"
    with db.read() as tx:
        found = tx._session.execute(text(query), {"library": 1, "first": "a", "last": "b"})
        (plan,) = [row.detail for row in found]

    assert kind.by_name.rpartition(" ")[2] + ">?" in plan
