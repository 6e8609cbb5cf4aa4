"""Runs a program and ends or fails it at its n-th system call, for every n.

Strace counts calls in each thread by itself: `when=3` strikes in the first thread that makes its third such call. So
the path under test belongs in one thread (a pool of one), and a fault should name a call that others seldom make.

`record`, `kill_points` and `run` start the program under strace. A server that is already up is `attach`ed to, which
costs its start-up nothing and begins to count at that moment.
"""

import os
import re
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support import tiers

FILE_CALLS = (
    "openat", "pwrite64", "write", "pread64", "fsync", "fdatasync", "close", "flock",
    "rename", "renameat", "renameat2", "link", "linkat", "mkdir", "mkdirat", "unlink", "unlinkat",
    "chmod", "fchmod", "utimensat", "ftruncate",
)  # fmt: skip
"""What a write to disk is made of, under the names of all architectures."""

_LETS_GO_S = 10.0
_LINE = re.compile(r"(?P<pid>\d+) +(?P<rest>.*)")
_WHOLE = re.compile(r"(?P<name>\w+)\((?P<args>.*)\) += (?P<result>.*)")
_BEGUN = re.compile(r"(?P<name>\w+)\((?P<args>.*) <unfinished \.\.\.>")
_ENDED = re.compile(r"<\.\.\. (?P<name>\w+) resumed>(?P<args>.*)\) += (?P<result>.*)")


@dataclass(frozen=True, slots=True)
class Call:
    """One system call as strace saw it.

    Attributes:
        thread: Kernel id of the thread.
        args: Text between the brackets; descriptors carry their path: `3</srv/music/a>`.
        result: What follows the equals sign; `-1 EIO (...)` when it failed.
        started, ended: Line numbers; the same unless another thread's calls came between.
    """

    thread: int
    name: str
    args: str
    result: str
    started: int
    ended: int

    @property
    def has_failed(self) -> bool:
        return self.result.startswith(("-1", "?"))


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens at the `when`-th `call` of a thread.

    Attributes:
        action: `signal=KILL` (the call is not made), `error=EIO`, or anything else that `strace -e inject` takes.
        is_lasting: Whether all later ones fail as well.
    """

    call: str
    when: int
    action: str = "signal=KILL"
    is_lasting: bool = False

    def __str__(self) -> str:
        return f"{self.call}:{self.action}:when={self.when}{'+' if self.is_lasting else ''}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a program ended and what it said until then."""

    returncode: int
    stdout: str
    stderr: str

    @property
    def was_killed(self) -> bool:
        return self.returncode == -signal.SIGKILL


def record(argv: Sequence[str], calls: Sequence[str], *, log: Path) -> tuple[Outcome, list[Call]]:
    """Run the program without a fault and return the calls it made."""
    outcome = _run(argv, ["-y", "-s", "256", "-o", str(log), "-e", _traced(calls)])
    return outcome, parse(log.read_text(errors="replace"))


def kill_points(argv: Sequence[str], calls: Sequence[str], *, since: str, log: Path) -> list[Fault]:
    """Run the program once and return a kill at each of the calls it makes from the first that mentions `since` on."""
    outcome, recorded = record(argv, calls, log=log)
    if outcome.returncode != 0:
        raise AssertionError(f"the program fails without any fault: {outcome}")
    return points_of(recorded, since=since)


def points_of(recorded: Sequence[Call], *, since: str) -> list[Fault]:
    """Return a kill at each recorded call from the first that mentions `since` on, call by call."""
    first = next(index for index, call in enumerate(recorded) if since in call.args)
    before = _most_in_one_thread(recorded[:first])
    upto = _most_in_one_thread(recorded)
    return [Fault(name, when) for name in sorted(upto) for when in range(before[name] + 1, upto[name] + 1)]


def run(argv: Sequence[str], fault: Fault) -> Outcome:
    """Run the program with the fault."""
    return _run(argv, ["-o", os.devnull, "-e", _traced([fault.call]), "-e", f"inject={fault}"])


@contextmanager
def attach(pid: int, *, log: Path, calls: Sequence[str], fault: Fault | None = None) -> Iterator[None]:
    """Trace all threads of a running program, with a fault if one is given; let it run on freely afterwards."""
    strace = tiers.require("strace")
    names = [*calls, fault.call] if fault else calls
    inject = ["-e", f"inject={fault}"] if fault else []
    command = [strace, "-f", "-y", "-s", "256", "-o", str(log), "-e", _traced(names), *inject, "-p", str(pid)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
        # Strace says "Process N attached" once it holds the threads.
        hello = tracer.stderr.readline() if tracer.stderr else ""
        try:
            tiers.require_that("attached" in hello, f"strace may not attach here: {hello.strip()}")
            yield
        finally:
            tracer.send_signal(signal.SIGINT)
            try:
                tracer.communicate(timeout=_LETS_GO_S)
            except subprocess.TimeoutExpired:
                # It may wait for a thread that waits, in vfork, for a child that waits for it; dead, it lets go of all.
                tracer.kill()
                tracer.communicate()


def parse(text: str) -> list[Call]:
    """Return the calls in a log of `strace -f -o`, in the order in which they ended."""
    begun: dict[int, tuple[str, int]] = {}
    calls = []
    for number, line in enumerate(text.splitlines()):
        if not (match := _LINE.fullmatch(line)):
            continue
        thread, rest = int(match["pid"]), match["rest"]
        if unfinished := _BEGUN.fullmatch(rest):
            begun[thread] = (unfinished["args"], number)
        elif whole := _WHOLE.fullmatch(rest):
            calls.append(Call(thread, whole["name"], whole["args"], whole["result"], number, number))
        elif ended := _ENDED.fullmatch(rest):
            args, started = begun.pop(thread, ("", number))
            calls.append(Call(thread, ended["name"], args + ended["args"], ended["result"], started, number))
    return calls


def _run(argv: Sequence[str], options: Sequence[str]) -> Outcome:
    # Coverage measures subprocesses by itself; its calls would be counted as the program's. Ours are the suite's own.
    dropped = ("COVERAGE_PROCESS_", "TUTTI_")
    env = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}  # noqa: TID251
    strace = tiers.require("strace")
    command = [strace, "-f", "-qq", *options, *argv]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=120)
    tiers.require_that(not done.stderr.startswith(f"{strace}: "), f"strace cannot trace here: {done.stderr.strip()}")
    return Outcome(done.returncode, done.stdout, done.stderr)


def _traced(calls: Sequence[str]) -> str:
    # The question mark lets strace pass over names that this architecture does not have.
    return "trace=" + ",".join(f"?{name}" for name in dict.fromkeys(calls))


def _most_in_one_thread(calls: Sequence[Call]) -> Counter[str]:
    by_thread = Counter((call.thread, call.name) for call in calls)
    most: Counter[str] = Counter()
    for (_, name), count in by_thread.items():
        most[name] = max(most[name], count)
    return most
