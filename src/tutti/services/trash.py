"""The trash: what a person deleted, for as long as it can be taken back, and what becomes of it then.

Only items whose bytes are ours can be deleted. Such an item keeps its id, its tags and whatever people noted of it for
good: when the bytes are removed, `content_hash` remembers them, and `services/ingest.py` finds the item by it.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from tutti.db.engine import Database, Tx, WriteTx
from tutti.db.repos.browse import Key
from tutti.db.repos.trash import TrashRow
from tutti.domain.audit import Action
from tutti.domain.caller import Caller, Permission
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.jobs import JobKind
from tutti.domain.values import ItemId, LibraryId, UserId
from tutti.kit.paging import CursorKind, Page, page_of
from tutti.models import MediaItem
from tutti.services.auditing import note
from tutti.services.catalog import PageWish, opened
from tutti.services.libraries import EDITORS, check_editor, readable

_TRASH = CursorKind("trash", (str, int))
_BATCH = 500


@dataclass(frozen=True, slots=True)
class TrashPolicy:
    """How long what was deleted can be taken back."""

    keep: timedelta = timedelta(days=30)


class Trash:
    """Deleting, taking back, removing for good."""

    def __init__(self, db: Database, *, policy: TrashPolicy) -> None:
        self._db = db
        self.policy = policy

    def delete(self, caller: Caller, item_uuid: UUID) -> None:
        """Move an item to the trash: it leaves lists, search and shelves, and nobody can play it.

        Raises:
            AppError: NOT_FOUND `track_not_found`; FORBIDDEN `not_an_editor`, `not_allowed`; CONFLICT
                `read_only_origin` for a file of a folder that is only read.
        """
        with self._db.write() as tx:
            item = _item(tx, caller, item_uuid)
            if item is None or item.deleted_at is not None or item.missing_at is not None:
                raise AppError(ErrorKind.NOT_FOUND, "track_not_found", "There is no such track.")
            check_editor(tx, caller, item.library_id)
            if item.blob_hash is None:
                raise AppError(
                    ErrorKind.CONFLICT,
                    "read_only_origin",
                    "The track is a file of a folder that is only read; remove it there.",
                )
            put_away(tx, item)

    def page(self, caller: Caller, wish: PageWish) -> Page[TrashRow]:
        """Return a page of what can be taken back in libraries the caller may change, the last deleted first.

        Raises:
            AppError: INVALID `bad_cursor`, `bad_limit`; FORBIDDEN `not_allowed`.
        """
        caller.require(Permission.UPLOAD)
        after, limit = opened(wish, _TRASH)
        position = None if after is None else _position(after)
        with self._db.read() as tx:
            rows = tx.trash.page(_libraries_of(tx, caller.user_id), after=position, limit=limit + 1)
        return page_of(rows, limit, _TRASH, lambda row: (row.deleted_at.isoformat(), row.id))

    def restore(self, caller: Caller, item_uuid: UUID) -> None:
        """Take an item back as it was.

        Raises:
            AppError: NOT_FOUND `not_in_trash`; FORBIDDEN `not_an_editor`, `not_allowed`.
        """
        with self._db.write() as tx:
            item = _trashed(tx, caller, item_uuid)
            tx.trash.take_back(item, tx.now)
            ids = [ItemId(item.id)]
            tx.shelves.recount(item.library_id, tx.catalog.touched_by(ids))
            # What could not be read is no track, but devices keep its bytes.
            tx.libraries.note_changes(item.library_id, ids, is_gone=item.status == "failed")
            if item.status == "pending":
                tx.enqueue(JobKind.PROBE_ITEM, str(item.id))

    def purge(self, caller: Caller, item_uuid: UUID) -> None:
        """Remove the bytes of a deleted item for good.

        Raises:
            AppError: As `restore`.
        """
        with self._db.write() as tx:
            tx.trash.purge([_trashed(tx, caller, item_uuid).id])
            note(tx, Action.TRASH_PURGE, caller, str(item_uuid))

    def empty(self, caller: Caller) -> None:
        """Have everything removed for good that lies in the trash of the caller's libraries now.

        Raises:
            AppError: FORBIDDEN `not_allowed`.
        """
        caller.require(Permission.UPLOAD)
        with self._db.write() as tx:
            tx.enqueue(JobKind.EMPTY_TRASH, f"{caller.user_id} {tx.now.isoformat()}")
            note(tx, Action.TRASH_EMPTY, caller)

    def empty_now(self, ref: str) -> int:
        """Do what `empty` asked for, in bounded steps; return how many items that were. Safe to repeat."""
        user_id, _, moment = ref.partition(" ")
        with self._db.read() as tx:
            libraries = _libraries_of(tx, UserId(int(user_id)))
        return self._purge_all(datetime.fromisoformat(moment) + timedelta(microseconds=1), libraries)

    def expire(self) -> int:
        """Remove for good what has been in the trash for its time; return how many items that were."""
        with self._db.read() as tx:
            until = tx.now - self.policy.keep
        return self._purge_all(until, None)

    def _purge_all(self, before: datetime, libraries: Sequence[LibraryId] | None) -> int:
        count = 0
        while True:
            with self._db.write() as tx:
                found = tx.trash.due(before=before, limit=_BATCH, libraries=libraries)
                tx.trash.purge(found)
            count += len(found)
            if len(found) < _BATCH:
                return count


def put_away(tx: WriteTx, item: MediaItem) -> None:
    """Move an item whose bytes are ours to the trash; whether that may be is decided before."""
    ids = [ItemId(item.id)]
    tx.trash.put(ids, tx.now)
    tx.shelves.recount(item.library_id, tx.catalog.touched_by(ids))
    tx.libraries.note_changes(item.library_id, ids, is_gone=True)


def _item(tx: Tx, caller: Caller, item_uuid: UUID) -> MediaItem | None:
    caller.require(Permission.UPLOAD)
    return tx.media.by_uuid(item_uuid, readable(tx, caller))


def _trashed(tx: WriteTx, caller: Caller, item_uuid: UUID) -> MediaItem:
    item = _item(tx, caller, item_uuid)
    if item is None or item.deleted_at is None or item.blob_hash is None:
        raise AppError(ErrorKind.NOT_FOUND, "not_in_trash", "There is no such thing in the trash.")
    check_editor(tx, caller, item.library_id)
    return item


def _libraries_of(tx: Tx, user_id: UserId) -> Sequence[LibraryId]:
    return [LibraryId(row.id) for row in tx.libraries.of_user(user_id) if row.role in EDITORS]


def _position(after: Key) -> tuple[datetime, int]:
    with suppress(ValueError, TypeError, OverflowError):  # no moment, no number, or before the first year in UTC
        moment = datetime.fromisoformat(str(after[0]))
        if moment.tzinfo is not None:
            return moment.astimezone(UTC), int(after[1])
    raise AppError(ErrorKind.INVALID, "bad_cursor", "The cursor is not one of this list.")
