"""A TCP proxy that breaks what goes through it, on demand: how a server beyond a network looks on a bad day."""

import random
import selectors
import socket
import struct
import threading
from contextlib import suppress
from enum import StrEnum
from types import TracebackType
from typing import Self

_READ_BYTES = 65536
_SLOW_BYTES, _SLOW_S = 32768, 0.02
_RESET = struct.pack("ii", 1, 0)
_LONG = 1 << 60


class Fault(StrEnum):
    """What goes wrong with an answer."""

    NONE = "none"
    REFUSE = "refuse"
    """The connection is reset before anything is sent on."""
    HANG = "hang"
    """Nothing goes on."""
    SLOW = "slow"
    """Everything goes on, a little at a time."""
    RESET = "reset"
    """The connection is reset in the middle."""
    CUT = "cut"
    """The connection is closed in the middle, as if that were all."""
    FLIP = "flip"
    """A bit of the answer is another one; the connection goes on."""


class FaultProxy:
    """Passes connections on to one address; every answer draws whether the fault of the moment is its own.

    Attributes:
        hits: How many answers had a fault.
    """

    def __init__(self, address: str, *, seed: int = 1) -> None:
        host, _, port = address.rpartition(":")
        self._target = host, int(port)
        self._random = random.Random(seed)
        self._fault, self._share, self._after = Fault.NONE, 1.0, 0
        self._closing = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.hits = 0
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def break_with(self, fault: Fault, *, share: float = 1.0, after_bytes: int = 0) -> None:
        """Have such a share of the answers from now on go wrong, each behind so many bytes."""
        self.hits = 0
        self._fault, self._share, self._after = fault, share, after_bytes

    def mend(self) -> None:
        """Pass everything on."""
        self._fault = Fault.NONE

    def close(self) -> None:
        """Let nobody in any more, and everybody go."""
        self._closing.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in list(self._threads):
            thread.join(10)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._carry, args=(client,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _carry(self, client: socket.socket) -> None:
        with (
            client,
            suppress(OSError),
            socket.create_connection(self._target) as server,
            selectors.DefaultSelector() as selector,
        ):
            selector.register(client, selectors.EVENT_READ)
            selector.register(server, selectors.EVENT_READ)
            Exchange(self, client, server).run(selector)

    def draw(self) -> tuple[Fault, int]:
        """Return what goes wrong with the next answer, and behind how many bytes."""
        fault = self._fault
        if fault is Fault.NONE or self._random.random() >= self._share:
            return Fault.NONE, _LONG
        self.hits += 1
        return fault, self._after

    @property
    def is_closing(self) -> bool:
        return self._closing.is_set()

    def rest(self, seconds: float) -> None:
        """Do nothing for a while, unless it is over."""
        self._closing.wait(seconds)


class Exchange:
    """One connection: requests go up as they are, answers come down with what befalls them."""

    def __init__(self, proxy: FaultProxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._is_asking = False
        self._fault, self._left = Fault.NONE, _LONG

    def run(self, selector: selectors.BaseSelector) -> None:
        while not self._proxy.is_closing:
            for key, _ in selector.select(0.1):
                is_asked = key.fileobj is self._client
                data = (self._client if is_asked else self._server).recv(_READ_BYTES)
                if not data or not (self._ask(data) if is_asked else self._answer(bytearray(data))):
                    return

    def _ask(self, data: bytes) -> bool:
        """Pass a piece of a request on; return whether the connection lives."""
        if not self._is_asking:
            self._fault, self._left = self._proxy.draw()
        self._is_asking = True
        if self._fault is Fault.REFUSE:
            self._reset()
            return False
        self._server.sendall(data)
        return True

    def _answer(self, data: bytearray) -> bool:
        """Pass a piece of an answer on; return whether the connection lives."""
        self._is_asking = False
        while self._fault is Fault.HANG and not self._proxy.is_closing:
            self._proxy.rest(0.05)
        if self._fault is Fault.SLOW:
            for start in range(0, len(data), _SLOW_BYTES):
                self._client.sendall(data[start : start + _SLOW_BYTES])
                self._proxy.rest(_SLOW_S)
            return True
        if len(data) <= self._left:
            self._left -= len(data)
            self._client.sendall(data)
            return True
        return self._break(data)

    def _break(self, data: bytearray) -> bool:
        if self._fault is Fault.FLIP:
            data[self._left] ^= 1
            self._left = _LONG
            self._client.sendall(data)
            return True
        self._client.sendall(data[: self._left])
        if self._fault is Fault.RESET:
            self._reset()
        return False

    def _reset(self) -> None:
        self._client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
