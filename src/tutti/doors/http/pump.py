"""Moves bytes from the page cache to a socket without copying them, past the transport that owns the socket."""

import asyncio
import os
from collections.abc import Callable

from tutti.kit.ranges import Window

TURN_BYTES = 2 << 20
"""What one answer may move in a turn of the loop: more, and a fast client would keep all others waiting."""


Step = Callable[[int], int]
"""Sends some of the bytes that are left, whose number it is given; returns how many, 0 at the end of the file."""


class Pump:
    """Sends one answer in order, on asyncio and uvloop; meanwhile the transport must neither read nor write.

    A step is tried at once, and again whenever the socket has room: one callback per turn of the loop, one future per
    window, no task and no buffer.
    """

    def __init__(self, socket_fd: int, *, stall_s: float) -> None:
        """Duplicate a non-blocking socket; `close` must follow.

        The loops refuse a writer on the descriptor of a transport, but not on its duplicate; and a duplicate cannot
        come to mean another connection when the transport is closed.

        Args:
            socket_fd: The descriptor of the connection.
            stall_s: The client is given up when it takes nothing for that long, or for up to half as much longer.
        """
        self._loop = asyncio.get_running_loop()
        self._socket_fd = os.dup(socket_fd)
        self._stall_s = stall_s
        self._left = 0
        self._sent = 0
        self._sent_at_once = 0
        self._failure: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._watch: StallWatch | None = None

    def close(self) -> None:
        """Release the duplicate, which would keep the connection open."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        os.close(self._socket_fd)

    def fail(self, failure: Exception) -> None:
        """End the answer: the step that waits, or else the next one, raises `failure`."""
        self._failure = failure
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(failure)

    async def write(self, data: bytes) -> None:
        """Send bytes; raises as `send_file`."""
        await self._move(len(data), lambda left: os.write(self._socket_fd, data[-left:]))

    async def send_file(self, fd: int, window: Window) -> None:
        """Send a window of at most `TURN_BYTES`, which should be in the page cache.

        Raises:
            EOFError: The file ends inside the window.
            ConnectionError: The client is gone.
            TimeoutError: The client took nothing for too long.
            OSError: Anything else that sendfile(2) knows.
        """
        end = window.end
        await self._move(window.length, lambda left: os.sendfile(self._socket_fd, fd, end - left, left))

    async def _move(self, length: int, step: Step) -> None:
        self._left = length
        if not self._advance(step):
            await self._wait(step)
            self._sent_at_once = 0
            return
        self._sent_at_once += length
        if self._sent_at_once >= TURN_BYTES:
            self._sent_at_once = 0
            await asyncio.sleep(0)

    def _advance(self, step: Step) -> bool:
        """Take one step; return whether it was the last."""
        if self._failure is not None:
            raise self._failure
        try:
            count = step(self._left)
        except BlockingIOError:
            return False
        if not count:
            raise EOFError
        self._sent += count
        self._left -= count
        return not self._left

    async def _wait(self, step: Step) -> None:
        if self._watch is None:
            self._watch = StallWatch(self._stall_s, lambda: self._sent, lambda: self.fail(TimeoutError()))
        waiter = self._waiter = self._loop.create_future()
        self._loop.add_writer(self._socket_fd, self._turn, step, waiter)
        try:
            await waiter
        finally:
            self._loop.remove_writer(self._socket_fd)

    def _turn(self, step: Step, waiter: "asyncio.Future[None]") -> None:
        if waiter.done():
            return
        try:
            if self._advance(step):
                waiter.set_result(None)
        except (OSError, EOFError) as error:
            waiter.set_exception(error)


class StallWatch:
    """Reports a counter that has stood still for `stall_s` seconds, or for up to half as much longer."""

    def __init__(self, stall_s: float, count: Callable[[], int], report: Callable[[], None]) -> None:
        """Begin to watch what `count` returns; `report` is called once, by the running loop."""
        self._interval_s = stall_s / 2
        self._count = count
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._look(None)

    def cancel(self) -> None:
        """Watch no more."""
        self._timer.cancel()

    def _look(self, *before: int | None) -> None:
        """Look at the counter again; `before` are the last two values seen, the older one first."""
        now = self._count()
        if before == (now, now):
            self._report()
        else:
            self._timer = self._loop.call_later(self._interval_s, self._look, before[-1], now)
