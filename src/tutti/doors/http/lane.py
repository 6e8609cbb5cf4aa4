"""The lane of files: an answer that leaves the page cache for the socket, in place of uvicorn's own `send`."""

import asyncio
import contextlib
import socket
import struct
import weakref
from collections.abc import Iterable
from typing import Final

import structlog
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle
from uvicorn.protocols.utils import get_client_addr, get_path_with_query_string

from tutti.doors.http.answers import Answer, Field
from tutti.doors.http.holds import AccessEnded
from tutti.doors.http.pages import FilePages
from tutti.doors.http.pump import Pause, Pump
from tutti.kit.ranges import Window

FILE_EXTENSION: Final = "tutti.file"
"""Where `scope["extensions"]` holds `{"lane": FileLane}`; absent where there is no such lane."""

ACCESS_FORMAT: Final = '%s - "%s %s HTTP/%s" %d'
"""uvicorn's line in the access log: client, method, path, version, status. Its formatter takes the five apart."""

# Up to here one write of head and body is the cheaper way; any limit from 16 to 64 KiB is as good.
_SMALL_BYTES = 64 * 1024

# What the kernel may keep unsent. Without a limit a slow listener costs up to 3.5 MB, 15 times as much as with this
# one; a client as fast as the machine itself, which takes so much in one go, costs a fifth less CPU with more.
_UNSENT_BYTES = 256 * 1024
_FAST_TAKES_BYTES = 1 << 20
_FAST_UNSENT_BYTES = 2 << 20

