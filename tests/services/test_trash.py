"""What is deleted can be taken back as it was; what is removed for good comes back with its bytes, the same track."""

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
from tutti.domain.jobs import JobKind
from tutti.domain.values import BlobHash, ItemId
from tutti.kit.paging import CursorKind
from tutti.services.catalog import PageWish
from tutti.services.ingest import Accepted

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
ONE = Song("One", audio="one")
TWO = Song("Two", ("Bob",), "Second", genres=("Jazz",), audio="two")
NOT_FOUND = (ErrorKind.NOT_FOUND, "track_not_found")
NOT_IN_TRASH = (ErrorKind.NOT_FOUND, "not_in_trash")
NO_BYTES_YET = b"OggS and no song"


def probe_all(house: House) -> None:
    """Run the probes that wait, as the runner does."""
    with house.db.write() as tx:
        jobs = [job for job in tx.jobs.all_jobs() if job.kind == JobKind.PROBE_ITEM]
        for job in jobs:
            tx.jobs.finish(job.id)
    for job in jobs:
        house.ingest.probe(ItemId(int(job.ref)))


def brought(
    house: House, song: Song | bytes = ONE, *, caller: Caller | None = None, library: UUID | None = None
) -> Accepted:
    """Upload a song and have it read."""
    accepted = house.send(song.data if isinstance(song, Song) else song, caller=caller, library=library)
    probe_all(house)
    return accepted


def trash(house: House, caller: Caller | None = None) -> list[UUID]:
    return [row.uuid for row in house.trash.page(caller or house.ann, PageWish()).items]


def blobs(house: House) -> set[str]:
    return {blob.hash for blob in house.blobs.walk()}


def rows(house: House, *hashes: str) -> set[str]:
    """The blobs of these that have a row."""
    with house.db.read() as tx:
        return set(tx.integrity.known_blobs([BlobHash(one) for one in hashes]))


def empty_as_the_job(house: House) -> int:
    with house.db.write() as tx:
        [job] = [job for job in tx.jobs.all_jobs() if job.kind == JobKind.EMPTY_TRASH]
        tx.jobs.finish(job.id)
    return house.trash.empty_now(job.ref)


def purge_and_collect(house: House, gone: UUID) -> None:
    house.trash.purge(house.ann, gone)
    house.blob_clock.advance(DAY)
    house.maintenance.tidy()


def in_step(house: House) -> bool:
    return kept(house.db) == counted(house.db) and search_is_in_step(house.db)


@pytest.fixture
def bob(house: House) -> Caller:
    return house.add_user("bob")


class TestDelete:
    def test_it_leaves_lists_search_and_shelves(self, house: House) -> None:
        gone = brought(house, TWO)
        brought(house, ONE)

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
        gone = brought(house)

        house.trash.delete(house.ann, gone.uuid)

        assert raised(lambda: ask(house, gone.uuid)) == NOT_FOUND

    def test_devices_are_told(self, house: House) -> None:
        gone = brought(house)

        with house.bus.subscribe("item.gone") as told:
            house.trash.delete(house.ann, gone.uuid)
            event = told.get(0)

        assert house.changes()[-1] == (gone.uuid, True)
        assert event is not None
        assert (event.ref, dict(event.data)) == (str(house.library_id), {"latest": len(house.changes()), "count": 1})

    def test_what_nobody_read_yet_can_be_deleted(self, house: House) -> None:
        gone = house.send(ONE.data)

        house.trash.delete(house.ann, gone.uuid)
        probe_all(house)

        assert (house.titles(), trash(house)) == ([], [gone.uuid])

    def test_what_could_not_be_read_can_be_deleted(self, house: House) -> None:
        gone = brought(house, NO_BYTES_YET)

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
        one = brought(house)

        assert raised(lambda: house.trash.delete(bob, one.uuid)) == (ErrorKind.FORBIDDEN, "not_an_editor")
        assert house.titles() == ["One"]

    def test_an_editor_deletes_what_others_brought(self, house: House, bob: Caller) -> None:
        house.join(bob, house.library_id, "editor")

        house.trash.delete(bob, brought(house).uuid)

        assert house.titles() == []

    def test_a_stranger_does_not_learn_that_it_exists(self, house: House, bob: Caller) -> None:
        one = brought(house)

        assert raised(lambda: house.trash.delete(bob, one.uuid)) == NOT_FOUND
        assert raised(lambda: house.trash.delete(bob, uuid4())) == NOT_FOUND

    @pytest.mark.parametrize("deed", DEEDS, ids=["restore", "purge"])
    def test_nor_may_a_listener_or_a_stranger_decide_about_the_trash(
        self, house: House, bob: Caller, deed: Callable[[House, Caller, UUID], object]
    ) -> None:
        gone = brought(house)
        house.trash.delete(house.ann, gone.uuid)

        assert raised(lambda: deed(house, bob, gone.uuid)) == NOT_IN_TRASH
        house.join(bob, house.library_id, "listener")
        assert raised(lambda: deed(house, bob, gone.uuid)) == (ErrorKind.FORBIDDEN, "not_an_editor")
        assert trash(house) == [gone.uuid]

    def test_an_app_key_for_listening_deletes_nothing(self, house: House) -> None:
        one = brought(house)
        key = replace(house.ann, scopes=frozenset({Permission.LISTEN}))

        assert raised(lambda: house.trash.delete(key, one.uuid))[1] == "not_allowed"
        assert raised(lambda: house.trash.empty(key))[1] == "not_allowed"
        assert raised(lambda: house.trash.page(key, PageWish()))[1] == "not_allowed"


