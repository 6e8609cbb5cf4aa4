"""What a GET or HEAD of a file is answered: status, header lines, pieces of the body. Nothing is sent here."""

import re
import secrets
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

from tutti.domain.files import RemoteFile
from tutti.doors.http.conditions import CONDITIONS, Verdict, judge
from tutti.doors.http.disposition import Disposition, content_disposition
from tutti.doors.http.holds import Hold
from tutti.doors.http.problems import MEDIA_TYPE, problem
from tutti.kit.ranges import Window, select

Field = tuple[bytes, bytes]
"""A header field: lower-case name, value."""

Piece = bytes | Window
"""A part of a body: bytes, or a stretch of the file."""


@dataclass(frozen=True)
class OpenFile:
    """A file that may be sent, and what is said of it. All of it comes from its row: nothing is looked up again.

    One that is kept for several requests is the cheaper for it.

    Attributes:
        fd: Open for reading. Whoever opened it closes it, after `FileDelivery.deliver` has returned. -1 when the bytes
            are in a remote store.
        etag: A strong entity tag, quotes included; equal tags mean equal bytes.
        last_modified: An IMF-fixdate.
        filename: As the user knows it: of any length, with any characters.
        cache_control: The value of that field.
        hold: What answers with it rest on, None when nobody can lose the right to it.
        remote: What a remote store knows the file by.
    """

    fd: int
    size_bytes: int
    etag: str
    last_modified: str
    mime: str
    filename: str
    disposition: Disposition
    cache_control: str
    hold: Hold | None = None
    remote: RemoteFile | None = None

    def sending(self, cut: Callable[[], None]) -> AbstractContextManager[None]:
        """Have an answer cut off when its client may not have it any more, while the block lasts."""
        return nullcontext() if self.hold is None else self.hold.sending(cut)

    @cached_property
    def said(self) -> "Said":
        """What every answer says of the file."""
        return _say(self.etag, self.last_modified, self.mime, self.filename, self.disposition, self.cache_control)


class Answer(NamedTuple):
    """A response that waits to be sent.

    Attributes:
        lines: Header lines, each with its CRLF; `Content-Length` is among them, unless the status is 304.
        pieces: The body in order; none for HEAD.
        length: Bytes of these pieces.
    """

    status: int
    lines: bytes
    pieces: Sequence[Piece]
    length: int


def answer(file: OpenFile, request: Iterable[Field], *, head: bool, extra: Sequence[Field] = ()) -> Answer:
    """Return the answer to a GET, or to a HEAD, which has the fields `request`.

    Args:
        file: What was asked for.
        request: Fields of the request, in order.
        head: The method is HEAD: no body, and `Range` means nothing (RFC 9110 14.2).
        extra: Further fields of the answer, such as a request id or those of CORS.

    Raises:
        ValueError: A field holds a line break or another control character.
    """
    said, more = file.said, _lines(extra)
    ranges, conditions = _asked(request)
    verdict = judge(conditions, said.etag, said.last_modified) if conditions else Verdict.SEND
    if verdict is Verdict.NOT_MODIFIED:
        return Answer(304, said.validator_lines + more, (), 0)
    if verdict is Verdict.FAILED:
        return _refusal(_FAILED, more, _request_id(extra), head=head)
    if ranges is None or verdict is Verdict.SEND_WHOLE or head:
        return _whole(file.size_bytes, said, more, head=head)
    return _ranges(ranges, file.size_bytes, said, more, extra)


def _asked(request: Iterable[Field]) -> tuple[bytes | None, dict[bytes, bytes]]:
    """Return the value of `Range`, and the conditions by name; several lines of one name are joined by commas."""
    ranges = None
    conditions: dict[bytes, bytes] = {}
    for name, value in request:
        if name == b"range":
            ranges = value if ranges is None else ranges + b", " + value
        elif name in CONDITIONS:
            conditions[name] = conditions[name] + b", " + value if name in conditions else value
    return ranges, conditions


class Said(NamedTuple):
    """Validators of a file, and header lines that hold them and more."""

    etag: bytes
    last_modified: bytes
    mime: bytes
    validator_lines: bytes
    part_lines: bytes
    whole_lines: bytes


