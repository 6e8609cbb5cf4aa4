"""Staying signed in, by several processes at once and through kills (reliability.md P30 to P33)."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from support import syscalls, tiers
from support.api import PASSWORD
from support.server import add_user, copied, environment
from support.syscalls import Outcome
from tutti import settings
from tutti.services.sessions import Client
from tutti.wiring.core import open_core

WORKER = Path(syscalls.__file__).with_name("refresh_worker.py")
CALLS = ("pwrite64", "write", "fsync", "fdatasync", "ftruncate", "unlink")


@pytest.fixture
def home(template: Path, tmp_path: Path) -> Path:
    data_dir = copied(template, tmp_path)
    add_user(data_dir, "ada", PASSWORD, "--admin")
    return data_dir


def signed_in(data_dir: Path) -> str:
    """Sign Ada in and return her refresh token."""
    with open_core(settings.load({"TUTTI_DATA_DIR": str(data_dir)})) as core:
        return core.sessions.sign_in("ada", PASSWORD, Client()).refresh_token


@contextmanager
def worker(data_dir: Path, threads: int) -> Iterator[subprocess.Popen[str]]:
    """Start a process that trades tokens."""
    command = [sys.executable, str(WORKER), str(threads)]
    with subprocess.Popen(
        command, env=environment(data_dir), text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def traded(workers: Sequence[subprocess.Popen[str]], token: str) -> set[str]:
    """Let all trade one token at once, and return what they got."""
    for one in workers:
        assert one.stdin is not None
        one.stdin.write(token + "\n")
        one.stdin.flush()
    return {word for one in workers if one.stdout is not None for word in one.stdout.readline().split()}


def lineages(data_dir: Path) -> list[int]:
    """Return how many tokens of each living session are still good for something."""
    query = """SELECT count(*) FROM session JOIN refresh_token ON session_id = session.id
        WHERE revoked_at IS NULL AND used_at IS NULL GROUP BY session.id"""
    with closing(sqlite3.connect(data_dir / "tutti.db")) as database:
        return [row[0] for row in database.execute(query)]


def test_fifty_uses_at_once_in_two_processes_are_one_lineage(home: Path) -> None:
    """P32, O-REF2"""
    rounds = 100 if tiers.is_deep() else 3
    token = signed_in(home)

    with ExitStack() as stack:
        workers = [stack.enter_context(worker(home, 25)) for _ in range(2)]
        for _ in range(rounds):
            found = traded(workers, token)
            assert len(found) == 1, found
            (token,) = found

    assert len(token) == 64
    assert lineages(home) == [1]


def test_a_kill_neither_locks_out_nor_doubles(home: Path, tmp_path: Path) -> None:
    """P33: whoever got no answer asks again with the token he has, and goes on with what he gets."""
    token = signed_in(home)
    counted = copied(home, tmp_path / "counted")
    points = syscalls.kill_points(command(counted, token), CALLS, since="tutti.db-wal", log=tmp_path / "log")
    wrong = {}

    for number, fault in enumerate(tiers.sample(points, 2, seed=5)):
        data_dir = copied(home, tmp_path / str(number))
        killed = syscalls.run(command(data_dir, token), fault)
        wrong[str(fault)] = list(problems(data_dir, token, killed))

    assert len(points) >= 5
    assert {fault: found for fault, found in wrong.items() if found} == {}


def command(data_dir: Path, token: str) -> list[str]:
    """Return a command line that trades one token, for a tracer."""
    trade = f"echo {token} | exec {sys.executable} {WORKER} 1"
    return ["/usr/bin/env", f"TUTTI_DATA_DIR={data_dir}", "/bin/sh", "-c", trade]


def problems(data_dir: Path, token: str, killed: Outcome) -> Iterator[str]:
    """Tell what is wrong after a kill: the client asks again, then twice with what it got."""
    with worker(data_dir, 1) as again:
        answered = set(killed.stdout.split())
        successor = traded([again], token)
        if len(successor | answered) != 1 or successor == {"refresh_refused"}:
            yield f"answered {answered}, then {successor}"
        (following,) = traded([again], *successor)
        if following == "refresh_refused":
            yield "the successor is good for nothing"
    if lineages(data_dir) != [1]:
        yield f"lineages: {lineages(data_dir)}"


def test_a_token_that_comes_back_later_ends_its_session_in_every_process(home: Path) -> None:
    """P30, O-REF1: used by one process, used up by another."""
    token = signed_in(home)
    with worker(home, 1) as one, worker(home, 1) as other:
        (second,) = traded([one], token)
        (third,) = traded([other], second)

        assert traded([one], token) == {"refresh_refused"}
        assert traded([other], third) == {"refresh_refused"}
        assert lineages(home) == []
