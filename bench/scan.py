"""S1, S2, S4 to S8: reading folders, by the whole program against MPD on the same files."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import media, peers
from bench.compare import Sample, compare, on_this_machine, say, skip, verdict
from bench.processes import Tutti, add_user, cpu_s, folder, memory_mb, missing, mpd, run, settle, songs, tutti, update
from bench.tagging import Truth

SETTINGS = {"TUTTI_SCAN__EVERY_MINUTES": "0", "TUTTI_LOG__FORMAT": "json"}
_SCANNED = r'"source.scanned"'
_LENGTH_MS = 100
"""An encoder pads what it is given by up to two of its frames."""


@dataclass(slots=True)
class Library:
    """A folder under test, by hard links, and a data folder that knows it while it was still empty."""

    music: Path
    template: Path
    count: int
    rescans: dict[str, list[Sample]] = field(default_factory=dict)
    number: int = 0

    @classmethod
    def of(cls, files: Path, place: Path) -> "Library":
        """Link the files into a folder that was scanned before they came."""
        music, template = place / "music", place / "template"
        music.mkdir(parents=True)
        add_user(template)
        run(template, "scan", music, "--user", "bench")
        shutil.copytree(files, music / "library", copy_function=_link)
        count = 0
        for path in music.rglob("*.*"):
            if path.is_file():
                path.read_bytes()  # warm
                count += 1
        return cls(music, template, count)

    @contextmanager
    def serving(self, workers: int) -> Iterator[Tutti]:
        """Serve a fresh copy of the data folder: the library is yet to be read."""
        self.number += 1
        data = self.template.parent / f"data-{self.number}"
        shutil.copytree(self.template, data)
        try:
            with tutti(data, {**SETTINGS, "TUTTI_SCAN__WORKERS": str(workers)}) as server:
                yield server
        finally:
            shutil.rmtree(data, ignore_errors=True)

    def by_tutti(self, workers: int) -> Sample:
        """Read it whole, then once more; return the first sample and keep the second."""
        with self.serving(workers) as server:
            settle()
            first, again = scan(server), scan(server)
        wrong = abs(self.count - first.counts["added"]) + abs(self.count - again.counts["seen"])
        self._keep("tutti", again.seconds, again.cpu_s, wrong)
        return Sample(self.count / first.seconds, first.cpu_s / first.seconds, wrong)

    def by_mpd(self, pid: int, port: int, link: Path) -> Sample:
        """Likewise."""
        link.symlink_to(self.music / "library")
        settle()
        before = cpu_s(pid)
        seconds, spent = update(port), cpu_s(pid) - before
        again_s, again_cpu_s = update(port), cpu_s(pid) - before - spent
        wrong = abs(self.count - songs(port))
        link.unlink()
        update(port)
        self._keep("mpd", again_s, again_cpu_s, wrong)
        return Sample(self.count / seconds, spent / seconds, wrong)

    def _keep(self, name: str, seconds: float, spent_s: float, wrong: int) -> None:
        self.rescans.setdefault(name, []).append(Sample(self.count / seconds, spent_s / seconds, wrong))


@dataclass(frozen=True, slots=True)
class Scan:
    """One scan by a running server."""

    seconds: float
    cpu_s: float
    counts: dict[str, int]


def scan(server: Tutti, *, timeout_s: float = 600) -> Scan:
    """Have the one source scanned; from the request to the line in the log that says it is done."""
    source = server.call("/api/v1/sources")[0]["id"]
    lines, before, began = len(server.lines), cpu_s(server.pid), time.monotonic()
    server.call(f"/api/v1/sources/{source}/scan", {})
    server.wait_for(_SCANNED, after=lines, timeout_s=timeout_s)
    seconds = time.monotonic() - began
    line = next(line for line in server.lines[lines:] if _SCANNED in line)
    found = json.loads(line)
    return Scan(seconds, cpu_s(server.pid) - before, {key: found[key] for key in ("seen", "added", "refused")})


def main() -> None:
    """Run the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", default="", help="begins of names, separated by commas: S1,S5")
    args = parser.parse_args()
    wanted = tuple(args.rows.split(","))
    with on_this_machine(), folder("scan") as place:
        for names, row in _ROWS.items():
            if any(name.startswith(wanted) for name in names.split()):
                row(place / names.replace(" ", "-"), args.rounds)


def _full(place: Path, rounds: int) -> None:
    """S1, S2, S5, S7 on files of 20 s with covers."""
    library = Library.of(media.big_library(), place)
    if reason := missing("mpd"):
        skip("S1 S2 S5", reason)
    else:
        _against_mpd(library, "S1 full, 1 worker", 1, rounds, 1.3)
        _against_mpd(library, "S2 full, 2 workers", 2, rounds, 2.5)
        _rescans(library, "S5 rescan, 3,000", 2.0)
    _truth(library)


def _short(place: Path, rounds: int) -> None:
    """S4 and S5 on files of 2 s."""
    library = Library.of(media.small_library(), place)
    if reason := missing("mpd"):
        skip("S4 S5", reason)
        return
    _against_mpd(library, "S4 short, 2 workers", 2, rounds, 0.62)
    _rescans(library, "S5 rescan, 20,000", 2.0)


def _against_mpd(library: Library, metric: str, workers: int, rounds: int, goal: float) -> None:
    with mpd() as (pid, port, root):
        contenders: dict[str, Callable[[], Sample]] = {
            "mpd": lambda: library.by_mpd(pid, port, root / "library"),
            "tutti": lambda: library.by_tutti(workers),
        }
        compare(f"{metric} files/s", "mpd", contenders, rounds=rounds, goal=goal)
        say(f"{metric:<22} {'memory':<18} mpd {memory_mb(pid):.0f} MB after the last round")


