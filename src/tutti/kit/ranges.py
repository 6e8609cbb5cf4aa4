"""Which bytes of a file a `Range` field asks for (RFC 9110 14)."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

MAX_RANGES = 16
"""A field that names more ranges is ignored: no player needs them, and every one costs a part (RFC 9110 14.2)."""

# Room for MAX_RANGES of 19 digits twice, with spaces. It also bounds the digits that `int` gets to see.
_MAX_FIELD_BYTES = 1024

_SPEC = re.compile(rb"([0-9]*)-([0-9]*)")
_ONE = re.compile(rb"(?i:bytes)=([0-9]*)-([0-9]*)")
_MANY = re.compile(rb"(?i:bytes)=(.*)", re.DOTALL)


class Window(NamedTuple):
    """A stretch of a file: `length` bytes from `offset` on."""

    offset: int
    length: int

    @property
    def end(self) -> int:
        """Where the first byte behind the window lies."""
        return self.offset + self.length


def select(field: bytes, size_bytes: int) -> Sequence[Window] | None:
    """Return the windows that a `Range` field asks of a file of `size_bytes`.

    Ranges are clamped to the file, and those wholly behind its end are dropped. What overlaps or touches is joined, at
    the place of the range asked first (RFC 9110 15.3.7.2). The work is bounded, whatever the field holds.

    Returns:
        None when the field is to be ignored and the whole file sent: another unit, a malformed or reversed range, too
        many ranges, or a suffix of an empty file, which no `Content-Range` could describe. Empty when no range can be
        satisfied (416). Else the windows in the order asked, each of at least one byte.
    """
    if len(field) > _MAX_FIELD_BYTES:
        return None
    if one := _ONE.fullmatch(field):
        window = _window(one, size_bytes)
        return window and ([window] if window.length else [])
    many = _MANY.fullmatch(field)
    return _select_many(many[1], size_bytes) if many else None


def _select_many(listed: bytes, size_bytes: int) -> Sequence[Window] | None:
    # A list may hold empty elements (RFC 9110 5.6.1).
    specs = [spec for item in listed.split(b",") if (spec := item.strip(b" \t"))]
    if not 1 <= len(specs) <= MAX_RANGES:
        return None
    windows = []
    for spec in specs:
        match = _SPEC.fullmatch(spec)
        window = match and _window(match, size_bytes)
        if window is None:
            return None
        if window.length:
            windows.append(window)
    return _joined(windows)


def _window(spec: re.Match[bytes], size_bytes: int) -> Window | None:
    """Return what a range covers of the file, perhaps nothing; None when it is malformed or cannot be answered."""
    first, last = spec.groups()
    if not first:
        return _suffix(last, size_bytes)
    offset = int(first)
    if not last:
        return Window(offset, max(size_bytes - offset, 0))
    end = int(last) + 1
    return Window(offset, max(min(end, size_bytes) - offset, 0)) if offset < end else None


def _suffix(asked: bytes, size_bytes: int) -> Window | None:
    if not asked or (int(asked) and not size_bytes):
        return None
    length = min(int(asked), size_bytes)
    return Window(size_bytes - length, length)


def _joined(windows: Iterable[Window]) -> Sequence[Window]:
    groups: list[tuple[int, Window]] = []
    for place, window in sorted(enumerate(windows), key=lambda placed: placed[1]):
        if groups and window.offset <= groups[-1][1].end:
            first, before = groups[-1]
            end = max(before.end, window.end)
            groups[-1] = min(first, place), Window(before.offset, end - before.offset)
        else:
            groups.append((place, window))
    return [window for _, window in sorted(groups)]
