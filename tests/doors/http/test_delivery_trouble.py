"""Delivery when something goes wrong: clients that leave or stall, files that shrink, disks that are slow."""

import logging
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support.httpbytes import (
    EVERY_WAY,
    ByteServer,
    ColdPages,
    HeldExecutor,
    RememberedProtocol,
    open_descriptors,
    request,
    serving,
    wait_until,
)
from tutti.doors.http.pages import FilePages
from tutti.doors.http.protocol import TuttiProtocol

MIB = 1 << 20
IN_EVERY_WAY = pytest.mark.parametrize(("loop", "way"), EVERY_WAY)


@pytest.fixture
def path(server: ByteServer, track: Path) -> str:
    return "/track" if "/track" in server.files else server.add("/track", track)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as threads:
        yield threads


class TestClients:
    def test_one_that_leaves_in_the_middle_costs_nothing(
        self, server: ByteServer, path: str, album: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        server.add("/album", album)
        server.get(path, Range="bytes=0-0")
        wait_until(lambda: server.connections == 0)
        before = open_descriptors()

        for _ in range(8):
            with server.connect() as client:
                client.ask("/album")
                client.head()
        wait_until(lambda: server.connections == 0 and not server.tasks)

        assert open_descriptors() == before
        assert server.get(path, Range="bytes=0-0").status == 206
        assert not [record for record in caplog.records if record.levelno >= logging.WARNING]

    def test_many_are_served_beside_one_that_does_not_read(
        self, server: ByteServer, path: str, noise: bytes, album: Path
    ) -> None:
        server.add("/album", album)
        with server.connect(receive_bytes=4096) as slow:
            slow.ask("/album")
            slow.head()
            with ThreadPoolExecutor(8) as listeners:
                bodies = list(listeners.map(lambda _: server.get(path).body, range(16)))

        assert bodies == [noise] * 16

    def test_one_that_reads_slowly_gets_everything(self, server: ByteServer, path: str, noise: bytes) -> None:
        with server.connect(receive_bytes=65536) as client:
            client.ask(path)
            client.head()
            pieces = [client.take(min(50_000, len(noise) - at)) for at in range(0, len(noise), 50_000)]

        assert b"".join(pieces) == noise

    def test_rubbish_behind_a_request_never_gets_into_the_body(self, server: ByteServer, album: Path) -> None:
        server.add("/album", album)
        with server.connect() as client:
            client.ask("/album")
            client.head()
            client.send(b"rubbish\r\n\r\n")
            body = client.take(64 * MIB)

        assert not body.strip(b"\0")

    @pytest.mark.parametrize("size", [1, 5 * MIB])
    def test_an_answer_follows_others_that_are_not_yet_taken(
        self, server: ByteServer, path: str, noise: bytes, size: int
    ) -> None:
        many = 200
        with server.connect(receive_bytes=4096) as client:
            client.send(request(path, Range="bytes=0-59999") * many + request(path, Range=f"bytes=0-{size - 1}"))
            bodies = [client.answer().body for _ in range(many + 1)]

        assert bodies == [noise[:60_000]] * many + [noise[:size]]

    @IN_EVERY_WAY
    def test_a_connection_that_is_dropped_ends_its_answer(
        self, loop: str, way: str, pool: ThreadPoolExecutor, album: Path
    ) -> None:
        with (
            serving(ByteServer(FilePages(pool)), loop=loop, way=way, protocol=RememberedProtocol) as server,
            server.connect() as client,
        ):
            client.ask(server.add("/album", album))
            client.head()
            dropped = RememberedProtocol.last
            dropped.loop.call_soon_threadsafe(dropped.transport.abort)

            assert len(client.rest()) < 64 * MIB
            wait_until(lambda: server.connections == 0 and not server.tasks)

    @IN_EVERY_WAY
    def test_one_that_takes_nothing_is_given_up(
        self, loop: str, way: str, pool: ThreadPoolExecutor, album: Path
    ) -> None:
        class Impatient(TuttiProtocol):
            stall_s = 0.2

        with serving(ByteServer(FilePages(pool), stall_s=0.2), loop=loop, way=way, protocol=Impatient) as server:
            server.add("/album", album)
            with server.connect() as client:
                client.ask("/album")
                client.head()
                wait_until(lambda: server.connections == 0 and not server.tasks)
                assert len(client.rest()) < 64 * MIB

    @IN_EVERY_WAY
    def test_a_server_that_stops_gives_up_what_still_runs(
        self, loop: str, way: str, pool: ThreadPoolExecutor, album: Path
    ) -> None:
        with serving(ByteServer(FilePages(pool)), loop=loop, way=way):
            pass  # the first loop of a process opens something that it keeps
        before = open_descriptors()
        with serving(ByteServer(FilePages(pool)), loop=loop, way=way, timeout_graceful_shutdown=0) as server:
            server.add("/album", album)
            client = server.connect()
            client.ask("/album")
            client.head()

        with client:
            assert len(client.rest()) < 64 * MIB
        assert open_descriptors() == before


class TestFiles:
    def test_one_that_shrinks_meanwhile_ends_the_connection(self, server: ByteServer, album: Path) -> None:
        server.add("/shrinking", album)
        with server.connect() as client:
            client.ask("/shrinking")
            client.head()
            os.truncate(album, MIB)
            body = client.rest()

        assert len(body) < 64 * MIB

    @pytest.mark.parametrize("size", [50, 100, 200_000, 5 * MIB])
    def test_one_that_is_shorter_than_it_says_never_passes_for_whole(
        self, server: ByteServer, tmp_path: Path, size: int
    ) -> None:
        (tmp_path / "short").write_bytes(b"x" * (size - 50))
        server.add("/short", tmp_path / "short", size_bytes=size)
        with server.connect() as client:
            client.ask("/short")
            received = client.rest()

        assert len(received.partition(b"\r\n\r\n")[2]) < size

    def test_one_that_cannot_be_read_ends_the_connection(self, server: ByteServer, tmp_path: Path) -> None:
        server.add("/folder", tmp_path, size_bytes=MIB)
        with server.connect() as client:
            client.ask("/folder")
            assert len(client.rest().partition(b"\r\n\r\n")[2]) < MIB


class TestColdFiles:
    @IN_EVERY_WAY
    @pytest.mark.parametrize("asked", ["bytes=0-9", "bytes=0-5000000"])
    def test_others_are_answered_while_a_disk_is_slow(
        self, loop: str, way: str, asked: str, track: Path, noise: bytes
    ) -> None:
        disk = HeldExecutor()
        with disk, serving(ByteServer(ColdPages(disk)), loop=loop, way=way) as server:
            server.add("/track", track)
            with server.connect() as waiting:
                waiting.ask("/track", Range=asked)
                assert disk.asked.wait(20)
                assert server.get("/track", If_None_Match="*").status == 304

                disk.let_go()
                first, last = map(int, asked.removeprefix("bytes=").split("-"))
                assert waiting.answer().body == noise[first : last + 1]

    @IN_EVERY_WAY
    @pytest.mark.parametrize("asked", ["bytes=0-9", "bytes=0-5000000"])
    def test_a_client_may_leave_while_its_disk_is_slow(self, loop: str, way: str, asked: str, track: Path) -> None:
        disk = HeldExecutor()
        with disk, serving(ByteServer(ColdPages(disk)), loop=loop, way=way) as server:
            server.add("/track", track)
            with server.connect() as leaving:
                leaving.ask("/track", Range=asked)
                assert disk.asked.wait(20)
            disk.let_go()
            wait_until(lambda: server.connections == 0 and not server.tasks)

    @IN_EVERY_WAY
    def test_a_disk_that_fails_ends_the_connection(self, loop: str, way: str, tmp_path: Path) -> None:
        with (
            ThreadPoolExecutor(1) as pool,
            serving(ByteServer(ColdPages(pool)), loop=loop, way=way) as server,
        ):
            server.add("/folder", tmp_path, size_bytes=MIB)
            with server.connect() as client:
                client.ask("/folder")
                assert len(client.rest().partition(b"\r\n\r\n")[2]) < MIB
