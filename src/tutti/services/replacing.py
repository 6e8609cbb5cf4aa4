"""Other bytes for an item that stays the same one: a file whose tags were changed, or that was replaced as a whole."""

from dataclasses import dataclass
from uuid import UUID

from tutti.db.engine import Database, Tx, WriteTx
from tutti.domain.caller import Caller, Permission
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.jobs import JobKind
from tutti.domain.sound import Region
from tutti.domain.values import BlobHash, ItemId, LibraryId, UserId
from tutti.models import MediaItem
from tutti.models import Upload as UploadRow
from tutti.ports.blobs import BlobStore, StagedBlob, StoredBlob
from tutti.services import quotas
from tutti.services.ingest import Accepted
from tutti.services.libraries import check_editor, readable
from tutti.services.uploads import IngestPolicy, Upload, begun, too_large


@dataclass(frozen=True, slots=True)
class _Kept:
    """The sound that stays: after so many bytes that come, out of this blob."""

    head_bytes: int
    region: Region


class Replacement(Upload):
    """New bytes on their way to an item; where the sound stays, what comes is what stands before it and behind it."""

    item_id: int
    replaces: BlobHash
    sha256: str
    blobs: BlobStore
    kept: _Kept | None = None
    sound_at: int | None = None

    def append(self, data: bytes | bytearray | memoryview) -> None:
        """Take the next bytes, and the sound when it is its turn; raises as `Upload.append` and `BlobStore.read`."""
        with self.lock:
            view = memoryview(data)
            if self.kept is not None:
                room = self.kept.head_bytes - self.offset
                if room > 0:
                    super().append(view[:room])
                    view = view[room:]
                if view:
                    self.complete()
            if view:
                super().append(view)

    def complete(self) -> None:
        """Take the sound, if it is still to come and everything before it is there; raises as `append`."""
        with self.lock:
            kept = self.kept
            if kept is None or self.offset < kept.head_bytes:
                return
            self.kept, self.sound_at = None, kept.head_bytes
            try:
                for piece in self.blobs.read(self.replaces, offset=kept.region.offset, count=kept.region.size_bytes):
                    super().append(piece)
            except AppError:
                self.abandon()
                raise


