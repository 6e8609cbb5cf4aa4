"""Takes bytes in: staged, made durable, named by their hash, then a row, then read by a job."""

from dataclasses import dataclass
from uuid import UUID, uuid4

from tutti.db.engine import Database, WriteTx
from tutti.db.repos.catalog import TrackWrite
from tutti.db.repos.media import BytesRow
from tutti.domain.caller import Caller, Permission
from tutti.domain.catalog import describe
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.jobs import JobKind
from tutti.domain.media import MediaKind, Reading, Refused
from tutti.domain.values import ItemId, LibraryId
from tutti.kit.text import clean, sort_key
from tutti.models import MediaItem
from tutti.ports.blobs import BlobStore, StagedBlob, StoredBlob
from tutti.ports.media import MediaReader
from tutti.services.delivery import located
from tutti.services.libraries import editable_library

_NAME_MAX = 1000


@dataclass(frozen=True, slots=True)
class IngestPolicy:
    """What may come in."""

    max_file_bytes: int = 4 << 30


@dataclass(frozen=True, slots=True)
class Accepted:
    """An item that now exists; `is_new` is False when the library had these bytes already."""

    uuid: UUID
    blob_hash: str
    is_new: bool


class Upload:
    """Bytes on their way in; nobody sees them before `Ingest.accept`."""

    def __init__(self, staged: StagedBlob, *, max_bytes: int) -> None:
        self.staged = staged
        self._max_bytes = max_bytes

    def append(self, data: bytes) -> None:
        """Hash and write the next bytes.

        Raises:
            AppError: TOO_LARGE `file_too_large`; as `StagedBlob.append`. The bytes are forgotten then.
        """
        try:
            self._append(data)
        except AppError:
            self.discard()
            raise

    def _append(self, data: bytes) -> None:
        if self.staged.offset + len(data) > self._max_bytes:
            raise AppError(ErrorKind.TOO_LARGE, "file_too_large", f"A file may have {self._max_bytes} bytes at most.")
        self.staged.append(data)

    def discard(self) -> None:
        """Forget the bytes."""
        self.staged.discard()


class Ingest:
    """The one way in for bytes that become ours."""

    def __init__(self, db: Database, blobs: BlobStore, media: MediaReader, *, policy: IngestPolicy) -> None:
        self._db = db
        self._blobs = blobs
        self._media = media
        self._policy = policy

    def stage(self) -> Upload:
        """Begin an upload.

        Raises:
            AppError: As `BlobStore.stage`.
        """
        return Upload(self._blobs.stage(), max_bytes=self._policy.max_file_bytes)

    def accept(self, caller: Caller, upload: Upload, filename: str, *, library_uuid: UUID | None = None) -> Accepted:
        """Make an upload an item of a library; it is durable when this returns, and read by a job soon after.

        The blob is durable before the row exists, so a crash leaves at most a blob without a row, which maintenance
        removes.

        Raises:
            AppError: INVALID `empty_file`; FORBIDDEN `not_allowed`; as `editable_library` and `StagedBlob.commit`. The
                bytes are forgotten then.
        """
        try:
            blob = self._commit(caller, upload, library_uuid)
        except AppError:
            upload.discard()
            raise
        with self._db.write() as tx:
            library_id = editable_library(tx, caller, library_uuid)
            tx.media.put_blob(blob.hash, blob.size_bytes, tx.now)
            known = tx.media.by_blob(library_id, blob.hash) or tx.media.purged(library_id, blob.hash)
            if known is not None and known.deleted_at is None:
                return Accepted(known.uuid, blob.hash, is_new=False)
            item = known or _new_item(tx, caller, library_id, filename)
            item.blob_hash, item.content_hash, item.size_bytes = blob.hash, blob.hash, blob.size_bytes
            item.deleted_at, item.status, item.changed_at = None, "pending", tx.now
            item.owner_id = caller.user_id  # whoever brings the bytes back is who they count for
            tx.media.add(item)
            tx.libraries.note_changes(library_id, [ItemId(item.id)], is_gone=False, is_new=known is None)
            tx.enqueue(JobKind.PROBE_ITEM, str(item.id))
            return Accepted(item.uuid, blob.hash, is_new=known is None)

    def _commit(self, caller: Caller, upload: Upload, library_uuid: UUID | None) -> StoredBlob:
        caller.require(Permission.UPLOAD)
        with self._db.read() as tx:
            editable_library(tx, caller, library_uuid)
        if upload.staged.offset == 0:
            raise AppError(ErrorKind.INVALID, "empty_file", "The file is empty.")
        return upload.staged.commit()

    def probe(self, item_id: ItemId) -> None:
        """Read the tags of a pending item and list it; an item that cannot be read is `failed` with its reason.

        Safe to repeat: the outcome depends on the bytes alone.
        """
        with self._db.read() as tx:
            row = tx.media.bytes_by_id(item_id)
        if row is None:
            return
        found = next(iter(self._media.read([located(row, self._blobs)])))
        with self._db.write() as tx:
            item = tx.media.by_id(item_id)
            if item is None or item.status != "pending" or item.deleted_at is not None:
                return
            if isinstance(found, Refused):
                item.status, item.refusal, item.changed_at = "failed", found.reason, tx.now
            else:
                self._list(tx, item, row, found)

    def _list(self, tx: WriteTx, item: MediaItem, row: BytesRow, found: Reading) -> None:
        facts = found.facts
        item.status, item.refusal, item.changed_at = "ready", None, tx.now
        item.mime, item.container, item.codec = facts.mime, facts.container, facts.codec
        item.duration_ms, item.bitrate_bps = facts.duration_ms, facts.bitrate_bps
        item.sample_rate_hz, item.channels = facts.sample_rate_hz, facts.channels
        tx.flush()
        stem = row.filename.rpartition(".")[0] or row.filename
        draft = describe(
            found.tags, stem=stem, folder_name="Unknown album", folder_identity=f"library-{row.library_id}"
        )
        cover = "" if found.cover is None else found.cover.hash
        write = TrackWrite(item.id, None, sort_key(row.filename), cover, draft, is_new=False)
        touched = tx.catalog.put_tracks(row.library_id, [write])
        tx.shelves.recount(row.library_id, touched)
        tx.libraries.note_changes(row.library_id, [ItemId(item.id)], is_gone=False)


def _new_item(tx: WriteTx, caller: Caller, library_id: LibraryId, filename: str) -> MediaItem:
    name = clean(filename.replace("\\", "/").rpartition("/")[2], _NAME_MAX) or "untitled"
    return MediaItem(
        uuid=uuid4(),
        library_id=library_id,
        owner_id=caller.user_id,
        kind=MediaKind.AUDIO,
        status="pending",
        filename=name,
        mime="application/octet-stream",
        container="",
        codec="",
        duration_ms=0,
        bitrate_bps=0,
        sample_rate_hz=0,
        channels=0,
        added_at=tx.now,
        changed_at=tx.now,
    )
