"""How the native door says that something went wrong: problem details (RFC 9457)."""

from collections.abc import Mapping

from tutti.domain.errors import ErrorKind
from tutti.doors.http.app import Failure
from tutti.doors.http.problems import MEDIA_TYPE, problem

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


def render(failure: Failure, request_id: str) -> tuple[bytes, str]:
    """Return the body and its media type."""
    return problem(failure.status, failure.code, failure.message, request_id), MEDIA_TYPE
