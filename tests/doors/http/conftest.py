"""Servers and files for the tests of what all HTTP doors share."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support.httpbytes import EVERY_WAY, ByteServer, serving
from tutti.doors.http.pages import FilePages


@pytest.fixture(scope="module", params=EVERY_WAY, ids="-".join)
def server(request: pytest.FixtureRequest) -> Iterator[ByteServer]:
    """A server for all tests of a module, in each of the ways it may deliver."""
    loop, way = request.param
    with ThreadPoolExecutor(2) as pool, serving(ByteServer(FilePages(pool)), loop=loop, way=way) as served:
        yield served


@pytest.fixture
def pages() -> Iterator[FilePages]:
    with ThreadPoolExecutor(1) as pool:
        yield FilePages(pool)


@pytest.fixture(scope="session")
def noise() -> bytes:
    """Bytes that are nowhere alike, a little more than two turns of the pump."""
    return random.Random(1).randbytes((5 << 20) + 3)


@pytest.fixture(scope="session")
def track(noise: bytes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("music") / "track.flac"
    path.write_bytes(noise)
    return path


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """A file of 64 MiB, more than a connection can hold; it takes no room on the disk."""
    path = tmp_path / "album.flac"
    with path.open("wb") as file:
        file.truncate(64 << 20)
    return path
