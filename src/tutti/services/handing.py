"""Gives files to devices that ask for them by their content, and finds out on the way which bytes are lost."""

from collections.abc import Iterable
from itertools import groupby
from operator import attrgetter
from uuid import UUID

from tutti.db.engine import Database, WriteTx
from tutti.db.repos.media import BlobItemRow
from tutti.domain.caller import Caller
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.jobs import JobKind
from tutti.domain.values import BlobHash, ItemId
from tutti.ports.blobs import BlobStore
from tutti.services.delivery import Deliveries, Delivery
from tutti.services.listing import Listing, not_there

_BATCH = 1000


class Handing:
    """Opens files by their content.

    An item whose bytes are certainly gone leaves the lists of phones, so that whoever has them sends them again; it is
    not deleted, so no device is told to part with its copy. It is back when its bytes are.
    """

    def __init__(self, db: Database, blobs: BlobStore, deliveries: Deliveries, listing: Listing) -> None:
        self._db = db
        self._blobs = blobs
        self._deliveries = deliveries
        self._listing = listing

    def open(self, caller: Caller, content_hash: str) -> tuple[UUID, Delivery]:
        """Open the bytes with that hash; return them with the item that they are for the caller.

        Raises:
            AppError: NOT_FOUND `track_not_found`, for lost bytes, too; UNAVAILABLE `store_failed`, also when the store
                is as empty as one that was not mounted; as `Deliveries.open`.
        """
        item_uuid = self._listing.by_hash(caller, content_hash)
        if self._blobs.find(BlobHash(content_hash)) is None:
            self._lose(BlobHash(content_hash))
            raise not_there()
        return item_uuid, self._deliveries.open(caller, item_uuid)

    def _lose(self, blob_hash: BlobHash) -> None:
        with self._db.read() as tx:
            has_others = tx.media.has_blob_beside(blob_hash)
        if has_others and next(iter(self._blobs.walk()), None) is None:
            raise AppError(ErrorKind.UNAVAILABLE, "store_failed", "The store is empty, though there are files in it.")
        with self._db.write() as tx:
            rows = tx.media.with_blob(blob_hash)
            tx.media.mark_missing([row.id for row in rows], tx.now)
            _note(tx, rows)

    def recover(self) -> int:
        """List again what was lost and has its bytes back; return how many items that were."""
        with self._db.read() as tx:
            lost = tx.media.lost(_BATCH)
        back = [row for row in lost if self._blobs.find(row.blob_hash) is not None]
        if not back:
            return 0
        with self._db.write() as tx:
            tx.media.mark_found([row.id for row in back], tx.now)
            _note(tx, back)
            for row in back:
                tx.enqueue(JobKind.PROBE_ITEM, str(row.id))
        return len(back)


def _note(tx: WriteTx, rows: Iterable[BlobItemRow]) -> None:
    by_library = attrgetter("library_id")
    for library_id, found in groupby(sorted(rows, key=by_library), key=by_library):
        ids = [ItemId(row.id) for row in found]
        tx.shelves.recount(library_id, tx.catalog.touched_by(ids))
        tx.libraries.note_changes(library_id, ids, is_gone=False)
