"""A real uvicorn with our protocol in a thread, and a raw client that sees every byte it sends."""

import asyncio
import itertools
import os
import socket
import ssl
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Self

import uvloop
from uvicorn import Config, Server

from tutti.doors.http.delivery import FileDelivery, OpenFile
from tutti.doors.http.express import AtHand, Express
from tutti.doors.http.pages import FilePages
from tutti.doors.http.protocol import TuttiProtocol

ETAG = '"abc"'
CHANGED = "Sun, 06 Nov 1994 08:49:37 GMT"
PATIENCE_S = 20.0

LOOPS: Mapping[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.SelectorEventLoop,
    "uvloop": uvloop.new_event_loop,
}


WAYS = ("lane", "express", "portable")
EVERY_WAY = list(itertools.product(LOOPS, WAYS))
"""Every test of bytes runs in each of these: on a loop; by the lane of files, at once where possible, or in pieces."""

App = Callable[[Any, Any, Any], Awaitable[None]]


class Answered(NamedTuple):
    """An answer off the wire; names of fields in lower case, the body perhaps cut short."""

    status: int
    fields: dict[str, str]
    body: bytes


@dataclass
class ByteServer:
    """Serves the files it is given, each below its name.

    Attributes:
        files: By path; opened by `add`, closed when the server stops.
        at_hand: Paths that the express finds; None stands for all.
        scopes: Of all requests that reached the application, the last one at the end.
    """

    pages: FilePages
    port: int = 0
    stall_s: float = 60.0
    files: dict[str, OpenFile] = field(default_factory=dict)
    extra: tuple[tuple[bytes, bytes], ...] = ()
    at_hand: set[str] | None = None
    scopes: list[Any] = field(default_factory=list)
    running: Server | None = None

    def add(self, at: str, path: Path, *, filename: str = "track.flac", size_bytes: int | None = None) -> str:
        """Open a file and serve it at a path, which is returned; it may claim another size than it has."""
        fd = os.open(path, os.O_RDONLY)
        size = path.stat().st_size if size_bytes is None else size_bytes
        self.files[at] = OpenFile(fd, size, ETAG, CHANGED, "audio/flac", filename, "inline", "private")
        return at

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        delivery = FileDelivery(self.pages, stall_s=self.stall_s)
        is_head = scope["method"] == "HEAD"
        await delivery.deliver(scope, receive, send, self.files[scope["path"]], head=is_head, extra=self.extra)

    def find(self, target: bytes, fields: Sequence[tuple[bytes, bytes]]) -> AtHand | None:
        """Find a file for the express."""
        path = target.decode("latin-1")
        if path not in self.files or (self.at_hand is not None and path not in self.at_hand):
            return None
        return AtHand(self.files[path], self.extra, self)

    @property
    def connections(self) -> int:
        """How many connections the server holds."""
        return len(self.running.server_state.connections) if self.running else 0

    @property
    def requests(self) -> int:
        """How many requests it has answered."""
        return self.running.server_state.total_requests if self.running else 0

    @property
    def tasks(self) -> int:
        """How many requests it has at work."""
        return len(self.running.server_state.tasks) if self.running else 0

    def connect(self, *, receive_bytes: int | None = None) -> "Client":
        """Return a client; one with a small buffer soon makes the server wait."""
        return Client(self.port, receive_bytes=receive_bytes)

    def get(self, path: str, **fields: str) -> Answered:
        """Return the answer to one GET on a connection of its own; `_` in the name of a field stands for `-`."""
        with self.connect() as client:
            client.ask(path, **fields)
            return client.answer()


@contextmanager
def serving(
    server: ByteServer,
    *,
    loop: str = "uvloop",
    way: str = "lane",
    protocol: type[TuttiProtocol] = TuttiProtocol,
    app: App | None = None,
    **config: Any,
) -> Iterator[ByteServer]:
    """Run a server in a thread with a loop of its own; it delivers in one of `WAYS`."""
    ways: dict[str, Any] = {"express": {"express": Express(server.find, server.pages, server.stall_s)}}
    ways["portable"] = {"zero_copy": False}
    protocol = type("Connection", (protocol,), ways.get(way, {}))
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0)
    server.port = listener.getsockname()[1]
    options: dict[str, Any] = {
        "interface": "asgi3",
        "access_log": False,
        "lifespan": "off",
        "log_config": None,
        "ws": "none",
        "proxy_headers": False,
    }
    server.running = Server(Config(app or server.app, http=protocol, **(options | config)))
    thread = threading.Thread(target=_run, args=(server.running, listener, LOOPS[loop]))
    thread.start()
    try:
        wait_until(lambda: server.running is not None and server.running.started)
        yield server
    finally:
        server.running.should_exit = True
        thread.join(PATIENCE_S)
        for file in server.files.values():
            os.close(file.fd)
        assert not thread.is_alive()


