"""`tutti import astolfo`, as whoever moves over runs it."""

import json
from collections.abc import Sequence
from pathlib import Path

import httpx2
import pytest

from support.api import PASSWORD, bearer
from support.astolfo import Original
from support.server import add_user, run, serving
from support.tones import write_tone

CLOSED = {"TUTTI_GRPC__PORTS": ""}


@pytest.fixture
def original(tmp_path: Path) -> Original:
    """Two people, three files of which one was deleted, and one whose bytes were lost."""
    original = Original(tmp_path / "original")
    original.user("ann", "hunter2")
    original.user("Bob", "swordfish")
    hashes = [
        original.track(
            write_tone(tmp_path / name, seconds=0.2).read_bytes(),
            name,
            title=f"Said {name}",
            artist="Sayer",
            album="Sayings",
        )
        for name in ("one.flac", "two.mp3", "three.wav")
    ]
    original.delete(hashes[-1])
    original.row("a" * 64, "lost.flac")
    return original


def said(data_dir: Path, *args: str | Path) -> tuple[int, Sequence[str]]:
    """Run the command; return its status and what it printed."""
    done = run(data_dir, "import", "astolfo", *args)
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


def test_people_move_over_with_their_files(data_dir: Path, original: Original) -> None:
    add_user(data_dir, "ada", PASSWORD, "--admin")
    there = original.everything()

    status, lines = said(data_dir, original.folder)

    assert (status, lines) == (
        1,
        [
            f"{'a' * 64}: lost.flac: its bytes are not there.",
            "brought 2 accounts, 2 files and 1 deletions along; 0 were here before",
            "1 files without bytes, 0 damaged, 0 refused, 0 objects that nothing names",
        ],
    )
    assert original.everything() == there
    with serving(data_dir, settings=CLOSED) as server, httpx2.Client(base_url=server.url, timeout=30) as http:
        for name, password in (("ann", "hunter2"), ("Bob", "swordfish")):
            login = http.post("/api/auth/login", json={"username": name, "password": password}).json()
            tracks = http.get("/api/tracks", headers=bearer(login["access_token"])).json()
            assert [(track["filename"], track["title"]) for track in tracks] == [
                ("one.flac", "Said one.flac"),
                ("two.mp3", "Said two.mp3"),
            ]
            sent = http.get(f"/api/tracks/{tracks[0]['id']}/file", headers=bearer(login["access_token"]))
            assert sent.content == (original.objects / tracks[0]["file_hash"]).read_bytes()


def test_a_dry_run_and_a_second_one_for_scripts(data_dir: Path, original: Original) -> None:
    add_user(data_dir, "ada", PASSWORD, "--admin")
    original.run(original.metadata, "DELETE FROM tracks WHERE filename = 'lost.flac'")
    elsewhere = original.folder.with_name("elsewhere")
    original.objects.rename(elsewhere)

    _, (dry,) = said(data_dir, original.folder, "--objects", elsewhere, "--dry-run", "--json")
    _, (real,) = said(data_dir, original.folder, "--objects", elsewhere, "--json")
    status, (again,) = said(data_dir, original.folder, "--objects", elsewhere, "--json")

    nothing = {"missing": 0, "damaged": 0, "refused": 0, "orphans": 0, "problems": []}
    brought = {"users": 2, "files": 2, "deleted": 1, "known": 0, **nothing}
    assert json.loads(dry) == brought | {"dry_run": True}
    assert json.loads(real) == brought | {"dry_run": False}
    assert json.loads(again) == {**nothing, "users": 0, "files": 0, "deleted": 0, "known": 5, "dry_run": False}
    assert status == 0


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        ((), "There is no administrator yet; say who is to own the files."),
        (("--owner", "eve"), "There is no account eve."),
        (("--owner", "ann", "--objects", "nowhere"), "nowhere: no such file or directory."),
        (("--metadata", "nowhere"), "nowhere is no database of the original: No such file or directory."),
    ],
)
def test_what_cannot_begin_is_said_in_one_line(
    data_dir: Path, original: Original, args: tuple[str, ...], complaint: str
) -> None:
    done = run(data_dir, "import", "astolfo", original.folder, *args)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"tutti: {complaint}\n"
