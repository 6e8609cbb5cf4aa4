"""Profile, password, sessions and app keys of one's own (N106 to N117)."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from support.api import PASSWORD, Api, bearer, code_of, login
from support.server import Server, add_user, copied, run, serving, wait_until

OTHER = "another horse battery"


@pytest.fixture(scope="module")
def server(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data_dir = copied(template, tmp_path_factory.mktemp("myself"))
    add_user(data_dir, "ada", PASSWORD, "--admin")
    add_user(data_dir, "bob", PASSWORD, "--email", "bob@example.org")
    with serving(data_dir) as running:
        yield running


@pytest.fixture
def ada(server: Server) -> Iterator[Api]:
    with Api.sign_in(server.url, "ada") as api:
        yield api


@pytest.fixture
def bob(server: Server) -> Iterator[Api]:
    with Api.sign_in(server.url, "bob") as api:
        yield api


def made_key(api: Api, *scopes: str, **more: object) -> dict[str, str]:
    """Make an app key."""
    made = api.post("/me/app-keys", {"name": "radio", "scopes": scopes, **more})
    assert made.status_code == 201, made.text
    return dict(made.json())


class TestProfile:
    def test_one_says_of_oneself_what_one_likes(self, bob: Api) -> None:
        said = {"first_name": "Bob", "last_name": "Ross", "birth_date": "1942-10-29"}

        changed = bob.request("PATCH", "/me", json=said).json()

        assert changed == bob.read("/me")
        assert said.items() <= changed.items()
        assert (changed["username"], changed["email"], changed["roles"]) == ("bob", "bob@example.org", ["user"])

    def test_null_takes_away_and_silence_keeps(self, bob: Api) -> None:
        bob.request("PATCH", "/me", json={"birth_date": "1942-10-29", "last_name": "Ross"})

        changed = bob.request("PATCH", "/me", json={"birth_date": None}).json()

        assert (changed["birth_date"], changed["last_name"]) == (None, "Ross")

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"email": "nowhere"}, (422, "bad_email")),
            ({"birth_date": "2999-01-01"}, (422, "bad_birth_date")),
            ({"birth_date": "yesterday"}, (400, "bad_request")),
            ({"first_name": "x" * 101}, (400, "bad_request")),
            ({"first_name": None}, (400, "bad_request")),
            ({"username": "rob"}, (400, "bad_request")),
            ({"roles": ["admin"]}, (400, "bad_request")),
            ({"is_active": True}, (400, "bad_request")),
            ({"quota_bytes": 1}, (400, "bad_request")),
        ],
    )
    def test_the_rest_is_not_ones_own_to_say(self, bob: Api, change: dict[str, object], code: tuple[int, str]) -> None:
        """O-LOG7"""
        assert code_of(bob.request("PATCH", "/me", json=change)) == code


class TestPassword:
    def test_a_new_one_ends_the_other_sessions_alone(self, server: Server, bob: Api) -> None:
        other = login(server.url, "bob")
        key = made_key(bob, "listen")["key"]

        assert bob.post("/me/password", {"current": PASSWORD, "new": OTHER}).status_code == 204

        assert code_of(bob.get("/me", bearer(other["access_token"]))) == (401, "session_ended")
        refused = bob.post("/auth/refresh", {"refresh_token": other["refresh_token"]})
        assert code_of(refused) == (401, "refresh_refused")
        assert bob.read("/me")["username"] == "bob"
        assert bob.get("/me", bearer(key)).status_code == 200
        assert code_of(bob.post("/auth/login", {"username": "bob", "password": PASSWORD})) == (401, "bad_login")
        assert bob.post("/me/password", {"current": OTHER, "new": PASSWORD}).status_code == 204

    @pytest.mark.parametrize(
        ("current", "new", "code"),
        [("wrong", OTHER, (403, "wrong_password")), (PASSWORD, "short", (422, "bad_password"))],
    )
    def test_it_is_refused_when_something_is_wrong(
        self, bob: Api, current: str, new: str, code: tuple[int, str]
    ) -> None:
        assert code_of(bob.post("/me/password", {"current": current, "new": new})) == code


class TestSessions:
    def test_one_sees_where_one_is_signed_in(self, server: Server, bob: Api) -> None:
        body = {"username": "bob", "password": PASSWORD, "client": "Car radio"}
        assert bob.post("/auth/login", body).status_code == 200

        sessions = bob.read("/me/sessions")

        assert [one["door"] for one in sessions if one["is_current"]] == ["native"]
        car = next(one for one in sessions if one["client"] == "Car radio")
        assert (car["address"], car["is_current"]) == ("127.0.0.1", False)

    def test_one_session_is_ended_and_no_other(self, server: Server, bob: Api) -> None:
        with Api.sign_in(server.url, "bob") as other:
            (target,) = [one["id"] for one in other.read("/me/sessions") if one["is_current"]]

            assert bob.request("DELETE", f"/me/sessions/{target}").status_code == 204

            assert code_of(other.get("/me")) == (401, "session_ended")
            assert bob.get("/me").status_code == 200
            assert code_of(bob.request("DELETE", f"/me/sessions/{target}")) == (404, "session_not_found")

    def test_somebody_elses_is_404(self, ada: Api, bob: Api) -> None:
        """O-AZ2"""
        (target,) = [one["id"] for one in bob.read("/me/sessions") if one["is_current"]]

        for uuid in (target, str(uuid4())):
            assert code_of(ada.request("DELETE", f"/me/sessions/{uuid}")) == (404, "session_not_found")
        assert bob.get("/me").status_code == 200

    def test_signing_out_everywhere_ends_all_of_ones_own(self, server: Server, ada: Api, bob: Api) -> None:
        others = [login(server.url, "bob") for _ in range(2)]

        assert bob.post("/auth/logout-everywhere").status_code == 204

        for token in (bob.token, *(one["access_token"] for one in others)):
            assert code_of(ada.get("/me", bearer(token))) == (401, "session_ended")
        assert ada.read("/me")["username"] == "ada"


class TestAppKeys:
    def test_a_key_is_shown_once(self, bob: Api) -> None:
        made = made_key(bob, "sync", "listen")

        assert made["key"].startswith("tutti_")
        listed = next(one for one in bob.read("/me/app-keys") if one["id"] == made["id"])
        assert (listed["name"], listed["scopes"], listed["expires_at"]) == ("radio", ["listen", "sync"], None)
        assert made["key"] not in bob.get("/me/app-keys").text

    def test_it_may_what_its_scopes_say_and_no_more(self, ada: Api) -> None:
        key = bearer(made_key(ada, "listen")["key"])

        assert ada.get("/tracks", key).status_code == 200
        assert ada.get("/me", key).json()["permissions"] == ["listen"]
        for method, path, body in (
            ("GET", "/users", None),
            ("POST", "/libraries", {"name": "Mine"}),
            ("GET", "/me/sessions", None),
            ("POST", "/me/app-keys", {"name": "child", "scopes": ["listen"]}),
            ("POST", "/me/password", {"current": PASSWORD, "new": OTHER}),
            ("PATCH", "/me", {"email": None}),
        ):
            assert code_of(ada.request(method, path, json=body, headers=key)) == (403, "not_allowed"), path

    def test_one_that_is_not_for_listening_plays_nothing(self, ada: Api) -> None:
        key = bearer(made_key(ada, "upload")["key"])

        for path in ("/tracks", "/libraries", "/search", f"/tracks/{uuid4()}/stream", f"/tracks/{uuid4()}"):
            answer = ada.get(path, key, **({"q": "x"} if path == "/search" else {}))
            assert code_of(answer) == (403, "not_allowed"), path

    def test_a_revoked_one_is_refused_at_once(self, bob: Api) -> None:
        made = made_key(bob, "listen")
        assert bob.get("/me", bearer(made["key"])).status_code == 200

        assert bob.request("DELETE", f"/me/app-keys/{made['id']}").status_code == 204

        assert code_of(bob.get("/me", bearer(made["key"]))) == (401, "key_ended")
        assert code_of(bob.request("DELETE", f"/me/app-keys/{made['id']}")) == (404, "app_key_not_found")

    def test_somebody_elses_is_404(self, ada: Api, bob: Api) -> None:
        """O-AZ2"""
        made = made_key(bob, "listen")

        assert code_of(ada.request("DELETE", f"/me/app-keys/{made['id']}")) == (404, "app_key_not_found")
        assert made["id"] not in ada.get("/me/app-keys").text
        assert ada.get("/me", bearer(made["key"])).json()["username"] == "bob"

    def test_it_is_out_with_its_account_and_in_again_with_it(self, server: Server, bob: Api) -> None:
        """P34: from another process."""
        key = bearer(made_key(bob, "listen")["key"])
        assert bob.get("/me", key).status_code == 200

        assert run(server.data_dir, "user", "disable", "bob").returncode == 0

        wait_until(lambda: bob.get("/me", key).status_code == 401, what="the key is refused", deadline_s=5)
        assert run(server.data_dir, "user", "enable", "bob").returncode == 0
        wait_until(lambda: bob.get("/me", key).status_code == 200, what="the key is taken again", deadline_s=5)

    def test_its_use_is_noted(self, bob: Api) -> None:
        made = made_key(bob, "listen")
        bob.get("/me", bearer(made["key"]))

        listed = next(one for one in bob.read("/me/app-keys") if one["id"] == made["id"])
        assert listed["last_used_at"] >= listed["created_at"]

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"scopes": []}, (400, "bad_request")),
            ({"scopes": ["everything"]}, (400, "bad_request")),
            ({"scopes": ["administer"]}, (422, "bad_scopes")),
            ({"name": " "}, (422, "bad_name")),
            ({"expires_at": "2020-01-01T00:00:00Z"}, (422, "bad_expiry")),
            ({"expires_at": "2020-01-01T00:00:00"}, (400, "bad_request")),
            ({"key": "tutti_mine"}, (400, "bad_request")),
        ],
    )
    def test_what_cannot_be_is_refused(self, bob: Api, change: dict[str, object], code: tuple[int, str]) -> None:
        assert code_of(bob.post("/me/app-keys", {"name": "radio", "scopes": ["listen"], **change})) == code

    @pytest.mark.parametrize("text", ["tutti_", "tutti_x", "tutti_" + "x" * 43, "tutti_" + "x" * 9000, "TUTTI_x"])
    def test_one_that_was_made_up_is_refused(self, bob: Api, text: str) -> None:
        status, code = code_of(bob.get("/me", bearer(text)))

        assert (status, code) in {(401, "key_invalid"), (401, "token_invalid")}
