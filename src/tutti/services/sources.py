"""Sources: the folders a library reads."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from uuid import UUID, uuid4

from tutti.db.engine import Database, Tx, WriteTx
from tutti.db.repos.sources import RefusedFile
from tutti.domain.caller import Caller, Permission
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.jobs import JobKind
from tutti.domain.values import LibraryId, SourceId
from tutti.models import Source
from tutti.services.libraries import editable_library

_REFUSED_SHOWN = 10_000


class Sources:
    """Which folders are read, and how that went."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def add(self, caller: Caller, folder: Path, *, library_uuid: UUID | None = None) -> SourceId:
        """Let a library read a folder; naming it again changes nothing.

        Only the command line calls this: a folder of the host is never named over the network.

        Raises:
            AppError: INVALID `not_a_folder`; FORBIDDEN `not_allowed`; as `editable_library`.
        """
        caller.require(Permission.CURATE)
        path = _real(folder)
        with self._db.write() as tx:
            return _add(tx, editable_library(tx, caller, library_uuid), path)

    def add_to(self, library_id: LibraryId, folder: Path) -> SourceId:
        """As `add`, for a library that nobody owns yet."""
        path = _real(folder)
        with self._db.write() as tx:
            return _add(tx, library_id, path)

    def mine(self, caller: Caller) -> Sequence[Source]:
        """Return the sources of the libraries the caller may change.

        Raises:
            AppError: FORBIDDEN `not_allowed`.
        """
        caller.require(Permission.CURATE)
        with self._db.read() as tx:
            return tx.sources.of_user(caller.user_id)

    def everywhere(self) -> Sequence[Source]:
        """Return all sources, for the watcher and the schedule."""
        with self._db.read() as tx:
            return tx.sources.all_sources()

    def refused(self, caller: Caller, source_uuid: UUID) -> Sequence[RefusedFile]:
        """Return the files of a source that are no tracks, with the reason.

        Raises:
            AppError: FORBIDDEN `not_allowed`; NOT_FOUND `source_not_found`.
        """
        caller.require(Permission.CURATE)
        with self._db.read() as tx:
            return tx.sources.refused(_editable(tx, caller, source_uuid), _REFUSED_SHOWN)

    def rescan_mine(self, caller: Caller, source_uuid: UUID) -> None:
        """Have a source scanned soon.

        Raises:
            AppError: FORBIDDEN `not_allowed`; NOT_FOUND `source_not_found`.
        """
        caller.require(Permission.CURATE)
        with self._db.write() as tx:
            tx.enqueue(JobKind.SCAN_SOURCE, str(_editable(tx, caller, source_uuid)))

    def rescan(self, source_id: SourceId) -> None:
        """Have a source scanned soon; several wishes at once are one scan."""
        with self._db.write() as tx:
            tx.enqueue(JobKind.SCAN_SOURCE, str(source_id))

    def rescan_all(self) -> None:
        """Have every source scanned soon."""
        with self._db.write() as tx:
            for source in tx.sources.all_sources():
                tx.enqueue(JobKind.SCAN_SOURCE, str(source.id))


def _editable(tx: Tx, caller: Caller, source_uuid: UUID) -> SourceId:
    source = next((one for one in tx.sources.of_user(caller.user_id) if one.uuid == source_uuid), None)
    if source is None:
        raise AppError(ErrorKind.NOT_FOUND, "source_not_found", "There is no such source.")
    return SourceId(source.id)


def _add(tx: WriteTx, library_id: LibraryId, path: bytes) -> SourceId:
    known = tx.sources.by_path(library_id, path)
    if known is not None:
        return SourceId(known.id)
    source = Source(uuid=uuid4(), library_id=library_id, path=path, state="new", state_message="", created_at=tx.now)
    tx.sources.add(source)
    return SourceId(source.id)


def _real(folder: Path) -> bytes:
    with suppress(OSError, RuntimeError, ValueError):  # not permitted, links in a circle, a NUL
        path = folder.resolve()
        if path.is_dir():
            return bytes(path)
    raise AppError(ErrorKind.INVALID, "not_a_folder", f"{folder} is not a folder.")
