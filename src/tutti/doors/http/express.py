"""Files that are at hand are answered within the parser's callback: no scope, no task, no framework.

What surrounds a range of 4 KiB costs more than the range. A player asks for the same file again and again: whether it
may have it is known by then, and there is nothing to wait for.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from uvicorn._types import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, Scope
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from tutti.doors.http.answers import Field, OpenFile
from tutti.doors.http.lane import Wire, finish
from tutti.doors.http.meter import NO_ROUTE, Route
from tutti.doors.http.pages import FilePages
from tutti.doors.http.pump import Pump


class AtHand(NamedTuple):
    """A file that may be sent without further questions.

    Attributes:
        extra: Further fields of the answer.
        owner: What keeps `file.fd` open; held until the answer is sent.
        route: What the request is counted by.
    """

    file: OpenFile
    extra: Sequence[Field]
    owner: object
    route: Route = NO_ROUTE


def _ignore(_route: Route, _status: int, _sent_bytes: int) -> None:
    """Count nothing."""


class Express(NamedTuple):
    """How a connection answers at once.

    Attributes:
        find: Given the target and the fields of a GET, returns the file if it is at hand; the application is asked when
            it returns None. It is called on the loop for every GET, and must neither wait nor raise.
        pages: How files are read.
        stall_s: A client that takes nothing for that long, or for up to half as much longer, is given up.
        noted: Told of each answer: its route, its status, the bytes of its body.
    """

    find: Callable[[bytes, Sequence[Field]], AtHand | None]
    pages: FilePages
    stall_s: float = 60.0
    noted: Callable[[Route, int, int], None] = _ignore


class Rest(NamedTuple):
    """What is left of an answer that was begun: its request becomes one of uvicorn's, with this as the application."""

    pump: Pump
    wire: Wire
    at_hand: AtHand
    stall_s: float

    def app(self, cycle: RequestResponseCycle) -> ASGI3Application:
        """Return the application that sends the rest, for the cycle of the request."""
        cycle.response_started = True

        async def rest(_scope: Scope, _receive: ASGIReceiveCallable, _send: ASGISendCallable) -> None:
            with self.at_hand.file.sending(self.wire.cut):
                await finish(cycle, self.wire, self.pump, stall_s=self.stall_s)

        return rest
