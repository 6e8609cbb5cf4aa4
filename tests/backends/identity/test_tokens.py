"""Only what this server signed, for now and for access, is an access token (reliability.md P36, O-JWT1 to O-JWT5)."""

import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import create_server
from uuid import UUID

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import KeySet

from tutti.backends.keys import KeyRing, load_or_create_keys
from tutti.backends.tickets import HMACTickets
from tutti.backends.tokens import TOKEN_MAX, RS256Tokens
from tutti.domain.caller import Role
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.values import ItemUUID, SessionUUID, UserId
from tutti.ports.identity import AccessClaims, StreamTicket

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
ISSUER = "https://music.example"
CLAIMS = AccessClaims(
    user_uuid=UUID(int=7),
    user_id=UserId(7),
    username="Ólafur",
    email="o@example.org",
    roles=frozenset({Role.USER, Role.ADMIN}),
    permissions=("media:read",),
    session_uuid=SessionUUID(UUID(int=8)),
    issued_at=NOW,
    expires_at=NOW + timedelta(minutes=15),
)

Forge = Callable[..., str]


def part(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).replace('"1e400"', "1e400").encode()
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def tokens_at(keys: KeyRing, instant: datetime, issuer: str = ISSUER) -> RS256Tokens:
    return RS256Tokens(keys, issuer=issuer, clock=lambda: instant)


@pytest.fixture(scope="module")
def tokens(keys: KeyRing) -> RS256Tokens:
    return tokens_at(keys, NOW)


@pytest.fixture
def genuine(tokens: RS256Tokens) -> str:
    return tokens.mint(CLAIMS)


@pytest.fixture
def claims() -> dict[str, object]:
    """The claims of a good token, as on the wire."""
    return {
        "iss": ISSUER,
        "sub": str(UUID(int=7)),
        "uid": 7,
        "username": "olafur",
        "roles": ["ROLE_USER"],
        "permissions": [],
        "token_type": "Access",
        "sid": str(UUID(int=8)),
        "jti": "j",
        "iat": int(NOW.timestamp()),
        "exp": int(NOW.timestamp()) + 900,
    }


@pytest.fixture
def forge(keys: KeyRing) -> Forge:
    """Signs any header and claims with the server's own key, as an attacker who cannot does in his dreams."""
    private = serialization.load_pem_private_key(keys.signing[-1].pem, None)
    assert isinstance(private, rsa.RSAPrivateKey)

    def forged(claims: object, **header: object) -> str:
        full = {"alg": "RS256", "kid": keys.signing[-1].kid, "typ": "at+jwt", **header}
        head = urlsafe_b64encode(json.dumps(full, separators=(",", ":")).encode()).rstrip(b"=").decode()
        signed = f"{head}.{part(claims)}"
        return f"{signed}.{part(private.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"

    return forged


def assert_refused(tokens: RS256Tokens, text: str, code: str = "token_invalid") -> None:
    with pytest.raises(AppError) as caught:
        tokens.verify(text)

    assert (caught.value.kind, caught.value.code) == (ErrorKind.UNAUTHENTICATED, code)


class TestMint:
    def test_a_token_says_what_was_put_in(self, tokens: RS256Tokens, genuine: str) -> None:
        assert tokens.verify(genuine) == CLAIMS

    def test_an_account_without_email_has_no_such_claim(self, tokens: RS256Tokens) -> None:
        bare = replace(CLAIMS, email=None, roles=frozenset(), permissions=())

        assert tokens.verify(tokens.mint(bare)) == bare

    def test_the_wire_is_that_of_the_contract(self, tokens: RS256Tokens) -> None:
        """contracts/collisions.md 6."""
        text = tokens.mint(replace(CLAIMS, token_id="j", username="olafur"))

        assert json.loads(jws.extract_compact(text.encode()).payload) == {
            "iss": ISSUER,
            "sub": "00000000-0000-0000-0000-000000000007",
            "uid": 7,
            "username": "olafur",
            "email": "o@example.org",
            "roles": ["ROLE_ADMIN", "ROLE_USER"],
            "permissions": ["media:read"],
            "token_type": "Access",
            "sid": "00000000-0000-0000-0000-000000000008",
            "jti": "j",
            "iat": 1795608000,
            "exp": 1795608900,
        }

    def test_two_tokens_never_have_one_id(self) -> None:
        ids = {
            AccessClaims(
                user_uuid=CLAIMS.user_uuid,
                user_id=CLAIMS.user_id,
                username="ann",
                session_uuid=CLAIMS.session_uuid,
                issued_at=NOW,
                expires_at=NOW,
            ).token_id
            for _ in range(2)
        }

        assert len(ids) == 2


