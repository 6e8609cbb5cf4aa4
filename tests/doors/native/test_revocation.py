"""What is being sent ends when its caller may not have it any more (reliability.md P34)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from support.api import PASSWORD, Api, bearer, code_of, login
from support.httpbytes import Client
from support.server import Server, add_user, copied, run, serving, wait_until
from support.tones import write_tone

OTHER = "another horse battery"


@dataclass(frozen=True, slots=True)
class Hall:
    """A server on which Bob listens to something long, and Ada looks after him."""

    server: Server
    ada: Api
    data: bytes
    path: str

    def bob(self) -> Api:
        """A new session of Bob."""
        return Api.sign_in(self.server.url, "bob")

    def bob_id(self) -> str:
        return str(next(one["id"] for one in self.ada.read("/users") if one["username"] == "bob"))

    @contextmanager
    def listening(self, path: str, token: str) -> Iterator[Client]:
        """A client that has the beginning of a stream and takes no more for now."""
        fields = bearer(token) if token else {}
        with Client(urlsplit(self.server.url).port or 0, receive_bytes=16 * 1024) as client:
            client.ask(path, **fields)
            head = client.head()
            assert (head.status, int(head.fields["content-length"])) == (200, len(self.data))
            assert client.take(4096) == self.data[:4096]
            yield client

    def cli(self, *args: str) -> None:
        done = run(self.server.data_dir, *args)
        assert done.returncode == 0, done.stderr

    def ended(self) -> int:
        """How many answers were cut off so far."""
        return sum("file.access_ended" in line for line in self.server.log)


@pytest.fixture(scope="module")
def hall(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hall]:
    place = tmp_path_factory.mktemp("hall")
    data_dir = copied(template, place)
    add_user(data_dir, "ada", PASSWORD, "--admin")
    add_user(data_dir, "bob", PASSWORD)
    song = write_tone(place / "music" / "long.wav", seconds=120, tags={"title": "Long"})
    assert run(data_dir, "scan", place / "music", "--user", "bob").returncode == 0
    with serving(data_dir) as server, Api.sign_in(server.url, "ada") as ada, Api.sign_in(server.url, "bob") as bob:
        yield Hall(server, ada, song.read_bytes(), f"/api/v1/tracks/{bob.track('Long')['id']}/stream")


def ends_one(hall: Hall, listener: Api) -> None:
    (session,) = [one for one in listener.read("/me/sessions") if one["is_current"]]
    with hall.bob() as other:
        assert other.request("DELETE", f"/me/sessions/{session['id']}").status_code == 204


def ends_all(hall: Hall, listener: Api) -> None:
    with hall.bob() as other:
        assert other.post("/auth/logout-everywhere").status_code == 204


def changes_password(hall: Hall, listener: Api) -> None:
    with hall.bob() as other:
        assert other.post("/me/password", {"current": PASSWORD, "new": OTHER}).status_code == 204
        assert other.post("/me/password", {"current": OTHER, "new": PASSWORD}).status_code == 204


def is_given_a_password(hall: Hall, listener: Api) -> None:
    assert hall.ada.post(f"/users/{hall.bob_id()}/password", {"password": PASSWORD}).status_code == 204


def is_disabled(hall: Hall, listener: Api) -> None:
    for is_active in (False, True):
        answer = hall.ada.request("PATCH", f"/users/{hall.bob_id()}", json={"is_active": is_active})
        assert answer.status_code == 200


def is_disabled_elsewhere(hall: Hall, listener: Api) -> None:
    hall.cli("user", "disable", "bob")
    hall.cli("user", "enable", "bob")


REVOKED: dict[str, Callable[[Hall, Api], object]] = {
    "signs out": lambda hall, listener: listener.post("/auth/logout"),
    "is ended by its owner": ends_one,
    "is ended with all others": ends_all,
    "has a changed password": changes_password,
    "has a given password": is_given_a_password,
    "is disabled": is_disabled,
    "is disabled by another process": is_disabled_elsewhere,
    "is ended by another process": lambda hall, listener: hall.cli("user", "sessions", "bob", "--end"),
}


@pytest.mark.parametrize("way", ["lane", "express", "ticket"])
@pytest.mark.parametrize("revoke", REVOKED.values(), ids=list(REVOKED))
def test_a_stream_is_cut_when_its_session(hall: Hall, revoke: Callable[[Hall, Api], object], way: str) -> None:
    with hall.bob() as listener:
        path, token = hall.path, listener.token
        if way == "ticket":
            address = urlsplit(listener.ticket("Long"))
            path, token = f"{address.path}?{address.query}", ""
        if way == "express":  # a grant is at hand from the second request on
            assert listener.request("GET", f"/{path}", headers={"Range": "bytes=0-9"}).status_code == 206
        before = hall.ended()
        with hall.listening(path, token) as client:
            revoke(hall, listener)

            wait_until(lambda: hall.ended() > before, what="the stream is cut", deadline_s=5)
            assert len(client.rest()) < len(hall.data) - 4096
        assert code_of(listener.get("/me")) == (401, "session_ended")


def test_a_stream_by_app_key_is_cut_when_the_key_is_revoked(hall: Hall) -> None:
    with hall.bob() as bob:
        made = bob.post("/me/app-keys", {"name": "radio", "scopes": ["listen"]}).json()
        before = hall.ended()
        with hall.listening(hall.path, made["key"]) as client:
            assert bob.request("DELETE", f"/me/app-keys/{made['id']}").status_code == 204

            wait_until(lambda: hall.ended() > before, what="the stream is cut", deadline_s=5)
            assert len(client.rest()) < len(hall.data) - 4096
        assert code_of(bob.get("/me", bearer(made["key"]))) == (401, "key_ended")


def test_what_happens_to_others_cuts_nobody(hall: Hall) -> None:
    with hall.bob() as listener, hall.bob() as other, hall.listening(hall.path, listener.token) as client:
        assert other.post("/auth/logout").status_code == 204
        gone = login(hall.server.url, "ada")
        with Api(hall.server.url, gone["access_token"]) as ada:
            assert ada.post("/auth/logout").status_code == 204

        assert 4096 + len(client.take(len(hall.data))) == len(hall.data)
