"""Forged, foreign and misplaced tokens, and keys that rotate under load (P36; O-JWT1 to O-JWT6)."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from socket import create_server
from threading import Event
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from doors.native.conftest import Served
from support.api import PASSWORD, Api, bearer, code_of, login
from support.server import Server, add_user, copied, run, serving, wait_until
from tutti.kit.clock import system_clock

INVALID = (401, "token_invalid")
Claims = dict[str, Any]


def part(value: object) -> str:
    """Return one segment of a token."""
    raw = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def opened(token: str, segment: int = 1) -> Claims:
    """Return what is in a genuine token."""
    text = token.split(".")[segment]
    return dict(json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))))


def sealed(head: object, claims: object, key: bytes) -> str:
    """Return a token signed with a shared secret."""
    text = f"{part(head)}.{part(claims)}"
    return f"{text}.{part(hmac.digest(key, text.encode(), hashlib.sha256))}"


def signed(head: object, claims: object, key: rsa.RSAPrivateKey) -> str:
    """Return a token signed with a private key."""
    text = f"{part(head)}.{part(claims)}"
    return f"{text}.{part(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def now() -> int:
    return int(system_clock().timestamp())


@pytest.fixture(scope="module")
def key(served: Served) -> rsa.RSAPrivateKey:
    """The server's own: what only its owner has, for tokens that nothing but their claims speaks against."""
    pem = (served.server.data_dir / "keys" / "signing-1.pem").read_bytes()
    found = serialization.load_pem_private_key(pem, None)
    assert isinstance(found, rsa.RSAPrivateKey)
    return found


@pytest.fixture(scope="module")
def head(served: Served) -> Claims:
    return opened(served.ada.token, 0)


@pytest.fixture(scope="module")
def claims(served: Served) -> Claims:
    return {**opened(served.ada.token), "iat": now(), "exp": now() + 900}


def refusal(served: Served, token: str) -> tuple[int, str]:
    return code_of(served.nobody.get("/me", bearer(token)))


def test_the_forger_of_these_tests_makes_good_tokens(
    served: Served, key: rsa.RSAPrivateKey, head: Claims, claims: Claims
) -> None:
    assert served.nobody.get("/me", bearer(signed(head, claims, key))).json()["username"] == "ada"


@pytest.mark.parametrize("algorithm", ["none", "None", "nOnE", "NONE", "", None, "RS256 ", "rs256"])
def test_a_token_without_a_signature_is_refused(served: Served, algorithm: str) -> None:
    """O-JWT1"""
    head, body, signature = served.ada.token.split(".")
    bare = part({"alg": algorithm, "typ": "at+jwt"})

    for token in (f"{bare}.{body}.", f"{bare}.{body}.{signature}", f"{head}.{body}.", f"{head}.{body}"):
        assert refusal(served, token) == INVALID


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "RS384", "PS256", "ES256", "EdDSA", "RSA-OAEP"])
def test_a_token_of_another_algorithm_is_refused(
    served: Served, key: rsa.RSAPrivateKey, head: Claims, claims: Claims, algorithm: str
) -> None:
    assert refusal(served, signed({**head, "alg": algorithm}, claims, key)) == INVALID


@pytest.mark.parametrize("secret", ["jwk", "n", "pem", "der", "kid", "jwks", ""])
def test_a_token_signed_with_the_public_key_is_refused(
    served: Served, key: rsa.RSAPrivateKey, head: Claims, claims: Claims, secret: str
) -> None:
    """O-JWT2"""
    published = served.nobody.get("//.well-known/jwks.json")
    jwk, public = published.json()["keys"][0], key.public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    secrets = {
        "jwk": json.dumps(jwk).encode(),
        "n": jwk["n"].encode(),
        "pem": public.public_bytes(serialization.Encoding.PEM, form),
        "der": public.public_bytes(serialization.Encoding.DER, form),
        "kid": jwk["kid"].encode(),
        "jwks": published.content,
        "": b"",
    }

    for algorithm in ("HS256", "RS256"):
        assert refusal(served, sealed({**head, "alg": algorithm}, claims, secrets[secret])) == INVALID