class TestPublicKeys:
    def test_another_service_can_verify_with_them(self, tokens: RS256Tokens, genuine: str) -> None:
        published = KeySet.import_key_set(json.loads(json.dumps(tokens.jwks())))

        assert json.loads(jws.deserialize_compact(genuine, published, ["RS256"]).payload)["uid"] == 7

    def test_nothing_private_is_published(self, tokens: RS256Tokens) -> None:
        assert [set(key) for key in tokens.jwks()["keys"]] == [{"kty", "use", "alg", "kid", "n", "e"}]


class TestRotation:
    def test_tokens_of_the_old_key_stay_good_beside_the_new_one(
        self, keys: KeyRing, other_keys: KeyRing, genuine: str
    ) -> None:
        rotated = tokens_at(replace(keys, signing=keys.signing + other_keys.signing), NOW)

        fresh = rotated.mint(CLAIMS)

        assert rotated.verify(genuine) == rotated.verify(fresh) == CLAIMS
        assert fresh.partition(".")[0] != genuine.partition(".")[0]

    def test_tokens_of_a_retired_key_are_refused(self, keys: KeyRing, other_keys: KeyRing, genuine: str) -> None:
        assert_refused(tokens_at(replace(keys, signing=other_keys.signing), NOW), genuine)


class TestTime:
    @pytest.mark.parametrize("seconds", [0, 900, 959])
    def test_a_token_is_good_until_a_minute_after_its_end(self, keys: KeyRing, genuine: str, seconds: int) -> None:
        assert tokens_at(keys, NOW + timedelta(seconds=seconds)).verify(genuine) == CLAIMS

    @pytest.mark.parametrize("seconds", [960, 100_000])
    def test_later_it_has_expired(self, keys: KeyRing, genuine: str, seconds: int) -> None:
        assert_refused(tokens_at(keys, NOW + timedelta(seconds=seconds)), genuine, "token_expired")

    def test_a_clock_a_minute_behind_still_takes_it(self, keys: KeyRing, genuine: str) -> None:
        assert tokens_at(keys, NOW - timedelta(seconds=60)).verify(genuine) == CLAIMS

    def test_a_token_from_the_future_is_refused(self, keys: KeyRing, genuine: str) -> None:
        assert_refused(tokens_at(keys, NOW - timedelta(seconds=61)), genuine)

    @pytest.mark.parametrize(
        "claim",
        [
            *(
                {"exp": value}
                for value in ["1795608900", "1e400", float("nan"), -1, 0, 1795608900.5, True, None, 10**20]
            ),
            *({"iat": value} for value in ["now", -1, int(NOW.timestamp()) + 365 * 86_400, None]),
            *({"nbf": value} for value in [int(NOW.timestamp()) + 61, "now", None, float("inf")]),
            {"iat": int(NOW.timestamp()) - 10, "exp": int(NOW.timestamp()) - 10},
        ],
        ids=str,
    )
    def test_a_strange_time_is_refused(
        self, tokens: RS256Tokens, forge: Forge, claims: dict[str, object], claim: dict[str, object]
    ) -> None:
        """O-JWT4; `1e400` is written as a number."""
        assert_refused(tokens, forge(claims | claim))

    def test_a_past_not_before_is_fine(self, tokens: RS256Tokens, forge: Forge, claims: dict[str, object]) -> None:
        assert tokens.verify(forge(claims | {"nbf": 1})).user_id == 7


