"""Keyset pages: a cursor says after which row the next page begins, so depth costs nothing."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

CURSOR_MAX = 4_096
"""Characters of a cursor; longer ones are refused unread."""

CursorValue = str | int | None
CursorValues = tuple[CursorValue, ...]
"""The sort keys of the last row of a page, the unique one last."""

_INT64 = range(-(2**63), 2**63)
_VERSION = 1

T = TypeVar("T")


class BadCursor(ValueError):  # noqa: N818 - named for the fact, as all our errors
    """A cursor that we did not make, or that belongs to another list."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list; `next_cursor` is None on the last."""

    items: Sequence[T]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class CursorKind:
    """The cursors of one list in one order.

    Attributes:
        tag: Names the list and its order, `albums.year`; a cursor of another kind is refused.
        types: `str` or `int` for each value, in order; None is allowed for each.
    """

    tag: str
    types: tuple[type[str] | type[int], ...]

    def encode(self, values: CursorValues) -> str:
        """Return the opaque, URL-safe text of a position.

        Raises:
            BadCursor: The values are not of this kind, too long, or no text that UTF-8 can carry.
        """
        if len(values) != len(self.types) or not all(map(_fits, values, self.types)):
            raise BadCursor("The cursor belongs to another list.")
        text = _packed([_VERSION, self.tag, *values])
        if len(text) > CURSOR_MAX:
            raise BadCursor("The sort keys are too long for a cursor.")
        return text

    def decode(self, text: str) -> CursorValues:
        """Return the values that `encode` was given.

        Raises:
            BadCursor: The text is no cursor of this kind, exactly as we write it.
        """
        if len(text) > CURSOR_MAX:
            raise BadCursor("The cursor is too long.")
        try:
            fields = json.loads(urlsafe_b64decode(text.encode("ascii") + b"=="))
        except (ValueError, RecursionError) as error:
            raise BadCursor("The cursor cannot be read.") from error
        values = tuple(fields[2:]) if isinstance(fields, list) else ()
        if self.encode(values) != text:  # another version, tag or spelling
            raise BadCursor("The cursor belongs to another list.")
        return values


def page_of(rows: Sequence[T], limit: int, kind: CursorKind, position: Callable[[T], CursorValues]) -> Page[T]:
    """Make a page of rows that were asked for with `limit + 1`, the extra one telling that there are more.

    Args:
        rows: At most `limit + 1` rows, in order.
        limit: Rows on a page, at least 1.
        kind: The cursors of this list.
        position: Gives the cursor values of a row.
    """
    if len(rows) <= limit:
        return Page(rows, None)
    return Page(rows[:limit], kind.encode(position(rows[limit - 1])))


def _fits(value: object, kind: type) -> bool:
    if value is None:
        return True
    if type(value) is not kind:  # a bool is an int to isinstance
        return False
    return value in _INT64 if isinstance(value, int) else "\0" not in str(value)


def _packed(fields: list[CursorValue]) -> str:
    try:
        raw = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError as error:
        raise BadCursor("The cursor cannot be read.") from error
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
