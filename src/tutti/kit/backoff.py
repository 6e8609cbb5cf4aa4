"""How long to wait before trying again, so that many who failed together do not come back together."""

from collections.abc import Callable
from dataclasses import dataclass
from random import SystemRandom


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential, capped, with full jitter: any wait from nothing to the ceiling is equally likely.

    Attributes:
        first_s: Ceiling of the first wait, in seconds.
        cap_s: What no ceiling passes.
        factor: How much each ceiling is above the one before; at least 1.
        random: Returns a number from 0 up to, not including, 1.
    """

    first_s: float = 1.0
    cap_s: float = 60.0
    factor: float = 2.0
    random: Callable[[], float] = SystemRandom().random

    def delay_s(self, attempt: int) -> float:
        """Return the wait after that many failed attempts, from 1."""
        return self.random() * self.ceiling_s(attempt)

    def ceiling_s(self, attempt: int) -> float:
        """Return the longest wait that `delay_s` can give."""
        try:
            return min(self.cap_s, self.first_s * self.factor ** (attempt - 1))
        except OverflowError:
            return self.cap_s
