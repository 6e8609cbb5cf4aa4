"""A1, A2 and A7: lists as JSON against bare ASGI, and search as you type."""

import argparse
import random
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import quote

from bench import data
from bench.clients import Seen, Target, ask, ask_wrk
from bench.compare import Sample, compare, on_this_machine, say, skip, verdict
from bench.processes import (
    PASSWORD,
    Tutti,
    cpu_s,
    folder,
    free_port,
    is_open,
    missing,
    settle,
    started,
    tutti,
    wait_until,
)

_LIST = "/api/v1/tracks?limit=50"
_SIZES = {100_000: 20, 1_000_000: 60}
"""Tracks to the goal of A7: p95 in milliseconds."""
_TYPED = 400


def main() -> None:
    """Run the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--tracks", type=int, nargs="*", default=[*_SIZES], help="sizes for A7")
    parser.add_argument("--rows", default="", help="begins of names, separated by commas: A1,A7")
    args = parser.parse_args()
    wanted = tuple(args.rows.split(","))
    with on_this_machine(), folder("api") as place:
        if "A1".startswith(wanted):
            _json_only(place, args.rounds, args.seconds)
        if "A2".startswith(wanted):
            _list(place, args.rounds, args.seconds)
        if "A7".startswith(wanted):
            for tracks in args.tracks:
                _search(place, tracks)


def _json_only(place: Path, rounds: int, seconds: float) -> None:
    if reason := missing("wrk"):
        skip("A1 A2", reason)
        return
    with anchor("raw") as raw, anchor("door") as door:
        contenders = {
            "raw asgi": lambda: _load(raw[0], Target(raw[1], "/tracks", 0, 0, 32, seconds), place),
            "tutti": lambda: _load(door[0], Target(door[1], "/tracks", 0, 0, 32, seconds), place),
        }
        compare("A1 50 tracks req/s", "raw asgi", contenders, rounds=rounds, goal=0.6)


def _list(place: Path, rounds: int, seconds: float) -> None:
    if missing("wrk"):
        return
    with ExitStack() as stack:
        server = stack.enter_context(synthetic(place / "a2", 100_000))
        raw = stack.enter_context(anchor("sqlite", str(place / "a2" / "tutti.db")))
        best: list[float] = []

        def ours() -> Sample:
            sample = _load(server.pid, Target(server.address, _LIST, 0, 0, 32, seconds, server.fields), place)
            best.append(sample.value)
            return sample

        contenders: dict[str, Callable[[], Sample]] = {
            "raw + sqlite3": lambda: _load(raw[0], Target(raw[1], "/tracks", 0, 0, 32, seconds), place),
            "tutti": ours,
        }
        compare("A2 50 tracks req/s", "raw + sqlite3", contenders, rounds=rounds, goal=0.3)
        half = sorted(best)[len(best) // 2] / 2
        paced = Target(server.address, _LIST, 0, 0, 32, 5, server.fields, every_s=1 / half)
        settle()
        _report("A2 at half capacity", ask(paced, kind="paced"), f"{half:.0f} req/s", p99_ms=5)


def _load(pid: int, target: Target, place: Path) -> Sample:
    settle()
    before = cpu_s(pid)
    seen = ask_wrk(target, place)
    return Sample(seen.requests_a_second, (cpu_s(pid) - before) / seen.seconds, seen.wrong)


def _search(place: Path, tracks: int) -> None:
    """A7: titles and names as they are typed, one request for every letter, on four connections."""
    with synthetic(place / f"a7-{tracks}", tracks) as server:
        goal = _SIZES.get(tracks, 60)
        for metric, texts in (("words", _typed(server)), ("rare letters", _letters())):
            paths = tuple(f"/api/v1/search?q={quote(text)}" for text in texts)
            for path in paths[:20]:
                server.call(path)
            answered = sum(bool(server.call(path)["tracks"]) for path in paths[:100])
            wish = Target(server.address, paths[0], 0, 0, 1, 120, server.fields, paths=paths, times=len(paths))
            note = f"{tracks:,} tracks, one after the other; of 100 queries {answered} found tracks"
            settle()
            _report(f"A7 search {metric}", ask(wish), note, p95_ms=goal)


def _typed(server: Tutti) -> list[str]:
    """Return what somebody types who looks for a track: its title letter by letter, then with the artist."""
    rng = random.Random(11)
    items = server.call("/api/v1/tracks?limit=500")["items"]
    for letter in rng.sample("bdfgklmnprst", 4):
        items += server.call(f"/api/v1/search?q={letter}&limit=100")["tracks"]
    texts: list[str] = []
    while len(texts) < _TYPED:
        track = rng.choice(items)
        words = re.findall(r"\w+", f"{track['title']} {track['artist']}")
        whole = " ".join(rng.sample(words, min(len(words), 3)))
        texts += [whole[:end] for end in range(1, min(len(whole), 16) + 1)]
    return texts


def _letters() -> list[str]:
    rng = random.Random(5)
    letters = "abdefgiklmnoprstuvwz"
    return ["".join(rng.choice(letters) for _ in range(rng.choice((2, 3)))) for _ in range(_TYPED)]


def _report(metric: str, seen: Seen, note: str, *, p95_ms: float = 0, p99_ms: float = 0) -> None:
    p50, p95, p99, greatest = seen.latencies_ms
    met = p95 <= p95_ms if p95_ms else p99 <= p99_ms
    goal = f"p95 {p95_ms:g}" if p95_ms else f"p99 {p99_ms:g}"
    say(
        f"{metric:<22} {'tutti':<18} p50 {p50:.2f}  p95 {p95:.2f}  p99 {p99:.2f}  max {greatest:.1f} ms  "
        f"of {seen.requests}  {note}  wrong {seen.wrong}  goal {goal} {verdict(met=met, wrong=seen.wrong)}"
    )


@contextmanager
def synthetic(place: Path, tracks: int) -> Iterator[Tutti]:
    """Serve a library whose files are not there, to an account that has claimed the server."""
    place.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(data.library(data.Shape(tracks=tracks)), place / "tutti.db")
    with tutti(place, {"TUTTI_SCAN__EVERY_MINUTES": "0"}, user="") as server:
        token = server.wait_for(r"/claim\?token=(\S+)")[1]
        answer = server.call("/api/v1/claim", {"token": token, "username": "bench", "password": PASSWORD})
        server.token = answer["access_token"]
        yield server


@contextmanager
def anchor(kind: str, *options: str) -> Iterator[tuple[int, tuple[str, int]]]:
    """Serve an application of `bench.asgi`; yield its process id and its address."""
    port = free_port()
    with started([sys.executable, "-m", "bench.asgi", kind, str(port), *options]) as process:
        wait_until(lambda: is_open(port), f"{kind} listens")
        yield process.pid, ("127.0.0.1", port)


if __name__ == "__main__":
    main()
