"""P1, P2, P5 and P7: how fast it starts, what it takes when idle, what one hop costs, how it comes back."""

import argparse
import asyncio
import os
import shutil
import signal
import sys
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import uvloop

from bench import data
from bench.compare import Sample, compare, on_this_machine, own_cpu_s, say, verdict
from bench.processes import (
    PROGRAM,
    Tutti,
    add_user,
    environment,
    folder,
    free_port,
    memory_mb,
    settle,
    started,
    wait_until,
)
from tutti.doors.http.hop import Hop

_HOPS = 5000


def main() -> None:
    """Run the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tracks", type=int, default=1_000_000, help="size of P7's library")
    args = parser.parse_args()
    with on_this_machine(), folder("process") as place:
        _start(place / "start", args.rounds)
        _hops(args.rounds)
        _again(place / "again", args.tracks)


def _start(place: Path, rounds: int) -> None:
    """P1 and P2, against the smallest server there is."""
    add_user(place)
    taken, resident, private, bare = list[float](), list[float](), list[float](), list[float]()
    for _ in range(rounds):
        settle()
        with _serving(place) as (server, seconds):
            taken.append(seconds)
            time.sleep(3)  # what a start does beside answering is over by then
            resident.append(memory_mb(server.pid))
            private.append(memory_mb(server.pid, "Private_Dirty"))
        settle()
        bare.append(_bare_start())
    first, anchor = median(taken), median(bare)
    say(
        f"{'P1 first answer':<22} {'tutti':<18} {first:.2f} s ({min(taken):.2f}..{max(taken):.2f})  "
        f"raw asgi {anchor:.2f} s  ratio {first / anchor:.1f}  rounds {rounds}  "
        f"goal 1.0 s {verdict(met=first <= 1)}, HTTP alone 0.8 s {verdict(met=first <= 0.8)}"
    )
    idle = median(resident)
    say(
        f"{'P2 idle memory':<22} {'tutti':<18} {idle:.0f} MB resident, {median(private):.0f} MB its own  "
        f"rounds {rounds}  goal 130 MB {verdict(met=idle <= 130)}, HTTP alone 100 MB {verdict(met=idle <= 100)}"
    )


@contextmanager
def _serving(place: Path) -> Iterator[tuple[Tutti, float]]:
    """Serve and yield the seconds from the start of the process to the first answer."""
    began = time.monotonic()
    with started([*PROGRAM, "serve"], env=environment(place)) as process:
        server = Tutti(process, place)
        with urllib.request.urlopen(f"{server.url}/health", timeout=30):
            seconds = time.monotonic() - began
        yield server, seconds


def _bare_start() -> float:
    port = free_port()
    began = time.monotonic()
    with started([sys.executable, "-c", _BARE.format(port=port)]):
        wait_until(lambda: _answers(port), "the bare server answers")
        return time.monotonic() - began


_BARE = """
import uvicorn
async def app(scope, receive, send):
    await send({{"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}})
    await send({{"type": "http.response.body", "body": b"{{}}"}})
uvicorn.run(app, port={port}, lifespan="off", log_config=None, access_log=False)
"""


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1):
            return True
    except OSError:
        return False


def _hops(rounds: int) -> None:
    """P5: our hop against the pool's own."""
    hop, pool = Hop(threads=4, queue=256), ThreadPoolExecutor(4)

    async def bare() -> None:
        loop = asyncio.get_running_loop()
        for _ in range(_HOPS):
            await loop.run_in_executor(pool, _nothing)

    async def ours() -> None:
        for _ in range(_HOPS):
            await hop(_nothing)

    contenders: Mapping[str, Callable[[], Sample]] = {"executor": lambda: _timed(bare), "tutti": lambda: _timed(ours)}
    compare("P5 hops/s", "executor", contenders, rounds=rounds, goal=0.83)
    hop.close()
    pool.shutdown()


def _nothing() -> None:
    """Be what a hop runs."""


def _timed(work: Callable[[], Awaitable[None]]) -> Sample:
    async def run() -> None:
        await work()

    settle()
    before, began = own_cpu_s(), time.perf_counter()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())
    seconds = time.perf_counter() - began
    return Sample(_HOPS / seconds, (own_cpu_s() - before) / seconds)


def _again(place: Path, tracks: int) -> None:
    """P7: killed while it writes, then started again on the same data."""
    place.mkdir(parents=True)
    shutil.copyfile(data.library(data.Shape(tracks=tracks)), place / "tutti.db")
    add_user(place)
    with _serving(place) as (server, _):
        server.sign_in()
        os.kill(server.pid, signal.SIGKILL)
    with _serving(place) as (server, seconds):
        server.sign_in()
        found = len(server.call("/api/v1/libraries"))
    say(
        f"{'P7 start after kill':<22} {'tutti':<18} {seconds:.2f} s with {tracks:,} tracks  libraries {found}  "
        f"goal 5 s {verdict(met=seconds <= 5)}"
    )


if __name__ == "__main__":
    main()
