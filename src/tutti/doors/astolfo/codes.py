"""How gRPC says that something went wrong: a status code, the sentence, and our stable word beside it."""

from collections.abc import Mapping

from grpc import StatusCode

from tutti.domain.errors import AppError, ErrorKind

CODES: Mapping[ErrorKind, StatusCode] = {
    ErrorKind.MALFORMED: StatusCode.INVALID_ARGUMENT,
    ErrorKind.INVALID: StatusCode.INVALID_ARGUMENT,
    ErrorKind.UNAUTHENTICATED: StatusCode.UNAUTHENTICATED,
    ErrorKind.FORBIDDEN: StatusCode.PERMISSION_DENIED,
    ErrorKind.NOT_FOUND: StatusCode.NOT_FOUND,
    ErrorKind.GONE: StatusCode.NOT_FOUND,
    ErrorKind.CONFLICT: StatusCode.FAILED_PRECONDITION,
    ErrorKind.PRECONDITION: StatusCode.FAILED_PRECONDITION,
    ErrorKind.TOO_LARGE: StatusCode.RESOURCE_EXHAUSTED,
    ErrorKind.UNSUPPORTED: StatusCode.INVALID_ARGUMENT,
    ErrorKind.RANGE: StatusCode.OUT_OF_RANGE,
    ErrorKind.LIMITED: StatusCode.RESOURCE_EXHAUSTED,
    ErrorKind.FULL: StatusCode.RESOURCE_EXHAUSTED,
    ErrorKind.BUSY: StatusCode.UNAVAILABLE,
    ErrorKind.UNAVAILABLE: StatusCode.UNAVAILABLE,
}

_OWN_CODES = {"user_exists": StatusCode.ALREADY_EXISTS, "too_slow": StatusCode.DEADLINE_EXCEEDED}
"""Where clients tell failures of one kind apart (docs/contracts/astolfo.md b.9)."""

Metadata = tuple[tuple[str, str], ...]


def code_of(error: AppError) -> StatusCode:
    """Return the status code that stands for an error."""
    return _OWN_CODES.get(error.code, CODES[error.kind])


def trailers(error: AppError) -> Metadata:
    """Return what goes beside the sentence: `tutti-code`, and `retry-after` in seconds where that is known."""
    found: Metadata = (("tutti-code", error.code),)
    return found if error.retry_after_s is None else (*found, ("retry-after", str(error.retry_after_s)))
