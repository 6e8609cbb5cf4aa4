"""The threads beside the doors: jobs, the schedule, the watcher of folders, the watcher of the access epoch."""

import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from threading import Event, Thread

import structlog

from tutti.domain.errors import AppError
from tutti.domain.events import TOPICS
from tutti.domain.events import Event as Happened
from tutti.domain.jobs import JobKind
from tutti.domain.values import ItemId, SourceId
from tutti.jobs.runner import Batch, JobContext, Runner, RunnerPolicy, Task
from tutti.kit.backoff import Backoff
from tutti.wiring.core import Core

_log = structlog.get_logger()

_EPOCH_POLL_S = 0.3
_EVENTS_POLL_S = 1.0
_TIDY_EVERY_S = 3600.0
_NOTHING_TO_SCAN = frozenset({"source_unavailable", "source_not_found"})
"""Trying again soon helps nobody: the source says what is wrong, and the schedule comes by every hour."""


def tasks(core: Core) -> Mapping[JobKind, Task]:
    """Say which job calls which use case."""

    def scan(ref: str, context: JobContext) -> None:
        try:
            report = core.scanner.scan(SourceId(int(ref)), progress=lambda so_far: context.progress(so_far.seen))
        except AppError as error:
            if error.code not in _NOTHING_TO_SCAN:
                raise
            _log.warning("source.not_scanned", source=ref, reason=error.message)
            return
        _log.info(
            "source.scanned",
            source=ref,
            seen=report.seen,
            added=report.added,
            updated=report.updated,
            moved=report.moved,
            removed=report.removed,
            refused=report.refused,
        )

    return {
        JobKind.SCAN_SOURCE: scan,
        JobKind.EMPTY_TRASH: lambda ref, _: _log.info("trash.emptied", items=core.trash.empty_now(ref)),
        JobKind.REMOVE_SOURCE: lambda ref, context: _log.info(
            "source.removed",
            source=ref,
            is_complete=core.removals.source(SourceId(int(ref)), progress=context.progress),
        ),
        JobKind.REMOVE_LIBRARY: lambda ref, context: _log.info(
            "library.removed", library=ref, is_complete=core.removals.library(int(ref), progress=context.progress)
        ),
        JobKind.PROBE_ITEM: lambda ref, _: core.probing.probe([ItemId(int(ref))]),
        JobKind.MAINTAIN: lambda _ref, _: _log.info("maintenance.done", **core.maintenance.tidy()._asdict()),
    }


def runner_of(core: Core, kinds: Collection[JobKind] = tuple(JobKind)) -> Runner:
    """Return a runner that is not started: for a server, and for a command that runs what it enqueued."""
    chosen = {kind: task for kind, task in tasks(core).items() if kind in kinds}
    together: Mapping[JobKind, Batch] = {
        JobKind.PROBE_ITEM: lambda refs: core.probing.probe([ItemId(int(ref)) for ref in refs])
    }
    return Runner(core.db, core.bus, chosen, together=together, backoff=Backoff(first_s=5), policy=RunnerPolicy())


@contextmanager
def running(
    core: Core,
    *,
    access_changed: Callable[[], None],
    happened: Callable[[Happened | None], None],
    beside: Callable[[Core, Event], None],
) -> Iterator[None]:
    """Run the background of a serving process while the block lasts.

    Args:
        core: What the threads work with.
        beside: One more thing to do once, until its event is set.
        happened: Called, from a thread, with what clients may be told, and with None when some of it was lost.
        access_changed: Called, from a thread, whenever somebody's access may have changed.
    """
    stop = Event()
    runner = runner_of(core)
    threads = [
        _thread("epoch", _watch_epoch, core, access_changed, stop),
        _thread("schedule", _schedule, core, stop),
        _thread("events", _pass_on, core, happened, stop),
        _thread("beside", beside, core, stop),
    ]
    if core.settings.scan.watch:
        threads.append(_thread("folders", _watch_folders, core, stop))
    if core.settings.is_embedded:
        runner.take_over()
    runner.start()
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        runner.stop()
        for thread in threads:
            thread.join(5)


def _thread(name: str, target: Callable[..., None], *args: object) -> Thread:
    return threading.Thread(target=target, args=args, name=name, daemon=True)


def _watch_epoch(core: Core, access_changed: Callable[[], None], stop: Event) -> None:
    """Follow the access epoch in the database: other processes change it too."""
    known = -1
    with core.bus.subscribe("access.changed") as woken:
        while not stop.is_set():
            try:
                epoch = core.accounts.access_epoch()
            except AppError:
                epoch = -1  # nobody can say what changed, so nothing that was cached counts
            except Exception:  # noqa: BLE001 - without this thread nobody who was locked out would ever be put out
                _log.exception("epoch.crashed")
                epoch = -1
            if epoch != known:
                known = epoch
                access_changed()
            woken.get(_EPOCH_POLL_S)


def _pass_on(core: Core, happened: Callable[[Happened | None], None], stop: Event) -> None:
    """Carry what happens from the bus to the event loop: one thread for all clients."""
    with core.bus.subscribe(*TOPICS) as told:
        while not stop.is_set():
            event = told.get(_EVENTS_POLL_S)
            if told.has_lost():
                happened(None)
            if event is not None:
                happened(event)


def _schedule(core: Core, stop: Event) -> None:
    """Enqueue what comes round: the same work never waits twice, so nothing overlaps itself."""
    every_s = core.settings.scan.every_minutes * 60.0
    waited_s = {"tidy": _TIDY_EVERY_S, "scan": every_s}
    step_s = 5.0
    while not stop.wait(step_s):
        waited_s = {name: waited + step_s for name, waited in waited_s.items()}
        try:
            if waited_s["tidy"] >= _TIDY_EVERY_S:
                waited_s["tidy"] = 0.0
                core.maintenance.tidy_soon()
            if every_s and waited_s["scan"] >= every_s:
                waited_s["scan"] = 0.0
                core.sources.rescan_all()
        except AppError as error:
            _log.warning("schedule.failed", code=error.code)
        except Exception:  # noqa: BLE001 - the thread's edge: the next round may do better
            _log.exception("schedule.crashed")


def _watch_folders(core: Core, stop: Event) -> None:
    """Have a source scanned when something below it changed."""

    def roots() -> list[bytes]:
        return [source.path for source in core.sources.everywhere()]

    def changed(root: bytes) -> None:
        for source in core.sources.everywhere():
            if source.path == root:
                core.sources.rescan(SourceId(source.id))

    wait = Backoff()
    attempt, missed = 0, False
    while not stop.is_set():
        try:
            if missed:
                core.sources.rescan_all()  # what changed while nobody watched
                missed = False
            core.folders.watch(roots, changed, stop)
        except Exception as error:  # noqa: BLE001 - the supervising loop of a stream: the schedule still scans
            attempt += 1
            _log.warning("folders.watch_failed", error=str(error))
            stop.wait(wait.delay_s(attempt))
            missed = True
