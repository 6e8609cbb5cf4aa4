"""Who may call what: nobody, a stranger, another user, an administrator (N9, N24, N48, N49; O-AZ1 to O-AZ4)."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from doors.native.conftest import Served
from support.api import Api, bearer, code_of
from support.routes import Operation, operations
from tutti.kit.clock import system_clock

GUARDED = [one for one in operations() if one.policy in {"signed_in", "admin"}]
OPEN = [one for one in operations() if one.policy in {"anyone", "signed_in_or_local"}]
_BODIES = {
    "POST /api/v1/users": {"username": "mallory", "password": "mallory's password"},
    "POST /api/v1/sources": {"path": "/"},
}
"""What an administrator would send."""
ADMINS = [one for one in operations() if one.policy == "admin"]


@pytest.mark.parametrize("operation", GUARDED, ids=str)
def test_without_a_token_it_is_401(served: Served, operation: Operation) -> None:
    """O-AZ1"""
    answer = served.nobody.request(operation.method, operation.somewhere)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert operation.method == "HEAD" or answer.json()["code"] == "token_missing"


@pytest.mark.parametrize("operation", OPEN, ids=str)
def test_what_is_open_is_open(served: Served, operation: Operation) -> None:
    assert code_or_ok(served.nobody, operation) not in {"token_missing", "token_invalid"}


@pytest.mark.parametrize("operation", ADMINS, ids=str)
def test_what_is_the_administrators_is_403_to_others(served: Served, operation: Operation) -> None:
    """O-AZ4"""
    body = _BODIES.get(str(operation))

    answer = served.bob.request(operation.method, operation.somewhere, json=body)

    assert code_of(answer) == (403, "not_allowed")


def code_or_ok(api: Api, operation: Operation) -> str:
    """Return the word of a failure, or `ok`."""
    answer = api.request(operation.method, operation.somewhere)
    return answer.json()["code"] if answer.is_error else "ok"


def sealed(head: dict[str, Any], claims: dict[str, Any], key: bytes) -> str:
    """Return a token signed with a shared secret, as a forger would make one."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (head, claims)]
    mac = hmac.digest(key, b".".join(parts), hashlib.sha256)
    return b".".join([*parts, base64.urlsafe_b64encode(mac).rstrip(b"=")]).decode()


def claims_of(token: str) -> dict[str, Any]:
    """Return what is in a genuine token."""
    body = token.split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))))


@pytest.mark.parametrize("algorithm", ["none", "None", "nOnE", ""])
def test_a_token_without_a_signature_is_refused(served: Served, algorithm: str) -> None:
    """O-JWT1"""
    head, body, signature = served.ada.token.split(".")
    bare = base64.urlsafe_b64encode(json.dumps({"alg": algorithm, "typ": "at+jwt"}).encode()).rstrip(b"=").decode()

    for token in (f"{bare}.{body}.", f"{bare}.{body}.{signature}", f"{head}.{body}."):
        assert code_of(served.nobody.get("/me", bearer(token))) == (401, "token_invalid")


def test_a_token_signed_with_the_public_key_is_refused(served: Served) -> None:
    """O-JWT2"""
    key = served.nobody.read("//.well-known/jwks.json")["keys"][0]
    claims = claims_of(served.ada.token)

    for secret in (json.dumps(key).encode(), key["n"].encode()):
        token = sealed({"alg": "HS256", "typ": "at+jwt", "kid": key["kid"]}, claims, secret)
        assert code_of(served.nobody.get("/me", bearer(token))) == (401, "token_invalid")


@pytest.mark.parametrize("kid", ["../../dev/null", "' OR 1=1 --", "x" * 10_000, "", None, 1])
def test_a_token_with_another_key_id_is_refused(served: Served, kid: object) -> None:
    """O-JWT3"""
    head = {"alg": "RS256", "typ": "at+jwt", "kid": kid, "jku": f"{served.server.url}/keys"}
    token = sealed(head, claims_of(served.ada.token), b"key")

    assert code_of(served.nobody.get("/me", bearer(token)))[0] == 401


@pytest.mark.parametrize("place", [5, 200, -5])
def test_an_altered_token_is_refused(served: Served, place: int) -> None:
    token = served.ada.token
    changed = "A" if token[place] != "A" else "B"

    altered = token[:place] + changed + token[place % len(token) + 1 :]

    assert code_of(served.nobody.get("/me", bearer(altered))) == (401, "token_invalid")


@pytest.mark.parametrize(
    "field",
    ["Bearer", "Basic YWRhOmFkYQ==", "bearer x", "Bearer x.y.z", "Bearer " + "a" * 9000, "Bearer é"],
)
def test_a_field_that_holds_no_token_is_401(served: Served, field: str) -> None:
    answer = served.nobody.request("GET", "/me", headers=[(b"Authorization", field.encode())])

    assert answer.status_code == 401