class TestPage:
    def test_the_last_deleted_comes_first_and_pages_join(self, house: House) -> None:
        deleted = []
        for number in range(5):
            one = brought(house, Song(f"Song {number}", audio=str(number)))
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
        probe_all(house)
        house.trash.delete(house.ann, gone.uuid)

        [row] = house.trash.page(house.ann, PageWish()).items

        assert (unread.title, unread.filename) == ("", "my.mp3")
        assert (row.title, row.filename, row.size_bytes) == ("One", "my.mp3", len(ONE.data))
        assert row.deleted_at == house.clock()
        assert row.library_uuid == house.libraries.mine(house.ann)[0].uuid

    def test_a_listener_sees_nothing_of_it(self, house: House, bob: Caller) -> None:
        house.join(bob, house.library_id, "listener")

        house.trash.delete(house.ann, brought(house).uuid)

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
        gone = brought(house, TWO)
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
        probe_all(house)

        house.trash.restore(house.ann, gone.uuid)
        probe_all(house)

        assert house.titles() == ["One"]
        assert in_step(house)

    def test_what_could_not_be_read_is_not_announced(self, house: House) -> None:
        gone = brought(house, NO_BYTES_YET)
        house.trash.delete(house.ann, gone.uuid)

        house.trash.restore(house.ann, gone.uuid)

        assert house.changes()[-1] == (gone.uuid, True)
        assert house.titles() == []

    def test_what_is_not_there_cannot_be_restored(self, house: House) -> None:
        one = brought(house)

        assert raised(lambda: house.trash.restore(house.ann, one.uuid)) == NOT_IN_TRASH
        assert raised(lambda: house.trash.restore(house.ann, uuid4())) == NOT_IN_TRASH


