"""What the HTTP doors count of every request: plain numbers on the event loop, which cost next to nothing."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Upper ends of the buckets that durations are counted in; one more holds the rest."""


class Route(NamedTuple):
    """What requests are counted by: never an id, nor a path as a client wrote it."""

    door: str
    template: str


NO_ROUTE = Route("", "")


@dataclass(slots=True)
class Counted:
    """The requests of one route; `statuses` is by the first digit of the status, 0 where none was sent."""

    statuses: Counter[int] = field(default_factory=Counter)
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_S) + 1))
    took_s: float = 0.0
    sent_bytes: int = 0


class Meter:
    """All counts of one process; lives on the event loop."""

    def __init__(self) -> None:
        self._routes: dict[Route, Counted] = {}

    def note(self, route: Route, status: int, sent_bytes: int, took_s: float = 0.0) -> None:
        """Count an answer; one that was cut off counts with all its bytes."""
        counted = self._routes.get(route)
        if counted is None:
            counted = self._routes[route] = Counted()
        counted.statuses[status // 100] += 1
        counted.buckets[bisect_left(BOUNDS_S, took_s)] += 1
        counted.took_s += took_s
        counted.sent_bytes += sent_bytes

    def snapshot(self) -> Iterator[tuple[Route, Counted]]:
        """Yield a copy of each count, for another thread to read."""
        for route, one in self._routes.items():
            yield route, Counted(one.statuses.copy(), one.buckets.copy(), one.took_s, one.sent_bytes)
