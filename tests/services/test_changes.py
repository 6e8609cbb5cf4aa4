"""A device that asks for changes after the last it saw ends with exactly what is listed, whatever happened."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from threading import Barrier, Event
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.core import House
from support.errors import raised
from support.music import Song
from support.tiers import is_deep
from tutti.db.repos.browse import TrackFilter
from tutti.domain.caller import Caller
from tutti.domain.errors import AppError, ErrorKind
from tutti.services.catalog import PageWish

SONGS = [Song(f"Song {number}", audio=str(number)) for number in range(4)]
SENT = [*(song.data for song in SONGS), b"OggS and no song", b"OggS and no song either"]
NAMES = ["one.mp3", "two.mp3", "a/three.mp3"]
TURNS = 12


class Device:
    """Keeps in step with Ann's library by its changes alone, a few at a time."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._library = house.libraries.mine(house.ann)[0].uuid
        self.last = 0
        self.tracks: set[UUID] = set()

    def poll(self, *, limit: int = 3) -> None:
        """Ask until there is nothing newer; every number must come, in order."""
        while True:
            found = self._house.libraries.changes(self._house.ann, self._library, after=self.last, limit=limit)
            assert len(found.rows) <= limit
            for row in found.rows:
                assert row.seq == self.last + 1
                self.last = row.seq
                (self.tracks.discard if row.is_gone else self.tracks.add)(row.item_uuid)
            if self.last >= found.latest:
                assert self.last == found.latest
                return


def listed(house: House) -> set[UUID]:
    return {row.uuid for row in house.catalog.tracks(house.ann, PageWish(limit=500), TrackFilter()).items}


def tried(act: Callable[[], object]) -> None:
    """Do what may be refused just now: what is gone cannot be deleted, what is being removed cannot be scanned."""
    try:
        act()
    except AppError as error:
        assert error.kind in {ErrorKind.NOT_FOUND, ErrorKind.CONFLICT, ErrorKind.BUSY, ErrorKind.UNAVAILABLE}  # noqa: PT017


Step = Callable[[House, Device], object]


def send(data: bytes) -> Step:
    return lambda house, _: house.send(data)


def delete(number: int) -> Step:
    """Delete one of the tracks that there are, files of the folder too, which is refused."""

    def step(house: House, _: Device) -> None:
        known = list(dict.fromkeys(uuid for uuid, _ in house.changes()))
        if known:
            tried(lambda: house.trash.delete(house.ann, known[number % len(known)]))

    return step


def from_trash(number: int, *, is_purged: bool) -> Step:
    def step(house: House, _: Device) -> None:
        found = house.trash.page(house.ann, PageWish()).items
        if found:
            act = house.trash.purge if is_purged else house.trash.restore
            tried(lambda: act(house.ann, found[number % len(found)].uuid))

    return step


def put(name: str, content: Song | bytes) -> Step:
    return lambda house, _: house.save(name, content)


def remove(name: str) -> Step:
    return lambda house, _: (house.music / name).unlink(missing_ok=True)


def scan(*, believe_removals: bool) -> Step:
    return lambda house, _: tried(lambda: house.scan(believe_removals=believe_removals))


def remove_source(house: House, _: Device) -> None:
    for source in house.sources.mine(house.ann):
        house.sources.remove(house.ann, source.uuid)
        house.removals.source(house.source_id)


def add_source(house: House, _: Device) -> None:
    tried(lambda: house.sources.add(house.ann, house.music))


NUMBERS = st.integers(0, 20)
STEPS = st.one_of(
    st.builds(send, st.sampled_from(SENT)),
    st.builds(delete, NUMBERS),
    st.builds(from_trash, NUMBERS, is_purged=st.booleans()),
    st.builds(put, st.sampled_from(NAMES), st.sampled_from([*SONGS, b"noise"])),
    st.builds(remove, st.sampled_from(NAMES)),
    st.builds(scan, believe_removals=st.booleans()),
    st.sampled_from([remove_source, add_source]),
    st.sampled_from([lambda house, _: house.probe_all(), lambda _, device: device.poll()]),
)


