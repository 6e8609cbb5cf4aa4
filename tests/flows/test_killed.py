"""Commands that are killed at one of their system calls: nothing acknowledged is lost, and the next run completes.

A sample in a normal run, every point when deep (reliability.md P01, P03, P06).
"""

import hashlib
import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from support import blob_auditor, syscalls, tiers
from support.api import PASSWORD
from support.server import PROGRAM, add_user, copied, lines, run
from support.syscalls import Fault, Outcome
from support.tones import write_tone

# Reading costs nothing when it is repeated: what changes the disk is where a kill may hurt.
CALLS = (
    "pwrite64",
    "write",
    "fsync",
    "fdatasync",
    "rename",
    "renameat",
    "renameat2",
    "link",
    "linkat",
    "mkdir",
    "unlink",
)


@pytest.fixture(scope="module")
def home(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with Ada, and beside it files of hers."""
    place = tmp_path_factory.mktemp("killed")
    data_dir = copied(template, place)
    add_user(data_dir, "ada", PASSWORD, "--admin")
    for number in range(8):
        tags = {"title": f"Song {number}", "artist": "Ada", "album": "First", "track": str(number + 1)}
        write_tone(place / "music" / f"{number}.mp3", hz=200 + 50 * number, tags=tags)
    return data_dir


def command(data_dir: Path, *args: str | Path) -> list[str]:
    """Return a command line that carries its settings, for a tracer."""
    return ["/usr/bin/env", f"TUTTI_DATA_DIR={data_dir}", *PROGRAM, *map(str, args)]


def swept(home: Path, place: Path, count: int, *args: str | Path, since: str) -> list[tuple[Fault, Outcome, Path]]:
    """Run a command once for each kill, each time on a fresh copy of the data folder."""
    counted = copied(home, place / "counted")
    points = syscalls.kill_points(command(counted, *args), CALLS, since=since, log=place / "log")
    found = []
    for number, fault in enumerate(tiers.sample(points, count, seed=3)):
        data_dir = copied(home, place / str(number))
        found.append((fault, syscalls.run(command(data_dir, *args), fault), data_dir))
    return found


def rows(data_dir: Path, query: str) -> list[tuple[object, ...]]:
    """Ask the database, past the program."""
    with closing(sqlite3.connect(data_dir / "tutti.db")) as database:
        return database.execute(query).fetchall()


def dangling(data_dir: Path) -> list[str]:
    """Return the rows that name bytes which are not there, and the ways in which the database is damaged (P06)."""
    named = {str(row[0]) for row in rows(data_dir, "SELECT blob_hash FROM media_item WHERE blob_hash IS NOT NULL")}
    there = {path.name for path in (data_dir / "blobs" / "blobs").rglob("*") if path.is_file()}
    return sorted(named - there) + [str(row[0]) for row in rows(data_dir, "PRAGMA integrity_check") if row[0] != "ok"]


def imported(outcome: Outcome) -> list[str]:
    """Return what a ledger says of what an import has acknowledged."""
    return [f"stored {json.loads(line)['sha256']}" for line in lines(outcome.stdout)]


def test_a_killed_import_loses_nothing_and_can_be_repeated(home: Path, tmp_path: Path) -> None:
    song = home.parent / "music" / "0.mp3"
    digest = hashlib.sha256(song.read_bytes()).hexdigest()
    importing = ("library", "import", song, "--user", "ada", "--json")
    wrong = {}

    for fault, outcome, data_dir in swept(home, tmp_path, 3, *importing, since="staging"):
        problems = blob_auditor.audit(data_dir / "blobs", imported(outcome)) + dangling(data_dir)
        again = run(data_dir, *importing)
        problems += [] if json.loads(again.stdout)["sha256"] == digest else [again.stdout + again.stderr]
        problems += blob_auditor.audit(data_dir / "blobs", [f"stored {digest}"]) + dangling(data_dir)
        problems += unfinished(data_dir)
        wrong[str(fault)] = problems

    assert {fault: problems for fault, problems in wrong.items() if problems} == {}


def unfinished(data_dir: Path) -> list[str]:
    """Return what is wrong with the one item: it is ready, or a job will make it so later."""
    (status,) = rows(data_dir, "SELECT status FROM media_item")
    waiting = rows(data_dir, "SELECT kind FROM job WHERE kind = 'probe_item' AND state != 'parked'")
    return [] if status == ("ready",) or (status == ("pending",) and waiting) else [f"{status}, {waiting}"]


def test_a_killed_scan_is_completed_by_the_next_one(home: Path, tmp_path: Path) -> None:
    music = home.parent / "music"
    scanning = ("scan", music, "--user", "ada", "--json")
    wrong = {}

    for fault, _, data_dir in swept(home, tmp_path, 3, *scanning, since="tutti.db-wal"):
        problems = dangling(data_dir)
        again = run(data_dir, *scanning)
        report = json.loads(again.stdout)
        if not report["is_complete"] or report["seen"] != 8 or report["refused"] != 0:
            problems.append(again.stdout + again.stderr)
        problems += counts(data_dir)
        wrong[str(fault)] = problems

    assert {fault: problems for fault, problems in wrong.items() if problems} == {}


def counts(data_dir: Path) -> Sequence[str]:
    """Return what is wrong with the lists after a complete scan of the eight songs."""
    expected = {
        "SELECT count(*) FROM media_item WHERE status = 'ready'": 8,
        "SELECT count(*) FROM track WHERE is_listed": 8,
        "SELECT count(DISTINCT title) FROM track": 8,
        "SELECT count(*) FROM source_object": 8,
        "SELECT track_count FROM library_artist": 8,
        "SELECT track_count FROM library_album": 8,
        "SELECT count(*) FROM source WHERE state = 'ok'": 1,
    }
    found = {query: [row[0] for row in rows(data_dir, query)] for query in expected}
    return [f"{query}: {found[query]}" for query, count in expected.items() if found[query] != [count]]
