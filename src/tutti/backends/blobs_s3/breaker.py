"""Spares everybody the wait for a store that is known to be down."""

import threading
from collections.abc import Callable
from time import monotonic

_FAILURES = 5
_REST_S = 2.0


class Breaker:
    """Counts failures in a row; after a few, one call in two seconds finds out whether the store is back.

    Safe to call from several threads.
    """

    def __init__(self, *, now_s: Callable[[], float] = monotonic) -> None:
        self._now_s = now_s
        self._lock = threading.Lock()
        self._failures = 0
        self._rests_until_s = 0.0

    def may_try(self) -> bool:
        """Return whether to ask the store; who gets a yes says how it went."""
        with self._lock:
            if self._failures < _FAILURES:
                return True
            if self._now_s() < self._rests_until_s:
                return False
            self._rests_until_s = self._now_s() + _REST_S
            return True

    def succeeded(self) -> None:
        """Take note that the store has answered."""
        with self._lock:
            self._failures = 0

    def failed(self) -> None:
        """Take note that it has not."""
        with self._lock:
            self._failures += 1
            self._rests_until_s = self._now_s() + _REST_S