_DROP_UNSENT = struct.pack("ii", 1, 0)
"""A `struct linger` that makes close(2) reset the connection."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger()


class Wire:
    """The way to the socket of one connection.

    Attributes:
        pump: At work just now; who learns that the connection is lost makes it fail.
    """

    __slots__ = ("_socket", "_transport", "_unsent_bytes", "pump")

    def __init__(self, transport: asyncio.Transport) -> None:
        self.pump: Pump | None = None
        self._transport = transport
        self._socket: socket.socket = transport.get_extra_info("socket")
        self._unsent_bytes = 0

    def begin(self, head: bytes, answer: Answer, fd: int, pages: FilePages) -> Pump | None:
        """Send what can be sent at once; return the pump that has the rest, None when there is none.

        The transport must hold nothing unsent.

        Raises:
            EOFError, OSError: As `Pump.push`.
        """
        if answer.length <= _SMALL_BYTES:
            data = _gather(head, answer, fd, pages)
            if data is not None:
                self._transport.write(data)
                return None
        if not self._unsent_bytes:
            self._limit_unsent(_UNSENT_BYTES)
        pump = Pump(self._socket.fileno(), [head, *answer.pieces], fd, pages)
        pause = pump.push()
        if pump.sent_bytes >= _FAST_TAKES_BYTES:
            self._limit_unsent(_FAST_UNSENT_BYTES)
        elif pause is Pause.FULL:
            self._limit_unsent(_UNSENT_BYTES)
        self.pump = pump if pause else None
        return self.pump

    async def carry_on(self, pump: Pump, *, stall_s: float) -> None:
        """Send the rest of an answer that `begin` has left; raises as `Pump.run`."""
        try:
            await pump.run(stall_s=stall_s)
        finally:
            self.pump = None

    def cut(self) -> None:
        """End the connection where it is; what the kernel has not sent yet stays unsent."""
        with contextlib.suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _DROP_UNSENT)
        if self.pump is None:
            self._transport.abort()
        else:
            self.pump.fail(AccessEnded())

    def give_up(self, error: Exception) -> None:
        """End the connection, and say why an answer was not sent whole."""
        if isinstance(error, ConnectionError | TimeoutError):
            _log.debug("file.client_left", reason=type(error).__name__)
        else:
            _log.error("file.cut_short", reason=repr(error))
        self._transport.abort()

    def _limit_unsent(self, limit: int) -> None:
        if limit == self._unsent_bytes:
            return
        self._unsent_bytes = limit
        with contextlib.suppress(OSError, AttributeError):  # not TCP, or a system without the option
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, limit)


def _gather(head: bytes, answer: Answer, fd: int, pages: FilePages) -> bytes | None:
    parts: list[bytes | bytearray] = [head]
    for piece in answer.pieces:
        data = pages.peek(fd, piece) if isinstance(piece, Window) else piece
        if data is None:
            return None
        parts.append(data)
    return b"".join(parts)


class FileLane:
    """Answers one request with a file, by names inside uvicorn that `check_protocol` looks for."""

    __slots__ = ("_cycle", "_wire")

    def __init__(self, cycle: RequestResponseCycle, wire: Wire) -> None:
        # Weak, because the cycle owns the scope that owns the lane: rings of garbage for every request are dear.
        self._cycle = weakref.ref(cycle)
        self._wire = wire

    def cut(self) -> None:
        """End what is being sent, and the connection with it; see `Wire.cut`."""
        self._wire.cut()

    async def send(self, answer: Answer, fd: int, pages: FilePages, *, stall_s: float) -> None:
        """Send the answer whole, or end the connection; it returns either way, and the reason of an end is logged.

        Args:
            answer: What to send.
            fd: The file that the windows of the answer lie in.
            pages: How it is read.
            stall_s: A client that takes nothing for that long, or for up to half as much longer, is given up.

        Raises:
            RuntimeError: The request has been answered already.
        """
        cycle = self._cycle()
        if cycle is None or cycle.response_started:
            raise RuntimeError("The request has been answered already.")
        try:
            if cycle.transport.get_write_buffer_size():
                await _flush(cycle)
            if cycle.disconnected or cycle.transport.is_closing():
                raise ConnectionResetError
            pump = self._wire.begin(_start(cycle, answer), answer, fd, pages)
        except (OSError, EOFError) as error:
            _give_up(cycle, self._wire, error)
        else:
            await finish(cycle, self._wire, pump, stall_s=stall_s)


async def finish(cycle: RequestResponseCycle, wire: Wire, pump: Pump | None, *, stall_s: float) -> None:
    """Send what is left of an answer, and leave the cycle as uvicorn leaves it after the last byte."""
    if pump is not None:
        # A malformed byte behind the request must not make uvicorn write its 400 into the middle of the body.
        cycle.flow.pause_reading()
        try:
            await wire.carry_on(pump, stall_s=stall_s)
        except (OSError, EOFError) as error:
            _give_up(cycle, wire, error)
            return
    cycle.response_complete = True
    cycle.expected_content_length = 0
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()


def _give_up(cycle: RequestResponseCycle, wire: Wire, error: Exception) -> None:
    cycle.disconnected = True  # or uvicorn would ask where the rest is
    wire.give_up(error)


async def _flush(cycle: RequestResponseCycle) -> None:
    """Wait until the transport has written all it holds: what goes past it would overtake that."""
    cycle.transport.set_write_buffer_limits(0)
    try:
        await cycle.flow.drain()
    finally:
        cycle.transport.set_write_buffer_limits()


def _start(cycle: RequestResponseCycle, answer: Answer) -> bytes:
    """Mark the answer as begun, as uvicorn would, and return its head."""
    cycle.response_started = True
    cycle.waiting_for_100_continue = False
    if cycle.access_log:
        scope = cycle.scope
        request = (get_client_addr(scope), scope["method"], get_path_with_query_string(scope), scope["http_version"])
        cycle.access_logger.info(ACCESS_FORMAT, *request, answer.status)
    return head_of(answer, cycle.default_headers, keep_alive=cycle.keep_alive)


def head_of(answer: Answer, default_headers: Iterable[Field], *, keep_alive: bool) -> bytes:
    """Return the head of an answer as it goes over the wire."""
    lines = [STATUS_LINE[answer.status]]
    lines += [b"%b: %b\r\n" % field for field in default_headers]
    lines += (answer.lines, b"\r\n" if keep_alive else b"connection: close\r\n\r\n")
    return b"".join(lines)
