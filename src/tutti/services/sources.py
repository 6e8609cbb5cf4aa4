"""Sources: the folders a library reads."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from uuid import UUID, uuid4

from tutti.db.engine import Database, Tx, WriteTx
from tutti.db.repos.sources import RefusedFile
from tutti.domain.audit import Action
from tutti.domain.caller import Actor, Caller, Operator, Permission
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.jobs import JobKind
from tutti.domain.values import LibraryId, SourceId
from tutti.models import Source
from tutti.services.auditing import note
from tutti.services.libraries import editable_library
from tutti.services.telling import tell_state

_REFUSED_SHOWN = 10_000


class Sources:
    """Which folders are read, and how that went."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def add(self, caller: Caller, folder: Path, *, library_uuid: UUID | None = None) -> SourceId:
        """Let a library read a folder; naming it again changes nothing.

        Whoever may name folders of the host calls this: the command line, and `add_named` for administrators.

        Raises:
            AppError: INVALID `not_a_folder`; FORBIDDEN `not_allowed`; CONFLICT `source_overlaps` when the library reads
                a folder above or below it; BUSY `source_leaving` while it is still being removed; as
                `editable_library`.
        """
        caller.require(Permission.CURATE)
        path = _real(folder)
        with self._db.write() as tx:
            return _add(tx, editable_library(tx, caller, library_uuid), path, Operator())

    def add_named(self, caller: Caller, folder: str, library_uuid: UUID | None) -> Source:
        """Let a library read a folder of the server, and have it scanned soon.

        Raises:
            AppError: FORBIDDEN `not_allowed` unless the caller is an administrator; INVALID `not_a_folder`, also when
                the path is not absolute; as `add`.
        """
        caller.require(Permission.ADMINISTER)
        if not folder.startswith("/"):
            raise AppError(ErrorKind.INVALID, "not_a_folder", "The folder needs its whole path.")
        path = _real(Path(folder))
        with self._db.write() as tx:
            source_id = _add(tx, editable_library(tx, caller, library_uuid), path, caller)
            tx.enqueue(JobKind.SCAN_SOURCE, str(source_id))
            return tx.sources.get(source_id)

    def remove(self, caller: Caller, source_uuid: UUID) -> None:
        """Let a library read a folder no more: its items leave the lists by a job, and the files stay as they are.

        Raises:
            AppError: NOT_FOUND `source_not_found`; FORBIDDEN `not_allowed`.
        """
        caller.require(Permission.CURATE)
        with self._db.write() as tx:
            source = tx.sources.get(_editable(tx, caller, source_uuid))
            tx.sources.remove(SourceId(source.id), is_done=False)
            tell_state(tx, source, "removing")
            tx.enqueue(JobKind.REMOVE_SOURCE, str(source.id))
            note(tx, Action.SOURCE_REMOVE, caller, source.path.decode("utf-8", "replace"))

    def add_to(self, library_id: LibraryId, folder: Path) -> SourceId:
        """As `add`, for a library that nobody owns yet."""
        path = _real(folder)
        with self._db.write() as tx:
            return _add(tx, library_id, path, Operator())

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


def _add(tx: WriteTx, library_id: LibraryId, path: bytes, actor: Actor) -> SourceId:
    known = tx.sources.by_path(library_id, path)
    if known is not None and known.state == "removing":
        raise AppError(ErrorKind.BUSY, "source_leaving", "The folder is still being removed; try again in a moment.")
    if known is not None and known.state != "removed":
        return SourceId(known.id)
    for other in tx.sources.in_library(library_id):
        if other.state not in {"removing", "removed"} and _overlap(other.path, path):
            raise AppError(
                ErrorKind.CONFLICT, "source_overlaps", "The library reads a folder above or below this one already."
            )
    note(tx, Action.SOURCE_ADD, actor, path.decode("utf-8", "replace"))
    if known is not None:
        tx.sources.revive(SourceId(known.id))
        return SourceId(known.id)
    source = Source(uuid=uuid4(), library_id=library_id, path=path, state="new", state_message="", created_at=tx.now)
    tx.sources.add(source)
    return SourceId(source.id)


def _overlap(one: bytes, other: bytes) -> bool:
    above, below = (path.rstrip(b"/") + b"/" for path in sorted((one, other), key=len))
    return below.startswith(above)


def _real(folder: Path) -> bytes:
    with suppress(OSError, RuntimeError, ValueError):  # not permitted, links in a circle, a NUL
        path = folder.resolve()
        if path.is_dir():
            return bytes(path)
    raise AppError(ErrorKind.INVALID, "not_a_folder", f"{folder} is not a folder.")
