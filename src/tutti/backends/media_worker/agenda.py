"""What is to be read, in the order of the callers: a lane stays with one caller while it can, nobody waits for ever."""

import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Condition

from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.media import Reading, Refused
from tutti.ports.media import MediaFile

Outcome = Reading | Refused


class ClosedError(Exception):
    """The reader is closed: there is nothing more to do."""


@dataclass(slots=True)
class Batch:
    """Files that are read together.

    Attributes:
        caller: Whose they are; a child serves one caller at a time.
        done: Resolved with one answer for each file.
    """

    caller: object
    files: Sequence[MediaFile]
    done: Future[Sequence[Outcome]] = field(default_factory=Future)


class Agenda:
    """Batches of several callers, waiting for lanes; safe to call from several threads."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._waiting: dict[object, deque[Batch]] = {}
        self._is_closed = False

    def put(self, batch: Batch) -> None:
        """Add a batch behind those of its caller; it fails at once when the reader is closed."""
        with self._changed:
            if self._is_closed:
                batch.done.set_exception(closed())
                return
            self._waiting.setdefault(batch.caller, deque()).append(batch)
            self._changed.notify()

    def next_of(self, caller: object) -> Batch | None:
        """Return the next batch of this caller, None when none waits now.

        Raises:
            ClosedError: The reader was closed.
        """
        with self._changed:
            return self._next(caller)

    def next(self, preferred: object, wait_s: float) -> Batch | None:
        """Return the next batch: of the preferred caller, else of whoever waits longest; None when none came in time.

        Raises:
            ClosedError: The reader was closed.
        """
        deadline = time.monotonic() + wait_s
        with self._changed:
            while True:
                if batch := self._next(preferred) or self._next(next(iter(self._waiting), None)):
                    return batch
                if not self._waiting and not self._changed.wait(deadline - time.monotonic()):
                    return None

    def _next(self, caller: object) -> Batch | None:
        if self._is_closed:
            raise ClosedError
        batches, found = self._waiting.pop(caller, deque()), None
        while batches and not found:
            batch = batches.popleft()
            found = batch if batch.done.set_running_or_notify_cancel() else None
        if batches:
            self._waiting[caller] = batches  # at the end: the others come first
        return found

    def close(self) -> None:
        """Wake and end all lanes; what was not begun fails."""
        with self._changed:
            self._is_closed = True
            for batch in (batch for batches in self._waiting.values() for batch in batches):
                if batch.done.set_running_or_notify_cancel():
                    batch.done.set_exception(closed())
            self._waiting.clear()
            self._changed.notify_all()


def closed() -> AppError:
    """Return what a caller is told whose files were not read because the server stops."""
    return AppError(ErrorKind.UNAVAILABLE, "media_worker_unavailable", "The server is stopping.")
