"""The disk fills up: nothing is half stored, streams go on, and room is all it takes to go on (P13)."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from support import blob_auditor, tiers
from support.api import PASSWORD, Api, code_of
from support.server import add_user, copied, lines, run, serving, wait_until
from support.tones import write_tone

NO_RESERVE = {"TUTTI_BLOBS__RESERVE_MB": "0"}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 24 megabytes."""
    tiers.require_that(os.geteuid() == 0, "only root can mount a small disk")
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        [tiers.require("mount"), "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(place)],
        capture_output=True,
        text=True,
        check=False,
    )
    tiers.require_that(mounted.returncode == 0, f"a small disk cannot be mounted: {mounted.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run([tiers.require("umount"), "--lazy", str(place)], check=True)


def test_a_full_disk_refuses_uploads_and_nothing_else(small_disk: Path, template: Path, tmp_path: Path) -> None:
    data_dir = copied(template, small_disk)
    add_user(data_dir, "ada", PASSWORD, "--admin")
    small = write_tone(tmp_path / "small.wav", tags={"title": "Small"})
    large = write_tone(tmp_path / "large.wav", seconds=60, tags={"title": "Large"})
    assert run(data_dir, "library", "import", small, "--user", "ada", settings=NO_RESERVE).returncode == 0

    with serving(data_dir, settings=NO_RESERVE) as server, Api.sign_in(server.url, "ada") as ada:
        address = ada.ticket("Small")
        filler = fill(small_disk, leave_bytes=large.stat().st_size // 2)

        done = run(data_dir, "library", "import", large, "--user", "ada", "--json", settings=NO_RESERVE)

        assert done.returncode == 1
        assert "disk" in done.stdout
        assert "full" in done.stdout
        sent = ada.request("PUT", "/files/large.wav", content=large.read_bytes())
        assert code_of(sent) == (507, "disk_full")
        assert httpx2.get(address).content == small.read_bytes()
        assert [one["title"] for one in ada.every("/tracks")] == ["Small"]
        assert blob_auditor.audit(data_dir / "blobs", []) == []

        filler.unlink()
        again = run(data_dir, "library", "import", large, "--user", "ada", settings=NO_RESERVE)
        assert again.returncode == 0, again.stdout
        # The job that lists it may be the server's.
        wait_until(lambda: len(ada.every("/tracks")) == 2, what="both are listed")
        assert sorted(one["title"] for one in ada.every("/tracks")) == ["Large", "Small"]


def test_a_database_without_room_says_so_and_recovers(small_disk: Path, template: Path) -> None:
    data_dir = copied(template, small_disk)
    add_user(data_dir, "ada", PASSWORD, "--admin")

    with serving(data_dir) as server, Api.sign_in(server.url, "ada") as ada:
        filler = fill(small_disk, leave_bytes=0)
        answers = [ada.post("/libraries", {"name": "x" * 200}) for _ in range(200)]
        refused = {(one.status_code, one.json().get("code")) for one in answers if one.status_code != 201}

        assert refused == {(507, "disk_full")}
        assert ada.read("/me")["username"] == "ada"
        filler.unlink()
        assert ada.post("/libraries", {"name": "Room"}).status_code == 201


def test_a_reserve_is_left_free(data_dir: Path, tmp_path: Path) -> None:
    add_user(data_dir, "ada", PASSWORD, "--admin")
    tone = write_tone(tmp_path / "tone.wav")
    reserve = {"TUTTI_BLOBS__RESERVE_MB": str(1 << 40)}

    done = run(data_dir, "library", "import", tone, "--user", "ada", settings=reserve)

    assert done.returncode == 1
    assert len(lines(done.stdout)) == 2
    assert not [path for path in (data_dir / "blobs" / "blobs").rglob("*") if path.is_file()]


def fill(disk: Path, *, leave_bytes: int) -> Path:
    """Write a file that leaves so much room."""
    stats = os.statvfs(disk)
    filler = disk / "filler"
    filler.write_bytes(bytes(max(stats.f_bavail * stats.f_frsize - leave_bytes, 0)))
    return filler
