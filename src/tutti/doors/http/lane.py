"""The lane of files: an answer that leaves the page cache for the socket, in place of uvicorn's own `send`."""

import contextlib
import socket
import weakref
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import structlog
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle
from uvicorn.protocols.utils import get_client_addr, get_path_with_query_string

from tutti.doors.http.answers import Answer, Piece
from tutti.doors.http.pages import FilePages
from tutti.doors.http.pump import Pump
from tutti.kit.ranges import Window

FILE_EXTENSION: Final = "tutti.file"
"""Where `scope["extensions"]` holds `{"lane": FileLane}`; absent where there is no such lane."""

# Up to here one write of head and body is the cheaper way; any limit from 16 to 64 KiB is as good.
_SMALL_BYTES = 64 * 1024

# What the kernel may keep unsent for a client. A slow listener cost up to 3.5 MB without it, 15 times as much.
_UNSENT_BYTES = 256 * 1024

_log: structlog.stdlib.BoundLogger = structlog.get_logger()


@dataclass(slots=True)
class Wire:
    """What the lanes of one connection share.

    Attributes:
        pump: At work just now; who learns that the connection is lost makes it fail.
    """

    pump: Pump | None = None
    is_tuned: bool = False


class FileLane:
    """Answers one request with a file, by names inside uvicorn that `check_protocol` looks for."""

    __slots__ = ("_cycle", "_wire")

    def __init__(self, cycle: RequestResponseCycle, wire: Wire) -> None:
        # Weak, because the cycle owns the scope that owns the lane: rings of garbage for every request are dear.
        self._cycle = weakref.ref(cycle)
        self._wire = wire

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
            if cycle.flow.write_paused:
                await cycle.flow.drain()
            _require_client(cycle)
            head = _start(cycle, answer)
            if answer.length > _SMALL_BYTES:
                await self._pump(cycle, [head, *answer.pieces], fd, pages, stall_s=stall_s)
            else:
                await _write(cycle, [head, *answer.pieces], fd, pages)
        except (ConnectionError, TimeoutError) as error:
            _log.debug("file.client_left", reason=type(error).__name__)
        except (EOFError, OSError) as error:
            _log.error("file.cut_short", reason=repr(error))
        else:
            _complete(cycle)
            return
        cycle.disconnected = True  # or uvicorn would ask for the rest
        cycle.transport.abort()

    async def _pump(
        self, cycle: RequestResponseCycle, pieces: Iterable[Piece], fd: int, pages: FilePages, *, stall_s: float
    ) -> None:
        # A malformed byte behind the request must not make uvicorn write its 400 into the middle of the body.
        cycle.flow.pause_reading()
        await _flush(cycle)
        self._wire.pump = Pump(self._tuned_socket(cycle).fileno(), pieces, fd, pages)
        try:
            await self._wire.pump.run(stall_s=stall_s)
        finally:
            self._wire.pump = None

    def _tuned_socket(self, cycle: RequestResponseCycle) -> socket.socket:
        connection: socket.socket = cycle.transport.get_extra_info("socket")
        if not self._wire.is_tuned:
            self._wire.is_tuned = True
            with contextlib.suppress(OSError, AttributeError):  # not TCP, or a system without the option
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)
        return connection


def _start(cycle: RequestResponseCycle, answer: Answer) -> bytes:
    """Mark the answer as begun, as uvicorn would, and return its head."""
    cycle.response_started = True
    cycle.waiting_for_100_continue = False
    if cycle.access_log:
        _log_access(cycle, answer.status)
    lines = [STATUS_LINE[answer.status]]
    lines += [b"%b: %b\r\n" % field for field in cycle.default_headers]
    lines.append(answer.lines)
    if not cycle.keep_alive:
        lines.append(b"connection: close\r\n")
    lines.append(b"\r\n")
    return b"".join(lines)


def _log_access(cycle: RequestResponseCycle, status: int) -> None:
    scope = cycle.scope
    request = (get_client_addr(scope), scope["method"], get_path_with_query_string(scope), scope["http_version"])
    cycle.access_logger.info('%s - "%s %s HTTP/%s" %d', *request, status)


def _require_client(cycle: RequestResponseCycle) -> None:
    if cycle.disconnected or cycle.transport.is_closing():
        raise ConnectionResetError


async def _write(cycle: RequestResponseCycle, pieces: Iterable[Piece], fd: int, pages: FilePages) -> None:
    parts: list[bytes | bytearray] = []
    for piece in pieces:
        if isinstance(piece, Window):
            data: bytes | bytearray | None = pages.peek(fd, piece)
            if data is None:
                data = await pages.read(fd, piece)
                _require_client(cycle)
            parts.append(data)
        else:
            parts.append(piece)
    cycle.transport.write(b"".join(parts))


async def _flush(cycle: RequestResponseCycle) -> None:
    """Wait until the transport has written all it holds: the pump would overtake it."""
    if cycle.transport.get_write_buffer_size():
        cycle.transport.set_write_buffer_limits(0)
        try:
            await cycle.flow.drain()
        finally:
            cycle.transport.set_write_buffer_limits()
        _require_client(cycle)


def _complete(cycle: RequestResponseCycle) -> None:
    """Leave the cycle as uvicorn leaves it after the last byte of a body."""
    cycle.response_complete = True
    cycle.expected_content_length = 0
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()
