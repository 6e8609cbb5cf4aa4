"""A serving process that may open nothing, or whose disk loses what it was given, while files come in (P14, P27)."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest

from support import blob_auditor, syscalls, tiers
from support.api import PASSWORD, Api, code_of
from support.server import Server, add_user, run, serving, wait_until
from support.syscalls import Fault
from support.tones import write_tone

ROUNDS = 10 if tiers.is_deep() else 2
CALLS = ("fsync", "fdatasync", "rename", "renameat", "renameat2", "link", "linkat") if tiers.is_deep() else ("fsync",)


@pytest.fixture
def songs(tmp_path: Path) -> list[bytes]:
    song = write_tone(tmp_path / "song.wav", seconds=2, tags={"title": "Song"}).read_bytes()
    return [song + b"%d" % number for number in range(3 * ROUNDS)]


def put(ada: Api, number: int, song: bytes) -> tuple[int, str]:
    """Send a song and return how that was answered."""
    answer = ada.request("PUT", f"/files/{number}.wav", content=song)
    return (answer.status_code, "") if answer.is_success else code_of(answer)


@contextmanager
def starved(server: Server, left: int) -> Iterator[None]:
    """Let the server open no more than so many descriptors at once beside those it has."""
    pid = server.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    taken = {int(one.name) for one in Path(f"/proc/{pid}/fd").iterdir()}
    free = [number for number in range(before[0]) if number not in taken]
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (free[left], before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


def stored(ada: Api, acknowledged: list[bytes]) -> list[str]:
    """Return where the tracks that are listed and those that were acknowledged differ."""
    wait_until(lambda: len(ada.every("/tracks")) >= len(acknowledged), what="what was sent is listed")
    found = {sha256(ada.get(f"/tracks/{one['id']}/stream").content).hexdigest() for one in ada.every("/tracks")}
    return sorted(found ^ {sha256(song).hexdigest() for song in acknowledged})


def test_without_descriptors_an_upload_is_refused_and_the_next_one_taken(data_dir: Path, songs: list[bytes]) -> None:
    add_user(data_dir, "ada", PASSWORD, "--admin")
    refused, acknowledged = set(), []

    with serving(data_dir) as server, Api.sign_in(server.url, "ada") as ada:
        assert put(ada, 0, songs[0]) == (201, "")
        acknowledged.append(songs[0])
        for number, song in enumerate(songs[1:], start=1):
            with starved(server, number % 4):
                answer = put(ada, number, song)
                if answer == (201, ""):
                    acknowledged.append(song)
                else:
                    refused.add(answer)
            assert ada.get("/tracks").status_code == 200
        assert put(ada, len(songs), b"RIFF" + songs[0][4:] + b"last") == (201, "")
        acknowledged.append(b"RIFF" + songs[0][4:] + b"last")

        assert refused
        assert {status for status, _ in refused} <= {503, 507}
        assert stored(ada, acknowledged) == []
    assert blob_auditor.audit(data_dir / "blobs", []) == []


@pytest.mark.parametrize("call", CALLS)
def test_an_upload_whose_bytes_are_not_safe_is_never_acknowledged(
    data_dir: Path, tmp_path: Path, songs: list[bytes], call: str
) -> None:
    add_user(data_dir, "ada", PASSWORD, "--admin")
    refused = set()

    with serving(data_dir) as server, Api.sign_in(server.url, "ada") as ada:
        for number, song in enumerate(songs):
            wait_until(lambda: len(ada.every("/tracks")) == number, what="no job is at work")  # noqa: B023 - at once
            fault = Fault(call, 1, "error=EIO", is_lasting=True)
            with syscalls.attach(server.process.pid, log=tmp_path / "log", calls=(), fault=fault):
                answer = put(ada, number, song)
            if answer == (201, ""):
                assert "INJECTED" not in (tmp_path / "log").read_text()
            else:
                refused.add(answer)
            assert put(ada, number, song) in {(200, ""), (201, "")}

        assert refused or call != "fsync"
        assert {status for status, _ in refused} <= {503, 507}
        assert stored(ada, songs) == []
    checked = run(data_dir, "check", "--read-data")
    assert checked.returncode == 0, checked.stdout