class Replacing:
    """Lets an item have other bytes; its id, and all that people noted of it, stay."""

    def __init__(self, db: Database, blobs: BlobStore, *, policy: IngestPolicy) -> None:
        self._db = db
        self._blobs = blobs
        self._policy = policy

    def begin(
        self,
        caller: Caller,
        item_uuid: UUID,
        *,
        replaces: str,
        sha256: str,
        head_bytes: int | None = None,
        length: int | None = None,
    ) -> Replacement:
        """Begin to replace the bytes of an item; a door appends to what this returns, as to an `Upload`.

        Args:
            caller: Who may change its library.
            item_uuid: Which item.
            replaces: The hash of the bytes that it has now, as far as the caller knows.
            sha256: The hash of the new bytes as a whole, in lower-case hex.
            head_bytes: Given where the sound stays: so many of the bytes that come stand before it, the others behind.
            length: How many bytes will come, when that is known.

        Raises:
            AppError: NOT_FOUND `track_not_found`; FORBIDDEN `not_an_editor`, `not_allowed`; CONFLICT
                `read_only_origin`, `bytes_changed`, `no_sound` when the server knows no sound in one piece, so that
                all bytes must be sent; TOO_LARGE `file_too_large`; FULL `quota_exceeded`, `disk_full`; LIMITED
                `too_many_uploads`; UNAVAILABLE `store_failed`.
        """
        caller.require(Permission.SYNC)
        caller.require(Permission.UPLOAD)
        with self._db.read() as tx:
            item = _item(tx, caller, item_uuid, replaces)
        kept = None if head_bytes is None else _Kept(head_bytes, _region(item))
        if length is not None and kept is not None:
            length += kept.region.size_bytes
        if length is not None and length > self._policy.max_file_bytes:
            raise too_large(self._policy)
        staged = self._blobs.stage(expected_bytes=length or 0)
        try:
            with self._db.write() as tx:
                item = _item(tx, caller, item_uuid, replaces)
                row = self._row(tx, caller, staged, item, length)
        except BaseException:
            staged.discard()
            raise
        replacement = Replacement(self._db, caller, row, staged, policy=self._policy)
        replacement.item_id, replacement.replaces, replacement.sha256 = item.id, BlobHash(replaces), sha256
        replacement.blobs, replacement.kept = self._blobs, kept
        replacement.spare_bytes = _spare(caller, item)
        return replacement

    def _row(self, tx: WriteTx, caller: Caller, staged: StagedBlob, item: MediaItem, length: int | None) -> UploadRow:
        spare = _spare(caller, item)
        row = begun(tx, caller, policy=self._policy, length=length, spare_bytes=spare)
        row.staged_id, row.library_id, row.filename = staged.id, LibraryId(item.library_id), item.filename
        tx.uploads.add(row)
        return row

    def finish(self, replacement: Replacement) -> Accepted:
        """Let the item have the new bytes; they are durable when this returns, and read by a job soon after.

        The bytes it had stay in the store until maintenance finds that nobody names them. Until the job has run the
        track is listed as it was.

        Raises:
            AppError: As `begin`; as `Upload.check` and `StagedBlob.commit`; CONFLICT `bytes_known` when the library has
                the new bytes as another item, which the sentence names. What came is forgotten then.
        """
        with replacement.lock:
            try:
                return self._finish(replacement)
            except AppError:
                replacement.forget()
                raise

    def _finish(self, replacement: Replacement) -> Accepted:
        with self._db.read() as tx:
            check_editor(tx, replacement.caller, replacement.library_id)
        replacement.complete()
        if replacement.kept is not None:
            raise AppError(
                ErrorKind.INVALID, "length_mismatch", "There are fewer bytes than shall stand before the sound."
            )
        replacement.check(replacement.sha256)
        blob = replacement.staged.commit()
        with self._db.write() as tx:
            check_editor(tx, replacement.caller, replacement.library_id)
            tx.uploads.delete(replacement.row_id)
            item = tx.media.by_id(replacement.item_id)
            if item is None or item.deleted_at is not None:
                raise _not_found()
            _check_same(item, replacement.replaces)
            if item.blob_hash != blob.hash:
                self._put(tx, replacement, item, blob)
            return Accepted(item.uuid, blob.hash, blob.size_bytes, is_new=False)

    def _put(self, tx: WriteTx, replacement: Replacement, item: MediaItem, blob: StoredBlob) -> None:
        other = tx.media.by_blob(LibraryId(item.library_id), blob.hash)
        if other is not None:
            message = f"The library has these bytes already, as {other.uuid}."
            raise AppError(ErrorKind.CONFLICT, "bytes_known", message)
        payer = UserId(item.owner_id or replacement.caller.user_id)
        more_bytes = blob.size_bytes - (item.size_bytes if item.owner_id else 0)
        if more_bytes > 0:
            quotas.check(tx, payer, more_bytes, default_bytes=self._policy.default_quota_bytes)
        tx.media.put_blob(blob.hash, blob.size_bytes, tx.now)
        item.blob_hash, item.content_hash, item.size_bytes = blob.hash, blob.hash, blob.size_bytes
        item.owner_id, item.status, item.refusal, item.changed_at = payer, "pending", None, tx.now
        if replacement.sound_at is None:
            item.audio_offset, item.audio_bytes, item.audio_hash = 0, None, None  # until the job has looked
        else:
            item.audio_offset = replacement.sound_at
        tx.flush()
        tx.trash.drop_blobs([replacement.replaces])
        tx.libraries.note_changes(item.library_id, [ItemId(item.id)], is_gone=False)
        tx.enqueue(JobKind.PROBE_ITEM, str(item.id))


def _item(tx: Tx, caller: Caller, item_uuid: UUID, replaces: str) -> MediaItem:
    item = tx.media.by_uuid(item_uuid, readable(tx, caller))
    if item is None or item.deleted_at is not None or item.missing_at is not None:
        raise _not_found()
    check_editor(tx, caller, item.library_id)
    _check_same(item, replaces)
    return item


def _check_same(item: MediaItem, replaces: str) -> None:
    if item.blob_hash is None:
        message = "The track is a file of a folder that is only read; change it there."
        raise AppError(ErrorKind.CONFLICT, "read_only_origin", message)
    if item.blob_hash != replaces:
        raise AppError(ErrorKind.CONFLICT, "bytes_changed", "The file has other bytes than those to be replaced.")


def _region(item: MediaItem) -> Region:
    if not item.audio_bytes or item.audio_hash is None:
        raise AppError(ErrorKind.CONFLICT, "no_sound", "The sound of the file is not known here: send all of it.")
    return Region(item.audio_offset, item.audio_bytes)


def _spare(caller: Caller, item: MediaItem) -> int:
    return item.size_bytes if item.owner_id == caller.user_id else 0


def _not_found() -> AppError:
    return AppError(ErrorKind.NOT_FOUND, "track_not_found", "There is no such track.")
