"""The application all HTTP doors share: their routes, one error handler, one outer layer."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from secrets import token_hex
from typing import Any

import msgspec
import structlog
from litestar import Litestar, Request, Response, Router
from litestar.exceptions import HTTPException, InternalServerException
from litestar.types import Scope

from tutti.domain.errors import AppError, ErrorKind
from tutti.doors.http.answers import Field
from tutti.doors.http.shortcuts import Shortcut

_log = structlog.get_logger()

MAX_BODY_BYTES = 1 << 20
_RETRY_AFTER_S = 2


@dataclass(frozen=True, slots=True)
class Failure:
    """What is to be told: a status, a stable word, a sentence, and fields that the status asks for (`Allow`)."""

    status: int
    code: str
    message: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Rendered:
    """A failure in the shape of a door, ready to be sent."""

    status: int
    body: bytes
    media_type: str
    headers: Mapping[str, str]


Render = Callable[[Failure, str], tuple[bytes, str]]
"""Gives a failure the shape of one door: body and media type. The second argument is the request id."""


@dataclass(frozen=True, slots=True)
class Door:
    """What the application needs of one door.

    Attributes:
        prefixes: Paths that are this door's, also where no route matches; the longest prefix wins.
        statuses: Every `ErrorKind` with this door's status.
        shortcuts: Paths that are answered before the framework.
    """

    name: str
    prefixes: Sequence[str]
    routers: Sequence[Router]
    statuses: Mapping[ErrorKind, int]
    render: Render
    shortcuts: Sequence[Shortcut] = ()


def assemble(doors: Sequence[Door]) -> tuple[Litestar, "Errors"]:
    """Make one application of the doors, and what gives its failures their shape.

    The first door answers paths that belong to none.
    """
    errors = Errors(doors)

    def answer(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
        rendered = errors.render(request.scope["path"], request_id(request.scope), error)
        return Response(
            rendered.body, status_code=rendered.status, media_type=rendered.media_type, headers=dict(rendered.headers)
        )

    app = Litestar(
        route_handlers=[router for door in doors for router in door.routers],
        exception_handlers={Exception: answer, HTTPException: answer, AppError: answer},
        request_max_body_size=MAX_BODY_BYTES,
        openapi_config=None,
        logging_config=None,
    )
    return app, errors


class Errors:
    """Finds the door by path, because 404 and 405 are raised before a router is known."""

    def __init__(self, doors: Sequence[Door]) -> None:
        self._doors = sorted(
            ((prefix, door) for door in doors for prefix in door.prefixes), key=lambda pair: len(pair[0]), reverse=True
        )
        self._fallback = doors[0]

    def render(self, path: str, request_id: str, error: Exception) -> Rendered:
        """Give a failure the shape of the door whose path it is; a bug is logged once and nothing is said of it."""
        door = self._door(path)
        failure = _failure(door, path, error)
        body, media_type = door.render(failure, request_id)
        return Rendered(failure.status, body, media_type, failure.headers)

    def door_of(self, path: str) -> str:
        """Return the name of the door whose path it is."""
        return self._door(path).name

    def _door(self, path: str) -> Door:
        return next((door for prefix, door in self._doors if path.startswith(prefix)), self._fallback)


def _failure(door: Door, path: str, error: Exception) -> Failure:
    if isinstance(error, AppError):
        return Failure(door.statuses[error.kind], error.code, error.message, _fields(error))
    if isinstance(error, HTTPException) and error.status_code in _WORDS:
        code, message = _WORDS[error.status_code]
        if error.status_code == 400:  # noqa: PLR2004 - its detail names the wrong field
            message = _readable(error)
        return Failure(error.status_code, code, message, dict(error.headers or {}))
    if isinstance(error, InternalServerException) and error.detail == _GONE:
        return Failure(400, "body_cut_off", "The body has no end.", {})
    _log.error("request.crashed", path=path, exc_info=error)
    return Failure(500, "internal_error", "Something went wrong on the server.", {})


# What Litestar says when a client is gone, or was given up, before the end of its body: nobody is left to be answered.
_GONE = "client disconnected prematurely"

_WORDS = {
    400: ("bad_request", "The request cannot be understood."),
    404: ("not_found", "There is nothing at this address."),
    405: ("method_not_allowed", "This address does not take that method."),
    413: ("body_too_large", "The body is too large."),
    415: ("unsupported_media_type", "The body has a type that is not taken here."),
}


def _readable(error: HTTPException) -> str:
    """Say which parameter or field is wrong, without what was in it."""
    extra = error.extra if isinstance(error.extra, list) else []
    for one in extra:
        if isinstance(one, dict) and one.get("message"):
            name = f"{one['key']}: " if one.get("key") else ""
            return f"{name}{one['message']}."[:300]
    return _WORDS[400][1] if not isinstance(error.__cause__, msgspec.MsgspecError) else f"{error.__cause__}."[:300]


def _fields(error: AppError) -> Mapping[str, str]:
    if error.kind is ErrorKind.UNAUTHENTICATED:
        return {"www-authenticate": "Bearer"}
    if error.kind in {ErrorKind.BUSY, ErrorKind.UNAVAILABLE, ErrorKind.LIMITED}:
        return {"retry-after": str(error.retry_after_s or _RETRY_AFTER_S)}
    return {}


_SAFE_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")


def identify(fields: Iterable[Field]) -> str:
    """Return the id that a request brings along, if it is harmless, else a new one."""
    for name, value in fields:
        if name == b"x-request-id" and _SAFE_ID.fullmatch(value):
            return value.decode()
    return token_hex(16)


def request_id(scope: Scope) -> str:
    """Return the id under which this request is found in the log."""
    return str(scope.get("state", {}).get("request_id", ""))
