"""What administrators do with accounts (N118 to N124)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.api import PASSWORD, Api, Thing, bearer, code_of, login
from support.server import Server, add_user, copied, run, serving, wait_until

OTHER = "another horse battery"


@pytest.fixture(scope="module")
def server(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data_dir = copied(template, tmp_path_factory.mktemp("users"))
    add_user(data_dir, "ada", PASSWORD, "--admin")
    with serving(data_dir) as running:
        yield running


@pytest.fixture(scope="module")
def ada(server: Server) -> Iterator[Api]:
    with Api.sign_in(server.url, "ada") as api:
        yield api


@pytest.fixture
def eve(ada: Api) -> Iterator[Thing]:
    """A new account, gone afterwards."""
    made = ada.post("/users", {"username": "eve", "password": PASSWORD}).json()
    yield made
    ada.request("DELETE", f"/users/{made['id']}")


def change(ada: Api, user: Thing, **changes: object) -> Thing:
    answer = ada.request("PATCH", f"/users/{user['id']}", json=changes)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_an_account_is_shown_whole(ada: Api, eve: Thing) -> None:
    shown = ada.read(f"/users/{eve['id']}")

    assert shown in ada.read("/users")
    assert (shown["username"], shown["roles"], shown["is_active"]) == ("eve", ["user"], True)
    assert (shown["email"], shown["quota_bytes"]) == (None, None)


def test_quota_and_address_are_changed_and_taken_back(ada: Api, eve: Thing) -> None:
    changed = change(ada, eve, quota_bytes=10**12, email="eve@example.org")
    assert (changed["quota_bytes"], changed["email"]) == (10**12, "eve@example.org")

    assert change(ada, eve, quota_bytes=None, email=None)["quota_bytes"] is None


def test_a_role_acts_at_once_on_tokens_that_were_given_before(server: Server, ada: Api, eve: Thing) -> None:
    """P34"""
    with Api.sign_in(server.url, "eve") as api:
        assert code_of(api.get("/users")) == (403, "not_allowed")

        change(ada, eve, roles=["user", "admin"])
        assert api.get("/users").status_code == 200
        change(ada, eve, roles=["guest"])

        assert code_of(api.get("/users")) == (403, "not_allowed")
        assert code_of(api.get("/sources")) == (403, "not_allowed")
        assert api.get("/tracks").status_code == 200


def test_a_role_from_another_process_acts_within_a_second(server: Server, ada: Api, eve: Thing) -> None:
    with Api.sign_in(server.url, "eve") as api:
        assert api.get("/sources").status_code == 200

        assert run(server.data_dir, "user", "role", "eve", "guest").returncode == 0

        wait_until(lambda: api.get("/sources").status_code == 403, what="she is a guest", deadline_s=5)


def test_whoever_is_disabled_is_out_at_once(server: Server, ada: Api, eve: Thing) -> None:
    tokens = login(server.url, "eve")

    change(ada, eve, is_active=False)

    assert code_of(ada.get("/me", bearer(tokens["access_token"]))) == (401, "session_ended")
    assert code_of(ada.post("/auth/refresh", {"refresh_token": tokens["refresh_token"]})) == (401, "refresh_refused")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"roles": []}, (422, "bad_roles")),
        ({"roles": ["admin"]}, (422, "bad_roles")),
        ({"roles": ["root"]}, (400, "bad_request")),
        ({"roles": "admin"}, (400, "bad_request")),
        ({"quota_bytes": -1}, (400, "bad_request")),
        ({"quota_bytes": "1"}, (400, "bad_request")),
        ({"is_active": None}, (400, "bad_request")),
        ({"email": "nowhere"}, (422, "bad_email")),
        ({"password": OTHER}, (400, "bad_request")),
    ],
)
def test_what_cannot_be_is_refused(ada: Api, eve: Thing, changes: Thing, code: tuple[int, str]) -> None:
    assert code_of(ada.request("PATCH", f"/users/{eve['id']}", json=changes)) == code


@pytest.mark.parametrize("changes", [{"is_active": False}, {"roles": ["user"]}, {"roles": ["guest"]}])
def test_the_last_administrator_stays_one(ada: Api, changes: Thing) -> None:
    me = ada.read("/me")["id"]

    assert code_of(ada.request("PATCH", f"/users/{me}", json=changes)) == (409, "last_admin")
    assert code_of(ada.request("DELETE", f"/users/{me}")) == (409, "last_admin")


def test_a_given_password_ends_sessions_and_app_keys(server: Server, ada: Api, eve: Thing) -> None:
    with Api.sign_in(server.url, "eve") as api:
        key = api.post("/me/app-keys", {"name": "radio", "scopes": ["listen"]}).json()["key"]

        assert ada.post(f"/users/{eve['id']}/password", {"password": OTHER}).status_code == 204

        assert code_of(api.get("/me")) == (401, "session_ended")
        assert code_of(api.get("/me", bearer(key))) == (401, "key_ended")
    assert login(server.url, "eve", OTHER)["user"]["username"] == "eve"
    assert code_of(ada.post(f"/users/{eve['id']}/password", {"password": "short"})) == (422, "bad_password")


def test_a_deleted_account_leaves_nothing_to_whoever_takes_its_name(server: Server, ada: Api, eve: Thing) -> None:
    """O-JWT6"""
    tokens = login(server.url, "eve")
    assert ada.request("DELETE", f"/users/{eve['id']}").status_code == 204
    assert code_of(ada.get(f"/users/{eve['id']}")) == (404, "user_not_found")

    again = ada.post("/users", {"username": "eve", "password": PASSWORD}).json()

    assert again["id"] != eve["id"]
    assert code_of(ada.get("/me", bearer(tokens["access_token"]))) == (401, "session_ended")
    assert code_of(ada.post("/auth/refresh", {"refresh_token": tokens["refresh_token"]})) == (401, "refresh_refused")
    assert ada.request("DELETE", f"/users/{again['id']}").status_code == 204


def test_a_shared_library_keeps_its_owner(server: Server, ada: Api) -> None:
    made = ada.post("/users", {"username": "otto", "password": PASSWORD}).json()
    with Api.sign_in(server.url, "otto") as otto:
        assert otto.post("/libraries", {"name": "Ours"}).status_code == 201

    assert code_of(ada.request("DELETE", f"/users/{made['id']}")) == (409, "owns_library")