class TestPurge:
    def test_the_row_goes_at_once_and_the_bytes_with_the_collector(self, house: House) -> None:
        gone = brought(house)
        house.trash.delete(house.ann, gone.uuid)

        house.trash.purge(house.ann, gone.uuid)

        assert (trash(house), rows(house, gone.blob_hash)) == ([], set())
        assert blobs(house) == {gone.blob_hash}
        house.blob_clock.advance(DAY)
        assert house.maintenance.tidy().orphans == 1
        assert blobs(house) == set()

    def test_bytes_that_another_library_has_stay(self, house: House, bob: Caller) -> None:
        mine, his = brought(house), brought(house, caller=bob)
        house.trash.delete(house.ann, mine.uuid)

        house.trash.purge(house.ann, mine.uuid)
        house.blob_clock.advance(DAY * 2)

        assert house.maintenance.tidy().orphans == 0
        assert house.deliveries.open(bob, his.uuid).file.size_bytes == len(ONE.data)

    def test_bytes_that_lie_in_another_trash_stay(self, house: House, bob: Caller) -> None:
        mine, his = brought(house), brought(house, caller=bob)
        house.trash.delete(house.ann, mine.uuid)
        house.trash.delete(bob, his.uuid)
        house.trash.purge(house.ann, mine.uuid)
        house.blob_clock.advance(DAY * 2)
        house.maintenance.tidy()

        house.trash.restore(bob, his.uuid)

        assert house.deliveries.open(bob, his.uuid).file.size_bytes == len(ONE.data)

    def test_it_cannot_be_restored(self, house: House) -> None:
        gone = brought(house)
        house.trash.delete(house.ann, gone.uuid)
        house.trash.purge(house.ann, gone.uuid)

        assert raised(lambda: house.trash.restore(house.ann, gone.uuid)) == NOT_IN_TRASH
        assert raised(lambda: house.trash.purge(house.ann, gone.uuid)) == NOT_IN_TRASH

    def test_what_was_not_deleted_is_not_purged(self, house: House) -> None:
        one = brought(house)

        assert raised(lambda: house.trash.purge(house.ann, one.uuid)) == NOT_IN_TRASH
        assert house.titles() == ["One"]


class TestBytesThatReturn:
    WAYS: tuple[Callable[[House, UUID], object], ...] = (
        lambda house, gone: None,
        lambda house, gone: house.trash.purge(house.ann, gone),
        purge_and_collect,
    )

    @pytest.mark.parametrize("way", WAYS, ids=["trashed", "purged", "purged and collected"])
    def test_they_are_the_same_track(self, house: House, way: Callable[[House, UUID], object]) -> None:
        gone = brought(house, TWO)
        before = house.catalog.track(house.ann, gone.uuid)[0]
        house.trash.delete(house.ann, gone.uuid)
        way(house, gone.uuid)

        again = brought(house, TWO)

        assert (again.uuid, again.is_new) == (gone.uuid, False)
        assert house.catalog.track(house.ann, gone.uuid)[0] == before
        assert b"".join(house.blobs.read(BlobHash(gone.blob_hash))) == TWO.data
        assert (trash(house), house.changes()[-1]) == ([], (gone.uuid, False))
        assert in_step(house)

    def test_a_file_that_vanished_and_returns_is_the_same_track(self, house: House) -> None:
        path = house.save("one.mp3", ONE)
        house.scan()
        uuid = house.listed()["one.mp3"]
        path.unlink()
        house.scan(believe_removals=True)

        house.save("one.mp3", ONE)
        house.scan()

        assert house.listed() == {"one.mp3": uuid}

    def test_in_another_library_they_are_another_track(self, house: House, bob: Caller) -> None:
        gone = brought(house)
        house.trash.delete(house.ann, gone.uuid)
        house.trash.purge(house.ann, gone.uuid)

        assert brought(house, caller=bob).uuid != gone.uuid
        assert house.titles() == []

    def test_they_can_be_deleted_and_brought_again_and_again(self, house: House) -> None:
        uuids = set()
        for _ in range(3):
            one = brought(house)
            uuids.add(one.uuid)
            house.trash.delete(house.ann, one.uuid)
            house.trash.purge(house.ann, one.uuid)

        assert len(uuids) == 1


class TestExpire:
    def test_after_its_days_it_goes_for_good(self, house: House) -> None:
        gone = brought(house)
        house.trash.delete(house.ann, gone.uuid)
        house.clock.advance(DAY * 30)
        early = house.trash.expire()
        house.clock.advance(SECOND)

        assert (early, house.trash.expire()) == (0, 1)
        assert (trash(house), rows(house, gone.blob_hash)) == ([], set())
        assert house.trash.expire() == 0

    def test_maintenance_does_it(self, house: House) -> None:
        house.trash.delete(house.ann, brought(house).uuid)
        house.clock.advance(DAY * 31)

        assert house.maintenance.tidy().purged == 1

    def test_what_is_not_in_the_trash_has_no_end(self, house: House) -> None:
        gone = brought(house)
        house.trash.delete(house.ann, gone.uuid)
        house.trash.restore(house.ann, gone.uuid)
        house.clock.advance(DAY * 1000)

        assert house.trash.expire() == 0
        assert house.titles() == ["One"]

    def test_the_days_begin_when_it_was_last_deleted(self, house: House) -> None:
        gone = brought(house)
        for _ in range(2):
            house.trash.delete(house.ann, gone.uuid)
            house.clock.advance(DAY * 20)
            house.trash.restore(house.ann, gone.uuid)
        house.trash.delete(house.ann, gone.uuid)
        house.clock.advance(DAY * 20)

        assert house.trash.expire() == 0


