"""What is in nobody's library but Ann's is in no answer to Bob: by no list, no id, no search, no cover, no stream."""

from collections.abc import Callable
from uuid import UUID

import pytest

from support.core import PASSWORD, House
from support.errors import raised
from support.music import Song, save
from support.scripted_media import PICTURE
from tutti.db.repos.browse import TrackFilter
from tutti.domain.caller import Caller
from tutti.domain.errors import ErrorKind
from tutti.services.catalog import PageWish
from tutti.services.sessions import Client

SECRET = Song("Secret", ("Sam",), "Sealed", genres=("Hidden",), audio="secret", cover="PICTURE 1")
SHARED = Song("Open", ("Ann",), "Both", audio="open")
Ids = dict[str, UUID]


@pytest.fixture
def bob(house: House) -> Caller:
    """Has a library with a file of his own; Ann has the same file, and a secret."""
    house.add_user("bob")
    caller = house.sessions.sign_in("bob", PASSWORD, Client()).caller
    folder = house.music.parent / "bob"
    save(folder / "open.mp3", SHARED)
    house.scanner().scan(house.sources.add(caller, folder))
    house.save("a/secret.mp3", SECRET)
    house.save("a/cover.jpg", PICTURE)
    house.save("a/open.mp3", SHARED)
    house.save("a/both.mp3", Song("With Sam", ("Sam",), "Both", album_artists=("Ann",), audio="both"))
    house.scan()
    return caller


@pytest.fixture
def ids(house: House, bob: Caller) -> Ids:
    """What Ann would know."""
    track = next(
        row for row in house.catalog.tracks(house.ann, PageWish(), TrackFilter()).items if row.title == "Secret"
    )
    root = house.catalog.roots(house.ann)[0]
    return {
        "track": track.uuid,
        "album": track.album_uuid,
        "artist": track.artist_uuid,
        "folder": house.catalog.subfolders(house.ann, root.uuid, PageWish()).items[0].uuid,
        "genre": next(row.uuid for row in house.catalog.genres(house.ann, PageWish()).items if row.name == "Hidden"),
        "library": house.libraries.mine(house.ann)[0].uuid,
    }


class TestLists:
    def test_only_his_own_tracks(self, house: House, bob: Caller) -> None:
        assert house.titles(bob) == ["Open"]

    def test_only_names_of_his_own_tracks(self, house: House, bob: Caller) -> None:
        assert [row.name for row in house.catalog.artists(bob, PageWish()).items] == ["Ann"]
        assert [row.title for row in house.catalog.albums(bob, PageWish()).items] == ["Both"]
        assert [row.name for row in house.catalog.genres(bob, PageWish()).items] == ["Pop"]

    def test_counts_are_of_his_own_tracks(self, house: House, bob: Caller) -> None:
        [album] = house.catalog.albums(bob, PageWish()).items

        assert album.track_count == 1

    def test_only_his_own_folders(self, house: House, bob: Caller) -> None:
        assert [row.name for row in house.catalog.roots(bob)] == ["bob"]

    @pytest.mark.parametrize("field", ["album", "artist", "genre", "folder"])
    def test_a_foreign_id_narrows_to_nothing(self, house: House, bob: Caller, ids: Ids, field: str) -> None:
        assert house.catalog.tracks(bob, PageWish(), TrackFilter(**{field: ids[field]})).items == []

    def test_a_foreign_artist_has_no_albums_even_where_he_plays_on_a_common_one(
        self, house: House, bob: Caller, ids: Ids
    ) -> None:
        assert house.catalog.albums(bob, PageWish(), artist=ids["artist"]).items == []

    LISTS: tuple[Callable[[House, Caller, UUID], object], ...] = (
        lambda house, bob, library: house.catalog.artists(bob, PageWish(), library=library),
        lambda house, bob, library: house.catalog.albums(bob, PageWish(), library=library),
        lambda house, bob, library: house.catalog.genres(bob, PageWish(), library=library),
        lambda house, bob, library: house.catalog.tracks(bob, PageWish(), TrackFilter(), library=library),
        lambda house, bob, library: house.catalog.search(bob, "secret", limit=5, library=library),
    )

    @pytest.mark.parametrize("ask", LISTS, ids=["artists", "albums", "genres", "tracks", "search"])
    def test_a_foreign_library_is_not_found(
        self, house: House, bob: Caller, ids: Ids, ask: Callable[[House, Caller, UUID], object]
    ) -> None:
        assert raised(lambda: ask(house, bob, ids["library"])) == (ErrorKind.NOT_FOUND, "library_not_found")


