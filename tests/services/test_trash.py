"""What is deleted can be taken back as it was, by those who may change the library."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from support.core import House
from support.errors import raised
from support.music import Song
from support.shelves import counted, kept, search_is_in_step
from tutti.domain.caller import Caller, Permission
from tutti.domain.errors import ErrorKind
from tutti.kit.paging import CursorKind
from tutti.services.catalog import PageWish

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
ONE = Song("One", audio="one")
TWO = Song("Two", ("Bob",), "Second", genres=("Jazz",), audio="two")
NOT_FOUND = (ErrorKind.NOT_FOUND, "track_not_found")
NOT_IN_TRASH = (ErrorKind.NOT_FOUND, "not_in_trash")
NO_BYTES_YET = b"OggS and no song"


def trash(house: House, caller: Caller | None = None) -> list[UUID]:
    return [row.uuid for row in house.trash.page(caller or house.ann, PageWish()).items]


def in_step(house: House) -> bool:
    return kept(house.db) == counted(house.db) and search_is_in_step(house.db)


@pytest.fixture
def bob(house: House) -> Caller:
    return house.add_user("bob")


class TestDelete:
    def test_it_leaves_lists_search_and_shelves(self, house: House) -> None:
        gone = house.bring(TWO)
        house.bring(ONE)

        house.trash.delete(house.ann, gone.uuid)

        assert house.titles() == ["One"]
        assert house.catalog.search(house.ann, "two", limit=5).tracks == []
        assert [row.name for row in house.catalog.artists(house.ann, PageWish()).items] == ["Ann"]
        assert [row.title for row in house.catalog.albums(house.ann, PageWish()).items] == ["First"]
        assert [row.name for row in house.catalog.genres(house.ann, PageWish()).items] == ["Pop"]
        assert house.libraries.mine(house.ann)[0].track_count == 1
        assert in_step(house)

    ASKS: tuple[Callable[[House, UUID], object], ...] = (
        lambda house, track: house.catalog.track(house.ann, track),
        lambda house, track: house.deliveries.open(house.ann, track),
        lambda house, track: house.artwork.of_track(house.ann, track, 64),
        lambda house, track: house.trash.delete(house.ann, track),
    )

    @pytest.mark.parametrize("ask", ASKS, ids=["catalog", "bytes", "cover", "again"])
    def test_by_its_id_it_is_not_found(self, house: House, ask: Callable[[House, UUID], object]) -> None:
        gone = house.bring(ONE)

        house.trash.delete(house.ann, gone.uuid)

        assert raised(lambda: ask(house, gone.uuid)) == NOT_FOUND

    def test_devices_are_told(self, house: House) -> None:
        gone = house.bring(ONE)

        with house.bus.subscribe("item.gone") as told:
            house.trash.delete(house.ann, gone.uuid)
            event = told.get(0)

        assert house.changes()[-1] == (gone.uuid, True)
        assert event is not None
        assert (event.ref, dict(event.data)) == (str(house.library_id), {"latest": len(house.changes()), "count": 1})

    def test_what_nobody_read_yet_can_be_deleted(self, house: House) -> None:
        gone = house.send(ONE.data)

        house.trash.delete(house.ann, gone.uuid)
        house.probe_all()

        assert (house.titles(), trash(house)) == ([], [gone.uuid])

    def test_what_could_not_be_read_can_be_deleted(self, house: House) -> None:
        gone = house.bring(NO_BYTES_YET)

        house.trash.delete(house.ann, gone.uuid)

        assert trash(house) == [gone.uuid]

    def test_a_file_of_a_folder_that_is_only_read_is_refused(self, house: House) -> None:
        path = house.save("one.mp3", ONE)
        house.scan()

        assert raised(lambda: house.trash.delete(house.ann, house.listed()["one.mp3"])) == (
            ErrorKind.CONFLICT,
            "read_only_origin",
        )
        assert path.exists()
        assert house.titles() == ["One"]

    def test_a_file_that_vanished_is_not_found(self, house: House) -> None:
        path = house.save("one.mp3", ONE)
        house.scan()
        uuid = house.listed()["one.mp3"]
        path.unlink()
        house.scan(believe_removals=True)

        assert raised(lambda: house.trash.delete(house.ann, uuid)) == NOT_FOUND


class TestWho:
    DEEDS: tuple[Callable[[House, Caller, UUID], object], ...] = (
        lambda house, caller, track: house.trash.restore(caller, track),
        lambda house, caller, track: house.trash.purge(caller, track),
    )

    def test_a_listener_deletes_nothing(self, house: House, bob: Caller) -> None:
        house.join(bob, house.library_id, "listener")
        one = house.bring(ONE)

        assert raised(lambda: house.trash.delete(bob, one.uuid)) == (ErrorKind.FORBIDDEN, "not_an_editor")
        assert house.titles() == ["One"]

    def test_an_editor_deletes_what_others_brought(self, house: House, bob: Caller) -> None:
        house.join(bob, house.library_id, "editor")

        house.trash.delete(bob, house.bring(ONE).uuid)

        assert house.titles() == []

    def test_a_stranger_does_not_learn_that_it_exists(self, house: House, bob: Caller) -> None:
        one = house.bring(ONE)

        assert raised(lambda: house.trash.delete(bob, one.uuid)) == NOT_FOUND
        assert raised(lambda: house.trash.delete(bob, uuid4())) == NOT_FOUND

    @pytest.mark.parametrize("deed", DEEDS, ids=["restore", "purge"])
    def test_nor_may_a_listener_or_a_stranger_decide_about_the_trash(
        self, house: House, bob: Caller, deed: Callable[[House, Caller, UUID], object]
    ) -> None:
        gone = house.bring(ONE)
        house.trash.delete(house.ann, gone.uuid)

        assert raised(lambda: deed(house, bob, gone.uuid)) == NOT_IN_TRASH
        house.join(bob, house.library_id, "listener")
        assert raised(lambda: deed(house, bob, gone.uuid)) == (ErrorKind.FORBIDDEN, "not_an_editor")
        assert trash(house) == [gone.uuid]

    def test_an_app_key_for_listening_deletes_nothing(self, house: House) -> None:
        one = house.bring(ONE)
        key = replace(house.ann, scopes=frozenset({Permission.LISTEN}))

        assert raised(lambda: house.trash.delete(key, one.uuid))[1] == "not_allowed"
        assert raised(lambda: house.trash.empty(key))[1] == "not_allowed"
        assert raised(lambda: house.trash.page(key, PageWish()))[1] == "not_allowed"


class TestPage:
    def test_the_last_deleted_comes_first_and_pages_join(self, house: House) -> None:
        deleted = []
        for number in range(5):
            one = house.bring(Song(f"Song {number}", audio=str(number)))
            house.trash.delete(house.ann, one.uuid)
            deleted.append(one.uuid)
            if number % 2:  # two of a moment come by their number
                house.clock.advance(SECOND)

        found: list[UUID] = []
        wish: PageWish | None = PageWish(None, 2)
        while wish is not None:
            page = house.trash.page(house.ann, wish)
            found += [row.uuid for row in page.items]
            wish = PageWish(page.next_cursor, 2) if page.next_cursor else None

        assert found == deleted[::-1]

    def test_a_row_tells_what_it_was(self, house: House) -> None:
        gone = house.send(ONE.data, "my.mp3")
        house.trash.delete(house.ann, gone.uuid)
        [unread] = house.trash.page(house.ann, PageWish()).items
        house.trash.restore(house.ann, gone.uuid)
        house.probe_all()
        house.trash.delete(house.ann, gone.uuid)

        [row] = house.trash.page(house.ann, PageWish()).items

        assert (unread.title, unread.filename) == ("", "my.mp3")
        assert (row.title, row.filename, row.size_bytes) == ("One", "my.mp3", len(ONE.data))
        assert row.deleted_at == house.clock()
        assert row.library_uuid == house.libraries.mine(house.ann)[0].uuid

    def test_a_listener_sees_nothing_of_it(self, house: House, bob: Caller) -> None:
        house.join(bob, house.library_id, "listener")

        house.trash.delete(house.ann, house.bring(ONE).uuid)

        assert trash(house, bob) == []

    FORGED = (
        "x",
        "cursor",
        ("2026-01-02", 1),
        (None, 1),
        ("2026-01-02T03:04:05+00:00", None),
        ("0001-01-01T00:00:00+14:00", 1),
    )

    @pytest.mark.parametrize("values", FORGED, ids=str)
    def test_a_forged_cursor_is_refused(self, house: House, values: str | tuple[str | None, int | None]) -> None:
        cursor = values if isinstance(values, str) else CursorKind("trash", (str, int)).encode(values)

        assert raised(lambda: house.trash.page(house.ann, PageWish(cursor))) == (ErrorKind.INVALID, "bad_cursor")


class TestRestore:
    def test_it_comes_back_as_it_was(self, house: House) -> None:
        gone = house.bring(TWO)
        before = (house.catalog.track(house.ann, gone.uuid)[0], kept(house.db))
        house.trash.delete(house.ann, gone.uuid)

        house.trash.restore(house.ann, gone.uuid)

        assert (house.catalog.track(house.ann, gone.uuid)[0], kept(house.db)) == before
        assert [row.uuid for row in house.catalog.search(house.ann, "two", limit=5).tracks] == [gone.uuid]
        assert house.deliveries.open(house.ann, gone.uuid).etag == gone.blob_hash
        assert (trash(house), house.changes()[-1]) == ([], (gone.uuid, False))
        assert in_step(house)

    def test_what_nobody_read_yet_is_read_then(self, house: House) -> None:
        gone = house.send(ONE.data)
        house.trash.delete(house.ann, gone.uuid)
        house.probe_all()

        house.trash.restore(house.ann, gone.uuid)
        house.probe_all()

        assert house.titles() == ["One"]
        assert in_step(house)

    def test_what_could_not_be_read_is_not_announced(self, house: House) -> None:
        gone = house.bring(NO_BYTES_YET)
        house.trash.delete(house.ann, gone.uuid)

        house.trash.restore(house.ann, gone.uuid)

        assert house.changes()[-1] == (gone.uuid, True)
        assert house.titles() == []

    def test_what_is_not_there_cannot_be_restored(self, house: House) -> None:
        one = house.bring(ONE)

        assert raised(lambda: house.trash.restore(house.ann, one.uuid)) == NOT_IN_TRASH
        assert raised(lambda: house.trash.restore(house.ann, uuid4())) == NOT_IN_TRASH
