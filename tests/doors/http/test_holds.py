"""Answers that are cut off because their client may not have the rest (reliability.md P34)."""

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event
from uuid import UUID, uuid4

import pytest

from support.httpbytes import EVERY_WAY, ByteServer, serving
from tutti.domain.caller import Caller, Role
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.values import UserId
from tutti.doors.http.holds import Hold, Holds
from tutti.doors.http.hop import Hop
from tutti.doors.http.pages import FilePages

ANN = Caller(UserId(1), UUID(int=1), "ann", frozenset({Role.USER}))
BIG_BYTES = 20_000_000


def nothing(_: Sequence[tuple[Caller, UUID]]) -> Sequence[bool]:
    return []


class TellingHold(Hold):
    """Says when an answer rests on it, and can be ended by another thread."""

    loop: asyncio.AbstractEventLoop

    def __init__(self) -> None:
        super().__init__(Holds(nothing, Hop(threads=1, queue=1)), ANN, uuid4())
        self.is_held = Event()

    @contextlib.contextmanager
    def sending(self, cut: Callable[[], None]) -> Iterator[None]:
        with super().sending(cut):
            self.loop = asyncio.get_running_loop()
            self.is_held.set()
            yield

    def cut(self) -> None:
        self.loop.call_soon_threadsafe(self.end)


@pytest.mark.parametrize(("loop", "way"), EVERY_WAY)
def test_an_answer_that_is_being_sent_ends_where_it_is(tmp_path: Path, loop: str, way: str) -> None:
    path = tmp_path / "big"
    path.write_bytes(os.urandom(1000) * (BIG_BYTES // 1000))
    hold = TellingHold()
    with ThreadPoolExecutor(2) as pool, serving(ByteServer(FilePages(pool)), loop=loop, way=way) as server:
        at = server.add("/big", path)
        server.files[at] = replace(server.files[at], hold=hold)
        with server.connect(receive_bytes=16 * 1024) as client:
            client.ask(at)
            assert client.head().status == 200
            assert hold.is_held.wait(20)

            hold.cut()

            assert len(client.rest()) < BIG_BYTES
        assert server.get("/big", Range="bytes=0-9").status == 206


class Watched:
    """Holds that are watched, and who may go on."""

    loop: asyncio.AbstractEventLoop
    done: asyncio.Event

    def __init__(self, answers: list[bool | Exception]) -> None:
        self.answers = answers
        self.asked = 0
        self.hop = Hop(threads=1, queue=10)
        self.holds = Holds(self.may_go_on, self.hop)

    def may_go_on(self, sends: Sequence[tuple[Caller, UUID]]) -> Sequence[bool]:
        self.asked += 1
        answer = self.answers.pop(0)
        if not self.answers:
            self.loop.call_soon_threadsafe(self.done.set)
        if isinstance(answer, Exception):
            raise answer
        return [answer] * len(sends)

    def run(self, holds: int = 1) -> int:
        """Change access once while answers rest on holds; return how many were cut when nobody asks any more."""
        cuts = 0

        def cut() -> None:
            nonlocal cuts
            cuts += 1

        async def main() -> None:
            self.loop, self.done, changed = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
            with contextlib.ExitStack() as stack:
                for _ in range(holds):
                    stack.enter_context(Hold(self.holds, ANN, uuid4()).sending(cut))
                async with asyncio.TaskGroup() as group:
                    watcher = group.create_task(self.holds.watch(changed))
                    changed.set()
                    async with asyncio.timeout(20):
                        await self.done.wait()
                        await self.hop(lambda: None)  # the pool has one thread: what was asked has been answered
                        await asyncio.sleep(0)
                    watcher.cancel()
            assert not self.holds.in_use

        asyncio.run(main())
        self.hop.close()
        return cuts


def test_whoever_may_not_go_on_is_cut() -> None:
    assert Watched([False]).run() == 1


def test_whoever_may_go_on_is_not() -> None:
    assert Watched([True]).run() == 0


def test_many_are_asked_about_a_hundred_at_a_time() -> None:
    watched = Watched([False, False, False])

    assert watched.run(250) == 250
    assert watched.asked == 3


@pytest.mark.parametrize("trouble", [AppError(ErrorKind.BUSY, "database_busy", "Busy."), RuntimeError("a bug")])
def test_when_nobody_can_tell_it_is_asked_again(trouble: Exception) -> None:
    watched = Watched([trouble, False])

    assert watched.run() == 1
    assert watched.asked == 2