@settings(
    max_examples=30 if is_deep() else 6,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=st.lists(STEPS, min_size=3, max_size=25))
def test_a_device_that_asks_now_and_then_ends_with_what_is_listed(
    new_house: Callable[[], AbstractContextManager[House]], steps: list[Step]
) -> None:
    with new_house() as house:
        device, late = Device(house), Device(house)
        for step in steps:
            step(house, device)
        house.probe_all()

        device.poll()
        late.poll(limit=1000)

        assert device.tracks == late.tracks == listed(house)
        assert device.last == late.last == len(house.changes())


class TestAtOnce:
    def test_devices_that_ask_while_many_write_miss_nothing(self, house: House) -> None:
        for number in range(TURNS):
            house.save(f"{number}.mp3", Song(f"File {number}", audio=f"file {number}"))
        writers = (self.uploads(house, "a"), self.uploads(house, "b"), self.scans(house))
        start, done = Barrier(len(writers) + 2), Event()
        devices = [Device(house), Device(house)]

        def write(writer: Callable[[], None]) -> None:
            start.wait()
            writer()

        def ask(device: Device) -> None:
            start.wait()
            while not done.is_set():
                device.poll()

        with ThreadPoolExecutor(len(writers) + 2) as pool:
            asking = [pool.submit(ask, device) for device in devices]
            writing = [pool.submit(write, writer) for writer in writers]
            try:
                for future in writing:
                    future.result()
            finally:
                done.set()
            for future in asking:
                future.result()
        house.probe_all()

        for device in devices:
            device.poll()
            assert device.tracks == listed(house)
            assert device.last == len(house.changes())
        assert len(listed(house)) > TURNS

    def uploads(self, house: House, name: str) -> Callable[[], None]:
        def write() -> None:
            for number in range(TURNS):
                sent = house.send(Song(f"{name} {number}", audio=f"{name} {number}").data)
                if number % 3:
                    house.trash.delete(house.ann, sent.uuid)
                if number % 3 == 1:
                    house.trash.restore(house.ann, sent.uuid)

        return write

    def scans(self, house: House) -> Callable[[], None]:
        def write() -> None:
            for number in range(4):
                house.scan(believe_removals=True)
                (house.music / f"{number}.mp3").unlink()
            house.scan(believe_removals=True)

        return write


class TestAsked:
    @pytest.fixture
    def library(self, house: House) -> UUID:
        house.send(SONGS[0].data)
        house.send(SONGS[1].data)
        return house.libraries.mine(house.ann)[0].uuid

    @pytest.mark.parametrize("after", [2, 3, 2**61])
    def test_after_the_newest_there_is_nothing(self, house: House, library: UUID, after: int) -> None:
        found = house.libraries.changes(house.ann, library, after=after, limit=5)

        assert (found.latest, list(found.rows)) == (2, [])

    @pytest.mark.parametrize(
        ("after", "limit", "code"),
        [(-1, 5, "bad_position"), (2**62, 5, "bad_position"), (0, 0, "bad_limit"), (0, 1001, "bad_limit")],
    )
    def test_numbers_have_bounds(self, house: House, library: UUID, after: int, limit: int, code: str) -> None:
        assert raised(lambda: house.libraries.changes(house.ann, library, after=after, limit=limit)) == (
            ErrorKind.INVALID,
            code,
        )

    def test_a_stranger_learns_nothing(self, house: House, library: UUID) -> None:
        bob: Caller = house.add_user("bob")

        for asked in (library, uuid4()):
            assert raised(lambda: house.libraries.changes(bob, asked, after=0, limit=5)) == (  # noqa: B023
                ErrorKind.NOT_FOUND,
                "library_not_found",
            )

    def test_each_library_counts_for_itself(self, house: House, library: UUID) -> None:
        jazz = house.libraries.create(house.ann, "Jazz")
        sent = house.send(SONGS[0].data, library=jazz.uuid)

        found = house.libraries.changes(house.ann, jazz.uuid, after=0, limit=5)

        assert (found.latest, [(row.seq, row.item_uuid, row.is_gone) for row in found.rows]) == (
            1,
            [(1, sent.uuid, False)],
        )
