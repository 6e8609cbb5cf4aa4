"""Locks hold between threads and processes, and end with their holder."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from support.errors import failure, raised
from tutti.backends.locks import FileLocks
from tutti.domain.errors import ErrorKind


@pytest.fixture
def locks(tmp_path: Path) -> FileLocks:
    return FileLocks(tmp_path / "locks")


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def take(locks: FileLocks, name: str = "work") -> None:
    with locks.hold(name):
        pass


class TestHold:
    def test_nobody_else_gets_it_meanwhile(self, locks: FileLocks) -> None:
        with locks.hold("work"):
            assert raised(lambda: take(locks)) == (ErrorKind.CONFLICT, "already_running")

    def test_not_by_another_object_either(self, locks: FileLocks, tmp_path: Path) -> None:
        with locks.hold("work"):
            assert raised(lambda: take(FileLocks(tmp_path / "locks")))[1] == "already_running"

    def test_another_name_is_another_lock(self, locks: FileLocks) -> None:
        with locks.hold("work"):
            take(locks, "play")

    def test_it_is_free_afterwards(self, locks: FileLocks) -> None:
        take(locks)

        take(locks)

    def test_it_is_free_after_a_failure(self, locks: FileLocks) -> None:
        with pytest.raises(ZeroDivisionError), locks.hold("work"):
            raise ZeroDivisionError

        take(locks)

    def test_a_failure_inside_is_not_taken_for_a_held_lock(self, locks: FileLocks) -> None:
        with pytest.raises(BlockingIOError), locks.hold("work"):
            raise BlockingIOError

    def test_nothing_is_left_open(self, locks: FileLocks) -> None:
        before = open_files()
        with locks.hold("work"):
            raised(lambda: take(locks))

        assert open_files() == before

    def test_where_there_can_be_no_file_there_is_a_sentence(self, tmp_path: Path) -> None:
        (tmp_path / "locks").write_bytes(b"in the way")

        error = failure(lambda: take(FileLocks(tmp_path / "locks")))

        assert (error.kind, error.code) == (ErrorKind.UNAVAILABLE, "lock_failed")
        assert error.message == "The lock of work cannot be taken: file exists."


HOLDER = """
import sys
from pathlib import Path
from tutti.backends.locks import FileLocks
with FileLocks(Path(sys.argv[1])).hold("work"):
    print("held", flush=True)
    sys.stdin.read()
"""


class TestProcesses:
    def test_a_lock_ends_with_a_process_that_is_killed(self, locks: FileLocks, tmp_path: Path) -> None:
        holder = subprocess.Popen(
            [sys.executable, "-c", HOLDER, tmp_path / "locks"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        with holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"held\n"
            while_alive = raised(lambda: take(locks))
            holder.send_signal(signal.SIGKILL)

        assert while_alive == (ErrorKind.CONFLICT, "already_running")
        take(locks)
