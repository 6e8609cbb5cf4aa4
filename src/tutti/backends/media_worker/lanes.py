"""A lane: one thread that keeps one child busy with batches of files and puts a new child in place of a lost one."""

import os
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tutti.backends.media_worker import wire
from tutti.backends.media_worker.agenda import Agenda, Batch, ClosedError, Outcome, closed
from tutti.backends.media_worker.opening import open_media
from tutti.backends.media_worker.process import ChildLostError
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.formats import container_of_name
from tutti.domain.media import Refusal, Refused

_AHEAD = 2
"""Batches that a child has at once: while it reads one, the next is already in its socket."""

_TURN = 32
"""Batches after which another caller who waits is served; changing the caller costs a new child."""

_IDLE_S = 20.0
"""A child with nothing to do for so long is ended."""

TOO_SLOW = Refused(Refusal.TOO_SLOW, "Reading the file took too long.")
FATAL = Refused(Refusal.DAMAGED, "The file breaks the program that reads it, so it is left alone.")


@dataclass(slots=True)
class _Work:
    """A batch in hand.

    Attributes:
        answers: One place for each file, None until it is answered.
        waiting: Places that the child has yet to answer, in order.
        is_sent: Whether a living child has the waiting files.
        is_suspect: Whether a child died over the first waiting file; it may have been killed for no fault of that file.
    """

    batch: Batch
    answers: list[Outcome | None] = field(init=False)
    waiting: deque[int] = field(init=False)
    is_sent: bool = False
    is_suspect: bool = False

    def __post_init__(self) -> None:
        self.answers = [None] * len(self.batch.files)
        self.waiting = deque(range(len(self.batch.files)))

    def open(self) -> Sequence[int]:
        """Return descriptors of the waiting files; those that cannot be opened are answered here.

        Raises:
            AppError: As `open_media`; none is open then.
        """
        descriptors: list[int] = []
        for place in tuple(self.waiting):
            try:
                opened = open_media(self.batch.files[place])
            except AppError:
                for descriptor in descriptors:
                    os.close(descriptor)
                raise
            if isinstance(opened, Refused):
                self.waiting.remove(place)
                self.answers[place] = opened
            else:
                descriptors.append(opened)
        return descriptors

    def request(self) -> wire.Request:
        """Return what the child is asked about the waiting files."""
        files = [self.batch.files[place] for place in self.waiting]
        sounds = [number for number, file in enumerate(files) if file.wants_sound]
        return wire.Request([container_of_name(file.path) for file in files], sounds=sounds)

    def accept(self, outcome: Outcome) -> None:
        """Note the answer for the first waiting file."""
        self.answers[self.waiting.popleft()] = outcome
        self.is_suspect = False

    def blame(self, *, is_hung: bool) -> None:
        """Refuse the first waiting file that hung a child, or that killed two of them."""
        if is_hung or self.is_suspect:
            self.accept(TOO_SLOW if is_hung else FATAL)
        else:
            self.is_suspect = True

    def finish(self) -> None:
        """Hand over all answers."""
        self.batch.done.set_result([answer for answer in self.answers if answer is not None])


class Worker(Protocol):
    """What a lane needs of a child; see `process.Child`."""

    def send(self, request: wire.Request, descriptors: Sequence[int]) -> None:
        """Ask about files."""
        ...

    def receive(self, timeout_s: float) -> wire.Answer:
        """Return the next answer."""
        ...

    def kill(self) -> None:
        """End it."""
        ...


@dataclass(slots=True)
class Lane:
    """One thread's work; `run` ends when the agenda is closed.

    A child serves one caller at a time: whoever made a file that took it over learns nothing of others' files.

    Attributes:
        agenda: Where its work comes from.
        start: Starts a child, or raises AppError when none comes up.
        timeout_s: Seconds that one file may take.
    """

    agenda: Agenda
    start: Callable[[], Worker]
    timeout_s: float
    _child: Worker | None = None
    _caller: object = None
    _turn: int = 0
    _hand: deque[_Work] = field(default_factory=deque)

    def run(self) -> None:
        """Read batches until the agenda is closed."""
        try:
            while True:
                self._fetch()
                self._read()
        except ClosedError:
            self._fail(closed())
        finally:
            self._retire()

    def _fetch(self) -> None:
        """Take in hand what the child can have at once; end an idle child."""
        if not self._hand:
            preferred = self._caller if self._turn < _TURN else None
            batch = self.agenda.next(preferred, _IDLE_S)
            if batch is None or batch.caller is not self._caller:
                self._retire()
                self._turn = 0
            self._take(batch)
        while len(self._hand) < _AHEAD and self._turn < _TURN and (batch := self.agenda.next_of(self._caller)):
            self._take(batch)

    def _take(self, batch: Batch | None) -> None:
        if batch:
            self._caller = batch.caller
            self._turn += 1
            self._hand.append(_Work(batch))

    def _read(self) -> None:
        if self._hand:
            try:
                self._supply()
                self._settle(self._hand[0])
            except AppError as error:
                self._fail(error)

    def _supply(self) -> None:
        """Send what is not sent; a child that died while idle is replaced once."""
        try:
            self._send()
        except ChildLostError:
            self._retire()
            try:
                self._send()
            except ChildLostError as error:
                self._retire()
                raise AppError(
                    ErrorKind.UNAVAILABLE, "media_worker_unavailable", "Media cannot be read now."
                ) from error

    def _send(self) -> None:
        for work in self._hand:
            if not work.is_sent:
                child = self._running()  # before anything is open that a failure would leave so
                if descriptors := work.open():
                    child.send(work.request(), descriptors)
            work.is_sent = True

    def _running(self) -> Worker:
        if self._child is None:
            self._child = self.start()
        return self._child

    def _settle(self, work: _Work) -> None:
        """Wait for the answers of the oldest batch; a file that costs a child its life costs nobody else's answer."""
        while work.waiting:
            try:
                work.accept(_outcome(self._running().receive(self.timeout_s)))
            except ChildLostError as lost:
                work.blame(is_hung=lost.is_hung)
                self._retire()
                self._supply()
        self._hand.popleft().finish()

    def _retire(self) -> None:
        """End the child; whatever it had not answered counts as not sent."""
        if self._child:
            self._child.kill()
        self._child = None
        for work in self._hand:
            work.is_sent = False

    def _fail(self, error: AppError) -> None:
        while self._hand:
            self._hand.popleft().batch.done.set_exception(error)


def _outcome(answer: wire.Answer) -> Outcome:
    if isinstance(answer, wire.Found):
        return wire.from_wire(answer)
    if isinstance(answer, wire.NotTaken):
        return Refused(answer.reason, answer.message)
    raise ChildLostError
