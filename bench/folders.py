"""The client, `tutti sync`: many small files for the first time, near and far; a folder in which nothing changed."""

import argparse
import asyncio
import json
import sqlite3
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from time import perf_counter
from urllib.parse import urlsplit

from bench.compare import on_this_machine, say, verdict
from bench.processes import PASSWORD, PROGRAM, environment, folder, run, settle, tutti
from bench.sync import blobs

_FRAME = b"\xff\xfb\x90\x64" + bytes(413)
_FRAMES = 48
_DELAY_S = 0.010
"""One way; a round trip over the far line takes twice as long."""
_FAR, _QUIET_S = 0.67, 2.0


def main() -> None:
    """Run the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="of the folder in which nothing changed")
    parser.add_argument("--files", type=int, default=2_000, help="small files of a first round")
    parser.add_argument("--tracks", type=int, default=100_000, help="files of the folder in which nothing changed")
    args = parser.parse_args()
    with on_this_machine(), folder("folders") as place:
        near = _first(place / "near", args.files, 0)
        far = _first(place / "far", args.files, _DELAY_S)
        for name, there, here in zip(("up", "down"), far, near, strict=True):
            share = there / here
            say(
                f"{'first, ' + name:<22} {'far over near':<18} {share:.2f}x as fast over a line of "
                f"{2000 * _DELAY_S:g} ms  goal {_FAR:g} {verdict(met=share >= _FAR)}"
            )
        _quiet(place / "quiet", args.tracks, args.rounds)


def _first(place: Path, files: int, delay_s: float) -> tuple[float, float]:
    """Bring small files to a new server, and from there to a second device; return files a second of both ways."""
    for number in range(files):
        path = place / "one" / f"Album {number // 20}" / f"{number}.mp3"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_FRAME + number.to_bytes(8, "big") + _FRAME * _FRAMES)
    (place / "two").mkdir()
    data_dir, rates = place / "server", []
    run(data_dir, "user", "add", "bench", "--password-stdin", stdin=f"{PASSWORD}\n")
    with tutti(data_dir) as server, _line(server.url, delay_s) as url:
        for device, kind in (("one", "upload"), ("two", "download")):
            settle()
            seconds, wrong = _sync(place, device, url, {kind: files})
            rates.append(files / seconds)
            say(
                f"{'first, ' + kind:<22} {'near' if not delay_s else 'far':<18} {rates[-1]:.0f} files/s, {files:,} "
                f"of {len(_FRAME) * _FRAMES / 1000:.0f} kB in {seconds:.1f} s  wrong {wrong}"
            )
    return rates[0], rates[1]


def _quiet(place: Path, tracks: int, rounds: int) -> None:
    """Sync a folder that the server knows: it is matched in the first round, and after that nothing is to be done."""
    with blobs(place / "server", tracks) as server:
        rows = _as_files(place / "server" / "tutti.db", place / "one")
        seconds, wrong = _sync(place, "one", server.url, {"adopt": rows})
        say(f"{'matched':<22} {'tutti sync':<18} {rows:,} files in {seconds:.1f} s  wrong {wrong}")
        times, wrong = [], 0
        for _ in range(rounds):
            settle()
            seconds, failed = _sync(place, "one", server.url, {})
            times.append(seconds)
            wrong += failed
        found = sorted(times)[len(times) // 2]
        say(
            f"{'nothing changed':<22} {'tutti sync':<18} {found:.2f} s ({min(times):.2f}..{max(times):.2f}), start of "
            f"the program included, {rows:,} files  wrong {wrong}  "
            f"goal {_QUIET_S:g} s {verdict(met=found <= _QUIET_S, wrong=wrong)}"
        )


def _as_files(database: Path, root: Path) -> int:
    """Write a small file for each track and have the server believe that it holds it; return how many there are."""
    with sqlite3.connect(database, timeout=60) as connection:
        numbers = [number for (number,) in connection.execute("SELECT id FROM media_item")]
        rows = []
        for number in numbers:
            content, place = _FRAME + str(number).encode(), root / f"Album {number // 20}"
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{number}.mp3").write_bytes(content)
            rows.append((sha256(content).hexdigest(), len(content), f"Album {number // 20}", f"{number}.mp3", number))
        connection.execute("UPDATE media_item SET blob_hash = NULL")
        connection.execute("DELETE FROM blob")
        connection.executemany(
            "INSERT INTO blob (hash, size_bytes, created_at) VALUES (?1, ?2, 0)", [row[:2] for row in rows]
        )
        connection.executemany(
            "UPDATE media_item SET blob_hash = ?1, content_hash = ?1, size_bytes = ?2, folder = ?3, filename = ?4, "
            "audio_hash = NULL, audio_offset = 0, audio_bytes = NULL WHERE id = ?5",
            rows,
        )
    return len(numbers)


def _sync(place: Path, device: str, url: str, expected: Mapping[str, int]) -> tuple[float, int]:
    """Run the program once; return how long it took, and whether it did anything but what was expected of it."""
    homes = {"XDG_CONFIG_HOME": str(place / device / ".config"), "XDG_STATE_HOME": str(place / "state")}
    command = [*PROGRAM, "sync", str(place / device), "--server", url, "--device", device, "--json"]
    began = perf_counter()
    done = subprocess.run(
        [*command, "--user", "bench", "--password-stdin"],
        input=f"{PASSWORD}\n",
        env=environment(place / "unused", homes),
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = perf_counter() - began
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    return seconds, json.loads(done.stdout.splitlines()[-1])["done"] != expected


@contextmanager
def _line(url: str, delay_s: float) -> Iterator[str]:
    """Put a line between client and server that holds everything for a while."""
    if not delay_s:
        yield url
        return
    loop, started = asyncio.new_event_loop(), threading.Event()
    ports: list[int] = []

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 18):
            loop.call_later(delay_s, writer.write, data)
        loop.call_later(delay_s, writer.close)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(urlsplit(url).hostname, urlsplit(url).port)
        await asyncio.gather(carry(reader, back), carry(there, writer), return_exceptions=True)

    async def listen() -> None:
        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        ports.append(server.sockets[0].getsockname()[1])
        started.set()

    threading.Thread(target=lambda: (loop.run_until_complete(listen()), loop.run_forever()), daemon=True).start()
    started.wait()
    yield f"http://127.0.0.1:{ports[0]}"
    loop.call_soon_threadsafe(loop.stop)


if __name__ == "__main__":
    main()
