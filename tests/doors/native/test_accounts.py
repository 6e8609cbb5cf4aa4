"""Signing in, staying signed in, signing out; accounts and their administrator (N22 to N33)."""

from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice
from pathlib import Path

import httpx2
import pytest

from doors.native.conftest import Served
from support.api import PASSWORD, Api, bearer, code_of, login
from support.server import PLAIN, add_user, run, serving, wait_until
from support.tones import write_tone


def refresh(url: str, token: object) -> httpx2.Response:
    """Trade a refresh token."""
    return httpx2.post(f"{url}/api/v1/auth/refresh", json={"refresh_token": token}, verify=PLAIN)


class TestSigningIn:
    def test_a_login_gives_two_tokens_and_the_account(self, served: Served) -> None:
        signed_in = login(served.server.url, "bob")

        assert signed_in["token_type"] == "Bearer"
        assert signed_in["expires_in"] == 60 * 60
        assert signed_in["user"].items() <= served.bob.read("/me").items()
        assert (signed_in["user"]["email"], signed_in["user"]["roles"]) == ("bob@example.org", ["user"])
        assert served.nobody.get("/me", bearer(signed_in["access_token"])).json()["username"] == "bob"

    @pytest.mark.parametrize("name", ["bob", "BOB", "Bob", "\uff42\uff4f\uff42"])
    def test_a_name_has_no_case_and_no_width(self, served: Served, name: str) -> None:
        assert login(served.server.url, name)["user"]["username"] == "bob"

    @pytest.mark.parametrize(
        ("name", "password"),
        [
            ("nobody", PASSWORD),
            ("ada", "wrong"),
            ("ada", PASSWORD + " "),
            ("ada", " " + PASSWORD),
            ("ada", PASSWORD.upper()),
            ("ada", PASSWORD + "\0"),
            ("ada", "x" * 1024),
            ("%", PASSWORD),
            ("' OR 1=1 --", PASSWORD),
            ("ada\u200b", "admin"),
            ("admin", "admin"),
        ],
    )
    def test_whatever_is_wrong_is_said_alike(self, served: Served, name: str, password: str) -> None:
        """O-LOG4, O-LOG5, O-LOG6, P39"""
        answer = served.nobody.post("/auth/login", {"username": name, "password": password})

        assert code_of(answer) == (401, "bad_login")
        assert answer.json()["title"] == "The user name or the password is wrong."

    def test_a_flood_of_logins_keeps_nobody_else_waiting(self, served: Served) -> None:
        """Hashing is the dearest thing a stranger can ask for (reliability.md finding 9)."""

        def attempt(_: int) -> httpx2.Response:
            body = {"username": "ada", "password": "wrong"}
            return httpx2.post(f"{served.server.url}/api/v1/auth/login", json=body, timeout=60, verify=PLAIN)

        with ThreadPoolExecutor(33) as pool:
            attempts = [pool.submit(attempt, number) for number in range(33)]
            some = list(islice(as_completed(attempts), 8))
            assert served.ada.read("/me")["username"] == "ada"
            waiting = [one for one in attempts if not one.done()]

        assert len(waiting) > len(some)
        assert {code_of(one.result()) for one in attempts} <= {(401, "bad_login"), (503, "password_queue_full")}


class TestStayingSignedIn:
    def test_a_refresh_gives_the_next_pair(self, served: Served) -> None:
        first = login(served.server.url, "bob")

        second = refresh(served.server.url, first["refresh_token"]).json()

        assert second["refresh_token"] != first["refresh_token"]
        assert second["user"] == first["user"]
        assert served.nobody.get("/me", bearer(second["access_token"])).json()["username"] == "bob"

    def test_a_lost_answer_locks_nobody_out(self, served: Served) -> None:
        """P31"""
        token = login(served.server.url, "bob")["refresh_token"]

        successors = {refresh(served.server.url, token).json()["refresh_token"] for _ in range(3)}

        assert len(successors) == 1
        assert refresh(served.server.url, successors.pop()).status_code == 200

    def test_a_token_that_was_used_twice_ends_the_session(self, served: Served) -> None:
        """O-REF1"""
        first = login(served.server.url, "bob")
        second = refresh(served.server.url, first["refresh_token"]).json()
        third = refresh(served.server.url, second["refresh_token"]).json()

        assert code_of(refresh(served.server.url, first["refresh_token"])) == (401, "refresh_refused")
        assert code_of(refresh(served.server.url, third["refresh_token"])) == (401, "refresh_refused")
        wait_until(
            lambda: served.nobody.get("/me", bearer(third["access_token"])).status_code == 401,
            what="the session has ended",
        )

    def test_many_refreshes_at_once_are_one_lineage(self, served: Served) -> None:
        """O-REF2"""
        token = login(served.server.url, "bob")["refresh_token"]

        with ThreadPoolExecutor(10) as pool:
            answers = list(pool.map(lambda _: refresh(served.server.url, token), range(20)))

        assert {one.status_code for one in answers} == {200}
        assert len({one.json()["refresh_token"] for one in answers}) == 1

    @pytest.mark.parametrize("kind", ["access", "made up", "long", "odd"])
    def test_what_is_no_refresh_token_is_refused(self, served: Served, kind: str) -> None:
        """O-JWT5"""
        made = {"access": served.ada.token, "made up": "x", "long": "x" * 8192, "odd": "\u0000\ud7ff"}

        assert code_of(refresh(served.server.url, made[kind])) == (401, "refresh_refused")

    def test_a_refresh_token_signs_nobody_in(self, served: Served) -> None:
        """O-JWT5"""
        token = login(served.server.url, "bob")["refresh_token"]

        assert code_of(served.nobody.get("/me", bearer(token))) == (401, "token_invalid")


