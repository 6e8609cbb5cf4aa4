"""B1 to B6: bytes over HTTP by the whole program, with its auth and its lookup, against nginx."""

import argparse
import http.client
import random
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench import media
from bench.clients import Seen, Target, ask, ask_wrk
from bench.compare import Sample, compare, on_this_machine, say, skip, verdict
from bench.processes import Tutti, add_user, cpu_s, folder, missing, nginx, run, settle, tutti

MIB = 1 << 20
_CLIENT_BOUND = 0.7
_CHECKED = 40


@dataclass(frozen=True, slots=True)
class Cell:
    """One kind of load.

    Attributes:
        window: Bytes of a range; 0 is the whole file.
    """

    name: str
    window: int
    connections: int
    goal: float

    @property
    def is_small(self) -> bool:
        """Whether a request costs more than its bytes: then nginx is faster without sendfile, and wrk is the client."""
        return 0 < self.window < 65536


CELLS = (
    Cell("B1 1m-c16", MIB, 16, 0.85),
    Cell("B2 30m-c16", 0, 16, 0.95),
    Cell("B3 1m-c1", MIB, 1, 0.75),
    Cell("B3 1m-c64", MIB, 64, 0.75),
    Cell("B4 256k-c16", 256 * 1024, 16, 0.55),
    Cell("B5 4k-c16", 4096, 16, 0.35),
)
_CPU_GOAL = 1.3


@dataclass(slots=True)
class Contender:
    """A server under load, and what was seen of it in the cell at hand."""

    pid: int
    target: Callable[[Cell, float], Target]
    scratch: Path
    seen: list[Seen] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)

    def sample(self, cell: Cell, seconds: float) -> Sample:
        """Load the server once."""
        settle()
        target, before = self.target(cell, seconds), cpu_s(self.pid)
        seen = ask_wrk(target, self.scratch) if cell.is_small else ask(target)
        value = seen.requests_a_second if cell.is_small else seen.gigabytes_a_second
        # CPU of a run of fixed length, per second: compare divides it by the rate.
        self.samples.append(Sample(value, (cpu_s(self.pid) - before) / seen.seconds, seen.wrong))
        self.seen.append(seen)
        return self.samples[-1]


def main() -> None:
    """Run the cells."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--cells", default="", help="begins of names, separated by commas: B1,B5")
    args = parser.parse_args()
    with on_this_machine():
        if reason := missing("nginx", "wrk"):
            skip("B1-B6", reason)
            return
        _run([cell for cell in CELLS if cell.name.startswith(tuple(args.cells.split(",")))], args.rounds, args.seconds)


def _run(cells: list[Cell], rounds: int, seconds: float) -> None:
    music = media.big_file()
    file = music / "noise.wav"
    with ExitStack() as stack:
        scratch = stack.enter_context(folder("ranges"))
        server = stack.enter_context(serving(scratch / "data", music))
        fast_pid, fast = stack.enter_context(nginx(music))
        copying_pid, copying = stack.enter_context(nginx(music, sendfile=False))
        path, size = stream_path(server), file.stat().st_size

        def ours(cell: Cell, length_s: float) -> Target:
            return Target(server.address, path, size, cell.window, cell.connections, length_s, server.fields)

        def theirs(address: tuple[str, int]) -> Callable[[Cell, float], Target]:
            return lambda cell, length_s: Target(
                address, f"/{file.name}", size, cell.window, cell.connections, length_s
            )

        wrong = _check(server.address, path, server.fields, file) + _check(fast, f"/{file.name}", {}, file)
        say(f"{'B1-B6':<22} checked {2 * _CHECKED} windows byte by byte, {wrong} wrong")
        ratios: list[float] = []
        for cell in cells:
            server.sign_in()
            pid, address = (copying_pid, copying) if cell.is_small else (fast_pid, fast)
            anchor, mine = Contender(pid, theirs(address), scratch), Contender(server.pid, ours, scratch)
            _compare(cell, anchor, mine, rounds=rounds, seconds=seconds, wrong=wrong)
            if cell.window == 0 or cell.window >= MIB:
                ratios += _cpu_ratios(mine, anchor)
        if ratios:
            middle = median(ratios)
            span = f"({min(ratios):.2f}..{max(ratios):.2f})"
            say(
                f"{'B6 cpu per GB':<22} {'tutti':<18} ratio {middle:.2f} {span} vs nginx  cells of 1 MiB and more  "
                f"goal <= {_CPU_GOAL} {verdict(met=middle <= _CPU_GOAL, wrong=wrong)}"
            )


def _compare(cell: Cell, anchor: Contender, mine: Contender, *, rounds: int, seconds: float, wrong: int) -> None:
    mine.sample(cell, 1.0)  # warm: the grant, the page cache, the client's own start
    anchor.sample(cell, 1.0)
    for one in (mine, anchor):
        one.seen.clear()
        one.samples.clear()
    unit = "req/s" if cell.is_small else "GB/s"
    contenders = {"nginx": lambda: anchor.sample(cell, seconds), "tutti": lambda: mine.sample(cell, seconds)}
    compare(f"{cell.name} {unit}", "nginx", contenders, rounds=rounds, goal=cell.goal)
    for name, one in (("nginx", anchor), ("tutti", mine)):
        load = median(seen.load for seen in one.seen)
        p50, p95, p99, greatest = (median(seen.latencies_ms[place] for seen in one.seen) for place in range(4))
        bound = "  client-bound" if load > _CLIENT_BOUND else ""
        say(
            f"{cell.name:<22} {name:<18} p50 {p50:.2f}  p95 {p95:.2f}  p99 {p99:.2f}  max {greatest:.1f} ms  "
            f"client {load:.2f} of a core{bound}" + (f"  wrong {wrong}" if wrong else "")
        )


def _cpu_ratios(mine: Contender, anchor: Contender) -> list[float]:
    pairs = zip(mine.samples, anchor.samples, strict=True)
    return [(one.cpu_s / one.value) / (other.cpu_s / other.value) for one, other in pairs if other.cpu_s]


def serving(data_dir: Path, music: Path) -> AbstractContextManager[Tutti]:
    """Serve a folder that has been read, to an account that is signed in."""
    data_dir.mkdir(parents=True)
    add_user(data_dir)
    run(data_dir, "scan", music, "--user", "bench")
    return tutti(data_dir)


def stream_path(server: Tutti, number: int = 0) -> str:
    """Return where the bytes of a track are."""
    tracks = server.call("/api/v1/tracks?limit=100")["items"]
    return f"/api/v1/tracks/{tracks[number]['id']}/stream"


def _check(address: tuple[str, int], path: str, fields: dict[str, str], file: Path) -> int:
    """Compare windows of all sizes byte by byte; return how many were wrong."""
    data, wrong, generator = file.read_bytes(), 0, random.Random(7)
    connection = http.client.HTTPConnection(*address)
    for _ in range(_CHECKED):
        length = generator.choice([1, 4096, 65536, 65537, MIB, 5 * MIB])
        offset = generator.randrange(len(data) - length)
        window = {"Range": f"bytes={offset}-{offset + length - 1}"}
        connection.request("GET", path, headers={**fields, **window})
        answer = connection.getresponse()
        wrong += answer.read() != data[offset : offset + length] or answer.status != http.client.PARTIAL_CONTENT
    connection.close()
    return wrong


if __name__ == "__main__":
    main()
