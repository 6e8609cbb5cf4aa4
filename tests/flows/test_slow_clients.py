"""Many who are slow on purpose, beside people who only want to listen (P55, O-HT4)."""

import resource
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event
from urllib.parse import urlsplit

import pytest

from support import tiers
from support.api import PASSWORD, Api, bearer
from support.httpbytes import Client, request
from support.server import Server, add_user, copied, run, serving, wait_until
from support.tones import write_tone

EACH = 2_000 if tiers.is_deep() else 20
GOOD = 50 if tiers.is_deep() else 4
HASTY = {"TUTTI_HTTP__WRITE_STALL_S": "2"}


class Slow(Client):
    """One of them: says something once, then a byte now and then, and reads nothing."""

    def __init__(self, port: int, first: bytes, drop: bytes) -> None:
        super().__init__(port, receive_bytes=4096)
        self.socket.setblocking(False)  # noqa: FBT003 - the standard library's signature
        self._drop = drop
        self.socket.send(first)

    def trickle(self) -> None:
        """Say a little more, if it is still heard."""
        try:
            self.socket.send(self._drop)
        except OSError:
            self._drop = b""


Way = Callable[[str, str], tuple[bytes, bytes]]
"""What one of them says at first and then, given a path of a long track and a token."""


def body(path: str, token: str) -> tuple[bytes, bytes]:
    fields = {**bearer(token), "Content_Length": "900000", "Content_Type": "application/json"}
    return request("/api/v1/auth/login", "POST", **fields), b" "


MODES: dict[str, Way] = {
    "says nothing": lambda path, token: (b"", b""),
    "trickles its head": lambda path, token: (b"GET /health HTTP/1.1\r\nHost: a\r\nX: ", b"x"),
    "trickles its body": body,
    "trickles a file": lambda path, token: (
        request("/api/v1/files/slow.wav", "PUT", Content_Length="9000000", **bearer(token)),
        b"x",
    ),
    "takes nothing": lambda path, token: (request(path, **bearer(token)), b""),
}


@pytest.fixture(scope="module")
def server(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    place = tmp_path_factory.mktemp("slow")
    data_dir = copied(template, place)
    add_user(data_dir, "ada", PASSWORD, "--admin")
    write_tone(place / "music" / "long.wav", seconds=120, tags={"title": "Long"})
    assert run(data_dir, "scan", place / "music", "--user", "ada").returncode == 0
    with serving(data_dir, settings=HASTY) as server:
        yield server


@contextmanager
def room(server: Server, descriptors: int) -> Iterator[None]:
    """Let this process and the server have so many descriptors, as far as the system lets them."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    tiers.require_that(before[1] >= descriptors, f"no process may have {descriptors} descriptors here")
    wanted = max(before[0], descriptors), before[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, wanted)
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, wanted)
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def descriptors(server: Server) -> int:
    return sum(1 for _ in Path(f"/proc/{server.process.pid}/fd").iterdir())


def listen(server: Server, token: str, path: str, over: Event) -> set[str]:
    """Ask for what people ask for, until it is over; return the failures."""
    failures = set()
    with Api(server.url, token) as api:
        while not over.is_set():
            for answer in (api.get("/tracks"), api.get("//health"), api.get(f"/{path}", {"Range": "bytes=1000-1999"})):
                if not answer.is_success:
                    failures.add(f"{answer.url.path} {answer.status_code} {answer.text}")
            over.wait(0.05)
    return failures


def until_given_up(slow: list[Slow], server: Server, atmost: int) -> None:
    """Go on being slow until the server has no more descriptors than that."""

    def is_over() -> bool:
        for one in slow:
            one.trickle()
        return descriptors(server) <= atmost

    wait_until(is_over, what="the slow ones are given up", deadline_s=90, every_s=0.5)


def test_slow_ones_are_given_up_and_all_others_are_answered(server: Server) -> None:
    """All ways at once; those who are slow share the address of those who are not."""
    port = urlsplit(server.url).port or 0
    over = Event()
    with Api.sign_in(server.url, "ada") as ada, ExitStack() as stack, ThreadPoolExecutor(GOOD) as pool:
        stack.enter_context(room(server, len(MODES) * EACH + 500))
        path = f"/api/v1/tracks/{ada.track('Long')['id']}/stream"
        before = descriptors(server)
        slow, most = [], before
        for number, way in enumerate(way(path, ada.token) for _ in range(EACH) for way in MODES.values()):
            slow.append(stack.enter_context(Slow(port, *way)))
            most = max(most, descriptors(server)) if number % 500 == 0 else most
        # Only now: in one process with the others, the first of the slow were given up before the last had come.
        good = [pool.submit(listen, server, ada.token, path, over) for _ in range(GOOD)]
        try:
            wait_until(lambda: max(most, descriptors(server)) >= before + EACH, what="they were there")
            until_given_up(slow, server, before + 3 * GOOD)
        finally:
            over.set()

        assert set().union(*(one.result() for one in good)) == set()
        assert [one["title"] for one in ada.every("/tracks")] == ["Long"]
