"""Who is calling over HTTP: reads the credential, remembers verified ones until access may have changed."""

import asyncio
import hashlib
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from typing import Concatenate, ParamSpec, TypeVar

from litestar.types import HTTPScope

from tutti.domain.caller import Caller
from tutti.domain.errors import AppError, ErrorKind
from tutti.doors.http.hop import Hop
from tutti.kit.clock import Clock
from tutti.services.accounts import Access, Accounts

P = ParamSpec("P")
T = TypeVar("T")

Field = tuple[bytes, bytes]

_REMEMBERED = 10_000
_SCHEME = b"bearer "
_FORWARDING = frozenset(
    {
        b"forwarded",
        b"via",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-proto",
        b"x-real-ip",
        b"x-client-ip",
        b"true-client-ip",
        b"cf-connecting-ip",
    }
)


class Gate:
    """The authenticator of the HTTP doors; lives on the event loop.

    A token that was verified is not verified again until `forget` is called, which happens whenever somebody's access
    may have changed, or its own time is over.

    Attributes:
        generation: Grows whenever everything is forgotten.
        changed: Set whenever everything is forgotten; whoever waits for it clears it.
    """

    def __init__(self, accounts: Accounts, hop: Hop, clock: Clock) -> None:
        self._accounts = accounts
        self._hop = hop
        self._clock = clock
        self._known: dict[bytes, Access] = {}
        self.generation = 0
        self.changed = asyncio.Event()

    async def call(
        self, headers: Iterable[Field], method: Callable[Concatenate[Caller, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Authenticate the request and run one use case for its caller, in one hop; raises as `call_by`."""
        return await self.call_by(self._hop, headers, method, *args, **kwargs)

    async def call_by(
        self,
        hop: Hop,
        headers: Iterable[Field],
        method: Callable[Concatenate[Caller, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """As `call`, by another way than the one that everybody takes.

        Raises:
            AppError: UNAUTHENTICATED `token_missing`, `token_invalid`, `token_expired`, `session_ended`; BUSY
                `server_busy`; whatever the use case raises.
        """
        token = bearer(headers)
        known = self.remembered(token)
        if known is not None:
            return await hop(lambda: self._accounts.carry_out(known, method, *args, **kwargs))

        generation = self.generation

        def both() -> tuple[Access, T]:
            access = self._accounts.authenticate(token)
            return access, self._accounts.carry_out(access.caller, method, *args, **kwargs)

        access, result = await hop(both)
        self.remember(token, access, generation)
        return result

    def remembered(self, credential: str) -> Caller | None:
        """Return the caller of a credential that was verified before and is still good."""
        key = _key(credential)
        access = self._known.get(key)
        if access is None:
            return None
        if access.until <= self._clock():
            del self._known[key]
            return None
        return access.caller

    def remember(self, credential: str, access: Access, generation: int) -> None:
        """Keep what was verified, unless access may have changed since `generation`; the oldest makes room."""
        if generation != self.generation:
            return
        if len(self._known) >= _REMEMBERED:
            del self._known[next(iter(self._known))]
        self._known[_key(credential)] = access

    def forget(self) -> None:
        """Verify everything anew from now on."""
        self.generation += 1
        self.changed.set()
        self._known.clear()


def bearer(headers: Iterable[Field]) -> str:
    """Return the access token of a request (RFC 6750 2.1).

    Raises:
        AppError: UNAUTHENTICATED `token_missing`.
    """
    for name, value in headers:
        if name == b"authorization" and value[: len(_SCHEME)].lower() == _SCHEME:
            return value[len(_SCHEME) :].strip().decode("latin-1")
    raise AppError(ErrorKind.UNAUTHENTICATED, "token_missing", "Sign in first: the request has no access token.")


def is_local(scope: HTTPScope) -> bool:
    """Tell a caller on this machine from one whom a proxy on it speaks for, as far as the proxy says so."""
    client = scope.get("client")
    if client is None or any(name in _FORWARDING for name, _ in scope["headers"]):
        return False
    try:
        return ip_address(client[0]).is_loopback
    except ValueError:  # what a proxy said is no address
        return False


def _key(credential: str) -> bytes:
    return hashlib.sha256(credential.encode("utf-8", "surrogatepass")).digest()
