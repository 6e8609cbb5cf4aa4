"""Reads media through several locked children at once, and answers in the order asked."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from threading import BoundedSemaphore, Lock, Thread

from tutti.backends.media_worker import wire
from tutti.backends.media_worker.agenda import Agenda, Batch
from tutti.backends.media_worker.lanes import Lane
from tutti.backends.media_worker.opening import open_media
from tutti.backends.media_worker.process import Child, ChildLostError, Keeper
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.media import Reading, Refused
from tutti.ports.media import COVER_SIZES, MediaFile

_BATCHES_AHEAD = 3
"""For each child: what it reads, what waits in its socket, what waits for the caller."""


class PooledMediaReader:
    """A `MediaReader` whose files are opened in locked child processes, which start with the first file.

    Args:
        workers: How many children read at once; more than the cores gains nothing.
        is_strict: Refuse to read where a layer of the sandbox is missing; else what there is is used.
        timeout_s: Seconds that one file may take.
    """

    def __init__(self, workers: int, *, is_strict: bool = False, timeout_s: float = 15.0) -> None:
        self._agenda = Agenda()
        self._keeper = Keeper(is_strict=is_strict)
        self._lanes = [Lane(self._agenda, self._keeper.start_child, timeout_s) for _ in range(workers)]
        self._timeout_s = timeout_s
        self._drawing = BoundedSemaphore(workers)
        self._threads: list[Thread] = []
        self._starting = Lock()
        self._ready: wire.Ready | None = None

    def read(self, files: Iterable[MediaFile]) -> Iterator[Reading | Refused]:
        """Yield one answer a file, in the order asked; see the port."""
        self._start()
        files, caller = iter(files), object()
        ahead: deque[Batch] = deque()
        try:
            while chunk := list(islice(files, wire.BATCH)):
                ahead.append(Batch(caller, chunk))
                self._agenda.put(ahead[-1])
                if len(ahead) > _BATCHES_AHEAD * len(self._lanes):
                    yield from ahead.popleft().done.result()
            while ahead:
                yield from ahead.popleft().done.result()
        finally:
            for batch in ahead:
                batch.done.cancel()

    def _start(self) -> None:
        with self._starting:
            if not self._threads:
                self._threads = [Thread(target=lane.run, name="media", daemon=True) for lane in self._lanes]
                for thread in self._threads:
                    thread.start()

    def render_cover(self, file: MediaFile, size_px: int) -> bytes:
        """Return a cover as WebP, drawn by a child of its own; see the port."""
        if size_px not in COVER_SIZES:
            raise AppError(ErrorKind.INVALID, "bad_cover_size", f"The size must be one of {COVER_SIZES}.")
        with self._drawing:
            child = self._keeper.start_child()
            try:
                return _drawn(child, file, size_px, self._timeout_s)
            except ChildLostError as error:
                raise AppError(ErrorKind.UNSUPPORTED, "bad_picture", "The picture cannot be decoded.") from error
            finally:
                child.kill()

    def layers(self) -> Sequence[str]:
        """Return the layers of the sandbox that hold, the strongest first; empty when no child starts."""
        return self._known().layers

    def missing_layers(self) -> Sequence[str]:
        """Return the layers that this system does not offer."""
        return self._known().missing

    def _known(self) -> wire.Ready:
        if self._ready is None:
            with suppress(AppError):
                self._ready = self._keeper.layers()
        return self._ready or wire.Ready([], [])

    def close(self) -> None:
        """End the children; the reader is not used after this."""
        self._agenda.close()
        self._keeper.close()
        for thread in self._threads:
            thread.join()


def _drawn(child: Child, file: MediaFile, size_px: int, timeout_s: float) -> bytes:
    opened = open_media(file)
    if isinstance(opened, Refused):
        raise AppError(ErrorKind.NOT_FOUND, "no_cover", opened.message)
    child.send(wire.Request([None], size_px), [opened])
    answer = child.receive(timeout_s)
    if isinstance(answer, wire.Drawn):
        return answer.webp
    if isinstance(answer, wire.NotDrawn):
        kind = ErrorKind.NOT_FOUND if answer.code == "no_cover" else ErrorKind.UNSUPPORTED
        raise AppError(kind, answer.code, answer.message)
    raise ChildLostError
