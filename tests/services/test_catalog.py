"""Looking around: pages that join without a seam, single things, search."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import pytest

from support.core import House
from support.errors import raised
from support.music import Song
from tutti.db.repos.browse import TrackFilter
from tutti.domain.errors import ErrorKind
from tutti.kit.paging import Page
from tutti.services.catalog import MAX_PAGE, PageWish

ALL = TrackFilter()


class Named(NamedTuple):
    """A list of the catalog: how to ask for a page, and the names on it."""

    page: Callable[[House, PageWish], Page[Any]]
    attribute: str


LISTS = {
    "artists": Named(lambda house, wish: house.catalog.artists(house.ann, wish), "name"),
    "albums": Named(lambda house, wish: house.catalog.albums(house.ann, wish), "title"),
    "genres": Named(lambda house, wish: house.catalog.genres(house.ann, wish), "name"),
    "tracks": Named(lambda house, wish: house.catalog.tracks(house.ann, wish, ALL), "title"),
    "tracks of an album": Named(lambda house, wish: house.catalog.tracks(house.ann, wish, _in_album(house)), "title"),
    "tracks of a folder": Named(lambda house, wish: house.catalog.tracks(house.ann, wish, _in_folder(house)), "title"),
    "folders": Named(lambda house, wish: house.catalog.subfolders(house.ann, _root(house), wish), "name"),
}


@pytest.fixture(params=list(LISTS.values()), ids=list(LISTS))
def listed(request: pytest.FixtureRequest) -> Named:
    found: Named = request.param
    return found


@pytest.fixture(scope="module")
def full_house(shared_house: House) -> House:
    """Seven of everything, in folders of their own and in one."""
    for number in range(7):
        shared_house.save(f"folder {number}/one.mp3", _song(number))
        song = Song(f"Title {number}", album="All", track=number, audio=f"all {number}")
        shared_house.save(f"all/{number}.mp3", song)
    shared_house.scan()
    return shared_house


def _song(number: int) -> Song:
    name = str(number)
    return Song(f"Alone {name}", (f"Artist {name}",), f"Album {name}", genres=(f"Genre {name}",), audio=name)


def _in_album(house: House) -> TrackFilter:
    [album] = house.catalog.search(house.ann, "all ann", limit=1).albums
    return TrackFilter(album=album.uuid)


def _in_folder(house: House) -> TrackFilter:
    folders = house.catalog.subfolders(house.ann, _root(house), PageWish()).items
    return TrackFilter(folder=next(folder.uuid for folder in folders if folder.name == "all"))


def _root(house: House) -> UUID:
    return house.catalog.roots(house.ann)[0].uuid


class TestPages:
    @pytest.mark.parametrize("limit", [1, 2, 3, 500])
    def test_pages_of_any_size_join_to_the_whole_list(self, full_house: House, listed: Named, limit: int) -> None:
        whole = listed.page(full_house, PageWish(limit=500)).items

        joined: list[object] = []
        cursor, more = None, True
        while more:
            page = listed.page(full_house, PageWish(cursor, limit))
            joined, cursor, more = [*joined, *page.items], page.next_cursor, page.next_cursor is not None

        assert joined == list(whole)
        assert len(joined) >= 7

    def test_names_are_in_order(self, full_house: House, listed: Named) -> None:
        names = [getattr(row, listed.attribute) for row in listed.page(full_house, PageWish()).items]

        assert names == sorted(names)

    @pytest.mark.parametrize("limit", [0, -1, MAX_PAGE + 1, 10**20])
    def test_a_limit_out_of_bounds_is_refused(self, full_house: House, listed: Named, limit: int) -> None:
        assert raised(lambda: listed.page(full_house, PageWish(limit=limit))) == (ErrorKind.INVALID, "bad_limit")

    @pytest.mark.parametrize("cursor", ["", "noise", "=", "é", "W10", "x" * 10_000])
    def test_a_cursor_that_is_none_is_refused(self, full_house: House, listed: Named, cursor: str) -> None:
        assert raised(lambda: listed.page(full_house, PageWish(cursor))) == (ErrorKind.INVALID, "bad_cursor")

    @pytest.mark.parametrize(("name", "other"), list(pairwise([*LISTS, "artists"])))
    def test_a_cursor_belongs_to_its_list(self, full_house: House, name: str, other: str) -> None:
        cursor = LISTS[other].page(full_house, PageWish(limit=1)).next_cursor

        assert raised(lambda: LISTS[name].page(full_house, PageWish(cursor))) == (ErrorKind.INVALID, "bad_cursor")

    def test_a_row_that_went_does_not_break_the_next_page(self, house: House) -> None:
        for number in range(6):
            house.save(f"{number}.mp3", _song(number))
        house.scan()
        first = house.catalog.tracks(house.ann, PageWish(limit=3), ALL)
        (house.music / "2.mp3").unlink()
        house.scan()

        second = house.catalog.tracks(house.ann, PageWish(first.next_cursor, 3), ALL)

        assert [row.title for row in second.items] == ["Alone 3", "Alone 4", "Alone 5"]


class TestFilters:
    def test_tracks_of_an_album_are_in_the_order_of_disc_and_number(self, house: House) -> None:
        house.save("two/b.mp3", Song("Second disc", album="Two", disc=2, track=1, audio="x"))
        house.save("two/c.mp3", Song("First disc, second", album="Two", disc=1, track=2, audio="y"))
        house.save("two/a.mp3", Song("First disc, first", album="Two", disc=1, track=1, audio="z"))
        house.scan()
        [album] = house.catalog.search(house.ann, "two ann", limit=1).albums

        rows = house.catalog.tracks(house.ann, PageWish(), TrackFilter(album=album.uuid)).items

        assert [row.title for row in rows] == ["First disc, first", "First disc, second", "Second disc"]

    def test_tracks_of_an_artist(self, full_house: House) -> None:
        [artist] = full_house.catalog.search(full_house.ann, "artist 3", limit=1).artists

        rows = full_house.catalog.tracks(full_house.ann, PageWish(), TrackFilter(artist=artist.uuid)).items

        assert [row.title for row in rows] == ["Alone 3"]

    def test_albums_of_an_artist(self, full_house: House) -> None:
        [artist] = full_house.catalog.search(full_house.ann, "artist 3", limit=1).artists

        assert [
            row.title for row in full_house.catalog.albums(full_house.ann, PageWish(), artist=artist.uuid).items
        ] == ["Album 3"]

    def test_tracks_of_a_genre(self, full_house: House) -> None:
        genre = full_house.catalog.genres(full_house.ann, PageWish()).items[4]

        rows = full_house.catalog.tracks(full_house.ann, PageWish(), TrackFilter(genre=genre.uuid)).items

        assert [row.genre_name for row in rows] == [genre.name]

    @pytest.mark.parametrize("field", ["album", "artist", "genre", "folder"])
    def test_an_unknown_thing_has_no_tracks(self, full_house: House, field: str) -> None:
        narrowed = TrackFilter(**{field: uuid4()})

        assert full_house.catalog.tracks(full_house.ann, PageWish(), narrowed).items == []


class TestSingleThings:
    def test_an_artist(self, full_house: House) -> None:
        row = full_house.catalog.artists(full_house.ann, PageWish(limit=1)).items[0]

        assert full_house.catalog.artist(full_house.ann, row.uuid) == row

    def test_an_album(self, full_house: House) -> None:
        row = full_house.catalog.albums(full_house.ann, PageWish(limit=1)).items[0]

        assert full_house.catalog.album(full_house.ann, row.uuid) == row

    def test_a_track_comes_whole(self, full_house: House) -> None:
        row = full_house.catalog.tracks(full_house.ann, PageWish(limit=1), ALL).items[0]

        found, track = full_house.catalog.track(full_house.ann, row.uuid)

        assert (found, track.title) == (row, row.title)

    def test_a_folder_knows_its_parent(self, full_house: House) -> None:
        row = full_house.catalog.subfolders(full_house.ann, _root(full_house), PageWish(limit=1)).items[0]

        assert full_house.catalog.folder(full_house.ann, row.uuid) == row
        assert row.parent_uuid == _root(full_house)

    def test_a_folder_that_is_gone_is_shown_no_more(self, house: House) -> None:
        house.save("stays/one.mp3", _song(1))
        house.save("goes/two.mp3", _song(2))
        house.scan()
        (house.music / "goes").rename(house.music.parent / "gone")

        house.scan()

        shown = house.catalog.subfolders(house.ann, _root(house), PageWish()).items
        assert [row.name for row in shown] == ["stays"]

    @pytest.mark.parametrize("noun", ["artist", "album", "track", "folder"])
    def test_an_unknown_one_is_not_found(self, full_house: House, noun: str) -> None:
        find = getattr(full_house.catalog, noun)

        assert raised(lambda: find(full_house.ann, uuid4())) == (ErrorKind.NOT_FOUND, f"{noun}_not_found")

    def test_the_folders_of_an_unknown_folder_are_not_found(self, full_house: House) -> None:
        assert raised(lambda: full_house.catalog.subfolders(full_house.ann, uuid4(), PageWish())) == (
            ErrorKind.NOT_FOUND,
            "folder_not_found",
        )


class TestSearch:
    def test_every_kind_is_found_by_the_beginning_of_words(self, full_house: House) -> None:
        found = full_house.catalog.search(full_house.ann, "alb 3", limit=5)

        assert found.albums[0].title == "Album 3"
        assert found.tracks[0].title == "Alone 3"

    def test_every_word_must_be_there_however_short(self, full_house: House) -> None:
        found = full_house.catalog.search(full_house.ann, "alb 3", limit=5)

        assert [row.title for row in found.albums] == ["Album 3"]

    def test_accents_do_not_matter(self, house: House) -> None:
        house.save("b.mp3", Song("Jóga", ("Björk",), audio="b"))
        house.scan()

        assert [row.name for row in house.catalog.search(house.ann, "bjork", limit=5).artists] == ["Björk"]
        assert [row.title for row in house.catalog.search(house.ann, "JOGA", limit=5).tracks] == ["Jóga"]

    @pytest.mark.parametrize("query", ["", "   ", "!!!", '"', "' OR 1=1", "*", "NEAR(", "a\0b", "x" * 5000])
    def test_any_query_is_only_words(self, full_house: House, query: str) -> None:
        found = full_house.catalog.search(full_house.ann, query, limit=5)

        assert (found.artists, found.albums, found.tracks) == ([], [], [])

    def test_no_more_than_asked_for(self, full_house: House) -> None:
        assert len(full_house.catalog.search(full_house.ann, "a", limit=2).tracks) == 2

    @pytest.mark.parametrize("limit", [0, MAX_PAGE + 1])
    def test_a_limit_out_of_bounds_is_refused(self, full_house: House, limit: int) -> None:
        assert raised(lambda: full_house.catalog.search(full_house.ann, "a", limit=limit)) == (
            ErrorKind.INVALID,
            "bad_limit",
        )