@pytest.mark.parametrize(
    "kid", ["../../dev/null", "/dev/null", "' OR 1=1 --", "x" * 10_000, "", None, 1, [], {}, "signing-1.pem", "\u0000"]
)
def test_a_token_with_another_key_id_is_refused(
    served: Served, key: rsa.RSAPrivateKey, head: Claims, claims: Claims, kid: object
) -> None:
    """O-JWT3"""
    assert refusal(served, signed({**head, "kid": kid}, claims, key)) == INVALID
    assert refusal(served, sealed({**head, "alg": "HS256", "kid": kid}, claims, b"")) == INVALID


@pytest.mark.parametrize("name", ["jku", "x5u", "jwk", "x5c", "crit", "b64", "zip", "cty"])
def test_no_key_and_no_extension_comes_with_a_token(served: Served, head: Claims, claims: Claims, name: str) -> None:
    """O-JWT3: nothing is fetched, and nothing that a stranger brings along counts."""
    own = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    numbers = own.public_key().public_numbers()
    jwk = {"kty": "RSA", "n": part(numbers.n.to_bytes(256)), "e": part(numbers.e.to_bytes(3)), "kid": head["kid"]}
    with create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/keys"
        brought = {"jwk": jwk, "x5c": [part(b"x")], "crit": ["exp"], "b64": False, "zip": "DEF"}

        assert refusal(served, signed({**head, name: brought.get(name, address)}, claims, own)) == INVALID

        listener.settimeout(0)
        with pytest.raises(BlockingIOError):
            listener.accept()


FAR = 10**12
TIMES: dict[str, Callable[[Claims], Claims]] = {
    "no exp": lambda claims: {name: value for name, value in claims.items() if name != "exp"},
    "no iat": lambda claims: {name: value for name, value in claims.items() if name != "iat"},
    "exp as text": lambda claims: {**claims, "exp": str(claims["exp"])},
    "exp as a fraction": lambda claims: {**claims, "exp": claims["exp"] + 0.5},
    "exp as truth": lambda claims: {**claims, "exp": True},
    "exp as nothing": lambda claims: {**claims, "exp": None},
    "exp as infinity": lambda claims: {**claims, "exp": float("inf")},
    "exp as no number": lambda claims: {**claims, "exp": float("nan")},
    "negative exp": lambda claims: {**claims, "exp": -1},
    "exp beyond all years": lambda claims: {**claims, "exp": FAR},
    "nbf in the future": lambda claims: {**claims, "nbf": now() + 3600},
    "iat in the future": lambda claims: {**claims, "iat": now() + 365 * 86400, "exp": now() + 366 * 86400},
    "exp before iat": lambda claims: {**claims, "exp": claims["iat"]},
}


@pytest.mark.parametrize("kind", TIMES)
def test_a_token_of_a_strange_time_is_refused(
    served: Served, key: rsa.RSAPrivateKey, head: Claims, claims: Claims, kind: str
) -> None:
    """O-JWT4"""
    assert refusal(served, signed(head, TIMES[kind](claims), key)) == INVALID


def test_a_token_that_is_over_is_said_to_be(
    served: Served, key: rsa.RSAPrivateKey, head: Claims, claims: Claims
) -> None:
    """O-JWT4, P35: with a minute of leeway."""
    past = {**claims, "iat": now() - 1000}

    assert refusal(served, signed(head, {**past, "exp": now() - 61}, key)) == (401, "token_expired")
    assert served.nobody.get("/me", bearer(signed(head, {**past, "exp": now() - 30}, key))).status_code == 200


@pytest.mark.parametrize(
    "claim",
    [("iss", "other"), ("iss", None), ("token_type", "Refresh"), ("token_type", "id"), ("sid", "x"), ("sub", 1)],
)
def test_a_token_of_another_issuer_or_kind_is_refused(
    served: Served, key: rsa.RSAPrivateKey, head: Claims, claims: Claims, claim: tuple[str, object]
) -> None:
    """O-JWT5"""
    assert refusal(served, signed(head, {**claims, **dict([claim])}, key)) == INVALID


@pytest.mark.parametrize("kind", ["refresh", "ticket", "id token", "app key as refresh", "access as refresh"])
def test_each_kind_of_secret_is_good_for_one_thing(
    served: Served, key: rsa.RSAPrivateKey, head: Claims, claims: Claims, kind: str
) -> None:
    """O-JWT5"""
    if kind.endswith("as refresh"):
        made = {"access as refresh": served.ada.token, "app key as refresh": "tutti_" + "x" * 43}[kind]
        assert code_of(served.nobody.post("/auth/refresh", {"refresh_token": made})) == (401, "refresh_refused")
        return
    made = {
        "refresh": login(served.server.url, "ada")["refresh_token"],
        "ticket": served.ada.ticket("Moon").rpartition("=")[2],
        "id token": signed({**head, "typ": "JWT"}, {**claims, "token_type": "ID"}, key),
    }[kind]
    assert refusal(served, made) == INVALID


