"""The connection: what it offers, what it refuses, whom it gives up."""

import asyncio
import json
import logging
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from support.httpbytes import (
    EVERY_WAY,
    LOOPS,
    WAYS,
    ByteServer,
    Client,
    RememberedProtocol,
    request,
    serving,
    wait_until,
)
from tutti.doors.http.lane import FILE_EXTENSION
from tutti.doors.http.pages import FilePages
from tutti.doors.http.protocol import TuttiProtocol, check_protocol
from tutti.kit.clock import system_clock

MIB = 1 << 20
ON_BOTH_LOOPS = pytest.mark.parametrize("loop", LOOPS)


class HastyProtocol(TuttiProtocol):
    """Gives nobody more than a moment."""

    head_s = 0.2
    body_s = 0.2
    stall_s = 0.2


@pytest.fixture
def pages() -> Iterator[FilePages]:
    with ThreadPoolExecutor(1) as pool:
        yield FilePages(pool)


@pytest.fixture
def path(server: ByteServer, track: Path) -> str:
    return "/track" if "/track" in server.files else server.add("/track", track)


class TestLane:
    def test_it_is_open_here(self) -> None:
        assert check_protocol() is None

    def test_uvicorn_still_behaves_as_the_lane_expects(self) -> None:
        """The contract on what uvicorn keeps to itself: when it breaks, read its changes before raising the pin."""
        start = HttpToolsProtocol._start_asgi_task.__code__
        assert start.co_varnames[: start.co_argcount] == ("self", "cycle", "app")
        end = HttpToolsProtocol.on_response_complete.__code__
        assert {"total_requests", "is_closing", "resume_reading", "pipeline", "_start_asgi_task"} <= {*end.co_names}
        sent = {*RequestResponseCycle.send.__code__.co_names}
        assert {
            "response_started",
            "response_complete",
            "waiting_for_100_continue",
            "expected_content_length",
            "message_event",
            "keep_alive",
            "on_response",
            "disconnected",
        } <= sent

    def test_a_changed_uvicorn_closes_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delattr(HttpToolsProtocol, "_start_asgi_task")

        assert check_protocol.__wrapped__() == "uvicorn has changed: it has no _start_asgi_task"

    def test_a_system_without_sendfile_closes_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delattr("os.sendfile")

        assert check_protocol.__wrapped__() == "this system has no sendfile"

    @ON_BOTH_LOOPS
    def test_it_is_offered_in_the_scope(self, loop: str, pages: FilePages, track: Path) -> None:
        with serving(ByteServer(pages), loop=loop) as server:
            server.get(server.add("/track", track))

            assert FILE_EXTENSION in server.scopes[0]["extensions"]

    @ON_BOTH_LOOPS
    def test_it_is_closed_under_tls(
        self, loop: str, pages: FilePages, track: Path, noise: bytes, certificate: Path
    ) -> None:
        tls = ssl.create_default_context(cafile=str(certificate))
        with serving(ByteServer(pages), loop=loop, ssl_certfile=certificate) as server:
            path = server.add("/track", track)
            with Client(server.port, tls=tls) as client:
                client.ask(path)
                assert client.answer().body == noise

            assert "extensions" not in server.scopes[0]

    def test_a_request_is_answered_once(self, pages: FilePages, track: Path, caplog: pytest.LogCaptureFixture) -> None:
        server = ByteServer(pages)

        async def twice(scope: Any, receive: Any, send: Any) -> None:
            await server.app(scope, receive, send)
            await server.app(scope, receive, send)

        with serving(server, app=twice):
            path = server.add("/track", track)
            assert server.get(path, Range="bytes=0-0").body
            wait_until(lambda: "RuntimeError" in caplog.text)

        assert "The request has been answered already." in caplog.text

    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize("size", [1, 3 * MIB])
    def test_the_access_log_has_one_line_for_an_answer(
        self, pages: FilePages, track: Path, caplog: pytest.LogCaptureFixture, way: str, size: int
    ) -> None:
        caplog.set_level(logging.INFO, "uvicorn.access")
        with serving(ByteServer(pages), way=way, access_log=True) as server:
            server.get(server.add("/track", track), Range=f"bytes=0-{size - 1}")

        assert [record.getMessage().partition(" - ")[2] for record in caplog.records if "access" in record.name] == [
            '"GET /track HTTP/1.1" 206'
        ]

    def test_a_client_that_waits_for_100_gets_its_answer(self, server: ByteServer, path: str, noise: bytes) -> None:
        with server.connect() as client:
            client.ask(path, Expect="100-continue", Content_Length="3")
            assert client.answer().body == noise


