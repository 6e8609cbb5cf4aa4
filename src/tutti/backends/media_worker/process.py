"""The parent's side of the media program: the keeper that forks children, and one child.

Names: a keeper is the running program, a child one of its forks; both are `tutti.backends.media_worker.child`.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from threading import Lock

import msgspec

from tutti.backends.media_worker import wire
from tutti.domain.errors import AppError, ErrorKind

_START_S = 60.0
"""A small board with a cold disk needs some seconds to import everything."""

_RECEIVE_BYTES = 1 << 16


class ChildLostError(Exception):
    """The child died, hung or spoke nonsense; it has been killed.

    Attributes:
        is_hung: Whether it ran out of time.
    """

    def __init__(self, *, is_hung: bool = False) -> None:
        super().__init__("the media child is lost")
        self.is_hung = is_hung


class Keeper:
    """The keeper of all children of one reader; starts with the first child; safe to call from several threads.

    Args:
        is_strict: Refuse to start children that are not held by every layer.
    """

    def __init__(self, *, is_strict: bool = False) -> None:
        self._is_strict = is_strict
        self._lock = Lock()
        self._program: _Program | None = None
        self._is_closed = False

    def start_child(self) -> "Child":
        """Start a child and wait until it is locked.

        Raises:
            AppError: UNAVAILABLE `media_worker_unavailable`: none comes up, or a layer is missing and we are strict.
        """
        child = self._started()
        if self._is_strict and child.ready.missing:
            child.kill()
            missing = ", ".join(child.ready.missing)
            raise _unavailable(f"The sandbox for media must be complete, and this system lacks: {missing}.")
        return child

    def layers(self) -> wire.Ready:
        """Return what holds a child on this system.

        Raises:
            AppError: UNAVAILABLE `media_worker_unavailable`: no child comes up.
        """
        child = self._started()
        child.kill()
        return child.ready

    def close(self) -> None:
        """End the keeper, and with it the children that are left; it starts no more."""
        with self._lock:
            self._is_closed = True
            self._end_program()

    def _started(self) -> "Child":
        for _ in range(2):  # the second try is for a keeper or a child that died meanwhile
            try:
                return Child(*self._forked())
            except ChildLostError:
                continue
            except OSError:
                with self._lock:
                    self._end_program()
        raise _unavailable("The program that reads media does not start.")

    def _forked(self) -> tuple[int, socket.socket, Callable[[int], None]]:
        with self._lock:
            if self._is_closed:
                raise _unavailable("The server is stopping.")
            self._program = self._program or _Program()
            return *self._program.fork(), self._program.end

    def _end_program(self) -> None:
        if self._program:
            self._program.close()
        self._program = None


def _unavailable(sentence: str) -> AppError:
    return AppError(ErrorKind.UNAVAILABLE, "media_worker_unavailable", sentence)


class _Program:
    """The keeper's process and its control socket."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair()
        self._control.settimeout(_START_S)
        self._lock = Lock()
        try:
            with theirs:
                self._process = _started(theirs.fileno())
        except OSError:
            self._control.close()
            raise

    def fork(self) -> tuple[int, socket.socket]:
        """Return pid and socket of a new child; raises OSError when the keeper is not there."""
        with self._lock:
            self._control.sendall(wire.ORDER.pack(wire.FORK))
            data, descriptors, _, _ = socket.recv_fds(self._control, wire.ORDER.size, 1)
        if len(data) < wire.ORDER.size or not descriptors:
            raise ConnectionError("the media program ended")
        os.set_inheritable(descriptors[0], False)  # noqa: FBT003 -- what comes through a socket would outlive an exec
        return wire.ORDER.unpack(data)[0], socket.socket(fileno=descriptors[0])

    def end(self, pid: int) -> None:
        """Have a child killed; one of a keeper that is gone died with it."""
        with self._lock, contextlib.suppress(OSError):
            self._control.sendall(wire.ORDER.pack(pid))

    def close(self) -> None:
        self._control.close()
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def _started(descriptor: int) -> subprocess.Popen[bytes]:
    """Start the program with an empty environment: ours may hold secrets."""
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


class Child:
    """One child and its socket; used by one thread at a time.

    Attributes:
        ready: What it said of its sandbox.
    """

    def __init__(self, pid: int, its_socket: socket.socket, end: Callable[[int], None]) -> None:
        """Wait for its first word.

        Args:
            pid: Its process id, which is its keeper's to use.
            its_socket: The way to it.
            end: Ends the process with this id.

        Raises:
            ChildLostError: It did not come up.
        """
        self._pid, self._socket, self._end = pid, its_socket, end
        self._buffer = bytearray()
        ready = self.receive(_START_S)
        if not isinstance(ready, wire.Ready):
            self.kill()
            raise ChildLostError
        self.ready = ready

    def send(self, request: wire.Request, descriptors: Sequence[int]) -> None:
        """Ask about the files behind these descriptors, at most `wire.BATCH`, and close our copies of them.

        Raises:
            ChildLostError: It is not there any more.
        """
        try:
            socket.send_fds(self._socket, [wire.pack_request(request)], descriptors)
        except OSError as error:
            self.kill()
            raise ChildLostError from error
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
        if self._socket.fileno() >= 0:
            self._socket.close()
            self._end(self._pid)
