"""How the native door behaves on every path: problem documents, ids, HEAD, methods, bodies, fields (N1-N8)."""

import re
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from doors.native.conftest import Served
from support.api import Api, code_of
from support.httpbytes import Client, request
from support.routes import Operation, operations

ENDLESS = "/api/v1/events"
"""Its answer to GET never ends."""
ENDS_ALL = "/api/v1/auth/logout-everywhere"
GETS = [one for one in operations() if one.method == "GET" and one.path != ENDLESS]
PATHS = sorted({one.path for one in operations()})
LEAKS = re.compile(r"(?i)traceback|file \"|sqlite|select |/src/|site-packages|litestar|uvicorn|msgspec|sqlalchemy")

login: dict[str, Any] = {"username": "ada", "password": "wrong", "client": "test"}


@pytest.mark.parametrize("path", ["//nothing", "/nothing", "//api/v2", "//%00", "//.env", "//.git/config"])
def test_an_unknown_path_is_a_problem_document(served: Served, path: str) -> None:
    answer = served.nobody.request("GET", path)

    assert code_of(answer) == (404, "not_found")


@pytest.mark.parametrize("path", ["//metrics", "//docs", "//openapi.json", "//debug", "//admin", "//schema"])
def test_nothing_of_the_server_lies_open(served: Served, path: str) -> None:
    """O-OP1; as a stranger asks through a proxy, for this machine itself may know more."""
    assert served.nobody.get(path, {"X-Forwarded-For": "198.51.100.1"}).status_code == 404


def test_a_problem_document_has_its_members(served: Served) -> None:
    answer = served.nobody.get("/nothing")

    assert answer.json() == {
        "type": "about:blank",
        "title": "There is nothing at this address.",
        "status": 404,
        "code": "not_found",
        "request_id": answer.headers["x-request-id"],
    }


@pytest.mark.parametrize("sent", ["a", "A-b_c.9", "x" * 64])
def test_a_safe_request_id_comes_back(served: Served, sent: str) -> None:
    assert served.nobody.get("//health", {"X-Request-Id": sent}).headers["x-request-id"] == sent


@pytest.mark.parametrize("sent", ["", "x" * 65, "a b", "a\tb", "é", '"', "a\x00", "<script>"])
def test_an_unsafe_request_id_is_replaced(served: Served, sent: str) -> None:
    fields = [(b"X-Request-Id", sent.encode())]
    answer = raw(served, b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%b: %b\r\n\r\n" % fields[0])

    assert re.search(rb"x-request-id: [0-9a-f]{32}\r\n", answer) or answer.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("operation", operations(), ids=str)
def test_every_answer_has_its_id_and_the_safe_fields(served: Served, operation: Operation) -> None:
    """O-HT7, O-HT5"""
    answer = served.nobody.request(operation.method, operation.somewhere)

    assert answer.headers["x-request-id"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "server" not in answer.headers
    assert not any(name.startswith("access-control-") for name in answer.headers)


@pytest.mark.parametrize("operation", GETS, ids=str)
def test_head_is_get_without_the_body(served: Served, operation: Operation) -> None:
    path = operation.somewhere

    got, headed = served.ada.get(path), served.ada.request("HEAD", path)

    assert headed.status_code == got.status_code
    assert headed.content == b""
    assert {*headed.headers} == {*got.headers}
    assert headed.headers["content-type"] == got.headers["content-type"]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "PROPFIND"])
@pytest.mark.parametrize(
    "path", ["//health", "/genres", "/tracks", f"/tracks/{'0' * 8}-0000-4000-8000-{'0' * 12}/stream"]
)
def test_a_wrong_method_is_405_and_names_the_right_ones(served: Served, path: str, method: str) -> None:
    answer = served.ada.request(method, path)

    assert code_of(answer) == (405, "method_not_allowed")
    assert "GET" in answer.headers["allow"]
    assert "HEAD" in answer.headers["allow"]


@pytest.mark.parametrize("method", ["TRACE", "OPTIONS", "CONNECT"])
def test_other_methods_do_nothing(served: Served, method: str) -> None:
    """O-AZ5, O-HT5"""
    answer = served.ada.request(method, "/me", headers={"Origin": "https://evil.example"})

    assert answer.status_code in {204, 405}
    assert "access-control-allow-origin" not in answer.headers
    assert '"ada"' not in answer.text


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "json"])
def test_a_body_that_does_not_say_that_it_is_json_is_415(served: Served, kind: str) -> None:
    """O-HT6"""
    body = b'{"username": "ada", "password": "correct horse battery"}'

    answer = served.nobody.request("POST", "/auth/login", content=body, headers={"Content-Type": kind})

    assert code_of(answer) == (415, "unsupported_media_type")


@pytest.mark.parametrize("field", ["X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"])
def test_a_field_does_not_change_the_method(served: Served, field: str) -> None:
    """O-AZ5"""
    answer = served.ada.request("GET", "/libraries", headers={field: "POST"}, params={"_method": "POST"})

    assert answer.status_code == 200
    assert isinstance(answer.json(), list)


@pytest.mark.parametrize("origin", ["null", "https://evil.example", "http://127.0.0.1"])
def test_no_origin_is_let_in(served: Served, origin: str) -> None:
    """O-HT5"""
    fields = {"Origin": origin, "Access-Control-Request-Method": "GET"}

    for answer in (served.ada.get("/me", fields), served.ada.request("OPTIONS", "/me", headers=fields)):
        assert not any(name.startswith("access-control-") for name in answer.headers)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"username": 1}, "username"),
        ({"username": None}, "username"),
        ({"password": True}, "password"),
        ({"client": []}, "client"),
        ({"username": ""}, "username"),
        ({"username": "a" * 201}, "username"),
        ({"is_admin": True}, "is_admin"),
        ({"role": "admin"}, "role"),
    ],
)
def test_a_wrong_field_is_named(served: Served, change: dict[str, object], named: str) -> None:
    answer = served.nobody.post("/auth/login", login | change)

    assert code_of(answer) == (400, "bad_request")
    assert named in answer.json()["title"]