class TestHeads:
    """reliability.md finding 4, O-HT1, O-HT2."""

    @pytest.mark.parametrize(
        "head",
        [
            b"GET / HTTP/1.1\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            b"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n",
            b"GET / HTTP/1.1\nHost: a\n\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n",
            b"rubbish\r\n\r\n",
        ],
    )
    def test_a_malformed_head_is_400_and_the_end(self, server: ByteServer, head: bytes) -> None:
        with server.connect() as client:
            client.send(head)

            answer = client.answer()
            assert answer.status == 400
            assert answer.fields["content-type"] == "application/problem+json"
            assert json.loads(answer.body)["status"] == 400
            assert client.rest() == b""

    @pytest.mark.parametrize(
        "head",
        [
            b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 200_000 + b"\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 10_000 + b"\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 200 + b"\r\n",
            b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 4_000_000,
            b"\r\n" * 1_000_000,
        ],
    )
    def test_too_large_a_head_is_431_and_the_end(self, server: ByteServer, head: bytes) -> None:
        with server.connect() as client:
            client.send(head)

            answer = client.answer()
            assert answer.status == 431
            assert json.loads(answer.body)["code"] == "head_too_large"
            client.socket.shutdown(1)
            assert client.rest() == b""

    @pytest.mark.parametrize(
        "fields", [{"X": "y" * 60_000}, {f"X-{n}": "y" for n in range(198)}], ids=["large", "many"]
    )
    def test_a_head_within_its_budget_is_heard(self, server: ByteServer, path: str, fields: dict[str, str]) -> None:
        assert server.get(path, Range="bytes=0-0", **fields).status == 206

    def test_http_1_0_needs_no_host(self, server: ByteServer, path: str) -> None:
        with server.connect() as client:
            client.send(f"HEAD {path} HTTP/1.0\r\n\r\n".encode())

            assert client.answer(has_body=False).status == 200

    def test_many_small_requests_at_once_are_no_large_head(self, server: ByteServer, path: str) -> None:
        many = 2_000
        with server.connect() as client:
            client.send(request(path, "HEAD", Range="bytes=0-0") * many)

            assert {client.answer(has_body=False).status for _ in range(many)} == {200}

    def test_a_large_body_is_no_large_head(self, server: ByteServer, path: str) -> None:
        with server.connect() as client:
            client.send(request(path, "POST", Range="bytes=0-0", Content_Length=str(4 * MIB)) + bytes(4 * MIB))

            assert client.answer().status == 206

    def test_a_bad_head_behind_a_good_one_is_not_taken_for_its_answer(self, server: ByteServer, album: Path) -> None:
        path = server.add("/album", album)
        with server.connect() as client:
            client.ask(path)
            client.head()
            client.send(b"GET / HTTP/1.1\r\n\r\n")

            assert b"HTTP/1.1" not in client.take(64 * MIB)


