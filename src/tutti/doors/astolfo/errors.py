"""How the HTTP half of Astolfo's door says that something went wrong: a status and `{"error": sentence}`."""

from collections.abc import Mapping

import msgspec

from tutti.domain.errors import ErrorKind
from tutti.doors.http.app import Failure

STATUSES: Mapping[ErrorKind, int] = {
    ErrorKind.MALFORMED: 400,
    ErrorKind.INVALID: 400,
    ErrorKind.UNAUTHENTICATED: 401,
    ErrorKind.FORBIDDEN: 403,
    ErrorKind.NOT_FOUND: 404,
    ErrorKind.GONE: 404,
    ErrorKind.CONFLICT: 409,
    ErrorKind.PRECONDITION: 412,
    ErrorKind.TOO_LARGE: 413,
    ErrorKind.UNSUPPORTED: 415,
    ErrorKind.RANGE: 416,
    ErrorKind.LIMITED: 429,
    ErrorKind.FULL: 507,
    ErrorKind.BUSY: 503,
    ErrorKind.UNAVAILABLE: 503,
}
"""Clients of this dialect read the status alone; 400 is what its neighbours at `/api/auth` say to a bad name (M3)."""


def render(failure: Failure, request_id: str) -> tuple[bytes, str]:  # noqa: ARG001 - it goes into a field of its own
    """Return the body and its media type (docs/contracts/collisions.md 2)."""
    return msgspec.json.encode({"error": failure.message}), "application/json"
