"""Removals that take long: of a source's items from the lists, of a library with all that is in it; done by jobs."""

from collections.abc import Callable
from contextlib import ExitStack

from tutti.db.engine import Database
from tutti.domain.events import Event
from tutti.domain.jobs import JobKind
from tutti.domain.values import ItemId, SourceId
from tutti.ports.locks import Locks
from tutti.services.telling import tell_state

Progress = Callable[[int], bool]
"""Is told how many rows went so far; False ends the work there, and it is gone on with later."""

_BATCH = 500


class Removals:
    """Takes things away in bounded steps; stopped or killed anywhere, the next attempt goes on from there."""

    def __init__(self, db: Database, locks: Locks) -> None:
        self._db = db
        self._locks = locks

    def source(self, source_id: SourceId, *, progress: Progress = lambda _: True) -> bool:
        """Let the items of a source leave the lists; return whether it came to its end.

        They stay as things that are missing, so that the folder, when it is added again, finds them with all that
        people noted of them. No file is touched.

        Raises:
            AppError: CONFLICT `already_running` while the source is being scanned, which then ends soon.
        """
        with self._locks.hold(f"source-{source_id}"):
            if not self._is_leaving(source_id):
                return True
            count = 0
            while found := self._take_off(source_id):
                count += found
                if not progress(count):
                    return False
            with self._db.write() as tx:
                source = tx.sources.by_id(source_id)
                if source is not None:
                    tx.sources.hide_folders(source_id, tx.now)
                    tx.sources.remove(source_id, is_done=True)
                    tell_state(tx, source, "removed")
            return True

    def library(self, library_id: int, *, progress: Progress = lambda _: True) -> bool:
        """Remove a library that has lost its name; return whether it came to its end.

        Its blobs lose their rows where no other library has the same; the collector takes the bytes later.

        Raises:
            AppError: As `source`.
        """
        with ExitStack() as stack:
            with self._db.read() as tx:
                is_wanted = library_id in tx.libraries.nameless()
                sources = [source.id for source in tx.sources.in_library(library_id)]
            if not is_wanted:
                return True
            for source_id in sources:
                stack.enter_context(self._locks.hold(f"source-{source_id}"))
            count = 0
            while found := self._remove_some(library_id):
                count += found
                if not progress(count):
                    return False
            with self._db.write() as tx:
                tx.trash.remove_library(library_id)
                tx.emit(Event("library.changed", str(library_id)))
            return True

    def resume(self) -> None:
        """Have what was begun and lost its job gone on with."""
        with self._db.write() as tx:
            for source_id in tx.sources.leaving():
                tx.enqueue(JobKind.REMOVE_SOURCE, str(source_id))
            for library_id in tx.libraries.nameless():
                tx.enqueue(JobKind.REMOVE_LIBRARY, str(library_id))

    def _is_leaving(self, source_id: SourceId) -> bool:
        with self._db.read() as tx:
            return source_id in tx.sources.leaving()

    def _take_off(self, source_id: SourceId) -> int:
        with self._db.write() as tx:
            source = tx.sources.by_id(source_id)
            files = tx.sources.present(source_id, _BATCH)
            if source is None or not files:
                return 0
            items = [ItemId(found) for found in tx.sources.item_ids(files)]
            tx.sources.mark_missing(files, tx.now)
            tx.media.mark_missing(items, tx.now)
            tx.shelves.recount(source.library_id, tx.catalog.touched_by(items))
            tx.libraries.note_changes(source.library_id, items, is_gone=True)
            return len(files)

    def _remove_some(self, library_id: int) -> int:
        with self._db.write() as tx:
            return tx.trash.remove_items(library_id, _BATCH) or tx.trash.remove_files(library_id, _BATCH)
