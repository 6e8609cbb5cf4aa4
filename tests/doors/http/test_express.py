"""Requests that are answered at once, and those that must not be."""

import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from support.httpbytes import LOOPS, ByteServer, request, serving, wait_until
from tutti.doors.http.express import AtHand, Express
from tutti.doors.http.pages import FilePages
from tutti.doors.http.protocol import TuttiProtocol

MIB = 1 << 20


@pytest.fixture(params=LOOPS)
def express(request: pytest.FixtureRequest, pages: FilePages, track: Path) -> Iterator[ByteServer]:
    with serving(ByteServer(pages), loop=request.param, way="express") as server:
        server.add("/track", track)
        warm(track)
        yield server


def warm(path: Path) -> None:
    """Bring a file into the page cache; what is cold is begun at once, but finished by the application's road."""
    path.read_bytes()


@pytest.mark.parametrize("size", [1, 60_000, 100_000])
def test_a_plain_get_never_reaches_the_application(express: ByteServer, noise: bytes, size: int) -> None:
    assert express.get("/track", Range=f"bytes=0-{size - 1}").body == noise[:size]

    assert express.scopes == []
    wait_until(lambda: express.requests == 1)


def test_what_is_not_at_hand_reaches_the_application(express: ByteServer, track: Path, noise: bytes) -> None:
    express.add("/hidden", track)
    express.at_hand = {"/track"}

    assert express.get("/hidden").body == noise

    assert [scope["path"] for scope in express.scopes] == ["/hidden"]


@pytest.mark.parametrize(
    "asked",
    [
        request("/track", "HEAD"),
        request("/track", "POST"),
        request("/track", Connection="close"),
        request("/track", Connection="Upgrade", Upgrade="h2c"),
        request("/track", Content_Length="2") + b"hi",
        request("/track", Transfer_Encoding="chunked") + b"0\r\n\r\n",
        request("/track", Expect="100-continue"),
        b"GET /track HTTP/1.0\r\n\r\n",
        b"GET /track HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    ],
)
def test_what_is_not_plain_reaches_the_application(express: ByteServer, asked: bytes) -> None:
    with express.connect() as client:
        client.send(asked)
        assert client.answer(has_body=not asked.startswith(b"HEAD")).status == 200

    assert len(express.scopes) == 1


def test_answers_keep_the_order_of_mixed_requests(express: ByteServer, noise: bytes) -> None:
    sizes = [1, 2, 3 * MIB, 4, 5 * MIB, 6, 7]
    asked = [request("/track", Range=f"bytes=0-{size - 1}") for size in sizes]
    asked[3] = request("/track", Range="bytes=0-3", Content_Length="0")
    with express.connect() as client:
        client.send(b"".join(asked))

        assert [client.answer().body for _ in sizes] == [noise[:size] for size in sizes]


def test_of_many_requests_in_one_piece_only_the_first_is_answered_at_once(express: ByteServer, noise: bytes) -> None:
    with express.connect() as client:
        client.send(request("/track", Range="bytes=0-0") * 5)
        assert [client.answer().body for _ in range(5)] == [noise[:1]] * 5

    assert len(express.scopes) == 4


def test_an_application_sees_the_end_of_its_request_behind_an_answer_at_once(pages: FilePages, track: Path) -> None:
    async def echo(scope: Any, receive: Any, send: Any) -> None:
        body = (await receive())["body"]
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": body})

    with serving(ByteServer(pages), way="express", app=echo) as server, server.connect() as client:
        server.add("/track", track)
        client.send(request("/track", Range="bytes=0-0") + request("/echo", "POST", Content_Length="2") + b"hi")

        assert client.answer().status == 206
        assert client.answer().body == b"hi"


def test_a_target_that_uvicorn_refuses_never_gets_a_refusal_into_its_body(pages: FilePages, album: Path) -> None:
    server = ByteServer(pages)

    class Generous(TuttiProtocol):
        express = Express(lambda target, fields: AtHand(server.files["/album"], (), server), pages)

    with serving(server, protocol=Generous), server.connect() as client:
        server.add("/album", album)
        client.send(b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n")

        assert client.rest().count(b"HTTP/1.1") <= 1


def test_who_owns_the_file_is_held_until_it_is_sent(pages: FilePages, album: Path) -> None:
    class Owner:
        pass

    server = ByteServer(pages)
    owners: list[weakref.ref[Owner]] = []

    def find(target: bytes, fields: Sequence[tuple[bytes, bytes]]) -> AtHand:
        owner = Owner()
        owners.append(weakref.ref(owner))
        return AtHand(server.files["/album"], (), owner)

    class Lending(TuttiProtocol):
        express = Express(find, pages)

    with serving(server, protocol=Lending) as served, served.connect() as client:
        served.add("/album", album)
        client.ask("/album")
        client.head()
        assert owners[0]() is not None
        assert len(client.take(64 * MIB)) == 64 * MIB
        wait_until(lambda: owners[0]() is None)


def test_an_idle_connection_is_closed(pages: FilePages, track: Path) -> None:
    class Hasty(TuttiProtocol):
        head_s = 0.1

    with (
        serving(ByteServer(pages), way="express", protocol=Hasty, timeout_keep_alive=0) as server,
        server.connect() as client,
    ):
        client.ask(server.add("/track", track), Range="bytes=0-0")
        client.answer()

        assert client.rest() == b""