class TestSigningOut:
    def test_a_logout_ends_every_token_of_its_session_and_no_other(self, served: Served) -> None:
        leaving, staying = login(served.server.url, "ada"), login(served.server.url, "ada")
        with Api(served.server.url, leaving["access_token"]) as api:
            address = api.ticket("Moon")

            assert api.post("/auth/logout").status_code == 204

            assert code_of(api.get("/me")) == (401, "session_ended")
        assert code_of(refresh(served.server.url, leaving["refresh_token"])) == (401, "refresh_refused")
        assert code_of(httpx2.get(address)) == (401, "session_ended")
        assert served.nobody.get("/me", bearer(staying["access_token"])).status_code == 200


class TestAdministration:
    def test_accounts_are_listed_by_name(self, served: Served) -> None:
        users = served.ada.read("/users")

        assert [(one["username"], one["email"], one["is_active"]) for one in users] == [
            ("ada", None, True),
            ("bob", "bob@example.org", True),
        ]

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"username": "bob"}, (409, "user_exists")),
            ({"username": "BoB"}, (409, "user_exists")),
            ({"username": "b\u043eb", "email": "BOB@example.org"}, (409, "user_exists")),
            ({"username": "x" * 65}, (422, "bad_username")),
            ({"username": "a\u202eb"}, (422, "bad_username")),
            ({"username": "bob\u200b"}, (409, "user_exists")),
            ({"username": "\u200b"}, (422, "bad_username")),
            ({"username": " "}, (422, "bad_username")),
            ({"password": "1234567"}, (422, "bad_password")),
            ({"email": "a@b"}, (422, "bad_email")),
            ({"email": "a b@example.org"}, (422, "bad_email")),
            ({"is_admin": "true"}, (400, "bad_request")),
            ({"id": 7}, (400, "bad_request")),
        ],
    )
    def test_an_account_that_cannot_be_is_refused(
        self, served: Served, change: dict[str, object], code: tuple[int, str]
    ) -> None:
        """O-LOG5, O-LOG7"""
        answer = served.ada.post("/users", {"username": "carol", "password": PASSWORD, **change})

        assert code_of(answer) == code


@pytest.fixture
def ada_alone(data_dir: Path, tmp_path: Path) -> Path:
    """The data folder of a server that knows Ada and one long track."""
    add_user(data_dir, "ada", PASSWORD)
    write_tone(tmp_path / "music" / "moon.wav", seconds=60, tags={"title": "Moon"})
    assert run(data_dir, "scan", tmp_path / "music", "--user", "ada").returncode == 0
    return data_dir


def test_an_account_that_another_process_disables_is_out_at_once(ada_alone: Path) -> None:
    """P34: on the API and with a ticket; its sessions stay dead when it is enabled again."""
    with serving(ada_alone) as server, Api.sign_in(server.url, "ada") as ada:
        address = ada.ticket("Moon")
        assert httpx2.get(address, headers={"Range": "bytes=0-9"}).status_code == 206

        assert run(ada_alone, "user", "disable", "ada").returncode == 0

        wait_until(lambda: ada.get("/me").status_code == 401, what="she is refused", deadline_s=5)
        assert code_of(httpx2.get(address)) == (401, "session_ended")
        assert code_of(ada.post("/auth/login", {"username": "ada", "password": PASSWORD})) == (401, "bad_login")
        assert run(ada_alone, "user", "enable", "ada").returncode == 0
        login(server.url, "ada")
        assert ada.get("/me").status_code == 401
