"""What the core asks of a counter that several processes may share: how often something happened of late."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `count` times in any `seconds`."""

    count: int
    seconds: int


class Limiter(Protocol):
    """Counts by key over sliding windows; safe to call from many threads, and never waits."""

    def wait_s(self, key: str, rates: Sequence[Rate]) -> int:
        """Return 0 when one more is within all rates, else after how many whole seconds it may be."""
        ...

    def count(self, key: str, rates: Sequence[Rate]) -> None:
        """Count one more, also beyond a rate: what was too much is waited for afterwards."""
        ...
