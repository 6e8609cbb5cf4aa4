"""Moves bytes from the page cache to a socket without copying them, past the transport that owns the socket."""

import asyncio
import os
from collections.abc import Callable, Iterable, Iterator
from enum import Enum, auto

from tutti.doors.http.answers import Piece
from tutti.doors.http.pages import FilePages
from tutti.kit.ranges import Window

_TURN_BYTES = 2 << 20  # what one answer may move in a turn of the loop: a fast client must not keep all others waiting


class Pause(Enum):
    """Why an answer cannot go on just now."""

    FULL = auto()
    """The socket has no room, or the answer had its turn."""
    COLD = auto()
    """The next window is not in the page cache."""


class Pump:
    """Sends one answer, on asyncio and uvloop; meanwhile the transport must neither read nor write.

    What can be sent is sent at once, and the rest by one callback per turn of the loop: no task, no buffer, and one
    future for the whole answer, unless parts of the file are cold.
    """

    def __init__(self, socket_fd: int, pieces: Iterable[Piece], file_fd: int, pages: FilePages) -> None:
        """Prepare to send.

        Args:
            socket_fd: A connected, non-blocking socket. Whoever owns it calls `fail` before it is closed.
            pieces: The answer, its head included.
            file_fd: The file that the windows among the pieces lie in.
            pages: How that file is read.
        """
        self._socket_fd = socket_fd
        self._file_fd = file_fd
        self._pages = pages
        self._turns = _turns(pieces)
        self._turn: Piece = b""
        self._left = 0
        self._cold: Window | None = None
        self._sent = 0
        self._failure: Exception | None = None
        self._waiter: asyncio.Future[Pause | None] | None = None

    def fail(self, failure: Exception) -> None:
        """End the answer: `run` or the next `push` raises `failure`."""
        self._failure = failure
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(failure)

    def push(self) -> Pause | None:
        """Send what can be sent now; return what hinders the rest, None when nothing is left.

        Raises:
            EOFError: The file ends inside a window.
            ConnectionError: The client is gone.
            OSError: Whatever else sendfile(2) and write(2) know.
        """
        if self._failure is not None:
            raise self._failure
        end = self._sent + _TURN_BYTES
        while self._left or self._begin_turn():
            if self._cold:
                return Pause.COLD
            if self._sent >= end:
                return Pause.FULL
            try:
                count = self._send()
            except BlockingIOError:
                return Pause.FULL
            if not count:
                raise EOFError
            self._sent += count
            self._left -= count
        return None

    async def run(self, *, stall_s: float) -> None:
        """Send everything; raises what `push` does.

        Args:
            stall_s: The client is given up when it takes nothing for that long, or for up to half as much longer.

        Raises:
            TimeoutError: The client was given up.
        """
        pause = self.push()
        if pause is None:
            return
        watch = StallWatch(stall_s, lambda: self._sent, lambda: self.fail(TimeoutError()))
        # A loop refuses a writer on the descriptor of a transport, but not on a duplicate; one that is left open would
        # keep the connection open.
        self._socket_fd = os.dup(self._socket_fd)
        try:
            while pause is not None:
                pause = await (self._load(self._cold) if self._cold else self._wait())
        finally:
            watch.cancel()
            os.close(self._socket_fd)

    def _begin_turn(self) -> bool:
        turn = next(self._turns, None)
        if turn is None:
            return False
        self._turn = turn
        if isinstance(turn, Window):
            self._left = turn.length
            self._cold = None if self._pages.seems_resident(self._file_fd, turn) else turn
        else:
            self._left = len(turn)
        return True

    def _send(self) -> int:
        turn = self._turn
        if isinstance(turn, Window):
            return os.sendfile(self._socket_fd, self._file_fd, turn.end - self._left, self._left)
        return os.write(self._socket_fd, turn[-self._left :])

    async def _load(self, cold: Window) -> Pause | None:
        await self._pages.load(self._file_fd, cold)
        self._cold = None
        return self.push()

    async def _wait(self) -> Pause | None:
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Pause | None] = loop.create_future()
        self._waiter = waiter
        loop.add_writer(self._socket_fd, self._push_on, waiter)
        try:
            return await waiter
        finally:
            loop.remove_writer(self._socket_fd)

    def _push_on(self, waiter: "asyncio.Future[Pause | None]") -> None:
        if waiter.done():
            return
        try:
            pause = self.push()
        except (OSError, EOFError) as error:
            waiter.set_exception(error)
        else:
            if pause is not Pause.FULL:
                waiter.set_result(pause)


def _turns(pieces: Iterable[Piece]) -> Iterator[Piece]:
    for piece in pieces:
        if isinstance(piece, Window):
            for offset in range(piece.offset, piece.end, _TURN_BYTES):
                yield Window(offset, min(_TURN_BYTES, piece.end - offset))
        else:
            yield piece


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
