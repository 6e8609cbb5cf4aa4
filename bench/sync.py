"""A9 and A10: what a device is told when nothing changed, and all that there is, page by page."""

import argparse
import http.client
import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from urllib.parse import quote
from uuid import uuid4

from bench import data
from bench.api import anchor
from bench.compare import Latency, Sample, compare, latency, on_this_machine, rss_bytes, say, verdict
from bench.processes import PASSWORD, Tutti, cpu_s, folder, settle, tutti

_CHANGES = "/api/v1/sync/changes"
_PAGE = 5000
_QUIET_MS, _QUIET_BYTES = 20.0, 1000
_FIRST_MS, _GROWN_MIB = 50.0, 20


def main() -> None:
    """Run the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tracks", type=int, default=100_000)
    args = parser.parse_args()
    with on_this_machine(), folder("sync") as place, blobs(place / "a9", args.tracks) as server:
        _quiet(server, args.tracks)
        _snapshot(server, place / "a9" / "tutti.db", args.tracks, args.rounds)


def _quiet(server: Tutti, tracks: int) -> None:
    """A9: one connection that asks again and again, without a rule and with one that has a limit."""
    limited = _device(server, {"max_bytes": 1 << 33})
    for name, device in (("all", ""), ("8 GiB kept", f"&device={limited}")):
        client = _Client(server)
        cursor = client.drain(device)
        path = f"{_CHANGES}?cursor={cursor}{device}"
        settle()
        seconds, size, wrong = [], 0, 0
        for _ in range(1000):
            began = perf_counter()
            body = client.get(path)
            seconds.append(perf_counter() - began)
            size = max(size, len(body))
            wrong += bool(json.loads(body)["changes"])
        _say(f"A9 quiet, {name}", latency(seconds), f"{size} bytes, {tracks:,} tracks", size, wrong)


def _say(metric: str, found: Latency, note: str, size: int, wrong: int) -> None:
    met = found.p99_ms <= _QUIET_MS and size <= _QUIET_BYTES
    say(
        f"{metric:<22} {'tutti':<18} p50 {found.p50_ms:.2f}  p95 {found.p95_ms:.2f}  p99 {found.p99_ms:.2f}  "
        f"max {found.max_ms:.2f} ms  of {found.count}  {note}  wrong {wrong}  "
        f"goal p99 {_QUIET_MS:g} {verdict(met=met, wrong=wrong)}"
    )


def _snapshot(server: Tutti, database: Path, tracks: int, rounds: int) -> None:
    """A10: everything, in pages of 5,000, against the same query in raw sqlite3."""
    before = rss_bytes(server.pid)
    firsts: list[float] = []

    def ours() -> Sample:
        client = _Client(server)
        settle()
        cpu, began = cpu_s(server.pid), perf_counter()
        client.drain(f"&limit={_PAGE}")
        took = perf_counter() - began
        firsts.append(client.first_s)
        return Sample(client.count / took, cpu_s(server.pid) - cpu, client.count != tracks)

    copy = database.with_name("raw.db")
    with sqlite3.connect(database) as connection:
        connection.execute("VACUUM INTO ?", (str(copy),))
    with anchor("changes", str(copy)) as (pid, address):

        def raw() -> Sample:
            client = _Client(None, address)
            settle()
            cpu, began = cpu_s(pid), perf_counter()
            client.drain(f"&limit={_PAGE}")
            return Sample(client.count / (perf_counter() - began), cpu_s(pid) - cpu, client.count != tracks)

        compare("A10 changes/s", "raw sqlite3", {"raw sqlite3": raw, "tutti": ours}, rounds=rounds, goal=0.5)
    grown, first_ms = (rss_bytes(server.pid) - before) >> 20, sorted(firsts)[len(firsts) // 2] * 1000
    small = _Client(server)
    small.drain("&limit=1000")
    say(
        f"{'A10 snapshot':<22} {'tutti':<18} first page of {_PAGE} after {first_ms:.0f} ms, of 1000 after "
        f"{small.first_s * 1000:.0f} ms; grew by {grown} MiB  goal {_FIRST_MS:g} ms {_GROWN_MIB} MiB "
        f"{verdict(met=small.first_s * 1000 <= _FIRST_MS and grown <= _GROWN_MIB)}"
    )


class _Client:
    """One connection that asks for changes.

    Attributes:
        count: Changes that it was told.
        first_s: How long the first answer took.
    """

    def __init__(self, server: Tutti | None, address: tuple[str, int] | None = None) -> None:
        self._fields = server.fields if server else {}
        host, port = address or (server.address if server else ("", 0))
        self._connection = http.client.HTTPConnection(host, port, timeout=60)
        self.count = 0
        self.first_s = 0.0

    def get(self, path: str) -> bytes:
        """Return the body of an answer."""
        self._connection.request("GET", path, headers=self._fields)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != http.client.OK:
            raise RuntimeError(body.decode())
        return body

    def drain(self, query: str) -> str:
        """Ask until there is no more; return the last cursor, ready for an address."""
        cursor = ""
        while True:
            began = perf_counter()
            body = self.get(f"{_CHANGES}?cursor={cursor}{query}")
            self.first_s = self.first_s or perf_counter() - began
            # What is measured is the server: the few fields that are needed stand at the end.
            tail = body[body.rindex(b'],"cursor":') + 2 :]
            said = json.loads(b"{" + tail)
            self.count += body.count(b'"item":')
            cursor = quote(said["cursor"])
            if not said["has_more"]:
                return cursor


def _device(server: Tutti, keep: dict[str, int]) -> str:
    device = str(uuid4())
    client = http.client.HTTPConnection(*server.address, timeout=60)
    for path, body in ((device, {"name": "bench"}), (f"{device}/keep", keep)):
        fields = {**server.fields, "Content-Type": "application/json"}
        client.request("PUT", f"/api/v1/sync/devices/{path}", json.dumps(body), fields)
        answer = client.getresponse()
        if answer.status != http.client.OK:
            raise RuntimeError(answer.read().decode())
        answer.read()
    return device


@contextmanager
def blobs(place: Path, tracks: int) -> Iterator[Tutti]:
    """Serve a library of blobs that are not there, marked for sync, to an account that has claimed the server."""
    place.mkdir(parents=True, exist_ok=True)
    path = place / "tutti.db"
    shutil.copyfile(data.library(data.Shape(tracks=tracks)), path)
    with sqlite3.connect(path) as connection:
        connection.executescript(_AS_BLOBS)
    with tutti(place, {"TUTTI_SCAN__EVERY_MINUTES": "0"}, user="") as server:
        token = server.wait_for(r"/claim\?token=(\S+)")[1]
        answer = server.call("/api/v1/claim", {"token": token, "username": "bench", "password": PASSWORD})
        server.token = answer["access_token"]
        yield server


_AS_BLOBS = """
INSERT INTO blob (hash, size_bytes, created_at)
    SELECT printf('%064x', id), size_bytes, added_at FROM media_item;
DELETE FROM source_object;
UPDATE media_item SET blob_hash = printf('%064x', id), content_hash = printf('%064x', id),
    audio_hash = printf('%064x', id), audio_offset = 4096, audio_bytes = size_bytes - 4096, folder = 'Artist/Album';
UPDATE library SET syncs = 1;
ANALYZE;
"""


if __name__ == "__main__":
    main()
