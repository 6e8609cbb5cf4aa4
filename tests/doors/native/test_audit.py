"""The audit log as an administrator reads it (P48, O-OP3)."""

import httpx2

from doors.native.conftest import Served
from support.api import PASSWORD


def sign_in(served: Served, *, client: str = "kitchen", **headers: str) -> None:
    body = {"username": "bob", "password": PASSWORD, "client": client}
    answer = httpx2.post(f"{served.server.url}/api/v1/auth/login", json=body, headers=headers)
    assert answer.status_code == 200, answer.text


def test_an_entry_says_from_where_and_by_which_request(served: Served) -> None:
    sign_in(served, **{"X-Request-Id": "audit-1", "X-Forwarded-For": "198.51.100.1"})

    found = next(one for one in served.ada.read("/audit")["items"] if one["request_id"] == "audit-1")

    assert (found["action"], found["outcome"], found["actor"]) == ("sign_in", "ok", "bob")
    assert (found["door"], found["address"], found["target"]) == ("native", "127.0.0.1", "kitchen")
    assert found["actor_id"] == served.bob.read("/me")["id"]


def test_it_is_narrowed_and_read_page_by_page(served: Served) -> None:
    for _ in range(3):
        sign_in(served)

    found = served.ada.every("/audit", action="sign_in", actor="bob")

    assert {(one["action"], one["actor"]) for one in found} == {("sign_in", "bob")}
    assert [one["id"] for one in found] == sorted((one["id"] for one in found), reverse=True)
    paged = [one for page in served.ada.pages("/audit", limit=2, action="sign_in", actor="bob") for one in page]
    assert [one["id"] for one in paged] == [one["id"] for one in found]


def test_a_hostile_client_leaves_one_harmless_line(served: Served) -> None:
    sign_in(served, client="evil\r\n\x1b[31m\u202e" + "x" * 100, **{"X-Request-Id": "a\tb"})

    target = served.ada.read("/audit", limit=1)["items"][0]["target"]

    assert target == "evil  [31m" + "x" * 100
