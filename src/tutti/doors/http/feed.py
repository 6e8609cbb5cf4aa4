"""What clients are told as it happens (server-sent events): who hears what, in queues that cannot grow.

Events are hints. A client that was too slow, or that comes back after a gap, is told `resync`: it asks for everything
anew, and what it shows is right again.
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from secrets import token_hex

import msgspec

from tutti.domain.caller import Caller
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.events import Event
from tutti.doors.http.access import Field, Gate, bearer
from tutti.services.libraries import EDITORS, Audience, Libraries

HEARTBEAT_S = 15.0
QUEUE_EVENTS = 256
_BEGIN = b"retry: 2000\n\n"
_HEARTBEAT = b": still here\n\n"
_CHECKS_AT_ONCE = 2
"""Listeners who are verified anew at the same time, so that they leave room for requests."""


class Listener:
    """One connection: what its account may hear of, and what it has not been sent yet."""

    def __init__(self, headers: Iterable[Field], caller: Caller, audience: Audience, *, queue_events: int) -> None:
        self.headers = headers
        self.caller = caller
        self.audience = audience
        self.woken = asyncio.Event()
        self.must_look = False
        self.is_over = False
        self.has_gap = False
        self._queue: deque[tuple[str, Event]] = deque(maxlen=queue_events)

    def put(self, identity: str, event: Event) -> None:
        """Append an event; when the queue is full the oldest goes, and the listener will hear of a gap."""
        self.has_gap |= len(self._queue) == self._queue.maxlen
        self._queue.append((identity, event))
        self.woken.set()

    def wake(self) -> None:
        """Let the connection look at what changed about it."""
        self.woken.set()

    def take(self) -> Sequence[tuple[str, Event]]:
        """Return what is queued and forget it."""
        taken = list(self._queue)
        self._queue.clear()
        return taken


class Feed:
    """Everybody who listens; lives on the event loop, and `tell` is its one way in."""

    def __init__(
        self,
        gate: Gate,
        libraries: Libraries,
        *,
        per_account: int,
        heartbeat_s: float = HEARTBEAT_S,
        queue_events: int = QUEUE_EVENTS,
    ) -> None:
        self._gate = gate
        self._libraries = libraries
        self._per_account = per_account
        self._heartbeat_s = heartbeat_s
        self._queue_events = queue_events
        self._listeners: set[Listener] = set()
        self._held: Counter[int] = Counter()
        self._checking = asyncio.Semaphore(_CHECKS_AT_ONCE)
        self._run = token_hex(4)
        self._count = 0
        self._is_closed = False

    async def join(self, headers: Iterable[Field], last_id: str) -> Listener:
        """Begin to listen; whoever says which event he had last is told of a gap, unless there is none.

        Raises:
            AppError: LIMITED `too_many_listeners`; as `Gate.call`.
        """
        generation = self._gate.generation
        caller, audience = await self._gate.call(headers, self._heard_by)
        if self._held[caller.user_id] >= self._per_account:
            raise AppError(
                ErrorKind.LIMITED, "too_many_listeners", f"An account may hold {self._per_account} such connections."
            )
        listener = Listener(headers, caller, audience, queue_events=self._queue_events)
        listener.has_gap = bool(last_id) and last_id != self._newest()
        listener.must_look = generation != self._gate.generation
        listener.is_over = self._is_closed
        self._held[caller.user_id] += 1
        self._listeners.add(listener)
        return listener

    async def stream(self, listener: Listener) -> AsyncIterator[bytes]:
        """Yield what the listener is told, until his session ends, his token expires or the server stops."""
        try:
            yield _BEGIN
            while True:
                while listener.must_look:
                    if not await self._look(listener):
                        return
                if listener.is_over:
                    return
                written = self._written(listener)
                if written:
                    yield written
                is_woken = await self._waited(listener)
                listener.must_look |= self._gate.remembered(bearer(listener.headers)) is None  # the token may be over
                if not is_woken:
                    yield _HEARTBEAT
        finally:
            self.leave(listener)

    def leave(self, listener: Listener) -> None:
        """Forget a listener; saying so twice does no harm."""
        if listener in self._listeners:
            self._listeners.discard(listener)
            self._held[listener.caller.user_id] -= 1
            self._held += Counter()

    def tell(self, event: Event | None) -> None:
        """Let everybody hear of an event who may; None says that some were lost on the way."""
        self._count += 1
        for listener in self._listeners:
            if event is None:
                listener.has_gap = True
                listener.wake()
            elif listener.must_look or _data(event, listener.audience) is not None:
                listener.put(self._newest(), event)  # while it is not known who he is now, nothing is sent

    def look_again(self) -> None:
        """Verify everybody anew before he hears more: somebody's access may have changed."""
        for listener in self._listeners:
            listener.must_look = True
            listener.wake()

    def close(self) -> None:
        """Let every stream end."""
        self._is_closed = True
        for listener in self._listeners:
            listener.is_over = True
            listener.wake()

    def _heard_by(self, caller: Caller) -> tuple[Caller, Audience]:
        return caller, self._libraries.audience(caller)

    def _newest(self) -> str:
        return f"{self._run}-{self._count}"

    async def _waited(self, listener: Listener) -> bool:
        try:
            async with asyncio.timeout(self._heartbeat_s):
                await listener.woken.wait()
        except TimeoutError:
            return False
        return True

    async def _look(self, listener: Listener) -> bool:
        """Return whether the listener may stay; what he may hear of is known anew then."""
        listener.must_look = False
        try:
            async with self._checking:
                caller, audience = await self._gate.call(listener.headers, self._heard_by)
        except AppError:
            return False
        if audience.libraries.keys() != listener.audience.libraries.keys():
            listener.put(self._newest(), Event("library.changed"))
        listener.caller, listener.audience = caller, audience
        return True

    def _written(self, listener: Listener) -> bytes:
        listener.woken.clear()
        lines = []
        if listener.has_gap:
            listener.has_gap = False
            lines.append(_event(self._newest(), "resync", {}))
        for identity, event in listener.take():
            data = _data(event, listener.audience)
            if data is not None:
                lines.append(_event(identity, event.topic, data))
        if listener.must_look or listener.is_over:
            listener.wake()
        return b"".join(lines)


def _event(identity: str, topic: str, data: Mapping[str, str | int]) -> bytes:
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (identity.encode(), topic.encode(), msgspec.json.encode(data))


def _data(event: Event, audience: Audience) -> Mapping[str, str | int] | None:
    """Return what somebody is told of an event, None when it is none of his business."""
    if event.topic == "job.progress":
        return event.data if audience.is_admin else None
    if not event.ref:
        return event.data
    library = audience.libraries.get(int(event.ref))
    if library is None or (event.topic == "source.state" and library.role not in EDITORS):
        return None
    return {"library": str(library.uuid), **event.data}
