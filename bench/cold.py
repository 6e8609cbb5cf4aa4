"""B8 and B9: what others wait while files come from the disk, and while a scan runs beside fifty streams."""

import argparse
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from threading import Thread
from typing import Any

from bench import media, scan
from bench.clients import Seen, Target, ask
from bench.compare import on_this_machine, say, skip, verdict
from bench.processes import Tutti, add_user, folder, missing, nginx, run, settle, tutti
from bench.ranges import serving

_FILES, _MEGABYTES = 48, 8
_PING = "/"
_CLIENTS = 8
_STREAMS = 50


def main() -> None:
    """Run both rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    with on_this_machine(), folder("cold") as place:
        _cold(place / "cold", args.rounds)
        _busy(place / "busy")


def _cold(place: Path, rounds: int) -> None:
    """B8: pings while eight clients fetch files that are on the disk alone."""
    music = media.noise_files(_FILES, _MEGABYTES)
    files = sorted(music.iterdir())
    size = files[0].stat().st_size
    with ExitStack() as stack:
        server = stack.enter_context(serving(place, music))
        paths = [f"/api/v1/tracks/{one['id']}/stream" for one in server.call("/api/v1/tracks?limit=500")["items"]]
        for turn in range(rounds):
            server.sign_in()
            settle()
            idle = ask(_pings(server.address, _PING, 3), kind="paced")
            cold, seconds = _while_cold(_all(server.address, paths, size, server.fields), files, _PING)
            _say("B8 idle", "tutti", idle, f"round {turn + 1}")
            met = verdict(met=cold.latencies_ms[2] <= 20, wrong=cold.wrong)
            _say("B8 cold files", "tutti", cold, f"{_gigabytes(size) / seconds:.2f} GB/s  goal p99 20 {met}")
            if reason := missing("nginx"):
                skip("B8 cold files nginx", reason)
                continue
            root = place / "web"
            if not root.exists():
                shutil.copytree(music, root, copy_function=os.link)
                (root / "ping").write_bytes(b"{}")
            with nginx(root) as (_, address):
                names = [f"/{file.name.replace(' ', '%20')}" for file in files]
                cold, seconds = _while_cold(_all(address, names, size, {}), files, "/ping")
                _say("B8 cold files", "nginx", cold, f"{_gigabytes(size) / seconds:.2f} GB/s  the anchor")


def _gigabytes(size: int) -> float:
    return _FILES * size / 1e9


def _while_cold(wish: Target, files: Sequence[Path], ping: str) -> tuple[Seen, float]:
    """Return the pings, and the seconds that all files took."""
    for file in files:
        _evict(file)
    settle()
    pings: list[Seen] = []
    # The pings begin before the files and outlive them; only a fast disk makes them few.
    seconds = max(1.5, _gigabytes(wish.size) / 0.4)
    pinging = Thread(target=lambda: pings.append(ask(_pings(wish.address, ping, seconds), kind="paced")))
    pinging.start()
    took = ask(wish)
    pinging.join()
    return pings[0], took.seconds


def _all(address: tuple[str, int], paths: Sequence[str], size: int, fields: dict[str, str]) -> Target:
    """Return the wish of a few clients who share the files between them."""
    times = len(paths) // _CLIENTS
    return Target(address, paths[0], size, 0, _CLIENTS, 120, fields, paths=tuple(paths), times=times)


def _pings(address: tuple[str, int], path: str, seconds: float) -> Target:
    return Target(address, path, 0, 0, 16, seconds, every_s=0.005)


def _evict(file: Path) -> None:
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def _busy(place: Path) -> None:
    """B9: ranges while fifty listeners play and the same server scans twenty thousand files."""
    music = place / "music"
    music.mkdir(parents=True)
    shutil.copytree(media.big_file(), music / "noise", copy_function=os.link)
    add_user(place / "data")
    run(place / "data", "scan", music, "--user", "bench")
    shutil.copytree(media.small_library(), music / "library", copy_function=os.link)
    with tutti(place / "data", scan.SETTINGS) as server:
        track = server.call("/api/v1/tracks?limit=1")["items"][0]
        _measure(server, track, "B9 50 streams", lambda: None)
        done: list[scan.Scan] = []
        _measure(server, track, "B9 streams and scan", lambda: done.append(scan.scan(server)))
        say(f"{'B9 streams and scan':<22} {'tutti':<18} the scan took {done[0].seconds:.1f} s  {done[0].counts}")


def _measure(server: Tutti, track: Mapping[str, Any], metric: str, beside: Callable[[], object]) -> None:
    path, size, seconds = f"/api/v1/tracks/{track['id']}/stream", int(track["size_bytes"]), 8.0
    listeners = Target(server.address, path, size, 40_000, _STREAMS, seconds + 2, server.fields)
    ranges = Target(server.address, path, size, 4096, 16, seconds, server.fields, every_s=0.01)
    settle()
    seen: dict[str, Seen] = {}
    threads = [
        Thread(target=beside),
        Thread(target=lambda: seen.update(heard=ask(listeners, kind="listeners"))),
        Thread(target=lambda: seen.update(ranges=ask(ranges, kind="paced"))),
        Thread(target=lambda: seen.update(pings=ask(_pings(server.address, _PING, seconds), kind="paced"))),
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    p95, longest = seen["ranges"].latencies_ms[1], seen["pings"].latencies_ms[3]
    met = verdict(met=p95 <= 15 and longest <= 100, wrong=seen["ranges"].wrong + seen["heard"].wrong)
    _say(metric, "tutti", seen["ranges"], f"longest ping {longest:.0f} ms  goal p95 15, ping 100 {met}")


def _say(metric: str, name: str, seen: Seen, note: str) -> None:
    p50, p95, p99, greatest = seen.latencies_ms
    say(
        f"{metric:<22} {name:<18} p50 {p50:.2f}  p95 {p95:.2f}  p99 {p99:.2f}  max {greatest:.1f} ms  "
        f"of {seen.requests}  wrong {seen.wrong}  {note}"
    )


if __name__ == "__main__":
    main()
