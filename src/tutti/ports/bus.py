"""How processes and threads of one server hear of each other; a lost event is never a lost fact."""

from collections.abc import Iterator
from types import TracebackType
from typing import Protocol, Self

from tutti.domain.events import Event


class Subscription(Protocol):
    """A bounded queue of events; when it is full the oldest is dropped. One thread's events keep their order."""

    def get(self, timeout_s: float | None = None) -> Event | None:
        """Return the next event; None when the time passed or the subscription was closed."""
        ...

    def has_lost(self) -> bool:
        """Whether events were dropped since this was last asked."""
        ...

    def __iter__(self) -> Iterator[Event]:
        """Yield events as they come, until the subscription is closed."""
        ...

    def close(self) -> None:
        """End the subscription and drop what is queued; whoever waits in `get` returns at once."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Bus(Protocol):
    """Publishes and subscribes; safe to call from any thread."""

    def publish(self, event: Event) -> None:
        """Tell every subscription of this topic; never blocks, never raises."""
        ...

    def subscribe(self, *topics: str) -> Subscription:
        """Listen to these topics, to all when none is named."""
        ...
