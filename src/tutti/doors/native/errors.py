"""How the native door says that something went wrong: problem details (RFC 9457)."""

from collections.abc import Mapping

import msgspec

from tutti.domain.errors import ErrorKind
from tutti.doors.http.app import Failure

STATUSES: Mapping[ErrorKind, int] = {
    ErrorKind.MALFORMED: 400,
    ErrorKind.INVALID: 422,
    ErrorKind.UNAUTHENTICATED: 401,
    ErrorKind.FORBIDDEN: 403,
    ErrorKind.NOT_FOUND: 404,
    ErrorKind.GONE: 410,
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


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A failure as RFC 9457 describes it; `code` is the stable word to branch on."""

    type: str = "about:blank"
    title: str
    status: int
    code: str
    request_id: str


def render(failure: Failure, request_id: str) -> tuple[bytes, str]:
    """Return the body and its media type."""
    problem = Problem(title=failure.message, status=failure.status, code=failure.code, request_id=request_id)
    return msgspec.json.encode(problem), "application/problem+json"