def _run(server: Server, listener: socket.socket, factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(_serve(server, listener))


async def _serve(server: Server, listener: socket.socket) -> None:
    await server._serve(sockets=[listener])
    for connection in list(server.server_state.connections):
        connection.transport.abort()  # uvicorn leaves those open that still owe bytes to somebody
    await asyncio.sleep(0)


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for a condition that another thread will make true; a generous deadline ends what never comes."""
    deadline = time.monotonic() + PATIENCE_S
    nothing = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "it never became true"
        nothing.wait(0.005)


class Client:
    """One connection, byte by byte."""

    def __init__(self, port: int, *, receive_bytes: int | None = None, tls: ssl.SSLContext | None = None) -> None:
        raw = socket.socket()
        if receive_bytes is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        raw.settimeout(PATIENCE_S)
        raw.connect(("127.0.0.1", port))
        self.socket: socket.socket = tls.wrap_socket(raw, server_hostname="localhost") if tls else raw
        self._seen = bytearray()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def ask(self, path: str, method: str = "GET", **fields: str) -> None:
        """Send a request; `_` in the name of a field stands for `-`."""
        self.send(request(path, method, **fields))

    def head(self) -> Answered:
        """Return the next answer without its body."""
        while (end := self._seen.find(b"\r\n\r\n")) < 0:
            data = self._receive()
            assert data, f"the connection ended after {self._seen!r}"
            self._seen += data
        first, *lines = self.take(end + 4).decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
        fields = dict(line.split(": ", 1) for line in lines)
        assert len(fields) == len(lines), f"a field came twice: {lines}"
        return Answered(int(first.split(" ")[1]), {name.lower(): value for name, value in fields.items()}, b"")

    def answer(self, *, has_body: bool = True) -> Answered:
        """Return the next answer; its body is shorter than it says when the connection ends."""
        status, fields, _ = self.head()
        length = int(fields.get("content-length", "0")) if has_body else 0
        return Answered(status, fields, self.take(length))

    def take(self, length: int) -> bytes:
        """Return the next bytes, fewer when the connection ends."""
        while len(self._seen) < length:
            data = self._receive()
            if not data:
                break
            self._seen += data
        taken = bytes(self._seen[:length])
        del self._seen[:length]
        return taken

    def rest(self) -> bytes:
        """Return all bytes until the connection ends."""
        while data := self._receive():
            self._seen += data
        return self.take(len(self._seen))

    def _receive(self) -> bytes:
        with suppress(ConnectionError):
            return self.socket.recv(1 << 20)
        return b""


def request(path: str, method: str = "GET", **fields: str) -> bytes:
    """Return a request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", "Host: test"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


class RememberedProtocol(TuttiProtocol):
    """Lets a test look at the newest connection."""

    last: TuttiProtocol

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as inherited
        super().connection_made(transport)
        RememberedProtocol.last = self


class HeldExecutor(Executor):
    """Keeps what is submitted until it is let go; so a disk can take as long as a test likes."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1)
        self._gate = threading.Event()
        self.asked = threading.Event()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        self.asked.set()
        return self._pool.submit(self._hold, fn, *args, **kwargs)

    def _hold(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self._gate.wait(PATIENCE_S)
        return fn(*args, **kwargs)

    def let_go(self) -> None:
        self._gate.set()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 - as inherited
        self.let_go()
        self._pool.shutdown(wait, cancel_futures=cancel_futures)


class ColdPages(FilePages):
    """Pages of which none is ever resident, whatever the kernel says."""

    def peek(self, fd: int, window: Any) -> None:
        return None

    def seems_resident(self, fd: int, window: Any) -> bool:
        return False


def open_descriptors() -> int:
    """Return how many descriptors this process has open."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())
