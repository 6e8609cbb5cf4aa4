"""The one error type of the core and the closed list of its kinds."""

from enum import StrEnum


class ErrorKind(StrEnum):
    """What went wrong, without a word about any wire; every door has one table from kind to its own answer."""

    MALFORMED = "malformed"
    INVALID = "invalid"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    GONE = "gone"
    CONFLICT = "conflict"
    PRECONDITION = "precondition"
    TOO_LARGE = "too_large"
    UNSUPPORTED = "unsupported"
    RANGE = "range"
    LIMITED = "limited"
    FULL = "full"
    BUSY = "busy"
    UNAVAILABLE = "unavailable"


class AppError(Exception):
    """An expected failure.

    Attributes:
        kind: Its class, from the closed list.
        code: A stable snake_case word that clients may branch on.
        message: One sentence, safe to show to a stranger.
        retry_after_s: After how many seconds trying again may help, where that is known.
    """

    def __init__(self, kind: ErrorKind, code: str, message: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.code = code
        self.message = message
        self.retry_after_s = retry_after_s
