"""How a server ends, by request and by force, and what is there afterwards."""

import wave
from pathlib import Path

import httpx2
import pytest

from support.api import PASSWORD, Api, bearer, login
from support.server import add_user, run, serving, wait_until

MEGABYTES = 40


@pytest.fixture
def long_track(data_dir: Path, tmp_path: Path) -> Path:
    """The data folder of a server with one track that no socket buffer holds."""
    file = tmp_path / "music" / "long.wav"
    file.parent.mkdir()
    with wave.open(str(file), "wb") as sound:
        sound.setparams((1, 2, 48_000, 0, "NONE", ""))
        sound.writeframes(bytes(MEGABYTES << 20))
    add_user(data_dir, "ada", PASSWORD, "--admin")
    done = run(data_dir, "scan", file.parent, "--user", "ada")
    assert done.returncode == 0, done.stderr
    return data_dir


def test_a_stream_that_runs_is_finished_before_the_end(long_track: Path) -> None:
    with serving(long_track) as server, Api.sign_in(server.url, "ada") as ada:
        address = ada.ticket("long")
        with httpx2.stream("GET", address, timeout=60) as answer:
            pieces = answer.iter_raw(1 << 16)
            got = len(next(pieces))

            server.process.terminate()
            wait_until(lambda: is_deaf(server.url), what="nobody new is let in")
            assert server.process.poll() is None
            got += sum(map(len, pieces))

        assert got == int(answer.headers["content-length"]) > MEGABYTES << 20
        assert server.wait() == 0


def is_deaf(url: str) -> bool:
    """Return whether the server takes no new connections."""
    try:
        httpx2.get(f"{url}/health")
    except httpx2.TransportError:  # refused, or reset while it waited to be let in
        return True
    return False


def test_a_second_signal_does_not_wait(long_track: Path) -> None:
    with serving(long_track) as server, Api.sign_in(server.url, "ada") as ada:
        address = ada.ticket("long")
        with httpx2.stream("GET", address, timeout=60) as answer:
            next(answer.iter_raw(1 << 16))
            server.process.terminate()
            wait_until(lambda: is_deaf(server.url), what="nobody new is let in")
            server.process.terminate()

            assert server.wait() == 0


def test_an_idle_server_ends_at_once_and_quietly(data_dir: Path) -> None:
    with serving(data_dir) as server, Api(server.url) as api:
        api.read("//health")

        assert server.stop() == 0
        assert not [line for line in server.log if '"level": "error"' in line or '"level": "warning"' in line]


def test_after_a_kill_everything_that_was_said_holds(long_track: Path) -> None:
    with serving(long_track) as server, Api.sign_in(server.url, "ada") as ada:
        tokens = login(server.url, "ada")
        library = ada.post("/libraries", {"name": "Kept"}).json()
        track = ada.track("long")
        with httpx2.stream("GET", ada.ticket("long"), timeout=60) as answer:
            next(answer.iter_raw(1 << 16))
            server.kill()

    with serving(long_track) as server, Api(server.url, tokens["access_token"]) as ada:
        assert library in ada.read("/libraries")
        assert ada.track("long") == track
        again = httpx2.post(f"{server.url}/api/v1/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
        assert again.status_code == 200
        assert httpx2.get(f"{server.url}/api/v1/me", headers=bearer(again.json()["access_token"])).status_code == 200