def _rescans(library: Library, metric: str, goal: float) -> None:
    kept = {name: iter(samples) for name, samples in library.rescans.items()}
    rounds = min(len(samples) for samples in library.rescans.values())
    contenders: dict[str, Callable[[], Sample]] = {name: samples.__next__ for name, samples in kept.items()}
    compare(f"{metric} files/s", "mpd", contenders, rounds=rounds, goal=goal)
    library.rescans.clear()


def _truth(library: Library) -> None:
    """S7: what every file says, against what stands in it."""
    with library.serving(2) as server:
        report = scan(server)
        found = {(one["title"], one["album"]): one for one in _all(server, "/api/v1/tracks")}
    right, wrong, total = Counter[str](), Counter[str](), Counter[str]()
    for truth in media.truths():
        faults = _faults(found.get((truth.title, truth.album)), truth)
        total[truth.format] += 1
        right[truth.format] += not faults
        wrong.update(f"{truth.format} {fault}" for fault in faults)
    each = "  ".join(f"{form} {right[form]}/{total[form]}" for form in total)
    all_right = right.total() == total.total()
    say(f"{'S7 truth table':<22} {'tutti':<18} {100 * right.total() / total.total():.1f} %  {each}  "
        f"refused {report.counts['refused']}  goal 100 % {verdict(met=all_right)}")  # fmt: skip
    for fault, count in wrong.most_common(5):
        say(f"{'S7 truth table':<22} {'tutti':<18} {count} times: {fault}")


def _faults(track: Mapping[str, Any] | None, truth: Truth) -> Sequence[str]:
    if track is None:
        return ["title and album"]
    said = {
        "artist": track["artist"] == truth.artist,
        "track": track["number"] == truth.track,
        "date": str(track["date"]).startswith(truth.date),
        "length": abs(track["duration_ms"] - truth.length_ms) <= _LENGTH_MS,
    }
    return [name for name, is_right in said.items() if not is_right]


def _all(server: Tutti, path: str) -> Iterator[Mapping[str, Any]]:
    cursor = ""
    while True:
        page = server.call(f"{path}?limit=500{cursor}")
        yield from page["items"]
        if not page["next_cursor"]:
            return
        cursor = f"&cursor={page['next_cursor']}"


def _many(place: Path, _rounds: int) -> None:
    """S6: a first scan of 100,000 files: the small library hard-linked five times, each into a tree of its own."""
    library = Library.of(media.linked_library(5), place)
    with library.serving(2) as server:
        peak, stop = [0.0], threading.Event()
        watcher = threading.Thread(target=_watch_memory, args=(server.pid, peak, stop))
        watcher.start()
        found = scan(server, timeout_s=1800)
        stop.set()
        watcher.join()
    wrong = library.count - found.counts["added"]
    met = found.seconds <= 60 and peak[0] <= 250
    say(
        f"{'S6 first scan, 100k':<22} {'tutti':<18} {found.seconds:.0f} s  "
        f"{library.count / found.seconds:.0f} files/s  cpu {found.cpu_s / library.count * 1000:.2f} ms/file  "
        f"memory {peak[0]:.0f} MB (children included)  "
        f"wrong {wrong}  goal 60 s, 250 MB {verdict(met=met, wrong=wrong)}"
    )
    skip("S6 first scan, 1M", "takes longer than a bench should; see P7 and D4 for a database of that size")


def _watch_memory(pid: int, peak: list[float], stop: threading.Event) -> None:
    while not stop.wait(0.25):
        peak[0] = max(peak[0], memory_mb(pid, "Pss"))


def _sandbox(_place: Path, rounds: int) -> None:
    """S8: the sandboxed pool of one child against the same reader in this process."""
    wanted = [os.fsencode(path) for path in sorted(media.big_library().rglob("*.*")) if path.is_file()][::3]
    for path in wanted:
        Path(os.fsdecode(path)).read_bytes()  # warm
    contenders: dict[str, Callable[[], Sample]] = {
        "in process": lambda: _reading("plain", wanted),
        "pool of one": lambda: _reading("pool", wanted),
    }
    compare("S8 sandbox files/s", "in process", contenders, rounds=rounds, goal=0.75)


def _reading(kind: str, paths: Sequence[bytes]) -> Sample:
    """Read in a process of its own, so that the CPU of one way is not that of the other."""
    settle()
    command = [sys.executable, "-m", "bench.reading", kind]
    wish = b"\n".join(paths)
    done = subprocess.run(command, input=wish, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.decode())
    seconds, spent, read = map(float, done.stdout.split())
    return Sample(len(paths) / seconds, spent / seconds, len(paths) - int(read))


def _peers(place: Path, _rounds: int) -> None:
    """S3: beets and Supysonic, once each."""
    library = Library.of(media.big_library(), place)
    with library.serving(2) as server:
        ours = scan(server)
    say(f"{'S3 files/s':<22} {'tutti':<18} {library.count / ours.seconds:.0f}")
    for name, peer in (("beets", peers.beets), ("supysonic", peers.supysonic)):
        found = peer(library.music, place)
        if isinstance(found, str):
            skip(f"S3 {name}", found)
            continue
        ratio = found.seconds / ours.seconds
        say(
            f"{'S3 files/s':<22} {name:<18} {library.count / found.seconds:.0f}  tutti is {ratio:.1f} times as fast, "
            f"rounds 1  {found.note}  goal 12 {verdict(met=ratio >= 12)}"
        )


def _link(source: str, target: str) -> None:
    Path(target).hardlink_to(source)


_ROWS: dict[str, Callable[[Path, int], None]] = {
    "S1 S2 S5 S7": _full,
    "S4 S5s": _short,
    "S6": _many,
    "S8": _sandbox,
    "S3": _peers,
}


if __name__ == "__main__":
    main()
