"""What all gRPC services share: who is calling, how a call is answered when it fails, how it is counted."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from secrets import token_hex
from typing import Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import unquote

import grpc
import structlog
from google.protobuf.message import DecodeError

from tutti.domain.caller import Caller
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.origin import Origin, arrive
from tutti.doors.astolfo.codes import code_of, trailers
from tutti.doors.http.access import Gate, bearer
from tutti.doors.http.hop import Hop
from tutti.services.accounts import Accounts

P = ParamSpec("P")
T = TypeVar("T")

Context = grpc.aio.ServicerContext[Any, Any]
Messages = AsyncIterator[bytes]
Handler = Callable[[Any, Context], Awaitable[Any]]
"""Takes one raw message, or an iterator of them; returns one, or writes them to the context."""

_log = structlog.get_logger()


class Policy(StrEnum):
    """Who may call a method; every method names one."""

    ANYONE = "anyone"
    SIGNED_IN = "signed_in"


@dataclass(frozen=True, slots=True)
class Method:
    """One method of a service, as this door answers it."""

    policy: Policy
    handler: Handler


@dataclass(frozen=True, slots=True)
class Visitors:
    """Who is calling on one set of ports.

    Attributes:
        open_as: The account as which a caller without a token acts there; None where a token is needed.
    """

    accounts: Accounts
    gate: Gate
    hop: Hop
    open_as: str | None = None

    async def call(
        self, context: Context, method: Callable[Concatenate[Caller, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run one use case for whoever is calling, in one hop; raises what `Gate.call` raises."""
        return await self.call_by(self.hop, context, method, *args, **kwargs)

    async def call_by(
        self,
        hop: Hop,
        context: Context,
        method: Callable[Concatenate[Caller, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """As `call`, by another way than the one that everybody takes.

        A token that is shown counts, also on an open port: a bad one is refused.
        """
        shown = _shown(context)
        if shown or self.open_as is None:
            return await self.gate.call_by(hop, shown, method, *args, **kwargs)
        name = self.open_as

        def stand_in() -> T:
            return self.accounts.carry_out(self.accounts.stand_in(name), method, *args, **kwargs)

        return await hop(stand_in)

    async def caller(self, context: Context) -> Caller:
        """Return who is calling; raises as `call`."""
        shown = _shown(context)
        known = self.gate.remembered(bearer(shown)) if shown else None
        return known if known is not None else await self.call(context, _itself)

    def known(self, handler: Handler) -> Handler:
        """Refuse strangers before anything they sent is looked at."""

        async def answer(request: Any, context: Context) -> Any:  # noqa: ANN401 - as gRPC gives and takes it
            await self.caller(context)
            return await handler(request, context)

        return answer


@dataclass(frozen=True, slots=True)
class Pace:
    """How slow a transfer may be.

    Attributes:
        stall_s: How long one message may take.
        upload_s: How long a whole upload may take.
    """

    stall_s: float = 60.0
    upload_s: float = 3600.0

    async def next_of(self, messages: Messages) -> bytes | None:
        """Return the next message, None at the end.

        Raises:
            AppError: UNAVAILABLE `too_slow`.
        """
        try:
            async with asyncio.timeout(self.stall_s):
                return await anext(messages, None)
        except TimeoutError:
            raise too_slow("The upload stood still for too long.") from None

    async def write(self, context: Context, message: bytes) -> None:
        """Send a message as soon as the client takes it; raises as `next_of`."""
        try:
            async with asyncio.timeout(self.stall_s):
                await context.write(message)
        except TimeoutError:
            raise too_slow("The download stood still for too long.") from None


Note = Callable[[str, grpc.StatusCode, float], None]
"""Counts a call: its path, how it ended, how long it took in seconds."""


def guarded(path: str, handler: Handler, note: Note) -> Handler:
    """Have every failure of a handler answered with a status and a sentence, and nothing of the inside told."""

    async def answer(request: Any, context: Context) -> Any:  # noqa: ANN401 - as gRPC gives and takes it
        identity = token_hex(16)
        arrive(Origin("astolfo", address_of(context.peer()), identity))
        with _counted(path, context, note):
            try:
                return await handler(request, context)
            except AppError as error:
                await context.abort(code_of(error), error.message, trailers(error))
            except DecodeError:
                await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "The message cannot be understood.")
            except (grpc.aio.AbortError, grpc.aio.UsageError):  # the client has gone, or was told already
                raise
            except Exception as error:  # noqa: BLE001 - the door's edge: a bug is logged once, and nothing is said of it
                _log.error("request.crashed", path=path, request_id=identity, exc_info=error)
                await context.abort(
                    grpc.StatusCode.INTERNAL, "Something went wrong on the server.", (("x-request-id", identity),)
                )

    return answer


@contextmanager
def _counted(path: str, context: Context, note: Note) -> Iterator[None]:
    began, code = time.monotonic(), grpc.StatusCode.CANCELLED
    try:
        yield
        code = grpc.StatusCode.OK
    except grpc.aio.AbortError:
        code = _status(context)
        raise
    finally:
        note(path, code, time.monotonic() - began)


def _status(context: Context) -> grpc.StatusCode:
    code = context.code()
    return next((one for one in grpc.StatusCode if code in (one, one.value[0])), grpc.StatusCode.UNKNOWN)


def address_of(peer: str) -> str:
    """Return the address in what gRPC says of the other end, such as `ipv4:10.0.0.7:4711`, `ipv6:%5B::1%5D:4711`."""
    kind, _, rest = unquote(peer).partition(":")
    return rest.rpartition(":")[0].strip("[]") if kind in {"ipv4", "ipv6"} else ""


def too_slow(sentence: str) -> AppError:
    """Say that the client took too long."""
    return AppError(ErrorKind.UNAVAILABLE, "too_slow", sentence)


def _shown(context: Context) -> list[tuple[bytes, bytes]]:
    """Return the credentials of a call as HTTP has them."""
    shown = [value for key, value in context.invocation_metadata() or () if key == "authorization"]
    return [(b"authorization", value if isinstance(value, bytes) else value.encode()) for value in shown]


def _itself(caller: Caller) -> Caller:
    return caller
