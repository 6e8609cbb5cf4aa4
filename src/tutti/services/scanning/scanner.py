"""One scan of one source from beginning to end; stopped or killed anywhere, the next one goes on from there."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

from tutti.db.engine import Database, WriteTx
from tutti.db.repos.catalog import Touched, chunks
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.events import Event
from tutti.domain.scanning import ScanPolicy, ScanReport
from tutti.domain.values import ItemId, LibraryId, SourceId
from tutti.models import Source
from tutti.ports.folders import FolderReader
from tutti.ports.locks import Locks
from tutti.ports.media import MediaFile, MediaReader
from tutti.services.scanning.comparing import Comparison, Work, readable
from tutti.services.scanning.following import Outcome
from tutti.services.scanning.storing import Storing
from tutti.services.telling import tell_state

Progress = Callable[[ScanReport], bool]
"""Is told how far the scan is, from time to time; False stops it after the batch at hand."""

_RECOUNT = 500
_STOPPED = "The scan was stopped before its end; the next one goes on from there."
_COUNTED = ("new", "ok")
"""States of a source whose last scan came to its end, so that its counts are right."""
_GONE = ("removing", "removed")


class Scanner:
    """Brings the catalog in step with a folder."""

    def __init__(
        self, db: Database, folders: FolderReader, media: MediaReader, locks: Locks, *, policy: ScanPolicy
    ) -> None:
        self._db = db
        self._folders = folders
        self._media = media
        self._locks = locks
        self._policy = policy

    def scan(
        self, source_id: SourceId, *, progress: Progress = lambda _: True, believe_removals: bool = False
    ) -> ScanReport:
        """Read what is new or changed below a source, follow what moved and take note of what vanished.

        Batches are committed one by one, so a scan that ends early is gone on with by the next one. A file that is
        unchanged by size and time is only stat'ed.

        Args:
            source_id: Which source.
            progress: Is told after every batch and every few folders; False stops the scan there.
            believe_removals: Also remove when so many files vanished that the source would be called unavailable.

        Raises:
            AppError: NOT_FOUND `source_not_found`; CONFLICT `already_running`; UNAVAILABLE `source_unavailable` when
                the folder is not there, empty though it had files, or lost too many at once; nothing is removed then.
        """
        with self._locks.hold(f"source-{source_id}"):
            source, known, was_broken_off = self._begin(source_id)

            def goes_on(report: ScanReport) -> bool:
                return self._is_kept(source_id) and progress(report)

            try:
                report, touched = self._run(source, known, goes_on, believe_removals=believe_removals)
            except AppError as error:
                if error.kind is ErrorKind.UNAVAILABLE:  # anything else says nothing of the folder
                    self._fail(source_id, error)
                else:
                    self._stop(source_id)
                raise
            self._recount(source.library_id, None if was_broken_off and report.is_complete else touched)
            self._end(source_id, report)
            return report

    def _begin(self, source_id: SourceId) -> tuple[Source, int, bool]:
        with self._db.write() as tx:
            source = tx.sources.by_id(source_id)
            if source is None or source.state in _GONE:
                raise AppError(ErrorKind.NOT_FOUND, "source_not_found", "There is no such source.")
            was_broken_off = source.state not in _COUNTED
            tx.sources.set_state(source_id, "scanning")
            tell_state(tx, source, "scanning")
            return source, tx.sources.count_present(source_id), was_broken_off

    def _is_kept(self, source_id: SourceId) -> bool:
        with self._db.read() as tx:
            source = tx.sources.by_id(source_id)
            return source is not None and source.state not in _GONE

    def _run(
        self, source: Source, known: int, progress: Progress, *, believe_removals: bool
    ) -> tuple[ScanReport, Touched]:
        report = ScanReport()
        source_id, root = SourceId(source.id), source.path
        compare = Comparison(self._db, source_id, readable(root.rpartition(b"/")[2]), report, progress)
        with self._db.read() as tx:
            knows_files = tx.sources.has_files(source_id)  # missing ones count: they may be back under another name
        store = Storing(
            self._db, self._folders, source_id, LibraryId(source.library_id), root, report, knows_files=knows_files
        )
        compare.begin()
        report.is_complete = self._read(compare, store, progress)
        if report.is_complete:
            vanished = self._vanished(compare, store)
            doubt = "" if believe_removals else self._doubt(report, vanished=len(vanished), known=known)
            if doubt:
                self._recount(source.library_id, store.touched)
                raise AppError(ErrorKind.UNAVAILABLE, "source_unavailable", doubt)
            self._remove(store, sorted(vanished))
            self._hide(compare.unvisited())
        return report, store.touched

    def _doubt(self, report: ScanReport, *, vanished: int, known: int) -> str:
        """Return why it cannot be believed that files were removed on purpose, empty when it can."""
        if known and not report.seen:
            return "The folder is empty, though it had files; nothing was removed."
        if not self._policy.believes(vanished, known):
            return f"{vanished} of {known} files vanished at once; nothing was removed."
        return ""

    def _read(self, compare: Comparison, store: Storing, progress: Progress) -> bool:
        """Read and store what changed; return whether the walk came to its end."""
        asked: deque[Work] = deque()

        def wanted() -> Iterator[MediaFile]:
            for work in compare.changed(self._folders.walk(store.root)):
                asked.append(work)
                yield MediaFile(path=store.root + b"/" + work.path, root=store.root)

        batch: list[Outcome] = []
        for found in self._media.read(wanted()):
            batch.append(Outcome(asked.popleft(), found))
            if len(batch) >= self._policy.batch_files:
                store.store(batch)
                batch = []
                if not progress(compare.report):
                    return False
        store.store(batch)
        progress(compare.report)
        return not compare.is_stopped

    def _vanished(self, compare: Comparison, store: Storing) -> set[int]:
        vanished = set(compare.vanished)
        with self._db.read() as tx:
            for chunk in chunks(compare.unvisited()):
                vanished.update(tx.sources.present_in(chunk))
        return vanished - store.moved

    def _remove(self, store: Storing, vanished: Sequence[int]) -> None:
        for chunk in chunks(vanished):
            with self._db.write() as tx:
                items = [ItemId(found) for found in tx.sources.item_ids(chunk)]
                store.touched.add(tx.catalog.touched_by(items))
                tx.sources.mark_missing(chunk, tx.now)
                tx.media.mark_missing(items, tx.now)
                tx.libraries.note_changes(store.library_id, items, is_gone=True)
            store.report.removed += len(chunk)

    def _hide(self, folder_ids: Sequence[int]) -> None:
        for chunk in chunks(folder_ids):
            with self._db.write() as tx:
                tx.sources.set_folders_missing(chunk, tx.now)

    def _recount(self, library_id: int, touched: Touched | None) -> None:
        """Take the counts again; of everything after a scan that broke off, because nobody knows what it touched."""
        if touched is None:
            with self._db.read() as tx:
                touched = tx.shelves.everything(library_id)
        for part in touched.parts(_RECOUNT):
            with self._db.write() as tx:
                tx.shelves.recount(library_id, part)

    def _fail(self, source_id: SourceId, error: AppError) -> None:
        with self._db.write() as tx:
            tx.sources.set_state(source_id, "unavailable", error.message)
            tx.emit(Event("source.failed", str(source_id)))
            self._tell(tx, source_id, "unavailable")

    def _stop(self, source_id: SourceId) -> None:
        # What stopped the scan may stop this too; the state is a courtesy, the next scan goes on either way.
        with suppress(AppError), self._db.write() as tx:
            tx.sources.set_state(source_id, "stopped", _STOPPED)
            self._tell(tx, source_id, "stopped")

    def _end(self, source_id: SourceId, report: ScanReport) -> None:
        with self._db.write() as tx:
            if report.is_complete:
                tx.sources.set_state(source_id, "ok", at=tx.now)
            else:
                tx.sources.set_state(source_id, "stopped", _STOPPED)
            tx.emit(Event("source.scanned", str(source_id)))
            self._tell(tx, source_id, "ok" if report.is_complete else "stopped")

    def _tell(self, tx: WriteTx, source_id: SourceId, state: str) -> None:
        source = tx.sources.by_id(source_id)
        if source is not None:
            tell_state(tx, source, state)