def test_a_missing_field_is_named(served: Served) -> None:
    answer = served.nobody.post("/auth/login", {"username": "ada"})

    assert code_of(answer) == (400, "bad_request")
    assert "password" in answer.json()["title"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"\xff\xfe",
        b'{"username": "\xff", "password": "x"}',
        b'{"username": "\\ud800", "password": "x"}',
        b'{"username": "ada", "password": "x"} {}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"username": ' + b"9" * 100_000 + b', "password": "x"}',
        b'{"username": NaN, "password": "x"}',
    ],
)
def test_a_body_that_is_no_such_object_is_400(served: Served, body: bytes) -> None:
    """O-HT2"""
    answer = served.nobody.request("POST", "/auth/login", content=body, headers={"Content-Type": "application/json"})

    assert code_of(answer) == (400, "bad_request")


@pytest.mark.parametrize("size", [(1 << 20) + 1, 3 << 20])
def test_a_body_of_more_than_a_megabyte_is_413(served: Served, size: int) -> None:
    answer = served.nobody.request("POST", "/auth/login", content=b'"' + b"x" * size + b'"')

    assert code_of(answer) == (413, "body_too_large")


def test_a_body_without_a_length_is_counted_while_it_comes(served: Served) -> None:
    answer = served.nobody.request("POST", "/auth/login", content=(b"x" * 65_536 for _ in range(20)))

    assert code_of(answer) == (413, "body_too_large")


def test_whoever_leaves_in_the_middle_of_a_body_is_no_crash(served: Served) -> None:
    """Each that was slow on purpose left a page of log (P55)."""
    fields = {"Content-Length": "100", "Content-Type": "application/json"}

    with Client(urlsplit(served.server.url).port or 0) as client:
        client.send(request("/api/v1/auth/login", "POST", **fields) + b"{")
        client.socket.shutdown(socket.SHUT_WR)
        client.rest()

    assert served.nobody.get("//health").is_success
    assert [line for line in served.server.log if "request.crashed" in line] == []


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/tracks", {"limit": "ten"}),
        ("/tracks", {"limit": "1.5"}),
        ("/tracks", {"limit": ""}),
        ("/tracks", {"limit": "9" * 5000}),
        ("/tracks", {"library": "1"}),
        ("/tracks", {"album": "no-uuid"}),
        ("/search", {}),
        ("/search", {"q": "x" * 501}),
        ("/artists", {"cursor": "x" * 4097}),
    ],
)
def test_a_query_of_the_wrong_type_is_400(served: Served, path: str, query: dict[str, str]) -> None:
    assert code_of(served.ada.request("GET", path, params=query)) == (400, "bad_request")


@pytest.mark.parametrize("path", ["/tracks/1", "/tracks/..%2f..%2fetc%2fpasswd", "/albums/%00", "/sources/x/refused"])
def test_an_id_that_is_none_is_nothing(served: Served, path: str) -> None:
    assert served.ada.get(path).status_code == 404


def test_ten_thousand_query_keys_are_refused(served: Served) -> None:
    """O-HT2"""
    query = b"&".join(b"key%d=1" % number for number in range(10_000))

    answer = raw(served, b"GET /api/v1/genres?%b HTTP/1.1\r\nHost: x\r\n\r\n" % query)

    assert answer.startswith(b"HTTP/1.1 431 ")


@pytest.fixture
def passing(served: Served) -> Iterator[Api]:
    """A session of its own, because one of the operations ends it; the one that ends all is left to test_matrix.py."""
    with Api.sign_in(served.server.url, "ada") as ada:
        yield ada


@pytest.mark.parametrize("operation", [one for one in operations() if one.path not in {ENDLESS, ENDS_ALL}], ids=str)
@pytest.mark.parametrize("is_signed_in", [True, False])
def test_no_error_tells_of_the_inside(
    served: Served,
    passing: Api,
    operation: Operation,
    is_signed_in: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """O-HT9"""
    content = b'{"x": "\xff", "token": "no", "username": 1}' if operation.method == "POST" else None
    asking = passing if is_signed_in else served.nobody

    answer = asking.request(operation.method, operation.somewhere, params={"limit": "x"}, content=content)

    # The list of sources is where an editor does learn the path; it takes no limit, so it is no error.
    told = answer.text.replace(str(served.music), "") if answer.is_success else answer.text
    assert not LEAKS.search(told)
    assert str(served.music) not in told
    assert str(served.server.data_dir) not in told
    assert answer.status_code < 500


def test_refused_heads_tell_nothing_either(served: Served) -> None:
    """O-HT2, O-HT9"""
    answer = raw(served, b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 10_000 + b"\r\n")

    assert answer.startswith(b"HTTP/1.1 431 ")
    assert not LEAKS.search(answer.decode())


def raw(served: Served, data: bytes) -> bytes:
    """Send bytes as they are and return all that comes back."""
    parts = urlsplit(served.server.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=30) as connection:
        connection.sendall(data)
        received = b""
        while piece := connection.recv(65_536):
            received += piece
    return received


def test_tokens_are_not_to_be_stored(served: Served) -> None:
    """O-HT7"""
    answer = httpx2.post(
        f"{served.server.url}/api/v1/auth/login", json={"username": "bob", "password": "correct horse battery"}
    )

    assert answer.headers["cache-control"] == "no-store"
