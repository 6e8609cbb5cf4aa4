"""The bus of a server that is one process."""

from collections import deque
from collections.abc import Iterator
from threading import Condition, Lock
from types import TracebackType
from typing import Self
from weakref import WeakSet

from tutti.domain.events import Event

QUEUE_EVENTS = 256


class LocalBus:
    """Implements the port Bus with a queue for each subscription; one that is forgotten ends by itself."""

    def __init__(self, *, queue_events: int = QUEUE_EVENTS) -> None:
        self._queue_events = queue_events
        self._lock = Lock()
        self._subscriptions: WeakSet[LocalSubscription] = WeakSet()

    def publish(self, event: Event) -> None:
        """Append to the queues of those who listen."""
        with self._lock:
            listeners = [each for each in self._subscriptions if each.wants(event.topic)]
        for listener in listeners:
            listener.put(event)

    def subscribe(self, *topics: str) -> "LocalSubscription":
        """Begin a queue."""
        subscription = LocalSubscription(frozenset(topics), self._queue_events)
        with self._lock:
            self._subscriptions.add(subscription)
        return subscription


class LocalSubscription:
    """Implements the port Subscription."""

    def __init__(self, topics: frozenset[str], queue_events: int) -> None:
        self._topics = topics
        self._queue: deque[Event] = deque(maxlen=queue_events)
        self._changed = Condition()
        self._is_open = True
        self._has_lost = False

    def wants(self, topic: str) -> bool:
        """Return whether events of this topic belong here."""
        return self._is_open and (not self._topics or topic in self._topics)

    def put(self, event: Event) -> None:
        """Append an event; the oldest goes when the queue is full."""
        with self._changed:
            self._has_lost |= len(self._queue) == self._queue.maxlen
            self._queue.append(event)
            self._changed.notify()

    def get(self, timeout_s: float | None = None) -> Event | None:
        """Take the oldest event, waiting for one if there is none."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or not self._is_open, timeout_s)
            return self._queue.popleft() if self._is_open and self._queue else None

    def has_lost(self) -> bool:
        """Say once that events were dropped."""
        with self._changed:
            has_lost, self._has_lost = self._has_lost, False
            return has_lost

    def __iter__(self) -> Iterator[Event]:
        while (event := self.get()) is not None:
            yield event

    def close(self) -> None:
        """Wake whoever waits; what is still queued is dropped."""
        with self._changed:
            self._is_open = False
            self._changed.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
