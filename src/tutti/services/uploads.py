"""One upload while somebody holds it: counted while it is written, and given back when nothing comes of it."""

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import RLock
from typing import NamedTuple
from uuid import UUID, uuid4

from tutti.db.engine import Database, Tx, WriteTx
from tutti.domain.caller import Caller
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.formats import Container, container_of_bytes, id3_bytes, not_audio
from tutti.domain.media import Told
from tutti.models import Upload as UploadRow
from tutti.ports.blobs import StagedBlob
from tutti.services import quotas

_HEAD_BYTES = 4096
_MOST_TAGS = 8
_DESCRIBED_MAX = 8192


@dataclass(frozen=True, slots=True)
class IngestPolicy:
    """What may come in.

    Attributes:
        step_bytes: What an upload of unknown length reserves at a time.
        default_quota_bytes: What an account without a quota of its own may fill; None is no limit.
        max_unfinished: Uploads that one account may have begun.
        resumable: How long bytes wait for the client to go on sending.
        held: How long the reservation of an upload outlives the process that died with it.
    """

    max_file_bytes: int = 4 << 30
    step_bytes: int = 16 << 20
    default_quota_bytes: int | None = None
    max_unfinished: int = 200
    resumable: timedelta = timedelta(hours=24)
    held: timedelta = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class UploadState:
    """What is known of an upload that can be resumed.

    Attributes:
        offset: Bytes that are durable.
        described: What the client said of it, as it said it.
        item_uuid: The item that it became, None before.
    """

    uuid: UUID
    offset: int
    length: int | None
    described: str
    expires_at: datetime
    item_uuid: UUID | None


class _Mark(NamedTuple):
    """Where bytes begin that a checksum will vouch for."""

    offset: int
    digest: "hashlib._Hash"