class TestEmpty:
    def test_only_what_was_there_when_it_was_asked_goes(self, house: House) -> None:
        first, later = brought(house, ONE), brought(house, TWO)
        house.trash.delete(house.ann, first.uuid)
        house.trash.empty(house.ann)
        house.clock.advance(SECOND)
        house.trash.delete(house.ann, later.uuid)

        assert empty_as_the_job(house) == 1
        assert trash(house) == [later.uuid]

    def test_what_was_restored_meanwhile_stays(self, house: House) -> None:
        one = brought(house)
        house.trash.delete(house.ann, one.uuid)
        house.trash.empty(house.ann)
        house.trash.restore(house.ann, one.uuid)

        assert empty_as_the_job(house) == 0
        assert house.titles() == ["One"]

    def test_only_libraries_that_one_may_change_are_emptied(self, house: House, bob: Caller) -> None:
        house.join(bob, house.library_id, "listener")
        mine, his = brought(house), brought(house, caller=bob)
        house.trash.delete(house.ann, mine.uuid)
        house.trash.delete(bob, his.uuid)

        house.trash.empty(bob)

        assert empty_as_the_job(house) == 1
        assert (trash(house), trash(house, bob)) == ([mine.uuid], [])

    def test_whoever_is_an_editor_no_more_when_it_is_done_empties_nothing(self, house: House, bob: Caller) -> None:
        jazz = house.libraries.create(house.ann, "Jazz")
        house.members.put(house.ann, jazz.uuid, "bob", "editor")
        one = brought(house, library=jazz.uuid)
        house.trash.delete(house.ann, one.uuid)
        house.trash.empty(bob)
        house.members.put(house.ann, jazz.uuid, "bob", "listener")

        assert empty_as_the_job(house) == 0
        assert trash(house) == [one.uuid]

    def test_asking_twice_does_no_harm(self, house: House) -> None:
        house.trash.delete(house.ann, brought(house).uuid)
        house.trash.empty(house.ann)
        house.trash.empty(house.ann)

        assert empty_as_the_job(house) == 1


class TestOverview:
    def test_bytes_are_counted_once_and_those_in_the_trash_by_themselves(self, house: House, bob: Caller) -> None:
        mine = brought(house, ONE)
        brought(house, ONE, caller=bob)
        brought(house, TWO)
        house.trash.delete(house.ann, mine.uuid)

        found = house.administration.overview(house.ann)

        assert found.stored_bytes == len(ONE.data) + len(TWO.data)
        assert found.trash_bytes == len(ONE.data)
        assert (found.users, found.libraries, found.tracks) == (2, 2, 2)

    def test_what_was_purged_counts_no_more(self, house: House) -> None:
        one = brought(house, ONE)
        house.trash.delete(house.ann, one.uuid)
        house.trash.purge(house.ann, one.uuid)

        found = house.administration.overview(house.ann)

        assert (found.stored_bytes, found.trash_bytes, found.tracks) == (0, 0, 0)

    def test_jobs_and_sources_are_counted_by_their_state(self, house: House) -> None:
        house.sources.rescan(house.source_id)
        house.maintenance.tidy_soon()

        found = house.administration.overview(house.ann)

        assert (dict(found.jobs), dict(found.sources)) == ({"due": 2}, {"new": 1})

    def test_it_is_for_administrators(self, house: House, bob: Caller) -> None:
        assert raised(lambda: house.administration.overview(bob)) == (ErrorKind.FORBIDDEN, "not_allowed")
