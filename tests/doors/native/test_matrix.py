"""Every operation, called by everybody: the answers are those of a reviewed table (O-AZ1, O-AZ3, O-AZ4, O-AZ5; P44)."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx2
import pytest

from support.api import PASSWORD, Api, bearer, code_of
from support.music import Song
from support.routes import Operation, document, operations
from support.server import add_user, copied, serving

TABLE = Path(__file__).parents[2] / "meta" / "access_matrix.txt"
PEOPLE = ("nobody", "guest", "user", "key", "admin")


def reviewed() -> dict[str, tuple[str, ...]]:
    """Return the table: an operation, and the status that each of `PEOPLE` gets."""
    lines = (line.split() for line in TABLE.read_text().splitlines() if line and not line.startswith("#"))
    return {f"{method} {path}": tuple(statuses) for method, path, *statuses in lines}


REVIEWED = reviewed()
TUS = {"Tus-Resumable": "1.0.0", "Upload-Length": "9", "Upload-Offset": "0"}
SENT: Mapping[str, Mapping[str, Any]] = {
    "PUT /api/v1/files/{name}": {"content": Song().data},
    "PUT /api/v1/sync/items/{item}/bytes": {
        "content": Song().data,
        "params": {"replaces": "0" * 64, "sha256": "0" * 64},
    },
    "POST /api/v1/uploads": {"files": {"file": ("one.ogg", Song().data)}},
    "POST /api/v1/tus": {"headers": TUS},
    "GET /api/v1/tus/{upload}": {"headers": TUS},
    "DELETE /api/v1/tus/{upload}": {"headers": TUS},
    "PATCH /api/v1/tus/{upload}": {
        "content": b"x",
        "headers": {**TUS, "Content-Type": "application/offset+octet-stream"},
    },
}
"""What the operations are sent that take no JSON."""
OPERATIONS = operations()


class Crowd:
    """A server, and one of each kind of people; whoever signs out comes back."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._tokens: dict[str, str] = {}
        self.key = self.made_key()

    def made_key(self) -> str:
        """Return an administrator's app key for listening."""
        with Api.sign_in(self.url, "admin") as admin:
            return str(admin.post("/me/app-keys", {"name": "radio", "scopes": ["listen"]}).json()["key"])

    def fields(self, who: str) -> dict[str, str]:
        """Return what somebody shows."""
        if who in {"nobody", "key"}:
            return {} if who == "nobody" else bearer(self.key)
        if who not in self._tokens:
            with Api.sign_in(self.url, who) as api:
                self._tokens[who] = api.token
        return bearer(self._tokens[who])

    def call(self, who: str, operation: Operation, **options: Any) -> httpx2.Response:
        """Let somebody call an operation on things that do not exist."""
        fields = self.fields(who) | options.pop("headers", {})
        with Api(self.url) as api:
            answer = api.request(operation.method, operation.somewhere, headers=fields, **options)
        if "/auth/" in operation.path and answer.is_success:
            self._tokens.pop(who, None)
        return answer


@pytest.fixture(scope="module")
def crowd(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crowd]:
    data_dir = copied(template, tmp_path_factory.mktemp("crowd"))
    add_user(data_dir, "admin", PASSWORD, "--admin")
    add_user(data_dir, "user", PASSWORD)
    add_user(data_dir, "guest", PASSWORD, "--guest")
    with serving(data_dir) as server:
        yield Crowd(server.url)


def test_every_operation_was_reviewed() -> None:
    assert set(REVIEWED) == set(map(str, OPERATIONS)), "add, review or delete the line"


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_everybody_gets_what_was_reviewed(crowd: Crowd, operation: Operation) -> None:
    sent = SENT.get(str(operation), {"json": operation.body})

    found = tuple(str(crowd.call(who, operation, **sent).status_code) for who in PEOPLE)

    assert found == REVIEWED.get(str(operation)), f"{operation!s:<60} {' '.join(found)}"


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_the_table_follows_the_policies(operation: Operation) -> None:
    """What is guarded is 401 to strangers; what is the administrators' is 403 to everybody else."""
    nobody, *others, _admin = REVIEWED.get(str(operation), PEOPLE)

    if operation.policy in {"signed_in", "admin"}:
        assert nobody == "401"
    if operation.policy == "admin":
        assert set(others) == {"403"}


@pytest.mark.parametrize("path", document()["paths"])
@pytest.mark.parametrize("disguise", ["", "X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"])
def test_no_other_verb_does_anything(crowd: Crowd, path: str, disguise: str) -> None:
    """O-AZ5"""
    known = {one.method for one in OPERATIONS if one.path == path}
    headers = {disguise: min(known)} if disguise else {}

    for method in sorted({"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"} - known):
        answer = crowd.call("admin", Operation(method, path, ""), headers=headers)
        assert code_of(answer) == (405, "method_not_allowed"), method


BODIES = [one for one in OPERATIONS if one.body is not None]
FOREIGN = ("owner", "ownerId", "owner_id", "userId", "user_id", "role", "isAdmin", "created_at", "_method")


@pytest.mark.parametrize("operation", BODIES, ids=str)
def test_nobody_names_an_owner_in_a_body(crowd: Crowd, operation: Operation) -> None:
    """O-AZ3, O-LOG7"""
    for name in FOREIGN:
        answer = crowd.call("admin", operation, json={**(operation.body or {}), name: "x"})
        assert code_of(answer) == (400, "bad_request"), name
        assert name in answer.json()["title"]


@pytest.mark.parametrize("name", ["userId", "user_id", "owner", "username", "_method"])
def test_nobody_names_an_owner_in_a_query(crowd: Crowd, name: str) -> None:
    """O-AZ3"""
    me = next(one for one in OPERATIONS if str(one) == "GET /api/v1/me")

    assert crowd.call("user", me, params={name: "admin"}).json()["username"] == "user"
