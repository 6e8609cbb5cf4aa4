"""Reads media through several locked children at once, and answers in the order asked."""

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from queue import SimpleQueue
from threading import Lock, Thread

from tutti.backends.media_worker import wire
from tutti.backends.media_worker.lanes import Batch, Lane
from tutti.backends.media_worker.process import Child
from tutti.domain.media import Reading, Refused
from tutti.ports.media import MediaFile

_BATCHES_AHEAD = 3
"""For each child: what it reads, what waits in its socket, what waits for the caller."""


class PooledMediaReader:
    """A `MediaReader` whose files are opened in child processes; children start with the first file.

    Args:
        workers: How many children read at once; more than the cores gains nothing.
        timeout_s: Seconds that one file may take.
        files_per_child: After so many files a child is replaced.
    """

    def __init__(self, workers: int, *, timeout_s: float = 15.0, files_per_child: int = 20_000) -> None:
        self._jobs: SimpleQueue[Batch | None] = SimpleQueue()
        self._lanes = [Lane(self._jobs, Child, timeout_s, files_per_child) for _ in range(workers)]
        self._threads: list[Thread] = []
        self._starting = Lock()

    def read(self, files: Iterable[MediaFile]) -> Iterator[Reading | Refused]:
        """Yield one answer a file, in the order asked; see `MediaReader.read`."""
        self._start()
        files = iter(files)
        ahead: deque[Batch] = deque()
        try:
            while chunk := list(islice(files, wire.BATCH)):
                ahead.append(Batch(chunk))
                self._jobs.put(ahead[-1])
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

    def close(self) -> None:
        """End the children; the reader is not used after this."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()