class TestClaims:
    def test_the_forger_of_these_tests_makes_good_tokens(
        self, tokens: RS256Tokens, forge: Forge, claims: dict[str, object]
    ) -> None:
        assert tokens.verify(forge(claims)).username == "olafur"

    @pytest.mark.parametrize(
        "name",
        ["iss", "sub", "uid", "username", "roles", "permissions", "token_type", "sid", "jti", "iat", "exp"],
    )
    def test_every_claim_is_required(
        self, tokens: RS256Tokens, forge: Forge, claims: dict[str, object], name: str
    ) -> None:
        del claims[name]

        assert_refused(tokens, forge(claims))

    @pytest.mark.parametrize(
        "claim",
        [
            {"iss": "https://other.example"},
            {"iss": [ISSUER]},
            {"sub": "7"},
            {"sub": 7},
            {"uid": "7"},
            {"uid": True},
            {"uid": 7.0},
            {"username": 7},
            {"email": None},
            {"roles": 7},
            {"roles": [["ROLE_USER"]]},
            {"permissions": [7]},
            {"sid": ""},
            {"jti": 7},
        ],
        ids=str,
    )
    def test_a_claim_of_the_wrong_type_or_issuer_is_refused(
        self, tokens: RS256Tokens, forge: Forge, claims: dict[str, object], claim: dict[str, object]
    ) -> None:
        assert_refused(tokens, forge(claims | claim))

    @pytest.mark.parametrize("kind", ["Refresh", "access", "ID", "", None, ["Access"]])
    def test_a_token_of_another_kind_gives_no_access(
        self, tokens: RS256Tokens, forge: Forge, claims: dict[str, object], kind: object
    ) -> None:
        """O-JWT5."""
        assert_refused(tokens, forge(claims | {"token_type": kind}))

    def test_an_unknown_role_is_no_role(self, tokens: RS256Tokens, forge: Forge, claims: dict[str, object]) -> None:
        assert tokens.verify(forge(claims | {"roles": ["ROLE_USER", "ROLE_GOD"]})).roles == {Role.USER}

    @pytest.mark.parametrize("payload", [b"", b"{", b"[]", b"7", b"null", b'"text"', b"\xff", b"[" * 5000])
    def test_a_payload_that_is_no_object_is_refused(self, tokens: RS256Tokens, forge: Forge, payload: bytes) -> None:
        assert_refused(tokens, forge(payload))