@lru_cache(maxsize=4096)
def _say(  # noqa: PLR0917 - positions make the quickest key of the cache
    etag: str, last_modified: str, mime: str, filename: str, disposition: Disposition, cache_control: str
) -> Said:
    """Work the lines out once for a file: they cost more than a small range does."""
    validators = _lines(
        [
            (b"etag", etag.encode("latin-1")),
            (b"last-modified", last_modified.encode("latin-1")),
            (b"cache-control", cache_control.encode("latin-1")),
            # A page of another origin may embed what it was given an address for.
            (b"cross-origin-resource-policy", b"cross-origin"),
        ]
    )
    about = _lines(
        [
            (b"accept-ranges", b"bytes"),
            (b"content-disposition", content_disposition(disposition, filename).encode("ascii")),
            *_HARMLESS,
        ]
    )
    content_type = _lines([(b"content-type", mime.encode("latin-1"))])
    return Said(
        etag=etag.encode("latin-1"),
        last_modified=last_modified.encode("latin-1"),
        mime=mime.encode("latin-1"),
        validator_lines=validators,
        part_lines=validators + about,
        whole_lines=validators + about + content_type,
    )


# Bytes of users are never sniffed, and never a page that can do anything.
_HARMLESS: Sequence[Field] = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; sandbox"),
    (b"referrer-policy", b"no-referrer"),
)


def _whole(size_bytes: int, said: Said, more: bytes, *, head: bool) -> Answer:
    lines = said.whole_lines + b"content-length: %d\r\n" % size_bytes + more
    if head or not size_bytes:
        return Answer(200, lines, (), 0)
    return Answer(200, lines, (Window(0, size_bytes),), size_bytes)


def _ranges(field: bytes, size_bytes: int, said: Said, more: bytes, extra: Sequence[Field]) -> Answer:
    windows = select(field, size_bytes)
    if windows is None:
        return _whole(size_bytes, said, more, head=False)
    if not windows:
        more += b"content-range: bytes */%d\r\n" % size_bytes
        return _refusal(_BEYOND, more, _request_id(extra), head=False)
    if len(windows) == 1:
        return _part(windows[0], size_bytes, said, more)
    return _parts(windows, size_bytes, said, more)


def _part(window: Window, size_bytes: int, said: Said, more: bytes) -> Answer:
    offset, length = window
    place = (offset, offset + length - 1, size_bytes, length)
    lines = said.whole_lines + b"content-range: bytes %d-%d/%d\r\ncontent-length: %d\r\n" % place + more
    return Answer(206, lines, (window,), length)


def _parts(windows: Sequence[Window], size_bytes: int, said: Said, more: bytes) -> Answer:
    """Wrap several windows into `multipart/byteranges` (RFC 9110 14.6); nobody can guess the boundary and store it."""
    boundary = secrets.token_hex(16).encode("ascii")
    pieces: list[Piece] = []
    for window in windows:
        place = (boundary, said.mime, window.offset, window.end - 1, size_bytes)
        pieces.append(b"\r\n--%b\r\nContent-Type: %b\r\nContent-Range: bytes %d-%d/%d\r\n\r\n" % place)
        pieces.append(window)
    pieces.append(b"\r\n--%b--\r\n" % boundary)
    length = sum(piece.length if isinstance(piece, Window) else len(piece) for piece in pieces)
    kind = b"content-type: multipart/byteranges; boundary=%b\r\ncontent-length: %d\r\n" % (boundary, length)
    return Answer(206, said.part_lines + kind + more, pieces, length)


_FAILED = (412, "precondition_failed", "The file has changed, or is not the one you have.")
_BEYOND = (416, "range_not_satisfiable", "The range lies behind the end of the file.")


def _refusal(why: tuple[int, str, str], more: bytes, request_id: str, *, head: bool) -> Answer:
    body = problem(*why, request_id)
    lines = b"content-type: %b\r\ncontent-length: %d\r\n" % (MEDIA_TYPE.encode(), len(body)) + more
    return Answer(why[0], _lines(_HARMLESS) + lines, () if head else (body,), 0 if head else len(body))


def _request_id(extra: Sequence[Field]) -> str:
    return next((value.decode("latin-1") for name, value in extra if name == b"x-request-id"), "")


_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


def _lines(fields: Iterable[Field]) -> bytes:
    lines = b""
    for name, value in fields:
        if _CONTROL.search(name) or _CONTROL.search(value):
            raise ValueError(f"The field {name!r} holds a control character.")
        lines += b"%b: %b\r\n" % (name, value)
    return lines
