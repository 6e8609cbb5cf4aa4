"""The claim of a new server, through the form and through the API (N16 to N21; P40)."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from pathlib import Path
from threading import Barrier

import httpx2
import pytest

from support.api import PASSWORD, Api, code_of
from support.server import PLAIN, Server, add_user, copied, serving

FIELDS = {"username": "ada", "password": PASSWORD}


@pytest.fixture
def server(data_dir: Path) -> Iterator[Server]:
    """A server that nobody owns yet."""
    with serving(data_dir) as server:
        yield server


@pytest.fixture(scope="module")
def closed(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that no test of this module succeeds to claim."""
    with serving(copied(template, tmp_path_factory.mktemp("closed"))) as server:
        yield server


def claim(server: Server, **change: object) -> httpx2.Response:
    """Try to claim by the API."""
    with Api(server.url) as api:
        return api.post("/claim", {"token": server.claim_token, **FIELDS, **change})


def send_form(server: Server, **change: str) -> httpx2.Response:
    """Try to claim by the form."""
    return httpx2.post(f"{server.url}/claim", data={"token": server.claim_token, **FIELDS, **change}, verify=PLAIN)


class TestByTheAPI:
    def test_a_claim_makes_an_administrator_and_signs_in(self, server: Server) -> None:
        answer = claim(server, email="ada@example.org")

        assert answer.status_code == 201
        with Api(server.url, answer.json()["access_token"]) as ada:
            assert ada.read("/me")["roles"] == ["admin", "user"]
            assert ada.read("/me")["email"] == "ada@example.org"
            assert [one["username"] for one in ada.read("/users")] == ["ada"]

    def test_wrong_used_and_late_tokens_are_refused_alike(self, server: Server) -> None:
        wrong = claim(server, token="wrong")
        assert claim(server).status_code == 201
        used = claim(server, username="eve")
        late = claim(server, username="eve", token="wrong")

        assert {code_of(one) for one in (wrong, used, late)} == {(403, "claim_refused")}
        assert len({one.json()["title"] for one in (wrong, used, late)}) == 1

    def test_of_two_claims_at_once_one_wins(self, server: Server) -> None:
        barrier = Barrier(2)

        def race(name: str) -> int:
            barrier.wait(10)
            return claim(server, username=name).status_code

        with ThreadPoolExecutor(2) as pool:
            statuses = list(pool.map(race, ("ada", "eve")))

        assert sorted(statuses) == [201, 403]

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"username": " ada"}, "bad_username"),
            ({"username": "\u202eada"}, "bad_username"),
            ({"password": "short"}, "bad_password"),
            ({"email": "nowhere"}, "bad_email"),
        ],
    )
    def test_a_claim_that_was_mistyped_can_be_repeated(self, server: Server, change: dict[str, str], code: str) -> None:
        assert code_of(claim(server, **change)) == (422, code)
        assert claim(server).status_code == 201

    def test_a_claim_may_not_say_more_than_it_asks(self, server: Server) -> None:
        """O-LOG7"""
        assert code_of(claim(server, is_admin=True)) == (400, "bad_request")


class TestByTheForm:
    def test_the_form_has_the_token_and_no_script(self, closed: Server) -> None:
        page = httpx2.get(f"{closed.url}/claim", params={"token": closed.claim_token})

        assert page.status_code == 200
        assert page.headers["content-type"].startswith("text/html")
        assert page.headers["cache-control"] == "no-store"
        assert "form-action 'self'" in page.headers["content-security-policy"]
        assert "script" not in page.text
        assert str(closed.claim_token) in page.text

    def test_the_form_claims(self, server: Server) -> None:
        page = send_form(server)

        assert page.status_code == 200
        assert "ada" in page.text
        Api.sign_in(server.url, "ada").close()

    @pytest.mark.parametrize(
        ("change", "status"),
        [({"token": "wrong"}, 403), ({"username": ""}, 422), ({"password": ""}, 422), ({"email": "no"}, 422)],
    )
    def test_what_went_wrong_stands_in_the_form(self, closed: Server, change: dict[str, str], status: int) -> None:
        page = send_form(closed, **change)

        assert page.status_code == status
        assert re.search(r'role="alert">[^<]+\.<', page.text)
        assert "<form" in page.text

    @pytest.mark.parametrize("text", ['"><script>alert(1)</script>', "{error}", "{token}", "&quot;", "' onload='x"])
    def test_what_was_typed_cannot_become_markup(self, closed: Server, text: str) -> None:
        pages = [httpx2.get(f"{closed.url}/claim", params={"token": text}), send_form(closed, token=text)]

        for page in pages:
            value = re.search(r'name="token" value="([^"]*)"', page.text)
            assert value is not None
            assert unescape(value[1]) == text
            assert "<script" not in page.text

    @pytest.mark.parametrize("content", [b"", b"token", b"\xff=\xff", b"token=a&token=b", b"a=1&" * 3000, b"token=%ff"])
    def test_a_form_that_is_none_is_refused(self, closed: Server, content: bytes) -> None:
        fields = {"Content-Type": "application/x-www-form-urlencoded"}

        answer = httpx2.post(f"{closed.url}/claim", content=content, headers=fields, verify=PLAIN)

        assert 400 <= answer.status_code < 500


class TestOverTime:
    def test_a_start_makes_a_new_token_until_somebody_claims(self, data_dir: Path) -> None:
        with serving(data_dir) as server:
            old = server.claim_token
        with serving(data_dir) as server:
            assert code_of(claim(server, token=old)) == (403, "claim_refused")
            assert claim(server).status_code == 201
        with serving(data_dir) as server:
            assert server.claim_token is None

    def test_an_administrator_made_by_command_closes_the_claim(self, server: Server, data_dir: Path) -> None:
        add_user(data_dir, "root", PASSWORD, "--admin")

        assert code_of(claim(server)) == (403, "claim_refused")

    def test_an_ordinary_account_leaves_it_open(self, server: Server, data_dir: Path) -> None:
        add_user(data_dir, "bob", PASSWORD)

        assert claim(server).status_code == 201
