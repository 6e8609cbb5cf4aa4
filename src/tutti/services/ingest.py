"""Takes bytes in: staged, made durable, named by their hash, then a row, then read by a job."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from tutti.db.engine import Database, Tx, WriteTx
from tutti.domain.caller import Caller, Permission
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.jobs import JobKind
from tutti.domain.media import MediaKind, Told
from tutti.domain.phone_names import NAMELESS, is_for_phones
from tutti.domain.sync import clean_folder
from tutti.domain.values import ItemId, LibraryId
from tutti.kit.text import clean
from tutti.models import MediaItem
from tutti.models import Upload as UploadRow
from tutti.ports.blobs import BlobStore, StagedBlob, StoredBlob
from tutti.services import quotas
from tutti.services.libraries import check_editor, editable_library
from tutti.services.uploads import IngestPolicy, Upload, UploadState, begun, too_large

__all__ = ["Accepted", "Ingest", "IngestPolicy", "Upload", "UploadState"]

_NAME_MAX = 1000
_TOLD_MAX = 500
_TOLD_MAX_MS = 1 << 31


@dataclass(frozen=True, slots=True)
class Accepted:
    """An item that now exists; `is_new` is False when the library had these bytes already."""

    uuid: UUID
    blob_hash: str
    size_bytes: int
    is_new: bool


class Ingest:
    """The one way in for bytes that become ours.

    A door stages an upload, appends batches of about 1 MiB, and has it accepted; whatever happens in between, it ends
    with `Upload.abandon` or, when the client may go on later, with `pause`. Every call is short: nobody waits for a
    client here, and no transaction is open while bytes come in.
    """

    def __init__(self, db: Database, blobs: BlobStore, *, policy: IngestPolicy) -> None:
        self._db = db
        self._blobs = blobs
        self._policy = policy

    @property
    def max_file_bytes(self) -> int:
        """How large a file may be."""
        return self._policy.max_file_bytes

    def stage(
        self,
        caller: Caller,
        filename: str,
        *,
        library_uuid: UUID | None = None,
        folder: str = "",
        length: int | None = None,
        described: str | None = None,
    ) -> Upload:
        """Begin an upload, and reserve its room, unless it is clear already that nothing can come of it.

        Args:
            caller: Whose quota is charged.
            filename: What the client calls the file: a name to show, nothing else.
            library_uuid: Where it goes; the caller's own library when None.
            folder: Where the client has it, for other clients of sync.
            length: Bytes that were announced.
            described: Given when the upload can be resumed: what the client said of it.

        Raises:
            AppError: As `editable_library`; FORBIDDEN `not_allowed`; TOO_LARGE `file_too_large`; INVALID `empty_file`;
                FULL `quota_exceeded`, `disk_full`; LIMITED `too_many_uploads`; UNAVAILABLE `store_failed`.
        """
        self._check(caller, length)
        with self._db.read() as tx:
            editable_library(tx, caller, library_uuid)
        staged = self._blobs.stage(expected_bytes=length or 0)
        try:
            with self._db.write() as tx:
                row = begun(tx, caller, policy=self._policy, length=length, described=described)
                row.staged_id, row.library_id = staged.id, editable_library(tx, caller, library_uuid)
                row.filename, row.folder = clean_name(filename), clean_folder(folder)
                tx.uploads.add(row)
        except BaseException:
            staged.discard()
            raise
        return self._held(caller, row, staged)

    def take(
        self,
        caller: Caller,
        filename: str,
        data: bytes | bytearray,
        *,
        library_uuid: UUID | None = None,
        folder: str = "",
        sha256: str | None = None,
    ) -> Accepted:
        """Take a whole file, small enough to be at hand: as `stage`, `append` and `accept` with one transaction.

        Nothing is reserved for it: the room is found when it has come.

        Raises:
            AppError: As `stage` and `accept`.
        """
        self._check(caller, len(data))
        with self._db.read() as tx:
            library_id = editable_library(tx, caller, library_uuid)
            row = begun(tx, caller, policy=self._policy, length=len(data))
        row.library_id = library_id
        row.filename, row.folder = clean_name(filename), clean_folder(folder)
        upload = self._held(caller, row, self._blobs.stage(expected_bytes=len(data)))
        try:
            upload.append(data)
            return self.accept(upload, sha256=sha256)
        except BaseException:
            upload.abandon()
            raise

    def _check(self, caller: Caller, length: int | None) -> None:
        caller.require(Permission.UPLOAD)
        if length is not None and length > self._policy.max_file_bytes:
            raise too_large(self._policy)
        if length == 0:
            raise AppError(ErrorKind.INVALID, "empty_file", "The file is empty.")

    def _held(self, caller: Caller, row: UploadRow, staged: StagedBlob, *, keep: bool = False) -> Upload:
        return Upload(self._db, caller, row, staged, policy=self._policy, keep=keep)

    def accept(
        self,
        upload: Upload,
        *,
        sha256: str | None = None,
        filename: str = "",
        told: Told | None = None,
        added_at: datetime | None = None,
    ) -> Accepted:
        """Make an upload an item of its library; it is durable when this returns, and read by a job soon after.

        The blob is durable before the row exists, so a crash leaves at most a blob without a row, which maintenance
        removes.

        Args:
            upload: Complete.
            sha256: What the client says the hash is, in lower-case hex.
            filename: What the client calls the file, if it said so only now.
            told: What the client says of it, for where its tags are silent; what was said first stays.
            added_at: When it came to the server that it is brought along from; now when None.

        Raises:
            AppError: As `Upload.check` and `StagedBlob.commit`; NOT_FOUND, FORBIDDEN when the caller may not change the
                library any more. The bytes are forgotten then, unless the store failed and the upload can be resumed:
                `find` accepts it later.
        """
        if filename:
            upload.filename = clean_name(filename)
        upload.told, upload.added_at = told, added_at
        with upload.lock:
            try:
                return self._accept(upload, sha256)
            except AppError as error:
                if error.kind is ErrorKind.UNAVAILABLE:
                    upload.abandon()
                else:
                    upload.forget()
                raise

    def _accept(self, upload: Upload, sha256: str | None) -> Accepted:
        if upload.row_id:  # else he was asked just now
            with self._db.read() as tx:
                check_editor(tx, upload.caller, upload.library_id)
        upload.check(sha256)
        blob = upload.staged.commit()
        with self._db.write() as tx:
            check_editor(tx, upload.caller, upload.library_id)
            if not upload.row_id:
                quotas.check(tx, upload.caller.user_id, blob.size_bytes, default_bytes=self._policy.default_quota_bytes)
            accepted = _put_item(tx, upload, blob)
            row = tx.uploads.by_id(upload.row_id) if upload.row_id else None
            if row is not None and upload.is_resumable:
                row.item_uuid, row.reserved_bytes, row.offset_bytes = accepted.uuid, 0, blob.size_bytes
                row.expires_at = tx.now + self._policy.resumable
            elif row is not None:
                tx.uploads.delete(row.id)
            return accepted

    def create(
        self,
        caller: Caller,
        filename: str,
        *,
        library_uuid: UUID | None,
        folder: str = "",
        length: int,
        described: str,
    ) -> Upload:
        """Begin an upload that survives this process; raises as `stage`."""
        upload = self.stage(
            caller, filename, library_uuid=library_uuid, folder=folder, length=length, described=described
        )
        upload.is_resumable = True
        return upload

    def resume(self, caller: Caller, upload_uuid: UUID, offset: int) -> Upload:
        """Hold an upload again to append at the offset where it ended.

        Raises:
            AppError: FORBIDDEN `not_allowed`; NOT_FOUND `upload_not_found`, GONE `upload_expired`; CONFLICT
                `upload_finished`, `wrong_offset`,
                `staged_busy` while somebody else is sending; as `BlobStore.resume`. Nothing has changed then.
        """
        with self._db.read() as tx:
            row = _row_of(tx, caller, upload_uuid)
            check_editor(tx, caller, row.library_id)
        if row.item_uuid is not None:
            raise AppError(ErrorKind.CONFLICT, "upload_finished", "This upload is complete.")
        upload = self._held(caller, row, self._resumed(row), keep=True)
        if upload.offset != offset:
            there = upload.offset
            upload.abandon()
            raise AppError(ErrorKind.CONFLICT, "wrong_offset", f"The upload goes on at byte {there}.")
        return upload

    def pause(self, upload: Upload) -> UploadState:
        """Make what has come in durable and let go of it, for the client to go on later.

        Raises:
            AppError: As `StagedBlob.sync`.
        """
        with upload.lock:
            try:
                upload.rewind()
                offset = upload.staged.sync()
                with self._db.write() as tx:
                    row = _row_of(tx, upload.caller, upload.uuid)
                    row.offset_bytes, row.expires_at = offset, tx.now + self._policy.resumable
            finally:
                upload.abandon()
            return _state(row, offset)

    def settle(self, upload: Upload) -> UploadState:
        """Accept an upload that has all its bytes, pause another one; raises as `accept` and `pause`."""
        if upload.offset != upload.length:
            return self.pause(upload)
        self.accept(upload)
        return self.find(upload.caller, upload.uuid)

    def find(self, caller: Caller, upload_uuid: UUID) -> UploadState:
        """Return how far an upload has come; one that has all its bytes is accepted now, if it was not.

        While somebody is sending, the offset is what was durable when he began.

        Raises:
            AppError: As `resume` but for the conflicts, and as `accept`.
        """
        with self._db.read() as tx:
            row = _row_of(tx, caller, upload_uuid)
        if row.item_uuid is not None:
            return _state(row, row.offset_bytes)
        try:
            upload = self._held(caller, row, self._resumed(row), keep=True)
        except AppError as error:
            if error.code != "staged_busy":
                raise
            return _state(row, row.offset_bytes)
        if upload.offset != upload.length:
            offset = upload.offset
            upload.abandon()
            return _state(row, offset)
        # The server died over the last byte: a client that sees a full offset asks no more.
        self.accept(upload)
        with self._db.read() as tx:
            row = _row_of(tx, caller, upload_uuid)
        return _state(row, row.offset_bytes)

    def terminate(self, caller: Caller, upload_uuid: UUID) -> None:
        """Forget an upload; the item that it has become stays.

        Raises:
            AppError: NOT_FOUND `upload_not_found`, GONE `upload_expired`, CONFLICT `staged_busy`.
        """
        with self._db.read() as tx:
            row = _row_of(tx, caller, upload_uuid)
        if row.item_uuid is None:
            self._blobs.drop(row.staged_id)
        with self._db.write() as tx:
            tx.uploads.delete(row.id)

    def sweep(self) -> int:
        """Forget uploads whose time is over, up to a thousand, unless somebody holds them; return how many."""
        with self._db.read() as tx:
            rows = tx.uploads.expired(tx.now, limit=1000)
        dead = [row.id for row in rows if row.item_uuid is not None or self._is_dropped(row)]
        with self._db.write() as tx:
            for row_id in dead:
                tx.uploads.delete(row_id)
        return len(dead)

    def _is_dropped(self, row: UploadRow) -> bool:
        try:
            self._blobs.drop(row.staged_id)
        except AppError as error:
            if error.kind is not ErrorKind.CONFLICT:
                raise
            return False
        return True

    def _resumed(self, row: UploadRow) -> StagedBlob:
        try:
            return self._blobs.resume(row.staged_id)
        except AppError as error:
            if error.kind is not ErrorKind.NOT_FOUND:
                raise
            raise _expired() from None


def clean_name(filename: str) -> str:
    """Return what a client calls a file, fit to show: without folders, without what cannot be seen."""
    return clean(filename.replace("\\", "/").rpartition("/")[2], _NAME_MAX) or NAMELESS


def _row_of(tx: Tx, caller: Caller, upload_uuid: UUID) -> UploadRow:
    caller.require(Permission.UPLOAD)
    row = tx.uploads.of_user(caller.user_id, upload_uuid)
    if row is None:
        raise AppError(ErrorKind.NOT_FOUND, "upload_not_found", "There is no such upload.")
    if row.expires_at <= tx.now:
        raise _expired()
    return row


def _expired() -> AppError:
    return AppError(ErrorKind.GONE, "upload_expired", "This upload has ended; begin again.")


def _state(row: UploadRow, offset: int) -> UploadState:
    return UploadState(row.uuid, offset, row.length_bytes, row.described, row.expires_at, row.item_uuid)


def _put_item(tx: WriteTx, upload: Upload, blob: StoredBlob) -> Accepted:
    """Make a blob an item of the library: the one that it was before, if there was one."""
    library_id = LibraryId(upload.library_id)
    tx.media.put_blob(blob.hash, blob.size_bytes, tx.now)
    known = tx.media.by_blob(library_id, blob.hash) or tx.media.purged(library_id, blob.hash)
    if known is not None and is_for_phones(upload.filename) and not is_for_phones(known.filename):
        known.filename = upload.filename  # a phone that does not find what it just sent gives up (astolfo.md f.8)
    if known is not None and known.deleted_at is None and known.missing_at is None:
        return Accepted(known.uuid, blob.hash, blob.size_bytes, is_new=False)
    item = known or blank_item(tx, library_id, upload.filename, added_at=upload.added_at)
    item.folder = item.folder or upload.folder
    if upload.filename != NAMELESS:
        item.filename, item.folder = upload.filename, upload.folder
    item.blob_hash, item.content_hash, item.size_bytes = blob.hash, blob.hash, blob.size_bytes
    item.deleted_at, item.missing_at, item.status, item.changed_at = None, None, "pending", tx.now
    item.told = item.told or _noted(upload.told)
    item.container = item.container or upload.container or ""
    item.owner_id = upload.caller.user_id  # whoever brings the bytes back is who they count for
    tx.media.add(item)
    tx.libraries.note_changes(library_id, [ItemId(item.id)], is_gone=False, is_new=known is None)
    tx.enqueue(JobKind.PROBE_ITEM, str(item.id))
    return Accepted(item.uuid, blob.hash, blob.size_bytes, is_new=known is None)


def _noted(told: Told | None) -> dict[str, Any] | None:
    said = {} if told is None else {name: value for name, value in asdict(told).items() if value}
    for name, value in said.items():
        said[name] = clean(value, _TOLD_MAX) if isinstance(value, str) else min(max(value, 0), _TOLD_MAX_MS)
    return said or None


def blank_item(tx: WriteTx, library_id: LibraryId, filename: str, *, added_at: datetime | None = None) -> MediaItem:
    """Return an item of which nothing is known but its name.

    Who asks for it says what its bytes are, whom they count for, and adds it.
    """
    return MediaItem(
        uuid=uuid4(),
        library_id=library_id,
        kind=MediaKind.AUDIO,
        status="pending",
        filename=filename,
        folder="",
        mime="application/octet-stream",
        container="",
        codec="",
        duration_ms=0,
        bitrate_bps=0,
        sample_rate_hz=0,
        channels=0,
        added_at=added_at or tx.now,
        changed_at=tx.now,
    )
