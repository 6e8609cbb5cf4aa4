"""Finds out what a folder and a server have; only what changed is read or asked for."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import islice
from threading import Lock
from typing import NamedTuple, TypeVar

from tutti.domain.errors import AppError, ErrorKind
from tutti.syncing import sound
from tutti.syncing.index import Index, Seen, Told
from tutti.syncing.plan import Binding, Kind, Remote, View, Wish
from tutti.syncing.server import Server, StoppedError
from tutti.syncing.shapes import Change
from tutti.syncing.tree import ChangedError, Scan, Tree

T = TypeVar("T")
R = TypeVar("R")

_PAGES_MAX = 100_000
_UNDER_WAY_PER_LANE = 4
_BATCH = 500
_IN_STEP = "in step"


class Failure(NamedTuple):
    """What could not be done, and why."""

    path: str
    sentence: str


@dataclass(slots=True)
class Report:
    """What a round did.

    Attributes:
        counts: Actions that were carried out.
        moved_bytes: Bytes of music that travelled, both ways.
        failures: What could not be done.
        is_stopped: Somebody asked for the end before it was reached.
    """

    counts: Counter[Kind] = field(default_factory=Counter)
    moved_bytes: int = 0
    failures: list[Failure] = field(default_factory=list)
    is_stopped: bool = False


class Meter:
    """How far a round is; the transfers of all threads count here."""

    def __init__(self, show: Callable[[int, int, str], None] | None = None) -> None:
        self._show = show
        self._lock = Lock()
        self.moved_bytes = 0

    def move(self, count: int) -> None:
        """Count bytes that travelled."""
        with self._lock:
            self.moved_bytes += count

    def show(self, done: int, total: int, note: str) -> None:
        """Say how many steps of how many are done."""
        if self._show is not None:
            self._show(done, total, note)


@dataclass(frozen=True, slots=True)
class Site:
    """A folder, a server, what is remembered of both, and what may be done.

    Attributes:
        device: The id under which the server knows this device; empty when it does not.
        device_name: What it is called; empty when nothing may be changed at the server.
        library: The library that new files join; the account's own when None.
        parallel: Transfers at once.
    """

    tree: Tree
    index: Index
    server: Server
    wish: Wish
    device: str = ""
    device_name: str = ""
    library: str | None = None
    parallel: int = 8
    meter: Meter = field(default_factory=Meter)
    report: Report = field(default_factory=Report)

    def fail(self, path: str, sentence: str) -> None:
        """Note what could not be done."""
        self.report.failures.append(Failure(path, sentence))


@dataclass(frozen=True, slots=True)
class Sides:
    """What was found.

    Attributes:
        seen: Files that are there and could be read, by path.
        bindings, remotes: As the index has them, by item.
        sounds: As in `View`.
    """

    scan: Scan
    seen: Mapping[str, Seen]
    bindings: Mapping[str, Binding]
    remotes: Mapping[str, Remote]
    sounds: Mapping[str, str]

    @property
    def view(self) -> View:
        """What a plan is made from."""
        return View(
            local={path: seen.hash for path, seen in self.seen.items()},
            bindings=self.bindings,
            remotes=self.remotes,
            sounds=self.sounds,
            unread=lambda path: path not in self.seen and self.scan.is_unread(path),
            blocked=frozenset(self.scan.blocked | self.scan.unread),
        )


def look(site: Site, pool: ThreadPoolExecutor) -> Sides | None:
    """Look at both sides; the index learns what is new. None when both are as the last round left them, in step.

    Raises:
        AppError: As `Server`.
        StoppedError: Somebody asked for the end.
    """
    stats = site.index.stats()
    scan = site.tree.scan(stats, is_stopped=site.server.stop.is_set)
    if site.server.stop.is_set():
        raise StoppedError
    for path in scan.unnamed:
        site.fail(
            path.decode("utf-8", "backslashreplace"), "Its name is not in UTF-8, so no other device could have it."
        )
    listen(site)
    if scan.is_plain and scan.files == stats and site.index.fact(_IN_STEP) == _by(site.wish):
        return None
    forget_step(site.index)
    known, _ = site.index.files()
    seen = _read_changed(site, pool, scan, known)
    vanished = [path for path in known.keys() - scan.files.keys() if not scan.is_unread(path)]
    with site.index.batch():
        site.index.lose(vanished)
        site.index.sweep()
    return _sides(site, pool, scan, seen)


def keep_step(site: Site) -> None:
    """Remember that both sides are in step: as long as nothing is new on either, nothing is to be done."""
    site.index.note(_IN_STEP, _by(site.wish))


def forget_step(index: Index) -> None:
    """Forget that both sides were in step, together with whatever the index learns, or before."""
    if index.fact(_IN_STEP):
        index.note(_IN_STEP, "")


def _by(wish: Wish) -> str:
    return f"uploads={wish.uploads} downloads={wish.downloads} deletes={wish.deletes}"


def listen(site: Site) -> None:
    """Take in what changed at the server since the last time.

    Raises:
        AppError: As `Server`.
    """
    index = site.index
    for _ in range(_PAGES_MAX):
        cursor = index.fact("cursor")
        try:
            page = site.server.changes(cursor, site.device)
        except AppError as error:
            _begin_anew(site, error)
            continue
        with index.batch():
            if page.reset or page.changes:
                forget_step(index)
            index.forget_libraries([str(library) for library in page.reset])
            index.hear(map(_told, page.changes))
            if page.cursor != cursor:
                index.note("cursor", page.cursor)
        if not page.has_more:
            return
        if page.cursor == cursor:
            break
    raise AppError(ErrorKind.UNAVAILABLE, "server_unclear", "The server cannot be understood: its changes have no end.")


def _begin_anew(site: Site, error: AppError) -> None:
    """Do what helps when the server does not know a cursor or a device: it was put back, or told to forget."""
    if error.code == "bad_cursor" and site.index.fact("cursor"):
        with site.index.batch():
            forget_step(site.index)
            site.index.forget_libraries()
            site.index.note("cursor", "")
    elif error.code == "device_not_found" and site.device_name:
        site.server.register(site.device, site.device_name)
    else:
        raise error


def _told(change: Change) -> Told:
    is_gone = change.kind != "file" or not change.hash
    return Told(
        item=str(change.item),
        library=str(change.library),
        hash=change.hash or "",
        size=change.size or 0,
        folder=change.folder,
        filename=change.filename,
        audio_hash=change.audio_hash or None,
        audio_offset=change.audio_offset or 0,
        audio_bytes=change.audio_bytes or 0,
        # An empty file is nobody's music, and no other device could bring it in.
        keep=change.keep and bool(change.size),
        is_gone=is_gone,
    )


def _read_changed(site: Site, pool: ThreadPoolExecutor, scan: Scan, known: Mapping[str, Seen]) -> dict[str, Seen]:
    """Return the hash of every file; those that have their old stat are not read again."""
    seen: dict[str, Seen] = {}
    changed = []
    for path, stat in scan.files.items():
        before = known.get(path)
        if before is not None and before.stat == stat:
            seen[path] = before
        else:
            changed.append(path)
    fresh: dict[str, Seen] = {}
    stopped = site.server.stop.is_set
    for count, (path, found) in enumerate(in_lanes(pool, site.parallel, lambda path: _read(site, path), changed), 1):
        if isinstance(found, Seen):
            fresh[path] = found
        else:
            scan.unread.add(path)
            site.fail(path, found)
        site.meter.show(count, len(changed), "read")
        if len(fresh) % _BATCH == 0 or count == len(changed) or stopped():
            site.index.see(fresh)
            seen |= fresh
            fresh.clear()
    if stopped():
        raise StoppedError
    return seen


def _read(site: Site, path: str) -> Seen | str:
    try:
        return site.tree.read(path, is_stopped=site.server.stop.is_set) or "It was not read to its end."
    except ChangedError:
        return "It changed while it was read."
    except OSError as error:
        return f"It cannot be read: {(error.strerror or 'it does not work').lower()}."


def _sides(site: Site, pool: ThreadPoolExecutor, scan: Scan, seen: Mapping[str, Seen]) -> Sides:
    _, bindings = site.index.files()
    remotes = site.index.remotes()
    retagged = [
        one.path
        for item, one in bindings.items()
        if one.path in seen and seen[one.path].hash != one.base and item in remotes and remotes[item].audio_hash
    ]
    found = in_lanes(pool, site.parallel, lambda path: sound.hash_at(site.tree, path), retagged)
    sounds = {path: digest for path, digest in found if digest is not None}
    return Sides(scan, seen, bindings, remotes, sounds)


def in_lanes(pool: ThreadPoolExecutor, lanes: int, work: Callable[[T], R], things: "list[T]") -> Iterator[tuple[T, R]]:
    """Yield things and what became of them, as it is done; few are under way at once, whatever their number."""
    waiting = iter(things)
    under_way: dict[Future[R], T] = {}
    while True:
        for thing in islice(waiting, lanes * _UNDER_WAY_PER_LANE - len(under_way)):
            under_way[pool.submit(work, thing)] = thing
        if not under_way:
            return
        done, _ = wait(under_way, return_when=FIRST_COMPLETED)
        for future in done:
            yield under_way.pop(future), future.result()
