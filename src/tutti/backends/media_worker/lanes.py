"""A lane: one thread that keeps one child busy with batches of files and puts a new child in place of a lost one."""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from tutti.backends.media_worker import wire
from tutti.backends.media_worker.opening import open_media
from tutti.backends.media_worker.process import Child, ChildLostError
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.formats import container_of_name
from tutti.domain.media import Reading, Refusal, Refused
from tutti.ports.media import MediaFile

_AHEAD = 2
"""Batches that a child has at once: while it reads one, the next is already in its socket."""

UNAVAILABLE = "media_worker_unavailable"

Outcome = Reading | Refused

_TOO_SLOW = Refused(Refusal.TOO_SLOW, "Reading the file took too long.")
_FATAL = Refused(Refusal.DAMAGED, "The file broke the program that reads it, so it is left alone.")


@dataclass(slots=True)
class Batch:
    """Files that are read together, and what is known of them so far.

    Attributes:
        answers: One place for each file, None until it is answered.
        waiting: Places that the child has yet to answer, in order.
        done: Resolved with all answers.
        is_sent: Whether a living child has the waiting files.
    """

    files: Sequence[MediaFile]
    answers: list[Outcome | None] = field(init=False)
    waiting: deque[int] = field(init=False)
    done: Future[Sequence[Outcome]] = field(default_factory=Future)
    is_sent: bool = False

    def __post_init__(self) -> None:
        self.answers = [None] * len(self.files)
        self.waiting = deque(range(len(self.files)))

    def open(self) -> Sequence[int]:
        """Return descriptors of the waiting files; those that cannot be opened are answered here."""
        descriptors = []
        for place in tuple(self.waiting):
            opened = open_media(self.files[place])
            if isinstance(opened, Refused):
                self.waiting.remove(place)
                self.answers[place] = opened
            else:
                descriptors.append(opened)
        return descriptors

    def accept(self, outcome: Outcome) -> None:
        """Note the answer for the first waiting file."""
        self.answers[self.waiting.popleft()] = outcome

    def finish(self) -> None:
        """Hand over all answers."""
        self.done.set_result([answer for answer in self.answers if answer is not None])


@dataclass(slots=True)
class Lane:
    """One thread's work: `run` until the queue gives None."""

    jobs: SimpleQueue[Batch | None]
    start: Callable[[], Child]
    timeout_s: float
    files_per_child: int
    _child: Child | None = None
    _sent: deque[Batch] = field(default_factory=deque)
    _is_closing: bool = False

    def run(self) -> None:
        """Read batches until told to stop."""
        while self._take():
            try:
                self._supply()
                self._settle(self._sent[0])
            except AppError as error:
                self._fail(error)
        self._retire()

    def _take(self) -> bool:
        """Fetch what the child can have at once; return False when there is nothing left to do, ever."""
        while len(self._sent) < self._capacity() and not self._is_closing:
            try:
                batch = self.jobs.get(block=not self._sent)
            except Empty:
                break
            if batch is None:
                self._is_closing = True
            elif batch.done.set_running_or_notify_cancel():
                self._sent.append(batch)
        return bool(self._sent)

    def _capacity(self) -> int:
        """An old child is given nothing new, and leaves when it has answered."""
        if self._child is None or self._child.served < self.files_per_child:
            return _AHEAD
        if not self._sent:
            self._retire()
        return 1

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
                    ErrorKind.UNAVAILABLE, UNAVAILABLE, "The program that reads media does not start."
                ) from error

    def _send(self) -> None:
        for batch in self._sent:
            if not batch.is_sent and (descriptors := batch.open()):
                promised = [container_of_name(batch.files[place].path) for place in batch.waiting]
                self._running().send(wire.Request(promised), descriptors)
            batch.is_sent = True

    def _running(self) -> Child:
        if self._child is None:
            self._child = self.start()
        return self._child

    def _settle(self, batch: Batch) -> None:
        """Wait for the answers of the oldest batch; a file that costs a child its life costs nobody else's answer."""
        while batch.waiting:
            try:
                batch.accept(_outcome(self._running().receive(self.timeout_s)))
            except ChildLostError as lost:
                batch.accept(_TOO_SLOW if lost.is_hung else _FATAL)
                self._retire()
                self._supply()
        self._sent.popleft().finish()

    def _retire(self) -> None:
        """End the child; whatever it had not answered counts as not sent."""
        if self._child:
            self._child.kill()
        self._child = None
        for batch in self._sent:
            batch.is_sent = False

    def _fail(self, error: AppError) -> None:
        while self._sent:
            self._sent.popleft().done.set_exception(error)


def _outcome(answer: wire.Answer) -> Outcome:
    if isinstance(answer, wire.Found):
        return wire.from_wire(answer)
    if isinstance(answer, wire.NotTaken):
        return Refused(answer.reason, answer.message)
    raise ChildLostError(is_hung=False)
