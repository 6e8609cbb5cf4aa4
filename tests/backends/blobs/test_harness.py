"""The proof harness proves something: it finds what is planted (support/syscalls, durability, blob_auditor, tiers)."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from support import blob_auditor, durability, syscalls, tiers
from support.syscalls import Call, Fault

PYTHON = [sys.executable, "-I", "-S"]
CARELESS = """
import os, sys
os.mkdir(sys.argv[1])
fd = os.open(sys.argv[1] + "/song", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
os.write(fd, b"half")
os.write(fd, b"half")
os.write(1, b"stored")
"""
WAITING = """
import os, sys
input()
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)
os.pwrite(fd, b"one", 0)
os.pwrite(fd, b"two", 3)
print("done", flush=True)
"""


def call(name: str, args: str, result: str = "0") -> Call:
    return Call(1, name, args, result, 0, 0)


class TestKillPoints:
    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        return tmp_path / "root"

    def test_points_begin_where_the_path_under_test_begins(self, root: Path, tmp_path: Path) -> None:
        argv = [*PYTHON, "-c", CARELESS, str(root)]

        points = syscalls.kill_points(argv, ["openat", "mkdir", "write"], since=str(root), log=tmp_path / "log")

        assert [point.call for point in points] == ["mkdir", "openat", "write", "write", "write"]

    def test_kill_comes_before_the_call(self, root: Path, tmp_path: Path) -> None:
        argv = [*PYTHON, "-c", CARELESS, str(root)]
        second_write = Fault("write", 2)

        outcome = syscalls.run(argv, second_write)

        assert (outcome.was_killed, outcome.stdout, (root / "song").read_bytes()) == (True, "", b"half")

    def test_error_is_injected(self, root: Path) -> None:
        outcome = syscalls.run([*PYTHON, "-c", CARELESS, str(root)], Fault("mkdir", 1, "error=ENOSPC"))

        assert "No space left" in outcome.stderr

    def test_lasting_fault_strikes_all_later_calls(self) -> None:
        assert str(Fault("fsync", 3, "error=EIO", is_lasting=True)) == "fsync:error=EIO:when=3+"

    def test_program_that_fails_anyway_is_no_baseline(self, root: Path, tmp_path: Path) -> None:
        with pytest.raises(AssertionError, match="without any fault"):
            syscalls.kill_points([*PYTHON, "-c", "1/0"], ["write"], since="", log=tmp_path / "log")

    def test_running_program_is_struck_after_it_was_attached_to(self, root: Path, tmp_path: Path) -> None:
        argv = [*PYTHON, "-c", WAITING, str(root)]
        with (
            subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program,
            syscalls.attach(program.pid, log=tmp_path / "log", calls=["openat"], fault=Fault("pwrite64", 2)),
        ):
            said, _ = program.communicate("go\n")

        assert (program.returncode, said, root.read_bytes()) == (-9, "", b"one")

    def test_running_program_goes_on_after_it_was_watched(self, root: Path, tmp_path: Path) -> None:
        argv = [*PYTHON, "-c", WAITING, str(root)]
        with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
            with syscalls.attach(program.pid, log=tmp_path / "log", calls=["pwrite64"]):
                pass
            said, _ = program.communicate("go\n")

        assert (program.returncode, said) == (0, "done\n")


class TestParse:
    def test_whole_call(self) -> None:
        assert syscalls.parse('12  write(3</a>, "x", 1) = 1\n') == [Call(12, "write", '3</a>, "x", 1', "1", 0, 0)]

    def test_call_that_another_thread_interrupts(self) -> None:
        log = '1  fsync(3</a> <unfinished ...>\n2  write(4</b>, "x", 1) = 1\n1  <... fsync resumed>) = 0\n'

        assert syscalls.parse(log) == [
            Call(2, "write", '4</b>, "x", 1', "1", 1, 1),
            Call(1, "fsync", "3</a>", "0", 0, 2),
        ]

    @pytest.mark.parametrize("line", ["1  +++ killed by SIGKILL +++", "1  --- SIGINT {si_signo=SIGINT} ---", ""])
    def test_other_lines_are_passed_over(self, line: str) -> None:
        assert syscalls.parse(line) == []


class TestDurability:
    """Each log is one store that forgets one thing."""

    ACK = call("write", '1<pipe:[1]>, "stored"')
    CREATE = call("openat", 'AT_FDCWD</>, "/r/tmp", O_WRONLY|O_CREAT|O_EXCL, 0600', "3</r/tmp>")
    WRITE = call("write", '3</r/tmp>, "x", 1', "1")
    SYNC = call("fsync", "3</r/tmp>")
    RENAME = call("rename", '"/r/tmp", "/r/song"')
    SYNC_FOLDER = call("fsync", "4</r>")

    def gaps(self, *calls: Call, ignore: str = "(?!)") -> list[str]:
        return durability.gaps(calls, root="/r", is_ack=lambda seen: "stored" in seen.args, ignore=ignore)

    def test_everything_in_order(self) -> None:
        assert self.gaps(self.CREATE, self.WRITE, self.SYNC, self.RENAME, self.SYNC_FOLDER, self.ACK) == []

    def test_bytes_written_after_the_sync(self) -> None:
        assert self.gaps(self.CREATE, self.SYNC, self.WRITE, self.RENAME, self.SYNC_FOLDER, self.ACK) == [
            "line 0: /r/song became visible before its bytes were durable",
            "line 0: acknowledged, but bytes of song are volatile",
        ]

    def test_folder_synced_before_the_rename(self) -> None:
        assert self.gaps(self.CREATE, self.WRITE, self.SYNC, self.SYNC_FOLDER, self.RENAME, self.ACK) == [
            "line 0: acknowledged, but the name song is volatile"
        ]

    def test_new_folder_that_was_not_synced_into_its_parent(self) -> None:
        assert self.gaps(call("mkdir", '"/r/new", 0700'), call("fsync", "5</r/new>"), self.ACK) == [
            "line 0: acknowledged, but the name new is volatile"
        ]

    def test_failed_sync_counts_for_nothing(self) -> None:
        failed = call("fsync", "3</r/tmp>", "-1 EIO (Input/output error) (INJECTED)")

        assert len(self.gaps(self.CREATE, self.SYNC_FOLDER, self.WRITE, failed, self.ACK)) == 1

    def test_removed_file_owes_nothing(self) -> None:
        assert self.gaps(self.CREATE, self.WRITE, call("unlink", '"/r/tmp"'), self.ACK) == []

    def test_what_nobody_promised_is_ignored(self) -> None:
        assert self.gaps(self.CREATE, self.WRITE, self.ACK, ignore="^tmp$") == []

    def test_other_folders_do_not_count(self) -> None:
        assert self.gaps(call("write", '3</elsewhere/x>, "x", 1', "1"), self.ACK) == []

    def test_careless_program_is_found_out(self, tmp_path: Path) -> None:
        root = tmp_path / "root"
        argv = [*PYTHON, "-c", CARELESS, str(root)]
        _, calls = syscalls.record(argv, ["openat", "mkdir", "write", "fsync"], log=tmp_path / "log")

        found = durability.gaps(calls, root=str(root), is_ack=lambda seen: '"stored' in seen.args)

        assert [line.partition(", but ")[2] for line in found] == [
            "bytes of song are volatile",
            "the name song is volatile",
        ]


class TestAuditor:
    DATA = b"song"
    NAME = hashlib.sha256(DATA).hexdigest()

    @pytest.fixture
    def blob(self, tmp_path: Path) -> Path:
        blob = tmp_path / "blobs" / self.NAME[:2] / self.NAME[2:4] / self.NAME
        blob.parent.mkdir(parents=True)
        blob.write_bytes(self.DATA)
        return blob

    def test_sound_store_has_no_complaints(self, blob: Path, tmp_path: Path) -> None:
        assert blob_auditor.audit(tmp_path, [f"stored {self.NAME}"]) == []

    def test_lost_blob(self, tmp_path: Path) -> None:
        assert blob_auditor.audit(tmp_path, [f"stored {self.NAME}"]) == [f"{self.NAME} was acknowledged and is lost"]

    def test_partial_blob(self, blob: Path, tmp_path: Path) -> None:
        blob.write_bytes(b"so")

        assert blob_auditor.audit(tmp_path, []) == [f"{self.NAME} has other bytes than its name says"]

    def test_misplaced_blob(self, blob: Path, tmp_path: Path) -> None:
        moved = blob.rename(tmp_path / "blobs" / self.NAME)

        assert blob_auditor.audit(tmp_path, []) == [f"{moved} is in the wrong place"]

    def test_deleted_blob_that_came_back(self, blob: Path, tmp_path: Path) -> None:
        ledger = [f"stored {self.NAME}", f"deleting {self.NAME}", f"deleted {self.NAME}"]

        assert blob_auditor.audit(tmp_path, ledger) == [f"{self.NAME} was deleted and is there"]

    def test_blob_that_was_being_deleted_may_be_either(self, blob: Path, tmp_path: Path) -> None:
        ledger = [f"stored {self.NAME}", f"deleting {self.NAME}"]

        assert blob_auditor.audit(tmp_path, ledger) == blob_auditor.audit(tmp_path / "empty", ledger) == []

    def test_it_is_a_program_that_knows_nothing_of_the_server(self, blob: Path, tmp_path: Path) -> None:
        argv = [sys.executable, "-I", "-S", blob_auditor.__file__, str(tmp_path)]

        audited = subprocess.run(argv, input=f"stored {'0' * 64}\n", capture_output=True, text=True, check=False)

        assert (audited.returncode, audited.stdout) == (1, f"{'0' * 64} was acknowledged and is lost\n")


class TestTiers:
    def test_sample_is_the_same_for_the_same_seed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("TUTTI_TEST_DEEP", raising=False)

        first, second = (tiers.sample(range(100), 10, seed=3) for _ in range(2))

        assert (first, list(first)) == (second, sorted(first))

    def test_deep_is_everything(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TUTTI_TEST_DEEP", "1")

        assert list(tiers.sample(range(100), 10, seed=3)) == list(range(100))

    def test_missing_program_skips_with_its_name(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("TUTTI_TEST_REQUIRE", raising=False)

        with pytest.raises(pytest.skip.Exception, match="no-such-program is not installed"):
            tiers.require("no-such-program")

    def test_missing_program_fails_where_everything_must_run(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TUTTI_TEST_REQUIRE", "all")

        with pytest.raises(pytest.fail.Exception, match="no-such-program is not installed"):
            tiers.require("no-such-program")
