"""Registering, open, by invite and closed (N100 to N105)."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest

from doors.native.conftest import Served
from support.api import PASSWORD, Api, bearer, code_of
from support.server import Server, add_user, copied, lines, run, serving

BOB = {"username": "bob", "password": PASSWORD}


def started(template: Path, place: Path, admission: str) -> Iterator[Server]:
    data_dir = copied(template, place)
    add_user(data_dir, "ada", PASSWORD, "--admin")
    with serving(data_dir, settings={"TUTTI_AUTH__REGISTRATION": admission}) as server:
        yield server


@pytest.fixture(scope="module")
def opened(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    yield from started(template, tmp_path_factory.mktemp("open"), "open")


@pytest.fixture(scope="module")
def inviting(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    yield from started(template, tmp_path_factory.mktemp("inviting"), "invite")


@pytest.mark.parametrize("name", ["ada", "nobody yet", "\u200b"])
def test_a_closed_server_tells_nothing_of_names(served: Served, name: str) -> None:
    answer = served.nobody.post("/register", {"username": name, "password": PASSWORD, "invite": "x"})

    assert code_of(answer) == (403, "registration_closed")


class TestOpen:
    def test_whoever_asks_is_signed_in(self, opened: Server) -> None:
        with Api(opened.url) as api:
            made = api.post("/register", {"username": "eve", "password": PASSWORD, "email": "eve@example.org"})

            assert made.status_code == 201
            me = api.get("/me", bearer(made.json()["access_token"])).json()
        assert (me["username"], me["email"], me["roles"]) == ("eve", "eve@example.org", ["user"])

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"username": "ada"}, (409, "user_exists")),
            ({"username": "ADA"}, (409, "user_exists")),
            ({"username": "ada\u200b"}, (409, "user_exists")),
            ({"username": " bob"}, (422, "bad_username")),
            ({"password": "1234567"}, (422, "bad_password")),
            ({"email": "nowhere"}, (422, "bad_email")),
            ({"role": "admin"}, (400, "bad_request")),
            ({"roles": ["admin"]}, (400, "bad_request")),
            ({"is_admin": True}, (400, "bad_request")),
            ({"user.is_admin": True}, (400, "bad_request")),
            ({"id": 1}, (400, "bad_request")),
            ({"created_at": "2020-01-01T00:00:00Z"}, (400, "bad_request")),
            ({"username": ["bob"]}, (400, "bad_request")),
            ({"username": {"$ne": ""}}, (400, "bad_request")),
        ],
    )
    def test_what_cannot_be_is_refused(self, opened: Server, change: dict[str, object], code: tuple[int, str]) -> None:
        """O-LOG5, O-LOG7"""
        with Api(opened.url) as api:
            assert code_of(api.post("/register", {**BOB, **change})) == code

    @pytest.mark.parametrize("password", ["x" * 1025, "x" * 900_000])
    def test_a_password_is_never_cut(self, opened: Server, password: str) -> None:
        """O-LOG4"""
        with Api(opened.url) as api:
            assert code_of(api.post("/register", {**BOB, "password": password})) == (400, "bad_request")

    @pytest.mark.parametrize("password", ["nul\0inside it", "e\u0301" * 8, "  around  ", "\u00e9" * 128, "x" * 1024])
    def test_a_password_is_what_was_typed(self, opened: Server, password: str) -> None:
        """O-LOG4"""
        name = uuid4().hex
        with Api(opened.url) as api:
            assert api.post("/register", {"username": name, "password": password}).status_code == 201
            assert api.post("/auth/login", {"username": name, "password": password}).status_code == 200
            for other in (password[:-1], password[1:], password.strip(), password.replace("\0", "")):
                if other != password:
                    answer = api.post("/auth/login", {"username": name, "password": other})
                    assert code_of(answer) == (401, "bad_login")


class TestByInvite:
    @pytest.mark.parametrize("place", ["body", "field"])
    def test_a_code_lets_one_in(self, inviting: Server, place: str) -> None:
        with Api.sign_in(inviting.url, "ada") as ada, Api(inviting.url) as api:
            made = ada.post("/invites", {"days": 2}).json()
            wanted = {"username": f"by {place}", "password": PASSWORD}
            body, fields = ({**wanted, "invite": made["code"]}, {}) if place == "body" else (wanted, made)

            first = api.request("POST", "/register", json=body, headers={"X-Invite": fields.get("code", "")})

            assert first.json()["user"]["username"] == f"by {place}"
            again = api.request("POST", "/register", json={**BOB, "invite": made["code"]})
            assert code_of(again) == (403, "invite_refused")
            listed = next(one for one in ada.read("/invites") if one["id"] == made["id"])
            assert (listed["created_by"], listed["used_by"]) == ("ada", f"by {place}")
            assert made["code"] not in ada.get("/invites").text

    def test_without_one_nobody_learns_of_names(self, inviting: Server) -> None:
        with Api(inviting.url) as api:
            for name in ("ada", "bob"):
                assert code_of(api.post("/register", {**BOB, "username": name})) == (403, "invite_refused")

    def test_of_many_at_once_one_gets_in(self, inviting: Server) -> None:
        (code,) = lines(run(inviting.data_dir, "user", "invite", settings=INVITE).stdout)

        def register(number: int) -> int:
            with Api(inviting.url) as api:
                body = {"username": f"racer {number}", "password": PASSWORD, "invite": code}
                return api.post("/register", body).status_code

        with ThreadPoolExecutor(8) as pool:
            assert sorted(pool.map(register, range(8))) == [201] + [403] * 7

    def test_one_that_was_withdrawn_is_refused(self, inviting: Server) -> None:
        with Api.sign_in(inviting.url, "ada") as ada:
            made = ada.post("/invites", {}).json()
            assert ada.request("DELETE", f"/invites/{made['id']}").status_code == 204

            assert code_of(ada.request("DELETE", f"/invites/{made['id']}")) == (404, "invite_not_found")
            assert code_of(ada.post("/register", {**BOB, "invite": made["code"]})) == (403, "invite_refused")


INVITE = {"TUTTI_AUTH__REGISTRATION": "invite"}