class TestForgery:
    @pytest.mark.parametrize("algorithm", ["none", "None", "nOnE", "NONE", ""])
    def test_a_token_without_algorithm_is_refused(self, tokens: RS256Tokens, genuine: str, algorithm: str) -> None:
        """O-JWT1."""
        payload = genuine.split(".")[1]

        assert_refused(tokens, f"{part({'alg': algorithm, 'typ': 'at+jwt'})}.{payload}.")

    @pytest.mark.parametrize("signature", ["", "AAAA", "A" * 342])
    def test_an_empty_or_invented_signature_is_refused(self, tokens: RS256Tokens, genuine: str, signature: str) -> None:
        """O-JWT1."""
        assert_refused(tokens, f"{genuine.rpartition('.')[0]}.{signature}")

    @pytest.mark.parametrize("secret", ["pem", "der", "jwks", "modulus"])
    def test_a_public_key_is_no_shared_secret(
        self, tokens: RS256Tokens, keys: KeyRing, genuine: str, secret: str
    ) -> None:
        """O-JWT2."""
        public = serialization.load_pem_private_key(keys.signing[0].pem, None).public_key()
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        secrets = {
            "pem": public.public_bytes(serialization.Encoding.PEM, form),
            "der": public.public_bytes(serialization.Encoding.DER, form),
            "jwks": json.dumps(tokens.jwks()).encode(),
            "modulus": keys.signing[0].modulus.encode(),
        }
        header = part({"alg": "HS256", "kid": keys.signing[0].kid, "typ": "at+jwt"})
        signed = f"{header}.{genuine.split('.')[1]}"

        assert_refused(tokens, f"{signed}.{part(hmac.digest(secrets[secret], signed.encode(), 'sha256'))}")

    @pytest.mark.parametrize(
        "kid", ["../../dev/null", "' OR 1=1 --", "k" * 10_000, "unknown", "", None, 7, ["a"], {"a": 1}], ids=str
    )
    def test_a_key_is_only_found_in_the_ring(
        self, tokens: RS256Tokens, forge: Forge, claims: dict[str, object], kid: object
    ) -> None:
        """O-JWT3."""
        assert_refused(tokens, forge(claims, kid=kid))

    @pytest.mark.parametrize("name", ["jku", "x5u"])
    def test_no_key_is_fetched_from_an_address(
        self, tokens: RS256Tokens, forge: Forge, claims: dict[str, object], name: str
    ) -> None:
        """O-JWT3."""
        with create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(0)

            assert_refused(tokens, forge(claims, **{name: f"http://127.0.0.1:{listener.getsockname()[1]}/jwks"}))

            with pytest.raises(BlockingIOError):
                listener.accept()

    @pytest.mark.parametrize(
        "header",
        [
            {"jwk": {"kty": "RSA", "n": "AQAB", "e": "AQAB"}},
            {"x5c": ["AAAA"]},
            {"crit": ["exp"], "exp": 1},
            {"crit": 7},
            {"b64": False, "crit": ["b64"]},
            {"zip": "DEF"},
            {"typ": "JWT"},
            {"typ": "AT+JWT"},
            {"cty": "JWT"},
            {"alg": "RS512"},
            {"alg": ["RS256"]},
        ],
        ids=str,
    )
    def test_a_header_that_is_not_ours_is_refused(
        self, tokens: RS256Tokens, forge: Forge, claims: dict[str, object], header: dict[str, object]
    ) -> None:
        assert_refused(tokens, forge(claims, **header))

    def test_the_token_of_another_server_is_refused(self, keys: KeyRing, other_keys: KeyRing) -> None:
        assert_refused(tokens_at(keys, NOW), tokens_at(other_keys, NOW).mint(CLAIMS))

    def test_a_foreign_signature_under_our_key_id_is_refused(
        self, tokens: RS256Tokens, keys: KeyRing, other_keys: KeyRing
    ) -> None:
        disguised = replace(other_keys.signing[0], kid=keys.signing[0].kid)

        assert_refused(tokens, tokens_at(replace(other_keys, signing=(disguised,)), NOW).mint(CLAIMS))

    def test_a_stream_ticket_is_no_access_token(self, tokens: RS256Tokens, keys: KeyRing) -> None:
        """O-JWT5."""
        ticket = StreamTicket(ItemUUID(UUID(int=1)), CLAIMS.user_uuid, CLAIMS.session_uuid, CLAIMS.expires_at)

        assert_refused(tokens, HMACTickets(keys, clock=lambda: NOW).mint(ticket))

    @given(st.data())
    def test_one_changed_character_is_noticed(self, tokens: RS256Tokens, data: st.DataObject) -> None:
        genuine = tokens.mint(replace(CLAIMS, token_id="j"))
        at = data.draw(st.integers(0, len(genuine) - 1))
        other = data.draw(st.characters(codec="utf-8", exclude_characters=genuine[at]))

        assert_refused(tokens, genuine[:at] + other + genuine[at + 1 :])


class TestShape:
    @pytest.mark.parametrize(
        "change",
        [
            lambda text: "",
            lambda text: "." * 3,
            lambda text: text[:-1],
            lambda text: text + "=",
            lambda text: text + "\n",
            lambda text: " " + text,
            lambda text: "Bearer " + text,
            lambda text: text + "." + text.split(".")[2],
            lambda text: text.split(".")[0],
            lambda text: text.split(".")[0] + ".",
            lambda text: text + "\ud800",
            lambda text: text + "A" * TOKEN_MAX,
            lambda text: text.split(".")[0] + "." + "A" * 50_000_000,
            lambda text: "A" * 50_000_000,
        ],
    )
    def test_text_of_another_shape_is_refused(
        self, tokens: RS256Tokens, genuine: str, change: Callable[[str], str]
    ) -> None:
        assert_refused(tokens, change(genuine))

    @given(st.text())
    def test_no_text_is_more_than_refused(self, tokens: RS256Tokens, text: str) -> None:
        assert_refused(tokens, text)

    def test_a_token_that_fits_the_limit_is_read(
        self, tokens: RS256Tokens, forge: Forge, claims: dict[str, object]
    ) -> None:
        room = (TOKEN_MAX - len(forge(claims))) * 3 // 4

        assert tokens.verify(forge(claims | {"padding": "x" * (room - 30)})).user_id == 7


def test_warming_up_changes_nothing_but_the_first_wait(keys_folder: Path) -> None:
    tokens = tokens_at(load_or_create_keys(keys_folder), NOW)

    tokens.warm_up()

    assert tokens.verify(tokens.mint(CLAIMS)) == CLAIMS