class TestSlowClients:
    """P55, O-HT4."""

    @pytest.fixture(params=EVERY_WAY, ids="-".join)
    def hasty(self, request: pytest.FixtureRequest, pages: FilePages, track: Path) -> Iterator[ByteServer]:
        loop, way = request.param
        with serving(ByteServer(pages), loop=loop, way=way, protocol=HastyProtocol) as server:
            server.add("/track", track)
            yield server

    def test_one_that_says_nothing_is_given_up(self, hasty: ByteServer) -> None:
        with hasty.connect() as client:
            assert client.rest() == b""

    @pytest.mark.parametrize("drop", [b"x", b"\r\n"])
    def test_one_that_trickles_its_head_is_given_up(self, hasty: ByteServer, drop: bytes) -> None:
        with hasty.connect() as client:
            if drop != b"\r\n":
                client.send(b"GET / HTTP/1.1\r\nHost: a\r\nX: ")
            trickle(client, drop)

    @pytest.mark.parametrize("drop", [b"x", b"\r\n"])
    def test_one_that_trickles_its_second_head_is_given_up(self, hasty: ByteServer, drop: bytes) -> None:
        with hasty.connect() as client:
            client.ask("/track", Range="bytes=0-0")
            client.answer()
            trickle(client, drop)

    def test_one_that_was_refused_and_stays_is_given_up(self, hasty: ByteServer) -> None:
        with hasty.connect() as client:
            client.ask("/track", Range="bytes=0-0")
            client.answer()
            client.send(b"rubbish\r\n\r\n")
            assert client.answer().status == 400

            wait_until(lambda: hasty.connections == 0)

    def test_one_whose_trailers_never_end_is_given_up(self, hasty: ByteServer) -> None:
        with hasty.connect() as client:
            client.send(request("/track", "POST", Range="bytes=0-0", Transfer_Encoding="chunked") + b"0\r\nX: ")
            client.answer()

            with pytest.raises(ConnectionError):
                client.send(b"x" * (1 << 30))

    @ON_BOTH_LOOPS
    def test_one_that_trickles_its_body_is_given_up(self, loop: str, pages: FilePages) -> None:
        heard: list[str] = []

        async def page(scope: Any, receive: Any, send: Any) -> None:
            while (message := await receive())["type"] == "http.request" and message["more_body"]:
                pass
            heard.append(message["type"])

        with (
            serving(ByteServer(pages), loop=loop, protocol=HastyProtocol, app=page) as server,
            server.connect() as client,
        ):
            client.send(request("/", "POST", Content_Length="1000000"))
            trickle(client, b"x")
            wait_until(lambda: heard == ["http.disconnect"])

    @ON_BOTH_LOOPS
    def test_one_that_waits_for_us_is_not_given_up(self, loop: str, pages: FilePages) -> None:
        class Patient(HastyProtocol):
            stall_s = 20.0

        leave = threading.Event()

        async def page(scope: Any, receive: Any, send: Any) -> None:
            count = 0
            while True:
                message = await receive()
                await asyncio.get_running_loop().run_in_executor(None, leave.wait, 0.5)
                count += len(message["body"])
                if not message["more_body"]:
                    break
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"%d" % count})

        with (
            serving(ByteServer(pages), loop=loop, protocol=Patient, app=page) as server,
            server.connect() as client,
        ):
            client.send(request("/", "POST", Content_Length=str(MIB), Connection="close") + bytes(MIB))
            assert client.answer().status == 200

    def test_a_request_at_work_is_not_hurried(self, pages: FilePages) -> None:
        leave = threading.Event()

        async def page(scope: Any, receive: Any, send: Any) -> None:
            await asyncio.get_running_loop().run_in_executor(None, leave.wait, 20)
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body"})

        with serving(ByteServer(pages), protocol=RememberedProtocol, app=page) as server, server.connect() as client:
            client.ask("/")
            wait_until(lambda: server.tasks == 1)
            assert RememberedProtocol.last._deadline._at is None
            leave.set()
            assert client.answer().status == 204

    @ON_BOTH_LOOPS
    def test_a_websocket_is_not_hurried(self, loop: str, pages: FilePages) -> None:
        async def echo(scope: Any, receive: Any, send: Any) -> None:
            await receive()
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.send", "text": (await receive())["text"]})

        upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
        with (
            serving(
                ByteServer(pages), loop=loop, protocol=RememberedProtocol, app=echo, ws="websockets-sansio"
            ) as server,
            server.connect() as client,
        ):
            client.ask("/", **upgrade, Sec_WebSocket_Key="dGhlIHNhbXBsZSBub25jZQ==")
            assert client.head().status == 101
            client.send(b"\x81\x82\0\0\0\0hi")  # a masked frame of text
            assert client.take(4) == b"\x81\x02hi"

        assert RememberedProtocol.last._deadline._at is None

    def test_one_that_takes_no_small_answers_is_given_up(self, pages: FilePages) -> None:
        async def page(scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"50000")]})
            await send({"type": "http.response.body", "body": bytes(50_000)})

        with (
            serving(ByteServer(pages), protocol=HastyProtocol, app=page) as server,
            server.connect(receive_bytes=4096) as client,
        ):
            client.send(request("/") * 1_000)
            wait_until(lambda: server.connections == 0)


def trickle(client: Client, drop: bytes) -> None:
    """Send a little now and then, until the server has had enough."""
    client.socket.settimeout(0.01)
    while True:
        try:
            client.send(drop)
            if client.socket.recv(1) == b"":
                return
        except TimeoutError:
            continue
        except ConnectionError:
            return


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost, with its key in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = system_clock()
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return path
