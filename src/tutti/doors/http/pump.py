"""Moves bytes from the page cache to a socket without copying them, past the transport that owns the socket."""

import asyncio
import os
from collections.abc import Iterable, Iterator
from enum import Enum, auto

from tutti.doors.http.answers import Piece
from tutti.doors.http.pages import FilePages
from tutti.doors.http.watches import StallWatch
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

    `push` sends what can be sent at once, `run` the rest, by one callback per turn of the loop: no task, no buffer, and
    one future for the whole answer, unless parts of the file are cold.

    Attributes:
        sent_bytes: What the socket has taken.
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
        self._pause: Pause | None = None
        self._cold: Window | None = None
        self.sent_bytes = 0
        self._failure: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None

    def fail(self, failure: Exception) -> None:
        """End the answer: `run`, or the next `push`, raises `failure`."""
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
        self._pause = self._push()
        return self._pause

    async def run(self, *, stall_s: float) -> None:
        """Send what `push` has left; raises what it does.

        Args:
            stall_s: The client is given up when it takes nothing for that long, or for up to half as much longer.

        Raises:
            TimeoutError: The client was given up.
        """
        if self._failure is not None:
            raise self._failure
        watch = StallWatch(stall_s, lambda: self.sent_bytes, lambda: self.fail(TimeoutError()))
        # A loop refuses a writer on the descriptor of a transport, but not on a duplicate; one that is left open would
        # keep the connection open.
        self._socket_fd = os.dup(self._socket_fd)
        try:
            while self._pause is not None:
                await (self._load(self._cold) if self._cold else self._wait())
        finally:
            watch.cancel()
            os.close(self._socket_fd)

    def _push(self) -> Pause | None:
        if self._failure is not None:
            raise self._failure
        end = self.sent_bytes + _TURN_BYTES
        while self._left or self._begin_turn():
            if self._cold:
                return Pause.COLD
            if self.sent_bytes >= end:
                return Pause.FULL
            try:
                count = self._send()
            except BlockingIOError:
                return Pause.FULL
            if not count:
                raise EOFError
            self.sent_bytes += count
            self._left -= count
            if self._left:  # a second try would find room for crumbs
                return Pause.FULL
        return None

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

    async def _load(self, cold: Window) -> None:
        await self._pages.load(self._file_fd, cold)
        self._cold = None
        self.push()

    async def _wait(self) -> None:
        """Push whenever the socket has room, until that alone does not help."""
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        loop.add_writer(self._socket_fd, self._push_on, self._waiter)
        try:
            await self._waiter
        finally:
            loop.remove_writer(self._socket_fd)

    def _push_on(self, waiter: "asyncio.Future[None]") -> None:
        if waiter.done():
            return
        try:
            if self.push() is not Pause.FULL:
                waiter.set_result(None)
        except (OSError, EOFError) as error:
            waiter.set_exception(error)


def _turns(pieces: Iterable[Piece]) -> Iterator[Piece]:
    for piece in pieces:
        if isinstance(piece, Window):
            for offset in range(piece.offset, piece.end, _TURN_BYTES):
                yield Window(offset, min(_TURN_BYTES, piece.end - offset))
        else:
            yield piece
