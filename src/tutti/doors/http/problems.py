"""Failures as RFC 9457 describes them, for what is refused before or beside the framework."""

import msgspec

MEDIA_TYPE = "application/problem+json"


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A failure as RFC 9457 describes it; `code` is the stable word to branch on."""

    type: str = "about:blank"
    title: str
    status: int
    code: str
    request_id: str


def problem(status: int, code: str, sentence: str, request_id: str = "") -> bytes:
    """Return the body that tells of a failure."""
    return msgspec.json.encode(Problem(title=sentence, status=status, code=code, request_id=request_id))
