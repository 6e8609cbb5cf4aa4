"""uvicorn's HTTP connection, with a lane and an express for files, and with the limits that it lacks."""

import asyncio
import os
from functools import cache
from typing import ClassVar

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from tutti.doors.http.answers import answer
from tutti.doors.http.express import Express, Rest
from tutti.doors.http.lane import ACCESS_FORMAT, FILE_EXTENSION, FileLane, Wire, head_of
from tutti.doors.http.problems import MEDIA_TYPE, problem
from tutti.doors.http.watches import Deadline, PaceWatch, StallWatch

# The most that a loop reads at once: what comes in one piece can be measured only after it was parsed.
_READ_BYTES = 256 * 1024

_CODES = {400: "bad_request", 431: "head_too_large"}

# A request with one of these is not answered at once: it has a body, or wants something else.
_UNUSUAL = frozenset({b"content-length", b"transfer-encoding", b"expect", b"upgrade"})


class TuttiProtocol(HttpToolsProtocol):
    """One connection; uvicorn gets the class as `http=`. A subclass may set other values.

    Attributes:
        zero_copy: Send files past user space, where `check_protocol` and the connection allow it.
        express: Where files are found that can be sent at once; such requests never reach the application.
        head_s: How long a connection may take over the head of a request; the first one counts from the start.
        body_s: A body of which less than `body_bytes` come in so long is given up, unless we hold its client back.
        stall_s: A client that takes nothing of an answer for that long, or for up to half as much longer, is given up.
            Files that go past user space have a time of their own.
        max_head_bytes: A request line with its fields that has more is refused: 431.
        max_fields: Likewise.
    """

    zero_copy: ClassVar[bool] = True
    express: ClassVar[Express | None] = None
    head_s: ClassVar[float] = 10.0
    body_s: ClassVar[float] = 10.0
    body_bytes: ClassVar[int] = 10_000
    stall_s: ClassVar[float] = 60.0
    max_head_bytes: ClassVar[int] = 64 * 1024
    max_fields: ClassVar[int] = 200

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's narrowing
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._wire = Wire(transport)
        self._has_lane = self.zero_copy and self.scheme == "http" and check_protocol() is None
        self._rest: Rest | None = None
        self._is_served = False
        self._chunk_bytes = 0
        self._unplaced_bytes = 0  # received since the last head or piece of a body, or more
        self._is_deaf = False
        self._refusal: tuple[int, str] | None = None
        self._write_watch: StallWatch | None = None
        self._body_watch: PaceWatch | None = None
        self._deadline = Deadline(self.timeout_keep_alive_handler)
        self._deadline.set(self.head_s)
        self._is_in_head = True

    def connection_lost(self, exc: Exception | None) -> None:
        """End what still runs for the client."""
        super().connection_lost(exc)
        self._deadline.cancel()
        self._stop_write_watch()
        self._stop_body_watch()
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
        self._move_deadline()

    # What the parser calls.

    def on_headers_complete(self) -> None:
        """Check the head and answer at once, or let uvicorn go on; it takes an exception for a malformed request."""
        names = [name for name, _ in self.headers]
        self._check_head(names)
        self._unplaced_bytes = self._chunk_bytes  # the next head may lie in the same piece
        if self.express is None or not self._is_plain(names) or not self._answer_at_once(self.express):
            self._is_served = False
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of a body: nothing of it counts as a head, nor as trailers."""
        self._unplaced_bytes = 0
        super().on_body(body)
        if self._body_watch is not None:
            self._body_watch.came(len(body))

    def on_message_complete(self) -> None:
        """Tell uvicorn, unless it knows nothing of the request."""
        self._stop_body_watch()
        if not self._is_served:
            super().on_message_complete()

    # What uvicorn calls.

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        if self._rest is not None:
            app, self._rest = self._rest.app(cycle), None
        elif self._has_lane:
            cycle.scope["extensions"] = {FILE_EXTENSION: {"lane": FileLane(cycle, self._wire)}}
        super()._start_asgi_task(cycle, app)

    def send_400_response(self, msg: str) -> None:
        """Answer what cannot be parsed, or was refused above."""
        self._refuse(*self._refusal or (400, msg))

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection on, with nothing left that watches it."""
        self._is_deaf = True
        self._deadline.cancel()
        self._stop_body_watch()
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

    # Heads.

    def _check_head(self, names: list[bytes]) -> None:
        hosts = names.count(b"host")
        is_large = self._unplaced_bytes > self.max_head_bytes and self._head_bytes() > self.max_head_bytes
        if is_large or len(names) > self.max_fields:
            self._refusal = 431, "The head of the request is too large."
            raise ValueError
        if hosts > 1 or (not hosts and self.parser.get_http_version() == "1.1"):
            self._refusal = 400, "A request must name its host, once."  # RFC 9112 3.2
            raise ValueError

    def _head_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _refuse(self, status: int, sentence: str) -> None:
        """Answer, close our side, and hear no more: a client that still sends would lose the answer to a reset.

        The connection ends when the client closes its side, or after the time that a head has. Where an answer to an
        earlier request is due, it is cut off: a refusal in its place would be taken for it.
        """
        self._is_deaf = True
        if self._is_answering():
            self.transport.close()
            return
        body = problem(status, _CODES[status], sentence)
        lines = [STATUS_LINE[status]]
        lines += [b"%b: %b\r\n" % field for field in self.server_state.default_headers]
        lines.append(b"content-type: %b\r\ncontent-length: %d\r\n" % (MEDIA_TYPE.encode(), len(body)))
        lines.append(b"connection: close\r\n\r\n")
        self.transport.write(b"".join([*lines, body]))
        self.transport.write_eof()
        self._deadline.set(self.head_s)

    # Answers at once.

    def _is_plain(self, names: list[bytes]) -> bool:
        """Return whether it is a GET without a body, first in what was received, and nothing else is to be answered.

        Were all that came in one piece answered at once, one client could keep the loop to itself.
        """
        return (
            self._has_lane
            and not self._is_served
            and self.parser.get_method() == b"GET"
            and self.parser.should_keep_alive()
            and self.parser.get_http_version() == "1.1"
            and _UNUSUAL.isdisjoint(names)
            and not self._is_answering()
            and not self.transport.get_write_buffer_size()
            and not self.transport.is_closing()
        )

    def _answer_at_once(self, express: Express) -> bool:
        """Send a file that is at hand, and return whether that was all; else uvicorn goes on with the request."""
        at_hand = express.find(self.url, self.headers)
        if at_hand is None:
            return False
        answered = answer(at_hand.file, self.headers, head=False, extra=at_hand.extra)
        if self.access_log:
            client = "{}:{}".format(*self.client) if self.client else ""
            self.access_logger.info(ACCESS_FORMAT, client, "GET", self.url.decode("latin-1"), "1.1", answered.status)
        express.noted(at_hand.route, answered.status, answered.length)
        head = head_of(answered, self.server_state.default_headers, keep_alive=True)
        try:
            pump = self._wire.begin(head, answered, at_hand.file.fd, express.pages)
        except (OSError, EOFError) as error:
            self._wire.give_up(error)
            pump = None
        if pump is not None:
            self._rest = Rest(pump, self._wire, at_hand, express.stall_s)
            return False
        self._is_served = True
        self.server_state.total_requests += 1
        return True

    # Watches.

    def _is_answering(self) -> bool:
        # The cycle is None at first, whatever its annotation says.
        return self._rest is not None or not getattr(self.cycle, "response_complete", True)

    def _move_deadline(self) -> None:
        if self._is_served:
            self._is_served = self._is_in_head = False
            self._deadline.set(self.timeout_keep_alive)
        elif self._is_answering():
            self._is_in_head = False
            self._deadline.lift()
            if self._body_watch is None and getattr(self.cycle, "more_body", False):
                self._body_watch = PaceWatch(
                    self.body_s, self.body_bytes, self.transport.abort, is_held_back=lambda: self.flow.read_paused
                )
        elif not self._is_in_head and not self._is_deaf:
            self._is_in_head = True
            self._deadline.set(self.head_s)

    def _stop_body_watch(self) -> None:
        if self._body_watch is not None:
            self._body_watch.cancel()
            self._body_watch = None

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
    "more_body",
    "on_response",
    "response_complete",
    "response_started",
    "scope",
    "transport",
    "waiting_for_100_continue",
)


@cache
def check_protocol() -> str | None:
    """Return why files cannot go past user space here, None when they can.

    That relies on names that uvicorn keeps to itself; that they also behave is what the contract tests see to.
    """
    if not hasattr(os, "sendfile"):
        return "this system has no sendfile"
    made = {*RequestResponseCycle.__init__.__code__.co_names, *FlowControl.__init__.__code__.co_names}
    missing = [name for name in (*_CYCLE_NAMES, "write_paused") if name not in made]
    missing += [name for name in ("_start_asgi_task", "on_response_complete") if not hasattr(HttpToolsProtocol, name)]
    missing += [name for name in ("drain", "pause_reading", "resume_reading") if not hasattr(FlowControl, name)]
    return f"uvicorn has changed: it has no {', '.join(missing)}" if missing else None
