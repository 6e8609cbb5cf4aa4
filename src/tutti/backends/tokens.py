"""Access tokens: RS256 by keys of our own ring, and nothing else (RFC 8725, reliability.md P36)."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NoReturn
from uuid import UUID

from tutti.backends.keys import KeyRing, SigningKey
from tutti.domain.caller import Role
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.values import SessionUUID, UserId
from tutti.kit.clock import Clock
from tutti.ports.identity import AccessClaims

if TYPE_CHECKING:
    from joserfc.jwk import RSAKey

TOKEN_MAX = 8 * 1024
"""Characters of a token; longer ones are refused unread."""
LEEWAY = timedelta(seconds=60)

_ALGORITHM = "RS256"
_HEADER_TYPE = "at+jwt"
_TOKEN_TYPE = "Access"  # noqa: S105 - a claim of contracts/collisions.md 6
_ROLES = {"ROLE_ADMIN": Role.ADMIN, "ROLE_USER": Role.USER, "ROLE_GUEST": Role.GUEST}
_WIRE_ROLES = {role: name for name, role in _ROLES.items()}
_INSTANTS = range(1, 253_402_300_800)  # what a datetime can hold


class RS256Tokens:
    """Implements `TokenSigner`.

    The header of a token is compared with the few that we write and never parsed: no algorithm, key address or
    extension that a client names is ever looked at. The first token imports joserfc (0.3 s), so `warm_up` once the
    server listens.

    Keys come and go while it runs. Looking for them, at each token, costs a hundredth of a signature.
    """

    def __init__(
        self, keys: KeyRing, *, issuer: str, clock: Clock, look: Callable[[], tuple[SigningKey, ...]] | None = None
    ) -> None:
        """Begin with the keys of a ring.

        Args:
            keys: What signs and verifies at first, and for good unless there is `look`.
            issuer: The `iss` of all tokens.
            clock: Tells what has expired.
            look: Returns the signing keys as they are now, the one that signs last; cheap when nothing changed.
        """
        self._signing = keys.signing
        self._issuer = issuer
        self._clock = clock
        self._look = look

    def warm_up(self) -> None:
        """Do now what the first token would wait for."""
        _imported(self._signing)

    def mint(self, claims: AccessClaims) -> str:
        """Return the signed token."""
        from joserfc import jws  # noqa: PLC0415 - see the class

        signing = self._current()
        signer = signing[-1]
        payload = json.dumps(self._to_wire(claims), separators=(",", ":"))
        return jws.serialize_compact(_header(signer), payload, _imported(signing)[_segment(signer)], [_ALGORITHM])

    def verify(self, text: str) -> AccessClaims:
        """Return what a token of ours says.

        Raises:
            AppError: UNAUTHENTICATED `token_expired` for a genuine token past its time (60 s of leeway),
                UNAUTHENTICATED `token_invalid` for anything else.
        """
        payload = self._genuine(text)
        try:
            claims = self._from_wire(json.loads(payload))
        except (KeyError, TypeError, ValueError, RecursionError):
            _refuse()
        if claims.expires_at + LEEWAY <= self._clock():
            raise AppError(ErrorKind.UNAUTHENTICATED, "token_expired", "The access token has expired.")
        return claims

    def jwks(self) -> Mapping[str, Sequence[Mapping[str, str]]]:
        """Return the public keys as a JWK Set (RFC 7517 5), ready for JSON."""
        return {
            "keys": [
                {"kty": "RSA", "use": "sig", "alg": _ALGORITHM, "kid": key.kid, "n": key.modulus, "e": key.exponent}
                for key in self._current()
            ]
        }

    def _current(self) -> tuple[SigningKey, ...]:
        if self._look is not None:
            self._signing = self._look()
        return self._signing

    def _genuine(self, text: str) -> bytes:
        from joserfc import jws  # noqa: PLC0415 - see the class
        from joserfc.errors import JoseError  # noqa: PLC0415

        if len(text) > TOKEN_MAX or not text.isascii():
            _refuse()
        key = _imported(self._current()).get(text.partition(".")[0])
        if key is None:
            _refuse()
        try:
            return jws.deserialize_compact(text, key, [_ALGORITHM]).payload
        except JoseError:
            _refuse()

    def _to_wire(self, claims: AccessClaims) -> dict[str, object]:
        return {
            "iss": self._issuer,
            "sub": str(claims.user_uuid),
            "uid": claims.user_id,
            "username": claims.username,
            **({} if claims.email is None else {"email": claims.email}),
            "roles": sorted(_WIRE_ROLES[role] for role in claims.roles),
            "permissions": list(claims.permissions),
            "token_type": _TOKEN_TYPE,
            "sid": str(claims.session_uuid),
            "jti": claims.token_id,
            "iat": int(claims.issued_at.timestamp()),
            "exp": int(claims.expires_at.timestamp()),
        }

    def _from_wire(self, wire: dict[str, Any]) -> AccessClaims:
        claims = AccessClaims(
            user_uuid=UUID(_text(wire["sub"])),
            user_id=UserId(_whole(wire["uid"])),
            username=_text(wire["username"]),
            email=_text(wire["email"]) if "email" in wire else None,
            roles=frozenset(_ROLES[name] for name in wire["roles"] if name in _ROLES),
            permissions=tuple(map(_text, wire["permissions"])),
            session_uuid=SessionUUID(UUID(_text(wire["sid"]))),
            issued_at=_instant(wire["iat"]),
            expires_at=_instant(wire["exp"]),
            token_id=_text(wire["jti"]),
        )
        valid_from = max(claims.issued_at, _instant(wire.get("nbf", wire["iat"])))
        if (wire["iss"], wire["token_type"]) != (self._issuer, _TOKEN_TYPE):
            raise ValueError("A token of another issuer or kind.")
        if not valid_from - LEEWAY <= self._clock() or claims.expires_at <= claims.issued_at:
            raise ValueError("A token of another time.")
        return claims


@lru_cache(maxsize=2)
def _imported(signing: tuple[SigningKey, ...]) -> "dict[str, RSAKey]":
    """Return each key by the first segment of the tokens it signed.

    To check a key takes 70 ms, so all that sign with the same ones share what comes of it; those before the last
    rotation are forgotten with the next.
    """
    from joserfc.jwk import RSAKey  # noqa: PLC0415 - see `RS256Tokens`

    return {_segment(key): RSAKey.import_key(key.pem) for key in signing}


def _refuse() -> NoReturn:
    raise AppError(ErrorKind.UNAUTHENTICATED, "token_invalid", "The access token is not valid.")


def _header(key: SigningKey) -> dict[str, str]:
    return {"alg": _ALGORITHM, "kid": key.kid, "typ": _HEADER_TYPE}


def _segment(key: SigningKey) -> str:
    return urlsafe_b64encode(json.dumps(_header(key), separators=(",", ":")).encode()).rstrip(b"=").decode()


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("A claim is no text.")
    return value


def _whole(value: object) -> int:
    if type(value) is not int:  # a bool is an int to isinstance
        raise TypeError("A claim is no whole number.")
    return value


def _instant(value: object) -> datetime:
    if (seconds := _whole(value)) not in _INSTANTS:
        raise ValueError("A claim is no instant.")
    return datetime.fromtimestamp(seconds, UTC)