class Upload:
    """Bytes on their way in that we hold; nobody sees them before `Ingest.accept`.

    Safe to end from another thread than the one that appends: one waits for the other.
    """

    spare_bytes = 0
    """What need not be reserved, because bytes of as many go when these come."""

    def __init__(
        self,
        db: Database,
        caller: Caller,
        row: UploadRow,
        staged: StagedBlob,
        *,
        policy: IngestPolicy,
        keep: bool = False,
    ) -> None:
        self.caller = caller
        self.staged = staged
        self.uuid, self.library_id = row.uuid, row.library_id
        self.row_id = row.id or 0
        """0 when nothing is reserved for it, because it is accepted at once."""
        self.filename, self.folder, self.length = row.filename, row.folder, row.length_bytes
        self.is_resumable = keep
        self.container: Container | None = None
        self.told: Told | None = None
        self.added_at: datetime | None = None
        self.lock = RLock()
        self._db = db
        self._policy = policy
        self._reserved_bytes = row.reserved_bytes
        self._mark: _Mark | None = None

    @property
    def offset(self) -> int:
        """Bytes that have come in."""
        return self.staged.offset

    def append(self, data: bytes | bytearray | memoryview) -> None:
        """Hash and write the next bytes.

        Raises:
            AppError: TOO_LARGE `file_too_large`, `length_exceeded`; FULL `quota_exceeded`; GONE `upload_ended`; as
                `StagedBlob.append`. The upload is abandoned then.
        """
        with self.lock:
            try:
                self._make_room(self.staged.offset + len(data))
                self.staged.append(memoryview(data))
                if self._mark is not None:
                    self._mark.digest.update(data)
            except AppError:
                self.abandon()
                raise

    def abandon(self) -> None:
        """Let go: bytes that can be resumed stay, others and their reservation are forgotten."""
        with self.lock:
            if self.is_resumable:
                with suppress(AppError, ValueError):  # a store that has failed is not asked again
                    self.rewind()
                self.staged.close()
            else:
                self.forget()

    def mark(self, algorithm: str) -> None:
        """Have everything from here on forgotten unless `confirm` is called: `sha1` or `sha256`."""
        self._mark = _Mark(self.offset, hashlib.new(algorithm, usedforsecurity=False))

    def confirm(self, digest: str) -> None:
        """Keep what came since `mark`, if it has that hash, in hex.

        Raises:
            AppError: INVALID `checksum_mismatch`; what came is forgotten.
        """
        with self.lock:
            if self._mark is not None and self._mark.digest.hexdigest() != digest:
                self.rewind()
                message = "The bytes that arrived are not those that were sent."
                raise AppError(ErrorKind.INVALID, "checksum_mismatch", message)
            self._mark = None

    def rewind(self) -> None:
        """Forget what came since `mark`; raises as `StagedBlob.rewind`."""
        if self._mark is not None:
            offset, self._mark = self._mark.offset, None
            self.staged.rewind(offset)

    def forget(self) -> None:
        """Forget the bytes and the reservation; what cannot be forgotten now, maintenance will."""
        with self.lock, suppress(AppError):
            self.staged.discard()
            if self.row_id:
                with self._db.write() as tx:
                    tx.uploads.delete(self.row_id)

    def check(self, sha256: str | None) -> None:
        """Refuse what must not become an item.

        Raises:
            AppError: INVALID `empty_file`, `length_mismatch`, `digest_mismatch`; UNSUPPORTED `not_audio`; as
                `StagedBlob.peek`.
        """
        if self.offset == 0:
            raise AppError(ErrorKind.INVALID, "empty_file", "The file is empty.")
        if self.length is not None and self.offset != self.length:
            raise AppError(ErrorKind.INVALID, "length_mismatch", "The file is not as long as it was said to be.")
        if sha256 is not None and self.staged.hash != sha256:
            raise AppError(ErrorKind.INVALID, "digest_mismatch", "The bytes that arrived are not those that were sent.")
        head = self._audio_head()
        self.container = container_of_bytes(head)
        kind = not_audio(head)
        if kind is not None:
            raise AppError(ErrorKind.UNSUPPORTED, "not_audio", f"This is no audio file: it looks like {kind}.")

    def _audio_head(self) -> bytes:
        """Return the first bytes behind ID3v2 tags."""
        offset, head = 0, self.staged.peek(0, _HEAD_BYTES)
        for _ in range(_MOST_TAGS):
            tag_bytes = id3_bytes(head)
            if not tag_bytes:
                break
            offset += tag_bytes
            head = self.staged.peek(offset, _HEAD_BYTES)
        return head

    def _make_room(self, total_bytes: int) -> None:
        if self.length is not None and total_bytes > self.length:
            raise AppError(ErrorKind.TOO_LARGE, "length_exceeded", "More bytes came than were announced.")
        if total_bytes > self._policy.max_file_bytes:
            raise too_large(self._policy)
        needed_bytes = total_bytes - self.spare_bytes
        if needed_bytes <= self._reserved_bytes:
            return
        step = self._policy.step_bytes
        with self._db.write() as tx:
            row = tx.uploads.by_id(self.row_id)
            if row is None:
                raise AppError(ErrorKind.GONE, "upload_ended", "This upload has ended.")
            wanted = self._granted(tx, -(-needed_bytes // step) * step, needed_bytes)
            row.reserved_bytes = wanted
            row.expires_at = tx.now + self._policy.held
        self._reserved_bytes = wanted

    def _granted(self, tx: WriteTx, rounded_bytes: int, needed_bytes: int) -> int:
        """Reserve in steps, and exactly where a step does not fit any more."""
        for wanted in (rounded_bytes, needed_bytes):
            try:
                more = wanted - self._reserved_bytes
                quotas.check(tx, self.caller.user_id, more, default_bytes=self._policy.default_quota_bytes)
            except AppError:
                if wanted == needed_bytes:
                    raise
            else:
                return wanted
        raise AssertionError("unreachable")


def begun(
    tx: Tx,
    caller: Caller,
    *,
    policy: IngestPolicy,
    length: int | None,
    spare_bytes: int = 0,
    described: str | None = None,
) -> UploadRow:
    """Return the row of a new upload, which reserves its room; it names no staged bytes and is not stored yet.

    Raises:
        AppError: LIMITED `too_many_uploads`; FULL `quota_exceeded`.
    """
    if tx.uploads.unfinished(caller.user_id) >= policy.max_unfinished:
        raise AppError(ErrorKind.LIMITED, "too_many_uploads", "Too many uploads were begun and not finished.")
    reserved = max((length or 0) - spare_bytes, 0)
    if reserved or not spare_bytes:
        quotas.check(tx, caller.user_id, reserved, default_bytes=policy.default_quota_bytes)
    return UploadRow(
        uuid=uuid4(),
        user_id=caller.user_id,
        staged_id="",
        described=(described or "")[:_DESCRIBED_MAX],
        length_bytes=length,
        offset_bytes=0,
        reserved_bytes=reserved,
        item_uuid=None,
        folder="",
        created_at=tx.now,
        expires_at=tx.now + (policy.held if described is None else policy.resumable),
    )


def too_large(policy: IngestPolicy) -> AppError:
    """Say how large a file may be."""
    return AppError(ErrorKind.TOO_LARGE, "file_too_large", f"A file may have {policy.max_file_bytes} bytes at most.")
