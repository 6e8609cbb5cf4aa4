"""How much an account may keep: counted for whoever brought it, and never passed (reliability.md P15)."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest

from support.core import House
from support.databases import ON_SQLITE
from support.errors import raised
from support.music import Song
from support.statements import counted, plan
from tutti.domain.caller import Caller
from tutti.domain.errors import AppError, ErrorKind
from tutti.services.administration import UserChange
from tutti.services.ingest import Accepted, Ingest, IngestPolicy
from tutti.services.quotas import Quotas, Usage

FULL = (ErrorKind.FULL, "quota_exceeded")
ONE, TWO = Song("One", audio="one").data, Song("Two", audio="two").data
SIZE = len(ONE)
STEP = 64
WRITERS = 8


@pytest.fixture
def bob(house: House) -> Caller:
    return house.add_user("bob")


def limit(house: House, caller: Caller, quota_bytes: int | None) -> None:
    """Give an account a limit of its own."""
    house.administration.change(house.ann, caller.user_uuid, UserChange(quota_bytes=quota_bytes))


def ingest(house: House, *, default_bytes: int | None = None) -> Ingest:
    """Return a way in that reserves in small steps."""
    policy = IngestPolicy(max_file_bytes=10_000, step_bytes=STEP, default_quota_bytes=default_bytes)
    return Ingest(house.db, house.blobs, policy=policy)


def send(way_in: Ingest, caller: Caller, data: bytes, *, length: int | None = None) -> Accepted:
    """Upload in pieces of seven bytes."""
    upload = way_in.stage(caller, "one.mp3", length=length)
    for start in range(0, len(data), 7):
        upload.append(data[start : start + 7])
    return way_in.accept(upload)


class TestCounted:
    def test_it_is_what_one_brought_into_any_library(self, house: House, bob: Caller) -> None:
        jazz = house.libraries.create(house.ann, "Jazz")
        house.members.put(house.ann, jazz.uuid, "bob", "editor")
        house.send(ONE, caller=bob)
        house.send(TWO, caller=bob, library=jazz.uuid)
        house.send(Song(audio="three").data)

        assert house.quotas.usage(bob) == Usage(len(ONE) + len(TWO), 0, None)

    def test_the_same_bytes_in_two_libraries_count_twice(self, house: House) -> None:
        jazz = house.libraries.create(house.ann, "Jazz")
        house.send(ONE)
        house.send(ONE, library=jazz.uuid)

        assert house.quotas.usage(house.ann).used_bytes == 2 * SIZE

    def test_the_same_bytes_in_one_library_count_for_whoever_came_first(self, house: House, bob: Caller) -> None:
        house.join(bob, house.library_id, "editor")
        mine = house.libraries.mine(house.ann)[0].uuid
        house.send(ONE)
        house.send(ONE, caller=bob, library=mine)

        assert (house.quotas.usage(house.ann).used_bytes, house.quotas.usage(bob).used_bytes) == (SIZE, 0)

    def test_files_of_folders_count_for_nobody(self, house: House) -> None:
        house.save("one.mp3")
        house.scan()

        assert house.quotas.usage(house.ann).used_bytes == 0

    def test_the_trash_counts_until_its_bytes_go(self, house: House) -> None:
        one = house.send(ONE)
        house.trash.delete(house.ann, one.uuid)
        in_trash = house.quotas.usage(house.ann).used_bytes

        house.trash.purge(house.ann, one.uuid)

        assert (in_trash, house.quotas.usage(house.ann).used_bytes) == (SIZE, 0)

    @pytest.mark.parametrize("is_purged", [False, True])
    def test_whoever_brings_bytes_back_is_who_they_count_for(self, house: House, bob: Caller, is_purged: bool) -> None:  # noqa: FBT001
        house.join(bob, house.library_id, "editor")
        mine = house.libraries.mine(house.ann)[0].uuid
        one = house.send(ONE)
        house.trash.delete(house.ann, one.uuid)
        if is_purged:
            house.trash.purge(house.ann, one.uuid)

        house.send(ONE, caller=bob, library=mine)

        assert (house.quotas.usage(house.ann).used_bytes, house.quotas.usage(bob).used_bytes) == (0, SIZE)

    def test_a_deleted_library_counts_no_more_once_it_is_removed(self, house: House) -> None:
        jazz = house.libraries.create(house.ann, "Jazz")
        house.send(ONE, library=jazz.uuid)
        house.libraries.delete(house.ann, jazz.uuid)

        house.removals.library(jazz.id)

        assert house.quotas.usage(house.ann).used_bytes == 0


class TestReserved:
    def test_an_announced_length_counts_at_once(self, house: House) -> None:
        upload = house.ingest.stage(house.ann, "one.mp3", length=SIZE)

        assert house.quotas.usage(house.ann) == Usage(0, SIZE, None)
        upload.abandon()

    def test_an_unknown_length_counts_in_steps_as_it_comes(self, house: House) -> None:
        upload = ingest(house).stage(house.ann, "one.mp3")
        seen = [house.quotas.usage(house.ann).reserved_bytes]
        for _ in range(2):
            upload.append(b"x" * (STEP - 1))
            seen.append(house.quotas.usage(house.ann).reserved_bytes)

        assert seen == [0, STEP, 2 * STEP]
        upload.abandon()

    def test_an_item_counts_once(self, house: House) -> None:
        send(ingest(house), house.ann, ONE)

        assert house.quotas.usage(house.ann) == Usage(SIZE, 0, None)

    def test_what_is_abandoned_is_free_again(self, house: House) -> None:
        limit(house, house.ann, SIZE)
        upload = house.ingest.stage(house.ann, "one.mp3", length=SIZE)
        refused = raised(lambda: house.ingest.stage(house.ann, "two.mp3", length=1))

        upload.abandon()

        assert refused == FULL
        assert send(house.ingest, house.ann, ONE, length=SIZE).is_new

    def test_what_is_refused_is_free_again(self, house: House) -> None:
        limit(house, house.ann, SIZE)

        assert raised(lambda: send(house.ingest, house.ann, b"PK\3\4" + b"\0" * (SIZE - 4), length=SIZE))[0] in {
            ErrorKind.UNSUPPORTED,
            ErrorKind.INVALID,
        }
        assert house.quotas.usage(house.ann) == Usage(0, 0, SIZE)

    def test_what_waits_to_be_resumed_counts(self, house: House) -> None:
        upload = house.ingest.create(house.ann, "one.mp3", library_uuid=None, length=SIZE, described="")
        upload.append(ONE[:10])
        house.ingest.pause(upload)

        assert house.quotas.usage(house.ann) == Usage(0, SIZE, None)
        house.ingest.terminate(house.ann, upload.uuid)
        assert house.quotas.usage(house.ann) == Usage(0, 0, None)

    def test_what_nobody_resumes_is_free_in_time(self, house: House) -> None:
        upload = house.ingest.create(house.ann, "one.mp3", library_uuid=None, length=SIZE, described="")
        house.ingest.pause(upload)
        house.clock.advance(timedelta(hours=25))

        house.maintenance.tidy()

        assert house.quotas.usage(house.ann).reserved_bytes == 0


class TestLimit:
    def test_exactly_as_much_as_allowed_fits(self, house: House) -> None:
        limit(house, house.ann, SIZE)

        assert send(ingest(house), house.ann, ONE).is_new
        assert raised(lambda: send(ingest(house), house.ann, TWO)) == FULL

    @pytest.mark.parametrize("is_announced", [False, True])
    def test_one_byte_less_does_not(self, house: House, is_announced: bool) -> None:  # noqa: FBT001
        limit(house, house.ann, SIZE - 1)
        length = SIZE if is_announced else None

        assert raised(lambda: send(ingest(house), house.ann, ONE, length=length)) == FULL
        assert house.quotas.usage(house.ann) == Usage(0, 0, SIZE - 1)
        assert list(house.blobs.walk()) == []

    def test_nothing_at_all_may_be_allowed(self, house: House) -> None:
        limit(house, house.ann, 0)

        assert raised(lambda: send(house.ingest, house.ann, b"O")) == FULL
        assert house.quotas.usage(house.ann).limit_bytes == 0

    def test_the_servers_own_is_for_those_who_have_none(self, house: House, bob: Caller) -> None:
        way_in = ingest(house, default_bytes=SIZE - 1)
        limit(house, bob, SIZE)

        assert raised(lambda: send(way_in, house.ann, ONE)) == FULL
        assert send(way_in, bob, ONE).is_new
        quotas = Quotas(house.db, default_bytes=SIZE - 1)
        assert (quotas.usage(house.ann).limit_bytes, quotas.usage(bob).limit_bytes) == (SIZE - 1, SIZE)

    def test_ones_own_may_be_less_and_be_taken_back(self, house: House, bob: Caller) -> None:
        way_in = ingest(house, default_bytes=SIZE)
        limit(house, bob, 0)
        refused = raised(lambda: send(way_in, bob, ONE))

        limit(house, bob, None)

        assert refused == FULL
        assert send(way_in, bob, ONE).is_new

    def test_whoever_has_too_much_loses_nothing_and_brings_nothing(self, house: House) -> None:
        one = house.send(ONE)
        limit(house, house.ann, 1)
        house.trash.delete(house.ann, one.uuid)

        house.trash.restore(house.ann, one.uuid)

        assert raised(lambda: send(house.ingest, house.ann, TWO)) == FULL
        assert house.deliveries.open(house.ann, one.uuid).file.size_bytes == SIZE

    def test_room_that_was_made_can_be_used(self, house: House) -> None:
        limit(house, house.ann, SIZE)
        one = house.send(ONE)
        house.trash.delete(house.ann, one.uuid)
        full = raised(lambda: send(house.ingest, house.ann, TWO))

        house.trash.purge(house.ann, one.uuid)

        assert full == FULL
        assert send(house.ingest, house.ann, TWO).is_new


class TestAtOnce:
    @pytest.mark.parametrize("way", ["of unknown length", "of announced length", "taken whole"])
    def test_many_uploads_never_pass_it(self, house: House, way: str) -> None:
        room = 3
        limit(house, house.ann, room * SIZE)
        way_in, start = ingest(house), Barrier(WRITERS)
        songs = [Song("One", audio=f"n{number:02}"[:3]).data for number in range(WRITERS)]
        refusals: list[str] = []
        assert {len(one) for one in songs} == {SIZE}

        def one(data: bytes) -> bool:
            start.wait()
            try:
                if way == "taken whole":
                    return way_in.take(house.ann, "one.mp3", data).is_new
                return send(way_in, house.ann, data, length=SIZE if way == "of announced length" else None).is_new
            except AppError as error:
                refusals.append(error.code)
                return False

        with ThreadPoolExecutor(WRITERS) as pool:
            taken = sum(pool.map(one, songs))

        usage = house.quotas.usage(house.ann)
        assert usage == Usage(taken * SIZE, 0, room * SIZE)
        assert taken <= room
        assert set(refusals) == {"quota_exceeded"}
        if way != "of unknown length":  # those may all have begun when they find that there is no room for any
            assert taken == room

    def test_the_room_of_what_ended_is_free_for_those_who_come_later(self, house: House) -> None:
        limit(house, house.ann, SIZE)
        begun = [house.ingest.stage(house.ann, "one.mp3") for _ in range(3)]
        begun[0].append(ONE)

        refused = [raised(_appending(upload.append)) for upload in begun[1:]]
        begun[0].abandon()

        assert refused == [FULL, FULL]
        assert send(house.ingest, house.ann, ONE).is_new


def _appending(append: Callable[[bytes], object]) -> Callable[[], object]:
    return lambda: append(ONE)


class TestCost:
    """An upload is as cheap to the account with a hundred thousand files as to a new one."""

    def test_where_there_is_no_limit_nothing_is_counted(self, house: House) -> None:
        with counted(house.db) as statements:
            house.send()

        assert not [one for one in statements if "sum(" in one]

    @ON_SQLITE  # the planner of PostgreSQL walks small tables
    def test_where_there_is_one_the_files_themselves_are_not_read(self, house: House) -> None:
        limit(house, house.ann, 10_000)
        with counted(house.db) as statements:
            house.send()

        asked = next(one for one in statements if "sum(media_item" in one)
        [step] = plan(house.db, asked)
        assert "USING COVERING INDEX ix_media_item_owner_id_blob_hash_size_bytes (owner_id=?" in step
