"""Tells when it is time for another round: something happened in the folder, at the server, or nothing for a while."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

from watchfiles import Change, watch

from tutti.domain.errors import AppError
from tutti.kit.backoff import Backoff
from tutti.syncing.names import is_audio
from tutti.syncing.server import Server, StoppedError

_QUIET_S = 1.0
_HINTS = ("item.", "library.", "resync")


class Wakes:
    """Set by whoever knows of a change, waited for by whoever makes rounds."""

    def __init__(self, stop: Event) -> None:
        self._stop = stop
        self._wake = Event()

    def wake(self) -> None:
        """Say that something happened; anybody may."""
        self._wake.set()

    def wait(self, timeout_s: float) -> None:
        """Wait until something happened and has been quiet for a moment, or the time is over, or somebody stops."""
        self._wake.wait(timeout_s)
        while self._wake.is_set() and not self._stop.is_set():
            self._wake.clear()
            self._wake.wait(_QUIET_S)


@contextmanager
def watching(folder: Path, server: Server, stop: Event) -> Iterator[Wakes]:
    """Watch a folder and a server while the block lasts."""
    wakes, over = Wakes(stop), Event()
    threads = (
        Thread(target=_watch_folder, args=(folder, wakes, over), name="sync-folder", daemon=True),
        Thread(target=_watch_server, args=(server, wakes, over), name="sync-server", daemon=True),
    )
    for thread in threads:
        thread.start()
    try:
        yield wakes
    finally:
        over.set()
        stop.set()
        wakes.wake()
        threads[0].join()  # the other one waits for the server, and ends with the process


def _watch_folder(folder: Path, wakes: Wakes, over: Event) -> None:
    changes = watch(folder, watch_filter=_is_music, stop_event=over, rust_timeout=500, raise_interrupt=False)
    try:
        for _ in changes:
            wakes.wake()
    except OSError:  # too many folders to watch: the rounds that are made anyway find what happened
        wakes.wake()


def _is_music(change: Change, path: str) -> bool:
    name = path.rpartition("/")[2]
    return is_audio(name) or (change is not Change.modified and not name.startswith("."))


def _watch_server(server: Server, wakes: Wakes, over: Event) -> None:
    backoff, attempt = Backoff(first_s=2.0, cap_s=60.0), 0
    while not over.is_set():
        try:
            for hint in server.hints():
                attempt = 0
                if hint.startswith(_HINTS):
                    wakes.wake()
        except StoppedError:
            return
        except AppError:
            attempt += 1
        over.wait(backoff.delay_s(max(attempt, 1)))
