"""Paths that are answered before the framework, because every microsecond of a byte range counts."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from litestar.types import HTTPScope, Receive, Send

ShortHandler = Callable[[HTTPScope, Receive, Send, str], Awaitable[None]]
"""Answers a request; the text is the first group of the path's pattern. Raises AppError before it has sent anything."""


@dataclass(frozen=True, slots=True)
class Shortcut:
    """One pattern of paths, and who answers GET and HEAD there."""

    pattern: re.Pattern[str]
    handler: ShortHandler
