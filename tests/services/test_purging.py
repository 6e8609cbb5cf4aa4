"""What is removed for good, when, and how it comes back: with its bytes, as the same track."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest

from support.core import House
from support.errors import raised
from support.music import Song
from support.shelves import counted, kept, search_is_in_step
from tutti.domain.caller import Caller
from tutti.domain.errors import ErrorKind
from tutti.domain.jobs import JobKind
from tutti.domain.values import BlobHash
from tutti.services.catalog import PageWish

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
ONE = Song("One", audio="one")
TWO = Song("Two", ("Bob",), "Second", genres=("Jazz",), audio="two")
NOT_IN_TRASH = (ErrorKind.NOT_FOUND, "not_in_trash")


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


class TestPurge:
    def test_the_row_goes_at_once_and_the_bytes_with_the_collector(self, house: House) -> None:
        gone = house.bring(ONE)
        house.trash.delete(house.ann, gone.uuid)

        house.trash.purge(house.ann, gone.uuid)

        assert (trash(house), rows(house, gone.blob_hash)) == ([], set())
        assert blobs(house) == {gone.blob_hash}
        house.blob_clock.advance(DAY)
        assert house.maintenance.tidy().orphans == 1
        assert blobs(house) == set()

    def test_bytes_that_another_library_has_stay(self, house: House, bob: Caller) -> None:
        mine, his = house.bring(ONE), house.bring(ONE, caller=bob)
        house.trash.delete(house.ann, mine.uuid)

        house.trash.purge(house.ann, mine.uuid)
        house.blob_clock.advance(DAY * 2)

        assert house.maintenance.tidy().orphans == 0
        assert house.deliveries.open(bob, his.uuid).file.size_bytes == len(ONE.data)

    def test_bytes_that_lie_in_another_trash_stay(self, house: House, bob: Caller) -> None:
        mine, his = house.bring(ONE), house.bring(ONE, caller=bob)
        house.trash.delete(house.ann, mine.uuid)
        house.trash.delete(bob, his.uuid)
        house.trash.purge(house.ann, mine.uuid)
        house.blob_clock.advance(DAY * 2)
        house.maintenance.tidy()

        house.trash.restore(bob, his.uuid)

        assert house.deliveries.open(bob, his.uuid).file.size_bytes == len(ONE.data)

    def test_it_cannot_be_restored(self, house: House) -> None:
        gone = house.bring(ONE)
        house.trash.delete(house.ann, gone.uuid)
        house.trash.purge(house.ann, gone.uuid)

        assert raised(lambda: house.trash.restore(house.ann, gone.uuid)) == NOT_IN_TRASH
        assert raised(lambda: house.trash.purge(house.ann, gone.uuid)) == NOT_IN_TRASH

    def test_what_was_not_deleted_is_not_purged(self, house: House) -> None:
        one = house.bring(ONE)

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
        gone = house.bring(TWO)
        before = house.catalog.track(house.ann, gone.uuid)[0]
        house.trash.delete(house.ann, gone.uuid)
        way(house, gone.uuid)

        again = house.bring(TWO)

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
        gone = house.bring(ONE)
        house.trash.delete(house.ann, gone.uuid)
        house.trash.purge(house.ann, gone.uuid)

        assert house.bring(ONE, caller=bob).uuid != gone.uuid
        assert house.titles() == []

    def test_they_can_be_deleted_and_brought_again_and_again(self, house: House) -> None:
        uuids = set()
        for _ in range(3):
            one = house.bring(ONE)
            uuids.add(one.uuid)
            house.trash.delete(house.ann, one.uuid)
            house.trash.purge(house.ann, one.uuid)

        assert len(uuids) == 1


class TestExpire:
    def test_after_its_days_it_goes_for_good(self, house: House) -> None:
        gone = house.bring(ONE)
        house.trash.delete(house.ann, gone.uuid)
        house.clock.advance(DAY * 30)
        early = house.trash.expire()
        house.clock.advance(SECOND)

        assert (early, house.trash.expire()) == (0, 1)
        assert (trash(house), rows(house, gone.blob_hash)) == ([], set())
        assert house.trash.expire() == 0

    def test_maintenance_does_it(self, house: House) -> None:
        house.trash.delete(house.ann, house.bring(ONE).uuid)
        house.clock.advance(DAY * 31)

        assert house.maintenance.tidy().purged == 1

    def test_what_is_not_in_the_trash_has_no_end(self, house: House) -> None:
        gone = house.bring(ONE)
        house.trash.delete(house.ann, gone.uuid)
        house.trash.restore(house.ann, gone.uuid)
        house.clock.advance(DAY * 1000)

        assert house.trash.expire() == 0
        assert house.titles() == ["One"]

    def test_the_days_begin_when_it_was_last_deleted(self, house: House) -> None:
        gone = house.bring(ONE)
        for _ in range(2):
            house.trash.delete(house.ann, gone.uuid)
            house.clock.advance(DAY * 20)
            house.trash.restore(house.ann, gone.uuid)
        house.trash.delete(house.ann, gone.uuid)
        house.clock.advance(DAY * 20)

        assert house.trash.expire() == 0


class TestEmpty:
    def test_only_what_was_there_when_it_was_asked_goes(self, house: House) -> None:
        first, later = house.bring(ONE), house.bring(TWO)
        house.trash.delete(house.ann, first.uuid)
        house.trash.empty(house.ann)
        house.clock.advance(SECOND)
        house.trash.delete(house.ann, later.uuid)

        assert empty_as_the_job(house) == 1
        assert trash(house) == [later.uuid]

    def test_what_was_restored_meanwhile_stays(self, house: House) -> None:
        one = house.bring(ONE)
        house.trash.delete(house.ann, one.uuid)
        house.trash.empty(house.ann)
        house.trash.restore(house.ann, one.uuid)

        assert empty_as_the_job(house) == 0
        assert house.titles() == ["One"]

    def test_only_libraries_that_one_may_change_are_emptied(self, house: House, bob: Caller) -> None:
        house.join(bob, house.library_id, "listener")
        mine, his = house.bring(ONE), house.bring(ONE, caller=bob)
        house.trash.delete(house.ann, mine.uuid)
        house.trash.delete(bob, his.uuid)

        house.trash.empty(bob)

        assert empty_as_the_job(house) == 1
        assert (trash(house), trash(house, bob)) == ([mine.uuid], [])

    def test_whoever_is_an_editor_no_more_when_it_is_done_empties_nothing(self, house: House, bob: Caller) -> None:
        jazz = house.libraries.create(house.ann, "Jazz")
        house.members.put(house.ann, jazz.uuid, "bob", "editor")
        one = house.bring(ONE, library=jazz.uuid)
        house.trash.delete(house.ann, one.uuid)
        house.trash.empty(bob)
        house.members.put(house.ann, jazz.uuid, "bob", "listener")

        assert empty_as_the_job(house) == 0
        assert trash(house) == [one.uuid]

    def test_asking_twice_does_no_harm(self, house: House) -> None:
        house.trash.delete(house.ann, house.bring(ONE).uuid)
        house.trash.empty(house.ann)
        house.trash.empty(house.ann)

        assert empty_as_the_job(house) == 1