class TestSingleThings:
    @pytest.mark.parametrize("noun", ["artist", "album", "track", "folder"])
    def test_a_foreign_one_is_not_found(self, house: House, bob: Caller, ids: Ids, noun: str) -> None:
        find = getattr(house.catalog, noun)

        assert raised(lambda: find(bob, ids[noun])) == (ErrorKind.NOT_FOUND, f"{noun}_not_found")

    def test_nor_are_the_folders_in_it(self, house: House, bob: Caller, ids: Ids) -> None:
        assert raised(lambda: house.catalog.subfolders(bob, ids["folder"], PageWish()))[1] == "folder_not_found"


class TestSearch:
    @pytest.mark.parametrize("query", ["secret", "sam", "sealed", "ecre", "s", "open sam"])
    def test_nothing_foreign_is_found(self, house: House, bob: Caller, query: str) -> None:
        found = house.catalog.search(bob, query, limit=50)

        assert (found.artists, found.albums, found.tracks) == ([], [], [])

    def test_what_both_have_is_found_once(self, house: House, bob: Caller) -> None:
        assert [row.title for row in house.catalog.search(bob, "open", limit=50).tracks] == ["Open"]


class TestBytes:
    def test_no_cover_of_a_foreign_track(self, house: House, bob: Caller, ids: Ids) -> None:
        assert raised(lambda: house.artwork.of_track(bob, ids["track"], 64))[1] == "track_not_found"

    def test_no_cover_of_a_foreign_album(self, house: House, bob: Caller, ids: Ids) -> None:
        assert raised(lambda: house.artwork.of_album(bob, ids["album"], 64))[1] == "album_not_found"

    def test_no_cover_from_a_foreign_folder_for_a_common_album(self, house: House, bob: Caller) -> None:
        [album] = house.catalog.albums(bob, PageWish()).items

        assert raised(lambda: house.artwork.of_album(bob, album.uuid, 64)) == (ErrorKind.NOT_FOUND, "no_cover")

    def test_no_stream(self, house: House, bob: Caller, ids: Ids) -> None:
        assert raised(lambda: house.deliveries.open(bob, ids["track"])) == (ErrorKind.NOT_FOUND, "track_not_found")

    def test_no_stream_address(self, house: House, bob: Caller, ids: Ids) -> None:
        assert raised(lambda: house.deliveries.ticket(bob, ids["track"])) == (ErrorKind.NOT_FOUND, "track_not_found")

    def test_a_listener_gets_all_of_it(self, house: House, bob: Caller, ids: Ids) -> None:
        house.join(bob, house.library_id, "listener")

        assert house.catalog.track(bob, ids["track"])[0].title == "Secret"
        assert house.deliveries.open(bob, ids["track"]).file.size_bytes == len(SECRET.data)
        assert house.artwork.of_track(bob, ids["track"], 64).data


class TestSeveralLibraries:
    def test_what_two_libraries_share_is_one_row_with_the_sum_of_counts(self, house: House, bob: Caller) -> None:
        house.join(bob, house.library_id, "listener")

        [both] = [row for row in house.catalog.albums(bob, PageWish()).items if row.title == "Both"]

        assert (both.track_count, both.duration_ms) == (3, 3000)

    @pytest.mark.parametrize("limit", [1, 2, 3])
    def test_pages_over_both_join_to_the_whole(self, house: House, bob: Caller, limit: int) -> None:
        house.join(bob, house.library_id, "listener")
        whole = house.catalog.tracks(bob, PageWish(), TrackFilter()).items

        joined: list[object] = []
        wish: PageWish | None = PageWish(None, limit)
        while wish is not None:
            page = house.catalog.tracks(bob, wish, TrackFilter())
            joined += page.items
            wish = PageWish(page.next_cursor, limit) if page.next_cursor else None

        assert joined == list(whole)
        assert len(joined) == 4

    def test_one_library_can_be_asked_alone(self, house: House, bob: Caller) -> None:
        house.join(bob, house.library_id, "listener")
        own = next(row.uuid for row in house.libraries.mine(bob) if row.name == "bob")

        rows = house.catalog.tracks(bob, PageWish(), TrackFilter(), library=own).items

        assert [row.title for row in rows] == ["Open"]
