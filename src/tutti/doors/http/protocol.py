"""uvicorn's HTTP connection, with the lane of files and with the limits that it lacks."""

import asyncio
import os
from functools import cache
from typing import ClassVar

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from tutti.doors.http.lane import FILE_EXTENSION, FileLane, Wire
from tutti.doors.http.pump import StallWatch

# The most that a loop reads at once: what comes in one piece can be measured only after it was parsed.
_READ_BYTES = 256 * 1024


class TuttiProtocol(HttpToolsProtocol):
    """One connection; uvicorn gets the class as `http=`. A subclass may set other limits.

    Attributes:
        zero_copy: Offer the lane of files, where `check_protocol` and the connection allow it.
        head_s: How long a connection may take over the head of a request; the first one counts from the start.
        stall_s: A client that takes nothing of an answer, other than by the lane, for that long or for up to half as
            much longer is given up.
        max_head_bytes: A request line with its fields that has more is refused: 431.
        max_fields: Likewise.
    """

    zero_copy: ClassVar[bool] = True
    head_s: ClassVar[float] = 10.0
    stall_s: ClassVar[float] = 60.0
    max_head_bytes: ClassVar[int] = 64 * 1024
    max_fields: ClassVar[int] = 200

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's narrowing
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._wire = Wire()
        self._has_lane = self.zero_copy and self.scheme == "http" and check_protocol() is None
        self._chunk_bytes = 0
        self._unplaced_bytes = 0  # received since the last head or piece of a body, or more
        self._is_deaf = False
        self._refusal: tuple[int, str] | None = None
        self._write_watch: StallWatch | None = None
        self._head_timer: asyncio.TimerHandle | None = self.loop.call_later(self.head_s, transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        """End what still runs for the client."""
        super().connection_lost(exc)
        self._stop_head_timer()
        self._stop_write_watch()
        if self._wire.pump is not None:
            self._wire.pump.fail(ConnectionResetError())

    def data_received(self, data: bytes) -> None:
        """Parse within the budgets of a head, in bytes and in time."""
        if self._is_deaf:
            return
        self._chunk_bytes = len(data)
        self._unplaced_bytes += self._chunk_bytes
        super().data_received(data)
        if self._unplaced_bytes > self.max_head_bytes + _READ_BYTES and not self._is_deaf:
            self._refuse(431, "The head of the request is too large.")
        self._time_head()

    # What the parser calls.

    def on_headers_complete(self) -> None:
        """Refuse what is no proper head; uvicorn takes an exception here for a malformed request."""
        names = [name for name, _ in self.headers]
        hosts = names.count(b"host")
        if len(names) > self.max_fields or (
            self._unplaced_bytes > self.max_head_bytes and self._head_bytes() > self.max_head_bytes
        ):
            self._refusal = 431, "The head of the request is too large."
            raise ValueError
        if hosts > 1 or (not hosts and self.parser.get_http_version() == "1.1"):
            self._refusal = 400, "A request must name its host, once."  # RFC 9112 3.2
            raise ValueError
        self._unplaced_bytes = self._chunk_bytes  # the next head may lie in the same piece
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of a body: nothing of it counts as a head, nor as trailers."""
        self._unplaced_bytes = 0
        super().on_body(body)

    # What uvicorn calls.

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        if self._has_lane:
            cycle.scope["extensions"] = {FILE_EXTENSION: {"lane": FileLane(cycle, self._wire)}}
        super()._start_asgi_task(cycle, app)

    def send_400_response(self, msg: str) -> None:
        """Answer what cannot be parsed, or was refused above."""
        self._refuse(*self._refusal or (400, msg))

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection on, with no timer left behind."""
        self._is_deaf = True
        self._stop_head_timer()
        super().handle_websocket_upgrade()

    def pause_writing(self) -> None:
        """Begin to watch a client that takes less than it is sent."""
        super().pause_writing()
        self._watch_writes()

    def resume_writing(self) -> None:
        """Watch it no more."""
        super().resume_writing()
        self._stop_write_watch()

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, even when its client never takes the last bytes of its answer."""
        super().timeout_keep_alive_handler()
        if self.transport.get_write_buffer_size():
            self._watch_writes()

    # Our own.

    def _is_answering(self) -> bool:
        return not getattr(self.cycle, "response_complete", True)  # None at first, whatever its annotation says

    def _head_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _refuse(self, status: int, sentence: str) -> None:
        """Answer, close our side, and hear no more: a client that still sends would lose the answer to a reset.

        The connection ends when the client closes its side, or with the time that a head has. Where an answer to an
        earlier request is due, it is cut off: a refusal in its place would be taken for it.
        """
        self._is_deaf = True
        if self._is_answering():
            self.transport.close()
            return
        body = sentence.encode("ascii")
        lines = [STATUS_LINE[status]]
        lines += [b"%b: %b\r\n" % field for field in self.server_state.default_headers]
        lines.append(b"content-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\n" % len(body))
        lines.append(b"connection: close\r\n\r\n")
        self.transport.write(b"".join([*lines, body]))
        self.transport.write_eof()

    def _time_head(self) -> None:
        if self._is_answering():
            self._stop_head_timer()
        elif self._head_timer is None and not self._is_deaf:
            self._head_timer = self.loop.call_later(self.head_s, self.transport.close)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _watch_writes(self) -> None:
        if self._write_watch is None:
            self._write_watch = StallWatch(self.stall_s, self.transport.get_write_buffer_size, self.transport.abort)

    def _stop_write_watch(self) -> None:
        if self._write_watch is not None:
            self._write_watch.cancel()
            self._write_watch = None


_CYCLE_NAMES = (
    "access_log",
    "access_logger",
    "default_headers",
    "disconnected",
    "expected_content_length",
    "flow",
    "keep_alive",
    "message_event",
    "on_response",
    "response_complete",
    "response_started",
    "scope",
    "transport",
    "waiting_for_100_continue",
)


@cache
def check_protocol() -> str | None:
    """Return why files cannot take the lane here, None when they can.

    The lane relies on names that uvicorn keeps to itself; that they also behave is what the contract tests see to.
    """
    if not hasattr(os, "sendfile"):
        return "this system has no sendfile"
    made = {*RequestResponseCycle.__init__.__code__.co_names, *FlowControl.__init__.__code__.co_names}
    missing = [name for name in (*_CYCLE_NAMES, "write_paused") if name not in made]
    missing += [name for name in ("_start_asgi_task", "on_response_complete") if not hasattr(HttpToolsProtocol, name)]
    missing += [name for name in ("drain", "pause_reading", "resume_reading") if not hasattr(FlowControl, name)]
    return f"uvicorn has changed: it has no {', '.join(missing)}" if missing else None
