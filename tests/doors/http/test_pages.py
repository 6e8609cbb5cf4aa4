"""Reading without waiting: what is resident comes at once, the rest through the pool."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support import tiers
from support.httpbytes import HeldExecutor
from tutti.doors.http.pages import FilePages
from tutti.kit.ranges import Window

MIB = 1 << 20


@pytest.fixture
def fd(track: Path) -> Iterator[int]:
    opened = os.open(track, os.O_RDONLY)
    yield opened
    os.close(opened)


async def test_a_window_is_read(pages: FilePages, fd: int, noise: bytes) -> None:
    assert await pages.read(fd, Window(5, 2 * MIB)) == noise[5 : 5 + 2 * MIB]


async def test_a_window_is_read_where_nobody_knows_what_is_resident(fd: int, noise: bytes) -> None:
    with ThreadPoolExecutor(1) as pool:
        pages = FilePages(pool, nowait=None)

        assert pages.peek(fd, Window(0, 10)) is None
        assert not pages.seems_resident(fd, Window(0, 10))
        assert await pages.read(fd, Window(5, MIB)) == noise[5 : 5 + MIB]


async def test_what_is_resident_needs_no_thread(fd: int, noise: bytes) -> None:
    with HeldExecutor() as disk:
        pages = FilePages(disk)
        os.pread(fd, len(noise), 0)
        is_told = pages.seems_resident(fd, Window(0, MIB))
        tiers.require_that(is_told, "this file system cannot tell what is resident")

        assert await pages.read(fd, Window(0, MIB)) == noise[:MIB]
        assert not disk.asked.is_set()


@pytest.mark.parametrize("window", [Window(5 * MIB, 4), Window(6 * MIB, 1)])
async def test_a_window_behind_the_end_is_refused(pages: FilePages, fd: int, window: Window) -> None:
    with pytest.raises(EOFError):
        await pages.read(fd, window)


async def test_a_failed_read_is_told(pages: FilePages, tmp_path: Path) -> None:
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        with pytest.raises(IsADirectoryError):
            await pages.read(folder, Window(0, 1))
        with pytest.raises(IsADirectoryError):
            await pages.load(folder, Window(0, 1))
    finally:
        os.close(folder)


async def test_loading_brings_a_window_into_memory(pages: FilePages, fd: int, noise: bytes) -> None:
    await pages.load(fd, Window(MIB, 2 * MIB))

    assert await pages.read(fd, Window(MIB, 2 * MIB)) == noise[MIB : 3 * MIB]
