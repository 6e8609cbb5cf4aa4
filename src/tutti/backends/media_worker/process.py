"""The parent's side of one child: start it, give it files, hear its answers in time, end it."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence

import msgspec

from tutti.backends.media_worker import wire

_START_S = 30.0
_RECEIVE_BYTES = 1 << 16


class ChildLostError(Exception):
    """The child died, hung or spoke nonsense; it has been killed.

    Attributes:
        is_hung: Whether it ran out of time.
    """

    def __init__(self, *, is_hung: bool) -> None:
        super().__init__("the media child is lost")
        self.is_hung = is_hung


class Child:
    """One child process and its socket; used by one thread at a time.

    Attributes:
        served: How many files it was asked about.
        ready: What it said of itself at start.
    """

    def __init__(self) -> None:
        """Start a child and wait until it is locked.

        Raises:
            ChildLostError: It did not come up.
        """
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = _started(theirs.fileno())
        self._buffer = bytearray()
        self.served = 0
        ready = self.receive(_START_S)
        if not isinstance(ready, wire.Ready):
            self.kill()
            raise ChildLostError(is_hung=False)
        self.ready = ready

    def send(self, request: wire.Request, descriptors: Sequence[int]) -> None:
        """Ask about the files behind these descriptors, at most `wire.BATCH`, and close our copies of them.

        Raises:
            ChildLostError: It is not there any more.
        """
        self.served += len(descriptors)
        try:
            socket.send_fds(self._socket, [wire.pack_request(request)], descriptors)
        except OSError as error:
            self.kill()
            raise ChildLostError(is_hung=False) from error
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def receive(self, timeout_s: float) -> wire.Answer:
        """Return the next answer.

        Raises:
            ChildLostError: None came in time, the child died, or the answer is not one that a child of ours gives.
        """
        deadline = time.monotonic() + timeout_s
        try:
            length = wire.LENGTH.unpack(self._take(wire.LENGTH.size, deadline))[0]
            if length > wire.ANSWER_LIMIT:
                raise ConnectionError("the media child sent an answer of absurd length")
            return wire.decode(self._take(length, deadline))
        except (OSError, msgspec.MsgspecError) as error:
            self.kill()
            raise ChildLostError(is_hung=isinstance(error, TimeoutError)) from error

    def _take(self, count: int, deadline: float) -> bytes:
        while len(self._buffer) < count:
            self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
            part = self._socket.recv(_RECEIVE_BYTES)
            if not part:
                raise ConnectionError("the media child closed its end")
            self._buffer += part
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data

    def kill(self) -> None:
        """End the process at once; may be called again."""
        self._socket.close()
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def _started(descriptor: int) -> subprocess.Popen[bytes]:
    """Start the child's program, with an empty environment: ours may hold secrets."""
    return subprocess.Popen(  # noqa: S603 -- our own program
        [sys.executable, "-I", "-m", "tutti.backends.media_worker.child", str(descriptor)],
        pass_fds=(descriptor,),
        env={},
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
