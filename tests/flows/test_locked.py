"""Another program holds the database: what only reads goes on, what writes says that it is busy (P19)."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx2
import pytest

from support.api import PASSWORD, Api, code_of
from support.server import Server, add_user, run, serving
from support.tones import write_tone


@pytest.fixture
def server(data_dir: Path, tmp_path: Path) -> Iterator[Server]:
    add_user(data_dir, "ada", PASSWORD, "--admin")
    write_tone(tmp_path / "music" / "moon.wav", seconds=5, tags={"title": "Moon"})
    assert run(data_dir, "scan", tmp_path / "music", "--user", "ada").returncode == 0
    with serving(data_dir) as server:
        yield server


def test_a_locked_database_stops_no_stream_and_no_list(server: Server, tmp_path: Path) -> None:
    with Api.sign_in(server.url, "ada") as ada, closing(sqlite3.connect(server.data_dir / "tutti.db")) as other:
        address = ada.ticket("Moon")
        other.isolation_level = None
        other.execute("BEGIN IMMEDIATE")
        with ThreadPoolExecutor(1) as pool:
            writing = pool.submit(ada.post, "/libraries", {"name": "Too late"})

            assert httpx2.get(address).content == (tmp_path / "music" / "moon.wav").read_bytes()
            assert ada.track("Moon")
            assert ada.read("//health") == {"status": "ok"}
            assert not writing.done()

            refused = writing.result(60)
        other.execute("ROLLBACK")

        assert code_of(refused) == (503, "database_busy")
        assert refused.headers["retry-after"]
        assert ada.post("/libraries", {"name": "Now"}).status_code == 201
        assert "Too late" not in [one["name"] for one in ada.read("/libraries")]
