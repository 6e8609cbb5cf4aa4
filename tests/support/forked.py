"""Processes of the program that are forked from one that has imported it, which is most of what a command does.

Each is a process of its own all the same, with an environment, inputs and outputs of its own. Who looks at how a
process starts (its imports, its system calls, its coverage) starts a new Python instead.
"""

import multiprocessing
import os
import signal
import sys
import warnings
from collections.abc import Mapping, Sequence
from functools import cache
from multiprocessing.context import ForkServerContext, ForkServerProcess
from multiprocessing.reduction import DupFd
from subprocess import CompletedProcess, TimeoutExpired
from tempfile import TemporaryFile
from types import TracebackType
from typing import Any, Self, TextIO

_PRELOADED = [
    "tutti.cli.app", "tutti.wiring.server", "tutti.wiring.documents", "alembic.command", "joserfc.jws", "joserfc.jwk",
]  # fmt: skip


def is_possible(environment: Mapping[str, str]) -> bool:
    """Return whether nobody looks at how a process with this environment starts."""
    return not any(name.startswith(("COVERAGE_PROCESS_", "PYTHONPROFILE")) for name in environment)


def command(
    args: Sequence[str], environment: Mapping[str, str], *, stdin: str, timeout_s: float
) -> CompletedProcess[str]:
    """Run one command of the program to its end."""
    with TemporaryFile("w+") as said, TemporaryFile("w+") as out, TemporaryFile("w+") as err:
        said.write(stdin)
        said.seek(0)
        with Forked(args, environment, streams=(said.fileno(), out.fileno(), err.fileno())) as process:
            status = process.wait(timeout_s)
        out.seek(0)
        err.seek(0)
        return CompletedProcess(args, status, out.read(), err.read())


def serving(args: Sequence[str], environment: Mapping[str, str]) -> "Forked":
    """Start the program; what it says on its standard error is to be read from `stderr`."""
    reader, writer = os.pipe()
    nothing = os.open(os.devnull, os.O_RDWR)
    try:
        process = Forked(args, environment, streams=(nothing, nothing, writer))
    finally:
        os.close(writer)
        os.close(nothing)
    process.stderr = os.fdopen(reader)
    return process


class Forked:
    """The part of `subprocess.Popen` that tests use; leaving the block waits for the end."""

    def __init__(self, args: Sequence[str], environment: Mapping[str, str], *, streams: Sequence[int]) -> None:
        handed = tuple(map(_Handed, streams))
        self._args = args
        self._process: ForkServerProcess = _nursery().Process(
            target=_be_the_program, args=(list(args), dict(environment), handed)
        )
        self._process.start()
        self.pid = self._process.pid or 0
        self.stderr: TextIO | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.stderr is not None:
            self.stderr.close()
        if error is not None:
            self.kill()
        self._process.join()

    @property
    def returncode(self) -> int | None:
        """How it ended, the negative number of a signal included."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """Return how it ended, None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float) -> int:
        """Wait for its end."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise TimeoutExpired(self._args, timeout)
        return self._process.exitcode

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to stop."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power switch would."""
        self.send_signal(signal.SIGKILL)


class _Handed:
    """A descriptor on its way to a process that starts; there it arrives as a number."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __reduce__(self) -> tuple[object, ...]:
        return _taken, (DupFd(self._descriptor),)


def _taken(duplicate: Any) -> int:
    return int(duplicate.detach())


@cache
def _nursery() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    return context


def _be_the_program(args: list[str], environment: dict[str, str], streams: Sequence[int]) -> None:
    from tutti.cli.app import run  # noqa: PLC0415 - nothing that the tests themselves need

    os.environ.clear()  # noqa: TID251 - the program's own
    os.environ.update(environment)  # noqa: TID251
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    for stream in set(streams):
        os.close(stream)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w", buffering=1)  # noqa: SIM115
    warnings.resetwarnings()
    warnings.simplefilter("default")
    sys.argv = ["tutti", *args]
    try:
        run()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
