"""The same program on a PostgreSQL server: a whole day of it, several servers on one, and one that goes away."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from threading import Event
from time import perf_counter
from urllib.parse import urlsplit

import httpx2
import pytest

from support import postgresql, tiers
from support.api import PASSWORD, Api, bearer, code_of
from support.httpbytes import Client
from support.postgresql import OwnServer
from support.server import add_user, run, serving, wait_until
from support.tones import write_tone

RESTARTS = 20 if tiers.is_deep() else 1


@pytest.fixture
def own(tmp_path: Path) -> Iterator[OwnServer]:
    (tmp_path / "own").mkdir(mode=0o777)
    server = OwnServer(tmp_path / "own" / "data")
    yield server
    server.close()


@pytest.fixture
def music(tmp_path: Path) -> Path:
    write_tone(tmp_path / "Music" / "moon.wav", seconds=5, tags={"title": "Moon", "artist": "Ærø"})
    return tmp_path / "Music"


def test_a_server_scans_lists_finds_and_streams(data_dir: Path, music: Path) -> None:
    settings = {"TUTTI_DB__URL": postgresql.empty_url()}
    add_user(data_dir, "ada", PASSWORD, "--admin", settings=settings)
    assert run(data_dir, "scan", music, "--user", "ada", settings=settings).returncode == 0

    with serving(data_dir, settings=settings) as server, Api.sign_in(server.url, "ada") as ada:
        assert [one["title"] for one in ada.read("/search", q="aer")["tracks"]] == ["Moon"]
        address = ada.ticket("Moon")
        assert httpx2.get(address).content == (music / "moon.wav").read_bytes()
        assert httpx2.get(address, headers={"Range": "bytes=100-199"}).status_code == 206


def test_two_servers_share_a_database(data_dir: Path, music: Path) -> None:
    settings = {"TUTTI_DB__URL": postgresql.empty_url()}
    add_user(data_dir, "eve", PASSWORD, "--admin", settings=settings)
    add_user(data_dir, "ada", PASSWORD, settings=settings)
    assert run(data_dir, "scan", music, "--user", "ada", settings=settings).returncode == 0

    with ExitStack() as stack:
        first, second = (stack.enter_context(serving(data_dir, settings=settings)) for _ in range(2))
        here = stack.enter_context(Api.sign_in(first.url, "ada"))
        there = stack.enter_context(Api(second.url, here.token))
        assert there.track("Moon") == here.track("Moon")

        assert here.post("/auth/logout").status_code == 204
        wait_until(lambda: there.get("/me").status_code == 401, what="the other server has heard of it", deadline_s=5)


def test_what_one_server_sends_ends_when_the_other_revokes(data_dir: Path, tmp_path: Path) -> None:
    """P34, between two processes; how long it takes is asked in the deep tier alone."""
    settings = {"TUTTI_DB__URL": postgresql.empty_url()}
    for name in ("ada", "bob"):
        add_user(data_dir, name, PASSWORD, "--admin", settings=settings)
    song = write_tone(tmp_path / "Long" / "long.wav", seconds=60, tags={"title": "Long"})
    assert run(data_dir, "scan", song.parent, "--user", "bob", settings=settings).returncode == 0

    with ExitStack() as stack:
        first, second = (stack.enter_context(serving(data_dir, settings=settings)) for _ in range(2))
        ada, bob = (stack.enter_context(Api.sign_in(first.url, name)) for name in ("ada", "bob"))
        address, port = f"/api/v1/tracks/{bob.track('Long')['id']}/stream", urlsplit(second.url).port or 0
        listener = stack.enter_context(Client(port, receive_bytes=16 * 1024))
        listener.ask(address, **bearer(bob.token))
        assert listener.head().status == 200
        bob_id = next(one["id"] for one in ada.read("/users") if one["username"] == "bob")

        assert ada.request("PATCH", f"/users/{bob_id}", json={"is_active": False}).is_success
        revoked = perf_counter()
        wait_until(lambda: any("file.access_ended" in line for line in second.log), what="it is cut", every_s=0.01)

        assert not tiers.is_deep() or perf_counter() - revoked <= 1
        assert len(listener.rest()) < song.stat().st_size - 4096
        with Api(second.url, bob.token) as there:
            assert code_of(there.get("/me")) == (401, "session_ended")


def test_a_restart_of_the_database_costs_nothing_that_was_said(data_dir: Path, own: OwnServer) -> None:
    settings = {"TUTTI_DB__URL": own.url}
    add_user(data_dir, "ada", PASSWORD, "--admin", settings=settings)
    over = Event()

    def work(api: Api) -> tuple[list[str], set[int]]:
        said: list[str] = []
        statuses: set[int] = set()
        for number in count():
            if over.is_set():
                return said, statuses
            answer = api.post("/libraries", {"name": f"Library {number}"})
            statuses |= {answer.status_code, api.get("/libraries").status_code}
            if answer.status_code == 201:
                said.append(answer.json()["id"])
        raise AssertionError

    with serving(data_dir, settings=settings) as server, Api.sign_in(server.url, "ada") as ada:
        with ThreadPoolExecutor(1) as pool:
            working = pool.submit(work, ada)
            try:
                for _ in range(RESTARTS):
                    own.restart()
                    wait_until(lambda: ada.get("/libraries").status_code == 200, what="the server has found it again")
            finally:
                over.set()
            said, statuses = working.result(60)

        assert statuses <= {200, 201, 503}
        assert set(said) <= {one["id"] for one in ada.read("/libraries")}


def test_without_its_database_it_streams_what_it_streams_and_says_what_is_wrong(
    data_dir: Path, own: OwnServer, music: Path
) -> None:
    settings = {"TUTTI_DB__URL": own.url}
    add_user(data_dir, "ada", PASSWORD, "--admin", settings=settings)
    assert run(data_dir, "scan", music, "--user", "ada", settings=settings).returncode == 0

    with serving(data_dir, settings=settings) as server, Api.sign_in(server.url, "ada") as ada:
        with httpx2.stream("GET", ada.ticket("Moon")) as stream:
            pieces = stream.iter_bytes(4096)
            whole = next(pieces)
            own.stop()
            refused = ada.get("/libraries")
            whole += b"".join(pieces)

        assert code_of(refused) == (503, "database_unavailable")
        assert refused.headers["retry-after"]
        assert whole == (music / "moon.wav").read_bytes()
        assert ada.get("//health").status_code == 503


def test_one_that_cannot_be_reached_stops_the_start(data_dir: Path, tmp_path: Path) -> None:
    refused = run(data_dir, "doctor", settings={"TUTTI_DB__URL": f"postgresql://tutti@/tutti?host={tmp_path}"})

    assert refused.returncode == 1
    assert "The database cannot be reached." in refused.stdout


def test_a_database_moves_with_one_command(data_dir: Path, music: Path) -> None:
    add_user(data_dir, "ada", PASSWORD, "--admin")
    assert run(data_dir, "scan", music, "--user", "ada").returncode == 0
    settings = {"TUTTI_DB__URL": postgresql.empty_url()}

    copied = run(data_dir, "db", "copy", f"sqlite:///{data_dir / 'tutti.db'}", settings=settings)

    assert copied.returncode == 0, copied.stderr
    assert "no" not in copied.stdout.split()
    assert run(data_dir, "migrate", settings=settings).stdout.endswith("is the newest\n")
    with serving(data_dir, settings=settings) as server, Api.sign_in(server.url, "ada") as ada:
        assert httpx2.get(ada.ticket("Moon")).content == (music / "moon.wav").read_bytes()
