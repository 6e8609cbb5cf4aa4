"""Paths that are answered before the framework, because every microsecond of a byte range counts."""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from litestar.types import HTTPScope, Receive, Send

from tutti.doors.http.answers import Field
from tutti.doors.http.express import AtHand
from tutti.doors.http.meter import NO_ROUTE, Route

ShortHandler = Callable[[HTTPScope, Receive, Send, str], Awaitable[None]]
"""Answers a request; the text is the first group of the path's pattern. Raises only before it has sent anything."""

Reach = Callable[[str, bytes, Sequence[Field]], AtHand | None]
"""Returns the file of a GET that is at hand: the first group of the path's pattern, the query, the fields."""


@dataclass(frozen=True, slots=True)
class Shortcut:
    """One pattern of paths, and who answers GET and HEAD there.

    Attributes:
        reach: Asked first, for a plain GET; what it does not have at hand is left to the handler.
        route: What its requests are counted by.
    """

    pattern: re.Pattern[str]
    handler: ShortHandler
    reach: Reach | None = None
    route: Route = NO_ROUTE


def finder(shortcuts: Sequence[Shortcut]) -> Callable[[bytes, Sequence[Field]], AtHand | None]:
    """Return what `Express.find` is for these paths. One that is written with escapes is not at hand."""
    reaching = [(shortcut.pattern, shortcut.reach) for shortcut in shortcuts if shortcut.reach is not None]

    def find(target: bytes, fields: Sequence[Field]) -> AtHand | None:
        path, _, query = target.partition(b"?")
        for pattern, reach in reaching:
            match = pattern.fullmatch(path.decode("latin-1"))
            if match is not None:
                return reach(match[1], query, fields)
        return None

    return find
