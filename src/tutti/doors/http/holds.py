"""What is being sent, and to whom: an answer that its caller may not have any more is cut off, not finished.

A download can take hours. Whatever changes somebody's access raises the access epoch; within a second every answer that
is on its way is looked at again, and those whose session, account or membership is gone end where they are.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

import structlog

from tutti.domain.caller import Caller
from tutti.doors.http.hop import Hop

_AT_A_TIME = 100
_AGAIN_S = 0.5

MayGoOn = Callable[[Sequence[tuple[Caller, UUID]]], Sequence[bool]]
"""Tells of each caller and item whether he would still be given it."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger()


class AccessEnded(ConnectionError):  # noqa: N818 - named for the fact, as all our errors
    """The client may not have the rest."""


class Hold:
    """One caller's hold on one item, as long as answers rest on it."""

    __slots__ = ("_cuts", "_holds", "caller", "item_uuid")

    def __init__(self, holds: "Holds", caller: Caller, item_uuid: UUID) -> None:
        self.caller = caller
        self.item_uuid = item_uuid
        self._holds = holds
        self._cuts: list[Callable[[], None]] = []

    @property
    def answers(self) -> int:
        """How many answers rest on it."""
        return len(self._cuts)

    @contextmanager
    def sending(self, cut: Callable[[], None]) -> Iterator[None]:
        """Keep an eye on an answer while the block lasts; `cut` ends it where it is."""
        self._cuts.append(cut)
        self._holds.in_use.add(self)
        try:
            yield
        finally:
            self._cuts.remove(cut)
            if not self._cuts:
                self._holds.in_use.discard(self)

    def end(self) -> None:
        """Cut off every answer that rests on this."""
        for cut in list(self._cuts):
            cut()


class Holds:
    """All holds of one process; lives on the event loop."""

    def __init__(self, may_go_on: MayGoOn, hop: Hop) -> None:
        self._may_go_on = may_go_on
        self._hop = hop
        self.in_use: set[Hold] = set()

    @property
    def answers(self) -> int:
        """How many answers are being sent."""
        return sum(hold.answers for hold in self.in_use)

    async def watch(self, changed: asyncio.Event) -> None:
        """Look at everything that is being sent whenever access may have changed; runs until it is cancelled."""
        while True:
            await changed.wait()
            changed.clear()
            held = list(self.in_use)
            for start in range(0, len(held), _AT_A_TIME):
                try:
                    await self._look(held[start : start + _AT_A_TIME])
                except Exception as error:  # noqa: BLE001 - the loop's edge: nobody can tell just now, so ask again
                    _log.warning("holds.not_checked", reason=repr(error))
                    await asyncio.sleep(_AGAIN_S)
                    changed.set()

    async def _look(self, held: Sequence[Hold]) -> None:
        allowed = await self._hop(self._may_go_on, [(hold.caller, hold.item_uuid) for hold in held])
        for hold, may_go_on in zip(held, allowed, strict=True):
            if not may_go_on:
                _log.info("file.access_ended", user=str(hold.caller.user_uuid), item=str(hold.item_uuid))
                hold.end()
