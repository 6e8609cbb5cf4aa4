"""The HTTP that Astolfo's phones spoke before gRPC (docs/doors/astolfo.md A55-A60)."""

import hashlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from support.api import PASSWORD, Api, bearer
from support.server import Server, add_user, copied, serving, wait_until
from support.tones import write_tone

DAY_S = 86_400
_NUMBERS = count(1)


@dataclass(frozen=True, slots=True)
class Rest:
    """A client of the old API, signed in or not; paths are below `/api`."""

    server: Server
    place: Path
    http: httpx2.Client

    def call(self, method: str, path: str, **options: Any) -> httpx2.Response:
        return self.http.request(method, f"/api{path}", **options)

    def read(self, path: str) -> Any:
        answer = self.call("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def song(self, suffix: str = "flac", **tags: str) -> bytes:
        """Return a real file that nothing else has the bytes of."""
        number = next(_NUMBERS)
        path = self.place / f"{number}.{suffix}"
        return write_tone(path, seconds=0.2, tags={"comment": f"number {number}", **tags}).read_bytes()

    def upload(self, data: bytes, name: str = "song.flac", **fields: str) -> httpx2.Response:
        return self.call("POST", "/tracks/upload", files={"file": (name, data, "audio/flac")}, data=fields)

    def sent(self, data: bytes, name: str = "song.flac", **fields: str) -> dict[str, Any]:
        answer = self.upload(data, name, **fields)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def when_read(self, track: dict[str, Any]) -> dict[str, Any]:
        """Return the track once its tags were read."""
        address = f"/tracks/{track['id']}"
        wait_until(lambda: self.read(address)["mime_type"] != "application/octet-stream", what="its tags were read")
        return dict(self.read(address))

    def error(self, answer: httpx2.Response) -> int:
        """Return the status of a failure in the shape of this door."""
        assert answer.headers["content-type"] == "application/json"
        assert list(answer.json()) == ["error"]
        assert isinstance(answer.json()["error"], str)
        return answer.status_code


@pytest.fixture(scope="module")
def server(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data_dir = copied(template, tmp_path_factory.mktemp("rest"))
    add_user(data_dir, "boss", PASSWORD, "--admin")
    add_user(data_dir, "guest", PASSWORD, "--guest")
    settings = {
        "TUTTI_GRPC__PORTS": "",
        "TUTTI_AUTH__REGISTRATION": "open",
        "TUTTI_LIMITS__PASSWORDS_PER_MINUTE": "9999",
        "TUTTI_LIMITS__PASSWORDS_PER_HOUR": "9999",
        "TUTTI_UPLOADS__MAX_FILE_MB": "1",
    }
    with serving(data_dir, settings=settings) as server:
        yield server


@pytest.fixture
def nobody(server: Server, tmp_path: Path) -> Iterator[Rest]:
    with httpx2.Client(base_url=server.url, timeout=30) as http:
        yield Rest(server, tmp_path, http)


def registered(nobody: Rest) -> dict[str, Any]:
    credentials = {"username": f"phone-{next(_NUMBERS)}", "password": PASSWORD}
    answer = nobody.call("POST", "/auth/register", json=credentials)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def logged_in(nobody: Rest, name: str) -> str:
    answer = nobody.call("POST", "/auth/login", json={"username": name, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


@pytest.fixture
def ann(nobody: Rest) -> Iterator[Rest]:
    """Somebody new."""
    token = registered(nobody)["access_token"]
    with httpx2.Client(base_url=nobody.server.url, timeout=30, headers=bearer(token)) as http:
        yield Rest(nobody.server, nobody.place, http)


@pytest.fixture
def bob(nobody: Rest) -> Iterator[Rest]:
    """Somebody else."""
    token = registered(nobody)["access_token"]
    with httpx2.Client(base_url=nobody.server.url, timeout=30, headers=bearer(token)) as http:
        yield Rest(nobody.server, nobody.place, http)


class TestAccounts:
    def test_registering_is_201_and_signs_in(self, nobody: Rest) -> None:
        made = registered(nobody)

        assert set(made) == {"id", "username", "created_at", "access_token", "token_type"}
        assert isinstance(made["id"], int)
        assert made["token_type"] == "Bearer"
        assert isinstance(made["created_at"], int)
        assert nobody.call("GET", "/tracks", headers=bearer(made["access_token"])).json() == []

    def test_a_login_has_what_the_clients_of_both_originals_read(self, nobody: Rest) -> None:
        made = registered(nobody)

        answer = nobody.call("POST", "/auth/login", json={"username": made["username"], "password": PASSWORD}).json()

        assert set(answer) == {"token", "user", "expires_at", "access_token", "token_type"}
        assert answer["user"] == {key: made[key] for key in ("id", "username", "created_at")}
        assert answer["token"] == answer["access_token"]
        assert answer["token_type"] == "Bearer"

    def test_its_token_is_good_for_three_days_and_at_every_door(self, nobody: Rest) -> None:
        made = registered(nobody)
        answer = nobody.call("POST", "/auth/login", json={"username": made["username"], "password": PASSWORD}).json()

        assert 0 <= answer["expires_at"] - made["created_at"] - 3 * DAY_S < DAY_S
        with Api(nobody.server.url, answer["token"]) as api:
            assert api.read("/me")["username"] == made["username"]

    def test_such_a_token_has_no_power_over_the_server_or_the_account(self, nobody: Rest) -> None:
        with Api(nobody.server.url, logged_in(nobody, "boss")) as api:
            assert api.get("/users").status_code == 403
            assert api.post("/me/app-keys", {"name": "x", "scopes": ["listen"]}).status_code == 403

    def test_a_name_that_is_taken_is_409(self, nobody: Rest) -> None:
        credentials = {"username": registered(nobody)["username"], "password": PASSWORD}

        assert nobody.error(nobody.call("POST", "/auth/register", json=credentials)) == 409

    @pytest.mark.parametrize(
        "body", [{"username": "x"}, {"username": "", "password": PASSWORD}, {"username": "ed", "password": "x"}, [], 7]
    )
    def test_what_cannot_be_an_account_is_400(self, nobody: Rest, body: object) -> None:
        assert nobody.error(nobody.call("POST", "/auth/register", json=body)) == 400

    def test_a_body_that_is_no_json_is_415(self, nobody: Rest) -> None:
        assert nobody.error(nobody.call("POST", "/auth/login", data={"username": "x", "password": "y"})) == 415

    def test_a_body_of_more_than_a_megabyte_is_413(self, nobody: Rest) -> None:
        body = {"username": "x" * (1 << 20), "password": "y"}

        assert nobody.error(nobody.call("POST", "/auth/login", json=body)) == 413

    def test_what_old_apps_send_beside_it_is_passed_over(self, nobody: Rest) -> None:
        body = {"username": registered(nobody)["username"], "password": PASSWORD, "device": "phone"}

        assert nobody.call("POST", "/auth/login", json=body).status_code == 200

    def test_a_wrong_name_and_a_wrong_password_are_the_same_401(self, nobody: Rest) -> None:
        name = registered(nobody)["username"]
        tries = [(name, "wrong"), (name.upper(), PASSWORD), (f" {name}", PASSWORD), ("nobody at all", ""), (name, "")]

        answers = [nobody.call("POST", "/auth/login", json={"username": u, "password": p}) for u, p in tries]

        assert [nobody.error(answer) for answer in answers] == [401] * len(tries)
        assert len({answer.text for answer in answers}) == 1


def test_registering_follows_the_setting_of_the_server(template: Path, tmp_path: Path) -> None:
    with serving(copied(template, tmp_path), settings={"TUTTI_GRPC__PORTS": ""}) as server:
        answer = httpx2.post(f"{server.url}/api/auth/register", json={"username": "x", "password": PASSWORD})

    assert answer.status_code == 403
    assert list(answer.json()) == ["error"]


def test_who_guesses_too_often_is_429(template: Path, tmp_path: Path) -> None:
    settings = {"TUTTI_GRPC__PORTS": "", "TUTTI_LIMITS__PASSWORDS_PER_MINUTE": "1"}
    guess = {"username": "x", "password": "y"}
    with serving(copied(template, tmp_path), settings=settings) as server, httpx2.Client(base_url=server.url) as http:
        answers = [http.post("/api/auth/login", json=guess) for _ in range(3)]

    assert answers[-1].status_code == 429
    assert list(answers[-1].json()) == ["error"]
    assert int(answers[-1].headers["retry-after"]) > 0


def test_where_the_door_is_closed_its_paths_are_nobodys(template: Path, tmp_path: Path) -> None:
    with serving(copied(template, tmp_path), settings={"TUTTI_DOORS": "native"}) as server:
        assert httpx2.get(f"{server.url}/api/tracks").status_code == 404


class TestLists:
    def test_of_nothing_they_are_empty(self, ann: Rest) -> None:
        assert ann.read("/sync/status") == []
        assert ann.read("/tracks") == []

    def test_the_status_shows_an_upload_at_once(self, ann: Rest) -> None:
        data = ann.song()
        ann.sent(data, "one.flac")

        (line,) = ann.read("/sync/status")

        assert set(line) == {"file_hash", "filename", "uploaded_at"}
        assert (line["file_hash"], line["filename"]) == (hashlib.sha256(data).hexdigest(), "one.flac")
        assert datetime.fromisoformat(line["uploaded_at"]).tzinfo is not None

    def test_a_track_has_what_its_file_says(self, ann: Rest) -> None:
        sent = ann.sent(ann.song(title="Hello", artist="Ann", album="First"), "hello.flac")

        track = ann.when_read(sent)

        assert (track["title"], track["artist"], track["album"]) == ("Hello", "Ann", "First")
        assert track["mime_type"] == "audio/flac"
        assert ann.read("/tracks") == [track]

    def test_only_formats_of_phones_are_listed(self, ann: Rest) -> None:
        for suffix in ("mp3", "opus", "m4a", "aac", "ogg", "wav"):
            ann.sent(ann.song(suffix), f"song.{suffix}")

        assert [line["filename"].rpartition(".")[2] for line in ann.read("/sync/status")] == [
            "mp3",
            "m4a",
            "ogg",
            "wav",
        ]

    def test_two_files_of_one_name_have_two(self, ann: Rest) -> None:
        first, second = ann.sent(ann.song(), "x.flac"), ann.sent(ann.song(), "X.flac")

        assert first["filename"] == "x.flac"
        assert second["filename"] == f"X ({second['file_hash'][:8]}).flac"

    def test_everybody_has_his_own(self, ann: Rest, bob: Rest) -> None:
        ann.sent(ann.song())

        assert bob.read("/sync/status") == []
        assert bob.read("/tracks") == []


class TestTrack:
    def test_one_that_phones_do_not_know_is_there_by_its_id(self, ann: Rest) -> None:
        sent = ann.sent(ann.song("opus"), "song.opus")

        assert ann.read(f"/tracks/{sent['id']}")["filename"] == "song.opus"

    @pytest.mark.parametrize("path", ["", "/file", "/download"])
    @pytest.mark.parametrize("which", ["0", "999999999", "9" * 18, "9" * 19, "abc", "-1", "1.0", "%00", "..%2f1"])
    def test_what_is_not_there_is_404(self, ann: Rest, which: str, path: str) -> None:
        assert ann.error(ann.call("GET", f"/tracks/{which}{path}")) == 404

    @pytest.mark.parametrize("path", ["", "/file", "/download"])
    def test_that_of_others_is_404(self, ann: Rest, bob: Rest, path: str) -> None:
        track = ann.sent(ann.song())["id"]

        assert bob.error(bob.call("GET", f"/tracks/{track}{path}")) == 404
        assert bob.error(bob.call("DELETE", f"/tracks/{track}")) == 404
        assert ann.call("GET", f"/tracks/{track}{path}").status_code == 200


class TestBytes:
    @pytest.mark.parametrize("path", ["file", "download"])
    def test_they_are_those_that_were_sent(self, ann: Rest, path: str) -> None:
        data = ann.song()
        track = ann.sent(data, "a song.flac")["id"]

        answer = ann.call("GET", f"/tracks/{track}/{path}")

        assert answer.content == data
        assert answer.headers["content-disposition"].startswith('attachment; filename="a song.flac"')

    def test_they_come_in_ranges(self, ann: Rest) -> None:
        data = ann.song()
        track = ann.sent(data)["id"]

        answer = ann.call("GET", f"/tracks/{track}/file", headers={"Range": "bytes=10-19"})

        assert (answer.status_code, answer.content) == (206, data[10:20])

    def test_head_tells_of_them(self, ann: Rest) -> None:
        data = ann.song()
        track = ann.sent(data)["id"]

        answer = ann.call("HEAD", f"/tracks/{track}/file")

        assert (answer.status_code, answer.content) == (200, b"")
        assert int(answer.headers["content-length"]) == len(data)


class TestUpload:
    def test_the_answer_is_the_track(self, ann: Rest) -> None:
        data = ann.song()

        track = ann.sent(data, "dir/one.flac")

        assert set(track) == {
            *("id", "file_hash", "filename", "title", "artist", "album", "duration"),
            *("file_size", "mime_type", "uploaded_at", "updated_at"),
        }
        assert track["file_hash"] == hashlib.sha256(data).hexdigest()
        assert (track["filename"], track["file_size"]) == ("one.flac", len(data))

    def test_what_the_form_says_is_taken_where_the_file_is_silent(self, ann: Rest) -> None:
        silent = ann.sent(ann.song("wav"), "song.wav", title="Said", artist="Sayer", album="Sayings", duration="12")
        own = ann.sent(ann.song(title="Own"), "own.flac", title="Said", duration="never")

        assert (silent["title"], silent["artist"], silent["album"]) == ("Said", "Sayer", "Sayings")
        assert ann.when_read(silent)["title"] == "Said"
        wait_until(lambda: ann.read(f"/tracks/{own['id']}")["title"] == "Own", what="the tags were read")

    def test_fields_may_come_before_and_behind_the_file(self, ann: Rest) -> None:
        parts = [("title", (None, "Said")), ("file", ("song.wav", ann.song("wav"))), ("artist", (None, "Sayer"))]

        track = ann.call("POST", "/tracks/upload", files=parts).json()

        assert (track["title"], track["artist"]) == ("Said", "Sayer")

    def test_the_same_bytes_again_are_the_same_track(self, ann: Rest) -> None:
        data = ann.song()

        assert ann.sent(data, "one.flac")["id"] == ann.sent(data, "two.flac")["id"]
        assert [line["filename"] for line in ann.read("/sync/status")] == ["one.flac"]

    def test_sent_again_after_its_deletion_it_is_there_again(self, ann: Rest) -> None:
        data = ann.song()
        track = ann.sent(data)
        ann.call("DELETE", f"/tracks/{track['id']}")

        assert ann.sent(data)["id"] == track["id"]
        assert len(ann.read("/sync/status")) == 1

    @pytest.mark.parametrize(
        ("data", "status"), [(b"", 400), (b"This is no music at all.\n" * 100, 415), (b"fLaC" + bytes(1 << 20), 413)]
    )
    def test_what_is_refused_leaves_nothing(self, ann: Rest, data: bytes, status: int) -> None:
        assert ann.error(ann.upload(data)) == status
        assert ann.read("/sync/status") == []
        assert list(ann.server.data_dir.glob("**/staging/*")) == []

    def test_two_files_are_one_too_many_and_none_is_kept(self, ann: Rest) -> None:
        files = [("file", (f"{number}.flac", ann.song())) for number in (1, 2)]

        assert ann.error(ann.call("POST", "/tracks/upload", files=files)) == 400
        assert ann.read("/sync/status") == []

    @pytest.mark.parametrize(
        ("options", "status"),
        [
            ({"json": {}}, 415),
            ({"content": b"x", "headers": {"Content-Type": "multipart/form-data; boundary=b"}}, 400),
            ({"files": {"title": (None, "x")}}, 400),
            ({"files": {"title": (None, "x" * 5000)}}, 413),
        ],
        ids=["json", "broken", "no file", "long field"],
    )
    def test_what_is_no_form_with_a_file_is_refused(self, ann: Rest, options: dict[str, Any], status: int) -> None:
        assert ann.error(ann.call("POST", "/tracks/upload", **options)) == status

    def test_a_client_that_leaves_in_the_middle_leaves_nothing(self, ann: Rest) -> None:
        address = urlsplit(ann.server.url)
        head = (
            "POST /api/tracks/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n"
            f"Authorization: {ann.http.headers['authorization']}\r\n"
            "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
            '--b\r\nContent-Disposition: form-data; name="file"; filename="x.flac"\r\n\r\nfLaC'
        )
        with socket.create_connection((address.hostname, address.port)) as client:
            # A batch of a megabyte is what reaches the store, and what a file may have there.
            client.sendall(head.encode() + bytes((1 << 20) - 20))
            wait_until(lambda: list(ann.server.data_dir.glob("**/staging/*")) != [], what="bytes come in")
        wait_until(lambda: list(ann.server.data_dir.glob("**/staging/*")) == [], what="they are forgotten")

        assert ann.read("/sync/status") == []


class TestDelete:
    def test_it_leaves_the_lists_and_can_be_taken_back(self, ann: Rest) -> None:
        track = ann.sent(ann.song())

        assert ann.call("DELETE", f"/tracks/{track['id']}").status_code == 204
        assert ann.read("/sync/status") == []
        assert ann.error(ann.call("GET", f"/tracks/{track['id']}/file")) == 404
        assert ann.error(ann.call("DELETE", f"/tracks/{track['id']}")) == 404
        token = ann.http.headers["authorization"].removeprefix("Bearer ")
        with Api(ann.server.url, token) as api:
            assert len(api.read("/trash")["items"]) == 1


CALLS = [
    ("GET", "/sync/status", 200, 200),
    ("GET", "/tracks", 200, 200),
    ("GET", "/tracks/1", 404, 404),
    ("GET", "/tracks/1/file", 404, 404),
    ("GET", "/tracks/1/download", 404, 404),
    ("DELETE", "/tracks/1", 404, 403),
    ("POST", "/tracks/upload", 400, 403),
]
FORM = {"content": b"--b--\r\n", "headers": {"Content-Type": "multipart/form-data; boundary=b"}}


class TestAccess:
    @pytest.mark.parametrize("token", [None, ".", "rubbish", "x" * 9000])
    @pytest.mark.parametrize(("method", "path"), [call[:2] for call in CALLS])
    def test_without_a_good_token_it_is_401(self, nobody: Rest, method: str, path: str, token: str | None) -> None:
        headers = {} if token is None else bearer(token)
        sent: dict[str, Any] = {"files": {"file": ("x.flac", b"fLaC")}} if path == "/tracks/upload" else {}

        answer = nobody.call(method, path, headers=headers, **sent)

        assert nobody.error(answer) == 401
        assert answer.headers["www-authenticate"] == "Bearer"

    @pytest.mark.parametrize(("method", "path", "status"), [call[:3] for call in CALLS if call[0] == "GET"])
    def test_whoever_has_one_gets_what_is_his(self, ann: Rest, method: str, path: str, status: int) -> None:
        assert ann.call(method, path).status_code == status

    def test_a_guest_changes_nothing(self, nobody: Rest) -> None:
        headers = bearer(logged_in(nobody, "guest"))

        files = {"file": ("x.flac", nobody.song())}
        assert nobody.error(nobody.call("POST", "/tracks/upload", headers=headers, files=files)) == 403
        assert nobody.error(nobody.call("DELETE", "/tracks/1", headers=headers)) == 403

    def test_no_token_is_taken_in_a_query(self, ann: Rest, nobody: Rest) -> None:
        token = ann.http.headers["authorization"].removeprefix("Bearer ")

        assert nobody.call("GET", f"/tracks?token={token}&access_token={token}").status_code == 401


class TestManners:
    @pytest.mark.parametrize("path", ["/tracks/1/2/3", "/tracks/upload/x", "/sync/status/x", "/auth/nothing"])
    def test_an_unknown_path_is_404_in_this_shape(self, ann: Rest, path: str) -> None:
        assert ann.error(ann.call("GET", path)) == 404

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("POST", "/sync/status"),
            ("PUT", "/tracks"),
            ("PATCH", "/tracks/1"),
            ("POST", "/tracks/1/file"),
            ("GET", "/auth/login"),
        ],
    )
    def test_a_wrong_method_is_405_in_this_shape(self, ann: Rest, method: str, path: str) -> None:
        answer = ann.call(method, path)

        assert ann.error(answer) == 405
        assert answer.headers["allow"]

    @pytest.mark.parametrize("path", ["/sync/status", "/tracks", "/tracks/{id}", "/tracks/{id}/file"])
    def test_head_is_get_without_the_body(self, ann: Rest, path: str) -> None:
        where = path.format(id=ann.sent(ann.song())["id"])

        got, told = ann.call("GET", where), ann.call("HEAD", where)

        assert (told.status_code, told.content) == (200, b"")
        assert told.headers["content-length"] == got.headers["content-length"]
