"""What the shapes of several chapters share; sizes are bytes, durations milliseconds, instants RFC 3339 in UTC."""

from collections.abc import Callable
from typing import Annotated, Generic, TypeVar

from msgspec import Meta, Struct

from tutti.kit.paging import Page

T = TypeVar("T")
Row = TypeVar("Row")

Name = Annotated[str, Meta(min_length=1, max_length=200)]
Secret = Annotated[str, Meta(min_length=1, max_length=1024)]
Token = Annotated[str, Meta(min_length=1, max_length=8192)]


class Listing(Struct, Generic[T], frozen=True, kw_only=True):
    """One page of a list.

    Hand `next_cursor` back as `cursor` for the page after it; it is null on the last page.
    """

    items: list[T]
    next_cursor: str | None


def listing(page: Page[Row], shape: Callable[[Row], T]) -> Listing[T]:
    """Shape a page."""
    return Listing(items=list(map(shape, page.items)), next_cursor=page.next_cursor)


def readable(path: bytes) -> str:
    """Return a path as text that JSON can carry."""
    return path.decode("utf-8", "replace")
