"""Counters over sliding windows, in the storage of the `limits` library: in memory now, one that processes share later.

The library tells time by itself; here the window is part of the key, so that only our clock counts, and its storage
needs nothing but a counter that is forgotten after a while.
"""

from collections.abc import Sequence
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING

from tutti.kit.clock import Clock
from tutti.ports.limiter import Rate

if TYPE_CHECKING:
    from limits.storage import Storage


class WindowLimiter:
    """Implements Limiter.

    Of the window before, as much counts as the last `seconds` still cover: exact for an even flow.
    """

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()  # the storage loses what two count at once

    def wait_s(self, key: str, rates: Sequence[Rate]) -> int:
        """Return how long to wait until one more is within all rates."""
        with self._lock:
            return max(self._wait_s(key, rate) for rate in rates)

    def count(self, key: str, rates: Sequence[Rate]) -> None:
        """Count one more."""
        with self._lock:
            for rate in rates:
                self._storage.incr(self._window(key, rate)[0], 2 * rate.seconds)

    def warm_up(self) -> None:
        """Load the library, which the first request would wait for."""
        with self._lock:
            _ = self._storage

    @cached_property
    def _storage(self) -> "Storage":
        from limits.storage import MemoryStorage  # noqa: PLC0415 - a start would pay 40 ms for it

        return MemoryStorage()

    def _wait_s(self, key: str, rate: Rate) -> int:
        name, before, age_s = self._window(key, rate)
        now, past = self._storage.get(name), self._storage.get(before)
        if int(past * (1 - age_s / rate.seconds)) + now < rate.count:
            return 0
        if now >= rate.count:  # this window is full: the next one begins with what it leaves
            until_s = rate.seconds + rate.seconds * (1 - rate.count / now)
        else:
            until_s = rate.seconds * (1 - (rate.count - now) / past)
        return int(until_s - age_s) + 1

    def _window(self, key: str, rate: Rate) -> tuple[str, str, float]:
        """Return the names of the counters of this window and the one before, and the age of this one in seconds."""
        number, age_s = divmod(self._clock().timestamp(), rate.seconds)
        return f"{key} {rate.seconds} {number:.0f}", f"{key} {rate.seconds} {number - 1:.0f}", age_s