def test_the_scheme_has_no_case(served: Served) -> None:
    assert served.nobody.get("/me", {"Authorization": f"bEaReR {served.ada.token}"}).json()["username"] == "ada"


def test_the_token_tells_nothing_that_counts_for_roles(served: Served) -> None:
    """Roles come from the account: what a forger writes into a token is not even read."""
    head, _, signature = served.bob.token.split(".")
    claims = claims_of(served.bob.token) | {"roles": ["ROLE_ADMIN"], "exp": int(system_clock().timestamp()) + 999}
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()

    assert code_of(served.nobody.get("/users", bearer(f"{head}.{body}.{signature}"))) == (401, "token_invalid")


@pytest.mark.parametrize("name", ["access_token", "token", "jwt", "authorization", "apiKey"])
def test_no_query_parameter_signs_in(served: Served, name: str) -> None:
    assert served.nobody.request("GET", "/me", params={name: served.ada.token}).status_code == 401


@pytest.mark.parametrize("name", ["access_token", "token", "session", "tutti", "Authorization"])
def test_no_cookie_signs_in(served: Served, name: str) -> None:
    answer = served.nobody.get("/me", {"Cookie": f"{name}={served.ada.token}"})

    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("field", ["X-User-Id", "X-Forwarded-User", "Remote-User", "X-Forwarded-For"])
def test_no_field_names_the_caller(served: Served, field: str) -> None:
    """O-AZ3, P47"""
    assert served.bob.get("/me", {field: "ada"}).json()["username"] == "bob"
    assert served.nobody.get("/me", {field: "127.0.0.1"}).status_code == 401


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/tracks/{track}", "track_not_found"),
        ("/tracks/{track}/cover", "track_not_found"),
        ("/tracks/{track}/stream", "track_not_found"),
        ("/albums/{album}", "album_not_found"),
        ("/albums/{album}/cover", "album_not_found"),
        ("/artists/{artist}", "artist_not_found"),
        ("/folders/{folder}", "folder_not_found"),
        ("/folders/{folder}/folders", "folder_not_found"),
        ("/sources/{source}/refused", "source_not_found"),
    ],
)
def test_what_is_another_users_is_404(served: Served, path: str, code: str) -> None:
    """O-AZ2"""
    theirs = path.format(**things_of(served.bob))

    assert served.bob.get(theirs).is_success
    assert code_of(served.ada.get(theirs)) == (404, code)
    assert served.nobody.get(theirs).status_code == 401


@pytest.mark.parametrize(
    ("path", "code"), [("/tracks/{track}/ticket", "track_not_found"), ("/sources/{source}/scan", "source_not_found")]
)
def test_what_is_another_users_cannot_be_acted_on(served: Served, path: str, code: str) -> None:
    """O-AZ2"""
    assert code_of(served.ada.post(path.format(**things_of(served.bob)))) == (404, code)


@pytest.mark.parametrize("kind", ["artist", "album", "genre", "folder"])
def test_a_filter_by_what_is_another_users_finds_nothing(served: Served, kind: str) -> None:
    things = things_of(served.bob)

    assert served.bob.every("/tracks", **{kind: things[kind]})
    assert served.ada.every("/tracks", **{kind: things[kind]}) == []


@pytest.mark.parametrize("path", ["/artists", "/albums", "/tracks", "/genres"])
def test_another_users_library_is_404(served: Served, path: str) -> None:
    answer = served.ada.get(path, library=things_of(served.bob)["library"])

    assert code_of(answer) == (404, "library_not_found")


@pytest.mark.parametrize("path", ["/artists", "/albums", "/tracks", "/genres", "/folders", "/sources", "/libraries"])
def test_names_of_other_libraries_are_in_no_list(served: Served, path: str) -> None:
    text = served.ada.get(path).text

    for name in ("Hush", "Hidden", "Concealed", "Secretcore", "bob"):
        assert name not in text


@pytest.mark.parametrize("query", ["Hush", "Hidden", "Concealed", "ush"])
def test_names_of_other_libraries_are_in_no_search(served: Served, query: str) -> None:
    assert served.bob.read("/search", q=query)["tracks"]
    assert served.ada.read("/search", q=query) == {"artists": [], "albums": [], "tracks": []}


def things_of(api: Api) -> dict[str, str]:
    """Return an id of each kind that somebody has."""
    track = api.every("/tracks")[0]
    return {
        "track": track["id"],
        "album": track["album_id"],
        "artist": track["artist_id"],
        "library": track["library_id"],
        "genre": api.every("/genres")[0]["id"],
        "folder": api.read("/folders")[0]["id"],
        "source": api.read("/sources")[0]["id"],
    }
