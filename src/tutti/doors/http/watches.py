"""What a connection is watched for: a client that says nothing, sends slowly, or takes nothing."""

import asyncio
from collections.abc import Callable


class Deadline:
    """Reports once a moment has passed, and may be moved at almost no cost: its timer stays where it is.

    So a moment that was moved forward is reported when the timer is due, which is later.
    """

    def __init__(self, report: Callable[[], None]) -> None:
        """Set nothing yet; `report` is called by the running loop."""
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._at: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    def set(self, seconds: float) -> None:
        """Let the moment be `seconds` from now."""
        self._at = self._loop.time() + seconds
        if self._timer is None:
            self._timer = self._loop.call_at(self._at, self._look)

    def lift(self) -> None:
        """Report nothing, until it is set again."""
        self._at = None

    def cancel(self) -> None:
        """Report nothing any more."""
        self._at = None
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        self._timer = None
        if self._at is None:
            return
        if self._at > self._loop.time():
            self._timer = self._loop.call_at(self._at, self._look)
        else:
            self._report()


class PaceWatch:
    """Reports a sender of whom less than `least` came in a whole span of `every_s` seconds, unless we held him back."""

    def __init__(
        self, every_s: float, least: int, report: Callable[[], None], *, is_held_back: Callable[[], bool]
    ) -> None:
        """Begin to watch; `report` is called once, by the running loop."""
        self._every_s = every_s
        self._least = least
        self._report = report
        self._is_held_back = is_held_back
        self._loop = asyncio.get_running_loop()
        self._came = 0
        self._is_excused = False
        self._timer = self._loop.call_later(every_s, self._look)

    def came(self, count: int) -> None:
        """Note so much more."""
        self._came += count
        self._is_excused |= self._is_held_back()

    def cancel(self) -> None:
        """Watch no more."""
        self._timer.cancel()

    def _look(self) -> None:
        is_held_back = self._is_held_back()
        if self._came < self._least and not self._is_excused and not is_held_back:
            self._report()
            return
        self._came, self._is_excused = 0, is_held_back
        self._timer = self._loop.call_later(self._every_s, self._look)


class StallWatch:
    """Reports a counter that has stood still for `stall_s` seconds, or for up to half as much longer."""

    def __init__(self, stall_s: float, count: Callable[[], int], report: Callable[[], None]) -> None:
        """Begin to watch what `count` returns; `report` is called once, by the running loop."""
        self._interval_s = stall_s / 2
        self._count = count
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._look(None)

    def cancel(self) -> None:
        """Watch no more."""
        self._timer.cancel()

    def _look(self, *before: int | None) -> None:
        """Look at the counter again; `before` are the last two values seen, the older one first."""
        now = self._count()
        if before == (now, now):
            self._report()
        else:
            self._timer = self._loop.call_later(self._interval_s, self._look, before[-1], now)
