"""Who is told what, as it happens, and when a stream of events ends (reliability.md P34)."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from support.clock import ManualClock
from support.core import PASSWORD, House
from support.databases import ON_SQLITE
from tutti.backends.bus import LocalBus
from tutti.backends.keys import KeyRing
from tutti.db.engine import Database
from tutti.domain.caller import Caller, Operator
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.events import Event, job_news
from tutti.doors.http.access import Gate
from tutti.doors.http.feed import Feed, Listener
from tutti.doors.http.hop import Hop
from tutti.services.libraries import Audience, Libraries
from tutti.services.sessions import Client, SignedIn

pytestmark = ON_SQLITE
ADDED = {"latest": 1, "count": 1}
NEVER_S = 3600.0
WAIT_S = 30.0


class Told(NamedTuple):
    """One event as a client reads it; a comment has no topic."""

    topic: str
    data: object = None
    id: str = ""


def read(chunk: bytes) -> list[Told]:
    """Return the events of a chunk."""
    found = []
    for block in chunk.decode().removesuffix("\n\n").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "event" in fields:
            found.append(Told(fields["event"], json.loads(fields["data"]), fields["id"]))
    return found


class Hall:
    """A house whose events are told: Ann runs the server, Bob owns a library, Eve has nothing to do with it."""

    def __init__(self, house: House) -> None:
        self.house = house
        house.add_user("bob")
        house.add_user("eve")
        self.hop = Hop(threads=2, queue=10)
        self.gate = Gate(house.accounts, self.hop, house.clock)
        self.feed = self.new_feed()
        self.signed_in: dict[str, SignedIn] = {}
        self.library = house.libraries.create(self.caller("bob"), "Jazz")

    def new_feed(
        self, libraries: Libraries | None = None, *, heartbeat_s: float = NEVER_S, queue_events: int = 4
    ) -> Feed:
        self.feed = Feed(
            self.gate,
            libraries or self.house.libraries,
            per_account=2,
            heartbeat_s=heartbeat_s,
            queue_events=queue_events,
        )
        return self.feed

    def caller(self, name: str) -> Caller:
        if name not in self.signed_in:
            self.signed_in[name] = self.house.sessions.sign_in(name, PASSWORD, Client())
        return self.signed_in[name].caller

    async def join(self, name: str, last_id: str = "") -> Listener:
        self.caller(name)
        token = self.signed_in[name].access_token
        return await self.feed.join([(b"authorization", f"Bearer {token}".encode())], last_id)

    @asynccontextmanager
    async def listening(self, name: str, last_id: str = "") -> AsyncIterator[AsyncIterator[bytes]]:
        """A client that has been told that the stream begins."""
        listener = await self.join(name, last_id)
        try:
            async with asyncio.timeout(WAIT_S):
                stream = self.feed.stream(listener)
                assert await anext(stream) == b"retry: 2000\n\n"
                yield stream
        finally:
            self.feed.leave(listener)

    def about(self, topic: str, **data: str | int) -> Event:
        return Event(topic, str(self.library.id), data)

    def access_changed(self) -> None:
        """What the wiring does when the epoch moved."""
        self.gate.forget()
        self.feed.look_again()


@pytest.fixture
def hall(tmp_path: Path, db: Database, bus: LocalBus, clock: ManualClock, keys: KeyRing) -> Iterator[Hall]:
    house = House(tmp_path, db, bus, clock, keys)
    house.move_in()
    hall = Hall(house)
    yield hall
    hall.hop.close()
    house.close()


async def ended(stream: AsyncIterator[bytes]) -> list[Told]:
    """Return what is told until the end of a stream, which must come."""
    found = []
    async for chunk in stream:
        found += read(chunk)
    return found


class TestWhat:
    async def test_a_member_hears_of_his_library(self, hall: Hall) -> None:
        async with hall.listening("bob") as stream:
            hall.feed.tell(hall.about("item.added", **ADDED))

            [told] = read(await anext(stream))

        assert (told.topic, told.data) == ("item.added", {"library": str(hall.library.uuid), **ADDED})

    async def test_nobody_hears_of_a_library_that_he_may_not_read(self, hall: Hall) -> None:
        async with hall.listening("eve") as stream, hall.listening("ann") as administrators:
            for topic in ("library.changed", "item.added", "item.changed", "item.gone", "source.state"):
                hall.feed.tell(hall.about(topic))
            hall.feed.tell(Event("library.changed"))

            assert [told.data for told in read(await anext(stream))] == [{}]
            assert [told.data for told in read(await anext(administrators))] == [{}]

    @pytest.mark.parametrize(("role", "hears"), [("owner", True), ("editor", True), ("listener", False)])
    async def test_how_a_source_is_hears_who_may_change_the_library(self, hall: Hall, role: str, hears: bool) -> None:  # noqa: FBT001
        hall.house.members.put(hall.caller("bob"), hall.library.uuid, "eve", role)
        async with hall.listening("eve") as stream:
            hall.feed.tell(hall.about("source.state", source="x", state="ok"))
            hall.feed.tell(hall.about("item.gone"))

            topics = [told.topic for told in read(await anext(stream))]

        assert topics == (["source.state", "item.gone"] if hears else ["item.gone"])

    async def test_jobs_are_told_to_administrators_alone(self, hall: Hall) -> None:
        news = job_news(hall.library.uuid, "maintain", "running", done=1, total=2)
        async with hall.listening("ann") as ann, hall.listening("bob") as bob:
            hall.feed.tell(news)
            hall.feed.tell(Event("library.changed"))

            assert next((told.topic, told.data) for told in read(await anext(ann))) == ("job.progress", dict(news.data))
            assert [told.topic for told in read(await anext(bob))] == ["library.changed"]


class TestGaps:
    async def test_whoever_is_too_slow_hears_of_a_gap_and_then_the_newest(self, hall: Hall) -> None:
        async with hall.listening("bob") as stream:
            for number in range(10):
                hall.feed.tell(hall.about("item.added", latest=number))

            told = read(await anext(stream))

        assert [one.topic for one in told] == ["resync", *["item.added"] * 4]
        assert isinstance(told[-1].data, dict)
        assert told[-1].data["latest"] == 9

    async def test_events_that_were_lost_on_the_way_are_a_gap(self, hall: Hall) -> None:
        async with hall.listening("eve") as stream:
            hall.feed.tell(None)

            assert [told.topic for told in read(await anext(stream))] == ["resync"]

    async def test_whoever_comes_back_without_having_missed_anything_goes_on(self, hall: Hall) -> None:
        async with hall.listening("bob") as stream:
            hall.feed.tell(hall.about("item.added"))
            [told] = read(await anext(stream))
        async with hall.listening("bob", told.id) as again:
            hall.feed.tell(hall.about("item.gone"))

            assert [one.topic for one in read(await anext(again))] == ["item.gone"]

    @pytest.mark.parametrize("is_foreign", [False, True])
    async def test_whoever_missed_something_asks_anew(self, hall: Hall, is_foreign: bool) -> None:  # noqa: FBT001
        async with hall.listening("bob") as stream:
            hall.feed.tell(hall.about("item.added"))
            [told] = read(await anext(stream))
        if is_foreign:  # as after a restart, or of another process
            hall.new_feed()
        else:
            hall.feed.tell(hall.about("item.gone"))
        async with hall.listening("bob", told.id) as again:
            assert [one.topic for one in read(await anext(again))] == ["resync"]


class TestEnds:
    async def test_when_the_session_does(self, hall: Hall) -> None:
        async with hall.listening("bob") as stream:
            hall.house.sessions.sign_out(hall.caller("bob"))
            hall.access_changed()
            hall.feed.tell(hall.about("item.added"))

            assert await ended(stream) == []

    async def test_when_the_account_is_disabled(self, hall: Hall) -> None:
        async with hall.listening("bob") as stream:
            hall.house.accounts.set_active(Operator(), "bob", is_active=False)
            hall.access_changed()

            assert await ended(stream) == []

    async def test_when_the_server_stops(self, hall: Hall) -> None:
        async with hall.listening("bob") as stream:
            hall.feed.close()

            assert await ended(stream) == []
        async with hall.listening("bob") as late:
            assert await ended(late) == []

    async def test_when_the_token_expires(self, hall: Hall) -> None:
        hall.new_feed(heartbeat_s=0.01)
        async with hall.listening("bob") as stream:
            assert await anext(stream) == b": still here\n\n"
            hall.house.clock.advance(timedelta(hours=2))

            assert await ended(stream) == []

    async def test_when_the_token_expires_however_much_happens(self, hall: Hall) -> None:
        async with hall.listening("bob") as stream:
            hall.feed.tell(hall.about("item.added"))
            assert len(read(await anext(stream))) == 1
            hall.house.clock.advance(timedelta(hours=2))
            hall.feed.tell(hall.about("item.added"))

            assert await ended(stream) == []

    async def test_not_when_somebody_elses_does(self, hall: Hall) -> None:
        async with hall.listening("bob") as stream:
            hall.caller("eve")
            hall.house.sessions.sign_out(hall.caller("eve"))
            hall.access_changed()
            hall.feed.tell(hall.about("item.added"))

            assert [told.topic for told in read(await anext(stream))] == ["item.added"]


class TestMembership:
    async def test_whoever_is_put_out_hears_that_and_nothing_else(self, hall: Hall) -> None:
        hall.house.members.put(hall.caller("bob"), hall.library.uuid, "eve", "listener")
        async with hall.listening("eve") as stream:
            hall.house.members.remove(hall.caller("bob"), hall.library.uuid, "eve")
            hall.access_changed()
            hall.feed.tell(hall.about("item.added"))

            told = read(await anext(stream))

        assert [(one.topic, one.data) for one in told] == [("library.changed", {})]

    async def test_what_was_queued_before_is_not_sent_after(self, hall: Hall) -> None:
        hall.house.members.put(hall.caller("bob"), hall.library.uuid, "eve", "listener")
        async with hall.listening("eve") as stream:
            hall.feed.tell(hall.about("item.added"))
            hall.house.members.remove(hall.caller("bob"), hall.library.uuid, "eve")
            hall.access_changed()

            assert [told.topic for told in read(await anext(stream))] == ["library.changed"]

    async def test_whoever_is_let_in_hears_from_then_on(self, hall: Hall) -> None:
        async with hall.listening("eve") as stream:
            hall.house.members.put(hall.caller("bob"), hall.library.uuid, "eve", "listener")
            hall.access_changed()
            hall.feed.tell(hall.about("item.added"))

            told = read(await anext(stream))

        assert sorted(one.topic for one in told) == ["item.added", "library.changed"]

    async def test_whoever_is_put_out_while_he_joins_hears_nothing_of_it(self, hall: Hall) -> None:
        hall.house.members.put(hall.caller("bob"), hall.library.uuid, "eve", "listener")
        loop = asyncio.get_running_loop()

        def put_out() -> None:
            hall.house.members.remove(hall.caller("bob"), hall.library.uuid, "eve")
            loop.call_soon_threadsafe(hall.access_changed)

        hall.new_feed(_Meanwhile(hall.house.db, put_out))
        async with hall.listening("eve") as stream:
            hall.feed.tell(hall.about("item.added"))

            told = read(await anext(stream))

        assert [(one.topic, one.data) for one in told] == [("library.changed", {})]


class _Meanwhile(Libraries):
    """Lets something happen once, after somebody was told what he may hear of and before he hears it."""

    def __init__(self, db: Database, act: Callable[[], None]) -> None:
        super().__init__(db)
        self.act: Callable[[], None] | None = act

    def audience(self, caller: Caller) -> Audience:
        found = super().audience(caller)
        act, self.act = self.act, None
        if act is not None:
            act()
        return found


class TestMany:
    async def test_an_account_holds_so_many_and_no_more(self, hall: Hall) -> None:
        first = await hall.join("bob")
        await hall.join("bob")

        with pytest.raises(AppError) as caught:
            await hall.join("bob")

        assert (caught.value.kind, caught.value.code) == (ErrorKind.LIMITED, "too_many_listeners")
        assert (await hall.join("eve")).caller.username == "eve"
        hall.feed.leave(first)
        hall.feed.leave(first)
        await hall.join("bob")
        with pytest.raises(AppError):
            await hall.join("bob")

    async def test_of_many_at_once_as_many_get_in(self, hall: Hall) -> None:
        hall.caller("bob")

        found = await asyncio.gather(*(hall.join("bob") for _ in range(5)), return_exceptions=True)

        assert sum(isinstance(one, Listener) for one in found) == 2

    async def test_a_stream_that_ended_makes_room(self, hall: Hall) -> None:
        for _ in range(3):
            for _both in range(2):
                stream = hall.feed.stream(await hall.join("bob"))
                assert await anext(stream)
                hall.feed.close()
                assert await ended(stream) == []

    async def test_a_stranger_is_refused(self, hall: Hall) -> None:
        for fields in ([], [(b"authorization", b"Bearer x")]):
            with pytest.raises(AppError) as caught:
                await hall.feed.join(fields, "")
            assert caught.value.kind is ErrorKind.UNAUTHENTICATED


async def test_a_quiet_stream_is_kept_alive_by_comments(hall: Hall) -> None:
    hall.new_feed(heartbeat_s=0.01)
    async with hall.listening("bob") as stream:
        assert [await anext(stream) for _ in range(3)] == [b": still here\n\n"] * 3
        hall.feed.tell(hall.about("item.added"))

        chunks = [chunk async for chunk in _until(stream, b"item.added")]

    assert len(read(chunks[-1])) == 1


async def _until(stream: AsyncIterator[bytes], what: bytes) -> AsyncIterator[bytes]:
    async for chunk in stream:
        yield chunk
        if what in chunk:
            return
