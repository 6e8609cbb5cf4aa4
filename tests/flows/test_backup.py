"""A server that is copied while files come in, and starts elsewhere (P58, P59)."""

import json
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from threading import Event

import httpx2
import pytest

from support import postgresql
from support.api import PASSWORD, Api, bearer, login
from support.server import add_user, run, serving, wait_until
from support.tones import write_tone

SONGS = 12


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest) -> dict[str, str]:
    return {"TUTTI_DB__URL": postgresql.empty_url()} if request.param == "postgresql" else {}


def songs(place: Path) -> list[bytes]:
    return [
        write_tone(place / f"{number}.wav", tags={"title": f"Song {number}"}).read_bytes() for number in range(SONGS)
    ]


def test_a_backup_under_uploads_restores_to_a_whole_server_with_all_that_was_acknowledged(
    data_dir: Path, tmp_path: Path, settings: dict[str, str]
) -> None:
    """P58"""
    add_user(data_dir, "ada", PASSWORD, "--admin", settings=settings)
    half_way, acknowledged = Event(), list[str]()

    def send_all(url: str, token: str) -> None:
        with Api(url, token) as ada:
            for number, song in enumerate(songs(tmp_path / "songs")):
                answer = ada.request("PUT", f"/files/{number}.wav", content=song)
                assert answer.status_code == 201, answer.text
                acknowledged.append(answer.json()["sha256"])
                if number == SONGS // 3:
                    half_way.set()

    with serving(data_dir, settings=settings) as server, ThreadPoolExecutor() as pool:
        token = login(server.url, "ada")["access_token"]
        sending = pool.submit(send_all, server.url, token)
        assert half_way.wait(60)
        before = list(acknowledged)
        # Maintenance, which begins soon after a start, keeps a backup from beginning.
        backup = ("backup", tmp_path / "copy")
        wait_until(lambda: run(data_dir, *backup, settings=settings).returncode == 0, what="a backup is made")
        sending.result()

    elsewhere = {"TUTTI_DB__URL": postgresql.empty_url()} if settings else {}
    done = run(tmp_path / "new", "restore", tmp_path / "copy", "--json", settings=elsewhere)
    assert done.returncode == 0, done.stderr
    checked = run(tmp_path / "new", "check", "--read-data", "--json", settings=elsewhere)
    assert checked.returncode == 0, checked.stdout
    report = json.loads(checked.stdout.splitlines()[-1])
    assert report["findings"] == 0
    assert report["read"] == report["blobs"] >= len(before)
    with serving(tmp_path / "new", settings=elsewhere) as server, Api.sign_in(server.url, "ada") as ada:
        wait_until(lambda: len(ada.every("/tracks")) >= len(before), what="what had not been read yet is read")
        tracks = ada.every("/tracks")
        found = {sha256(ada.get(f"/tracks/{one['id']}/stream").content).hexdigest() for one in tracks}
    assert set(before) <= found <= set(acknowledged)


def test_what_was_good_when_the_backup_was_made_is_good_for_nothing_after_it_is_restored(
    data_dir: Path, tmp_path: Path
) -> None:
    """P59"""
    add_user(data_dir, "ada", PASSWORD, "--admin")
    song = write_tone(tmp_path / "song.wav", tags={"title": "Song"}).read_bytes()
    with serving(data_dir) as server, Api.sign_in(server.url, "ada") as ada:
        tokens = login(server.url, "ada")
        key = ada.post("/me/app-keys", {"name": "radio", "scopes": ["listen"]}).json()["key"]
        item = ada.request("PUT", "/files/song.wav", content=song).json()["id"]
        ticket = ada.post(f"/tracks/{item}/ticket").json()["url"].rpartition("?")[2]
        assert run(data_dir, "backup", tmp_path / "copy", "--keys").returncode == 0

    assert run(tmp_path / "new", "restore", tmp_path / "copy").returncode == 0

    with serving(tmp_path / "new") as server:
        api = f"{server.url}/api/v1"
        refreshed = httpx2.post(f"{api}/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
        assert refreshed.status_code == 401
        assert httpx2.get(f"{api}/me", headers=bearer(tokens["access_token"])).status_code == 401
        assert httpx2.get(f"{api}/tracks", headers=bearer(key)).status_code == 401
        assert httpx2.get(f"{api}/tracks/{item}/stream?{ticket}").status_code == 401
        with Api.sign_in(server.url, "ada") as ada:
            assert ada.get(f"/tracks/{item}/stream").content == song


def test_a_restore_into_a_folder_that_is_used_is_refused(data_dir: Path, tmp_path: Path) -> None:
    assert run(data_dir, "backup", tmp_path / "copy").returncode == 0

    done = run(data_dir, "restore", tmp_path / "copy")

    assert done.returncode != 0
    assert "is not empty" in done.stderr


def test_a_check_finds_and_repairs_by_the_command_line(data_dir: Path, tmp_path: Path) -> None:
    """P05"""
    add_user(data_dir, "ada", PASSWORD, "--admin")
    song = write_tone(tmp_path / "song.wav", tags={"title": "Song"}).read_bytes()
    with serving(data_dir) as server, Api.sign_in(server.url, "ada") as ada:
        blob_hash = ada.request("PUT", "/files/song.wav", content=song).json()["sha256"]
        (blob,) = data_dir.glob(f"**/{blob_hash}")
        blob.chmod(0o600)
        blob.write_bytes(song[:-1])

        found = run(data_dir, "check")
        assert (found.returncode, "blob_size" in found.stdout) == (1, True)
        assert run(data_dir, "check", "--repair").returncode == 0
        assert ada.request("PUT", "/files/song.wav", content=song).status_code == 200
        assert run(data_dir, "check", "--read-data").returncode == 0
