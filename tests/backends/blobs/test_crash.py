"""A process that is killed or failed at every one of its system calls (reliability.md P01, P02, P03, P14)."""

import sys
from pathlib import Path

import pytest

from support import blob_auditor, durability, syscalls, tiers
from support.blob_places import hash_of, put
from support.blob_worker import payload
from support.syscalls import Fault, Outcome
from tutti.backends.blobs_local import LocalBlobs

WORKER = Path(__file__).parents[2] / "support" / "blob_worker.py"
SEED = 7
DATA = payload(SEED, 3_000_000)
ERRORS = [
    ("openat", "EIO"), ("openat", "EMFILE"), ("pwrite64", "EIO"), ("pwrite64", "ENOSPC"), ("fsync", "EIO"),
    ("rename", "EIO"), ("rename", "ENOSPC"), ("mkdir", "ENOSPC"), ("unlink", "EIO"), ("utimensat", "EPERM"),
    ("flock", "ENOLCK"),
]  # fmt: skip


def worker(root: Path) -> list[str]:
    # Without cached bytecode every run opens the same files, so that a point counted in one is there in the next.
    return [
        sys.executable,
        "-B",
        "-X",
        "pycache_prefix=/nonexistent",
        str(WORKER),
        str(root),
        str(SEED),
        str(len(DATA)),
    ]


def verdict(root: Path, outcome: Outcome) -> list[str]:
    """Return what is wrong after the fault, and again after the same bytes were stored on top."""
    found = blob_auditor.audit(root, outcome.stdout.splitlines()) if root.exists() else []
    blobs = LocalBlobs(root)
    put(blobs, DATA)
    found += blob_auditor.audit(root, [f"stored {hash_of(DATA)}"])
    blobs.sweep(older_than_s=-60)
    return found + [f"{path} cannot be swept" for path in (root / "staging").iterdir()]


@pytest.fixture
def points(tmp_path: Path) -> list[Fault]:
    root = tmp_path / "counted"
    return syscalls.kill_points(worker(root), syscalls.FILE_CALLS, since=str(root), log=tmp_path / "log")


def test_killed_at_any_call_nothing_acknowledged_is_lost(points: list[Fault], tmp_path: Path) -> None:
    found = {}
    for number, fault in enumerate(tiers.sample(points, 6, seed=1)):
        root = tmp_path / str(number)
        outcome = syscalls.run(worker(root), fault)
        found[str(fault)] = verdict(root, outcome) if outcome.was_killed else [f"not killed: {outcome}"]

    assert {fault: wrong for fault, wrong in found.items() if wrong} == {}


def test_any_failing_call_is_refused_and_never_acknowledged(points: list[Fault], tmp_path: Path) -> None:
    faults = [
        Fault(point.call, point.when, f"error={error}", is_lasting=is_lasting)
        for point in points
        for call, error in ERRORS
        if point.call == call
        for is_lasting in (False, True)
    ]
    found = {}
    for number, fault in enumerate(tiers.sample(faults, 6, seed=2)):
        root = tmp_path / str(number)
        outcome = syscalls.run(worker(root), fault)
        found[str(fault)] = verdict(root, outcome) + unclean(outcome)

    assert {fault: wrong for fault, wrong in found.items() if wrong} == {}


def unclean(outcome: Outcome) -> list[str]:
    """Return what the program should not have said: it refuses with one of two codes, or it did all it was asked."""
    lines = outcome.stdout.splitlines()
    last = lines[-1] if lines else ""
    is_clean = outcome.returncode == 0 or last in {"refused unavailable store_failed", "refused full disk_full"}
    return [] if is_clean else [f"ended with {outcome.returncode}: {last}: {outcome.stderr[-300:]}"]


def test_everything_is_durable_when_it_is_acknowledged(tmp_path: Path) -> None:
    root = tmp_path / "store"
    outcome, calls = syscalls.record(worker(root), syscalls.FILE_CALLS, log=tmp_path / "log")

    found = durability.gaps(
        calls,
        root=str(root),
        is_ack=lambda call: call.name == "write" and '"stored ' in call.args,
        ignore=r"^(staging/|lock$)",
    )

    assert (outcome.returncode, outcome.stdout.count("stored"), found) == (0, 3, [])