@pytest.mark.parametrize("length", [8193, 20_000, 40_000])
def test_a_huge_token_is_refused_unread(
    served: Served, key: rsa.RSAPrivateKey, head: Claims, claims: Claims, length: int
) -> None:
    genuine = signed(head, {**claims, "more": "x" * length}, key)

    assert refusal(served, genuine) == INVALID


@pytest.mark.parametrize("place", [5, 200, -5])
def test_an_altered_token_is_refused(served: Served, place: int) -> None:
    token = served.ada.token
    changed = "A" if token[place] != "A" else "B"

    assert refusal(served, token[:place] + changed + token[place % len(token) + 1 :]) == INVALID


def test_a_token_without_its_session_is_refused(
    served: Served, key: rsa.RSAPrivateKey, head: Claims, claims: Claims
) -> None:
    """A signature alone opens nothing: the session must live."""
    made_up = {**claims, "sid": "00000000-0000-4000-8000-000000000000"}

    assert refusal(served, signed(head, made_up, key)) == (401, "session_ended")


@pytest.fixture
def rotating(template: Path, tmp_path: Path) -> Iterator[Server]:
    data_dir = copied(template, tmp_path)
    add_user(data_dir, "ada", PASSWORD, "--admin")
    with serving(data_dir) as server:
        yield server


def kids(server: Server) -> set[str]:
    return {one["kid"] for one in httpx2.get(f"{server.url}/.well-known/jwks.json").json()["keys"]}


def test_keys_rotate_under_load(rotating: Server) -> None:
    """P36: nobody who is signed in is refused, and no stranger is let in, while keys come."""
    stop, signed_in = Event(), login(rotating.url, "ada")
    stranger = sealed(opened(signed_in["access_token"], 0), opened(signed_in["access_token"]), b"key")

    def client(_: int) -> tuple[set[int], set[int], set[str]]:
        good, bad, seen, tokens = set(), set(), set(), login(rotating.url, "ada")
        with Api(rotating.url) as api:
            while not stop.is_set():
                for token in (tokens["access_token"], signed_in["access_token"]):
                    good.add(api.get("/me", bearer(token)).status_code)
                bad.add(api.get("/me", bearer(stranger)).status_code)
                tokens = api.post("/auth/refresh", {"refresh_token": tokens["refresh_token"]}).json()
                seen.add(str(opened(tokens["access_token"], 0)["kid"]))
        return good, bad, seen

    with ThreadPoolExecutor(4) as pool:
        clients = [pool.submit(client, number) for number in range(4)]
        for _ in range(2):
            assert run(rotating.data_dir, "keys", "rotate").returncode == 0
        stop.set()
        found = [one.result() for one in clients]

    assert [(good, bad) for good, bad, _ in found] == [({200}, {401})] * 4
    assert set.union(*(seen for _, _, seen in found)) <= kids(rotating)
    assert len(kids(rotating)) == 3
    assert opened(login(rotating.url, "ada")["access_token"], 0)["kid"] != opened(signed_in["access_token"], 0)["kid"]


def test_a_stolen_key_is_worth_nothing_once_it_is_retired(rotating: Server) -> None:
    with Api.sign_in(rotating.url, "ada") as before:
        assert before.get("/me").status_code == 200
        refresh = login(rotating.url, "ada")["refresh_token"]

        assert run(rotating.data_dir, "keys", "rotate").returncode == 0
        assert run(rotating.data_dir, "keys", "retire").stdout == "nothing\n"
        assert before.get("/me").status_code == 200
        assert run(rotating.data_dir, "keys", "retire", "--at-once").returncode == 0

        assert len(kids(rotating)) == 1
        after = before.post("/auth/refresh", {"refresh_token": refresh}).json()
        assert before.get("/me", bearer(after["access_token"])).status_code == 200
        wait_until(lambda: before.get("/me").status_code == 401, what="it is refused", deadline_s=5)
        assert code_of(before.get("/me")) == INVALID
