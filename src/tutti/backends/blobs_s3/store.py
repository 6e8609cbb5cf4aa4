"""The bucket of blobs: `blobs/<hash>` for what is there; what is on its way is on our own disk.

Beside them lie `renewed/<hash>`, when the same bytes were last committed again, and `condemned/<hash>` while somebody
deletes them; `damaged/` holds what was set aside.
"""

import hashlib
import re
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import AlreadyExistsError

from tutti.backends.blobs_local import disk
from tutti.backends.blobs_local.disk import Disk, make_folder, store_errors, store_failed
from tutti.backends.blobs_local.listing import names, status_of
from tutti.backends.blobs_local.staged import PIECE_BYTES, LocalStaged
from tutti.backends.blobs_local.staging import Staging
from tutti.backends.blobs_s3.bucket import Bucket, Missing
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.values import HASH, BlobHash
from tutti.kit.clock import Clock, system_clock
from tutti.ports.blobs import StoredBlob

if TYPE_CHECKING:
    from obstore import GetOptions

_FETCHED = re.compile(r"[0-9a-f]{64}-[0-9a-f]{8}")
_PART_BYTES = 8 << 20
_PARTS_AT_ONCE = 4
_TRIES = 5
_WAITS = 40
_WAIT_S = 0.25
_DELETE_WITHIN_S = 60.0
_CONDEMNED_S = 1800.0
"""Longer than a deletion may take, plus the 15 minutes by which S3 lets clocks differ."""


class S3Blobs:
    """Implements the port BlobStore over one bucket and a folder of this machine.

    Staged bytes are files of this process's machine: an upload is resumed where it was begun. A commit sends the file
    as one object, which nobody sees before it is complete, and asks for its size before it returns.

    Args:
        bucket: Where blobs are.
        root: The folder for staged bytes, and for blobs that a program needs as a file; made when missing.
        reserve_bytes: Free space that these must leave.
        clock: What the ages of blobs and staged bytes are measured by; the times of objects are the server's.
        on_repair: As for `LocalBlobs`.

    Raises:
        AppError: UNAVAILABLE `store_failed`, FULL `disk_full` when the folders cannot be made.
    """

    def __init__(
        self,
        bucket: Bucket,
        root: Path,
        *,
        reserve_bytes: int = 0,
        clock: Clock = system_clock,
        on_repair: Callable[[BlobHash], None] = lambda _: None,
    ) -> None:
        self._bucket = bucket
        self._fetched = root / "fetched"
        self._disk = Disk(root, reserve_bytes=reserve_bytes, fsync=disk.fsync)
        self._clock = clock
        self._on_repair = on_repair
        self._waiting = threading.Event()
        self._deleting = threading.Lock()  # a server may let two writers in at once in spite of If-None-Match
        with store_errors():
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            make_folder(root / "staging")
            make_folder(self._fetched)
            self._disk.sync_folder(root)
        self._staging = Staging(root / "staging", disk=self._disk, clock=clock, place=self._place)

    def stage(self, *, expected_bytes: int = 0) -> LocalStaged:
        """Create and hold an empty file here."""
        return self._staging.stage(expected_bytes=expected_bytes)

    def resume(self, staged_id: str) -> LocalStaged:
        """Hold the file and sync it: its length is the offset."""
        return self._staging.resume(staged_id)

    def drop(self, staged_id: str) -> None:
        """Remove the file, unless somebody holds it."""
        self._staging.drop(staged_id)

    def find(self, blob_hash: BlobHash) -> StoredBlob | None:
        """Ask for the object's size."""
        if not HASH.fullmatch(blob_hash):
            return None
        found = self._head("blobs", blob_hash)
        return StoredBlob(blob_hash, found[0], path=None) if found else None

    def read(self, blob_hash: BlobHash, *, offset: int = 0, count: int | None = None) -> Iterator[bytes]:
        """Read one answer of the server, which stays whole even when the object is deleted meanwhile."""
        if offset or count == 0 or not HASH.fullmatch(blob_hash):
            there = self.find(blob_hash)
            if there is None:
                raise _blob_not_found()
            count = max(there.size_bytes - offset, 0) if count is None else count
        if count == 0:
            return
        options: GetOptions = {} if count is None else {"range": (offset, offset + count)}
        try:
            with self._bucket.asked():
                found = obstore.get(self._bucket.reading, self._bucket.key("blobs", blob_hash), options=options)
        except Missing:
            raise _blob_not_found() from None
        size_bytes = found.meta["size"]
        left = size_bytes if count is None else count
        if offset + left > size_bytes:
            raise store_failed()
        yield from self._pieces(found, left)

    def _pieces(self, found: "obstore.GetResult", left: int) -> Iterator[bytes]:
        stream = iter(found.stream(min_chunk_size=PIECE_BYTES // 4))
        while left:
            with self._bucket.asked():
                data = memoryview(next(stream, b""))
            if not data or len(data) > left:
                raise store_failed()
            left -= len(data)
            for start in range(0, len(data), PIECE_BYTES):
                yield bytes(data[start : start + PIECE_BYTES])

    @contextmanager
    def at_hand(self, blob_hash: BlobHash) -> Iterator[bytes]:
        """Fetch the bytes into a file, compare them with their name, and remove the file at the end."""
        found = self.find(blob_hash)
        if found is None:
            raise _blob_not_found()
        path = self._fetched / f"{blob_hash}-{secrets.token_hex(4)}"
        with store_errors():
            self._disk.check_room(found.size_bytes)
        try:
            digest = hashlib.sha256()
            with store_errors(), path.open("xb") as file:
                for piece in self.read(blob_hash):
                    file.write(piece)
                    digest.update(piece)
            if digest.hexdigest() != blob_hash:
                raise store_failed()
            yield bytes(path)
        finally:
            path.unlink(missing_ok=True)

    def delete(self, blob_hash: BlobHash, *, older_than_s: float = 0) -> bool:
        """Condemn the bytes, look at their age, delete them, let go.

        Whoever commits the same bytes writes first and looks for a condemnation second, we the other way round: so one
        of us sees the other. A deletion whose outcome nobody knows leaves the condemnation standing until it is old.
        """
        if not HASH.fullmatch(blob_hash):
            return False
        with self._deleting:
            if not self._condemn(blob_hash):
                return False
            is_due = False
            try:
                is_due = self._is_older(blob_hash, older_than_s)
            finally:
                if not is_due:
                    self._pardon(blob_hash)
            if is_due:
                self._carry_out(blob_hash)
            return is_due

    def set_aside(self, blob_hash: BlobHash) -> bool:
        """Copy the object, then delete it as `delete` does."""
        if not HASH.fullmatch(blob_hash):
            return False
        aside = self._bucket.key("damaged", f"{blob_hash}-{secrets.token_hex(4)}")
        try:
            with self._bucket.asked():
                obstore.copy(self._bucket.writing, self._bucket.key("blobs", blob_hash), aside)
        except Missing:
            return False
        with self._deleting:
            if not self._condemn(blob_hash):
                raise store_failed()
            self._carry_out(blob_hash)
        return True

    def walk(self) -> Iterator[StoredBlob]:
        """List page by page; S3 lists in the order of names, which is that of hashes."""
        with self._bucket.asked():
            pages = iter(obstore.list(self._bucket.small, self._bucket.key("blobs"), chunk_size=1000))
        while True:
            with self._bucket.asked():
                page = next(pages, None)
            if page is None:
                return
            for one in page:
                name = one["path"].rpartition("/")[2]
                if HASH.fullmatch(name):
                    yield StoredBlob(BlobHash(name), one["size"], path=None)

    def sweep(self, *, older_than_s: float) -> int:
        """Look at staged files and at what was fetched by a process that died; parts of broken uploads are S3's."""
        for name in names(self._fetched, _FETCHED):
            with store_errors():
                status = status_of(self._fetched / name)
                if status is not None and self._since_s(datetime.fromtimestamp(status.st_mtime, UTC)) >= older_than_s:
                    (self._fetched / name).unlink(missing_ok=True)
        return self._staging.sweep(older_than_s=older_than_s)

    def _place(self, staged: Path, size_bytes: int, blob_hash: BlobHash) -> StoredBlob:
        for _ in range(_TRIES):
            there = self._head("blobs", blob_hash)
            is_damaged = there is not None and there[0] != size_bytes
            if there is None or is_damaged:
                self._upload(staged, size_bytes, blob_hash)
            else:
                self._renew(blob_hash)
            self._wait_while_condemned(blob_hash)
            there = self._head("blobs", blob_hash)
            if there is not None and there[0] == size_bytes:
                staged.unlink(missing_ok=True)
                if is_damaged:
                    self._on_repair(blob_hash)
                return StoredBlob(blob_hash, size_bytes, path=None)
        raise store_failed()

    def _upload(self, staged: Path, size_bytes: int, blob_hash: BlobHash) -> None:
        key = self._bucket.key("blobs", blob_hash)
        with self._bucket.asked():
            if size_bytes <= _PART_BYTES:
                data = staged.read_bytes()
                obstore.put(self._bucket.writing, key, data, use_multipart=False)
                return
            # From a path, with these two, it is 4 to 14 times as fast as anything else that the library takes.
            obstore.put(self._bucket.writing, key, staged, chunk_size=_PART_BYTES, max_concurrency=_PARTS_AT_ONCE)

    def _renew(self, blob_hash: BlobHash) -> None:
        now = f"{self._clock().timestamp():.6f}"
        with self._bucket.asked():
            obstore.put(self._bucket.small, self._bucket.key("renewed", blob_hash), now.encode())

    def _age_s(self, blob_hash: BlobHash, modified_at: datetime) -> float:
        try:
            with self._bucket.asked():
                said = bytes(obstore.get(self._bucket.small, self._bucket.key("renewed", blob_hash)).bytes())
        except Missing:
            return self._since_s(modified_at)
        try:
            renewed_at = datetime.fromtimestamp(float(said), UTC)
        except ValueError:
            raise store_failed() from None
        return min(self._since_s(modified_at), self._since_s(renewed_at))

    def _is_older(self, blob_hash: BlobHash, older_than_s: float) -> bool:
        began_s = monotonic()
        found = self._head("blobs", blob_hash)
        if found is None or (older_than_s > 0 and self._age_s(blob_hash, found[1]) < older_than_s):
            return False
        if monotonic() - began_s > _DELETE_WITHIN_S:
            raise store_failed()
        return True

    def _condemn(self, blob_hash: BlobHash) -> bool:
        """Say that the bytes are about to go; return False when somebody else says so already."""
        key = self._bucket.key("condemned", blob_hash)
        try:
            with self._bucket.asked():
                obstore.put(self._bucket.once, key, b"", mode="create")
        except AlreadyExistsError:
            self._drop_forgotten(blob_hash)
            return False
        return True

    def _carry_out(self, blob_hash: BlobHash) -> None:
        self._remove("blobs", blob_hash)  # when that fails, nobody may bring the bytes back before it is over
        with suppress(AppError):  # a renewal of nothing harms nobody
            self._remove("renewed", blob_hash)
        self._pardon(blob_hash)

    def _pardon(self, blob_hash: BlobHash) -> None:
        with suppress(AppError):  # it ends by itself
            self._remove("condemned", blob_hash)

    def _wait_while_condemned(self, blob_hash: BlobHash) -> None:
        for _ in range(_WAITS):
            if self._head("condemned", blob_hash) is None:
                return
            self._drop_forgotten(blob_hash)
            self._waiting.wait(_WAIT_S)
        raise store_failed()

    def _drop_forgotten(self, blob_hash: BlobHash) -> None:
        """Lift a condemnation whose author must be dead by now."""
        found = self._head("condemned", blob_hash)
        # By the machine's clock: it is compared with the server's.
        if found is not None and (system_clock() - found[1]).total_seconds() > _CONDEMNED_S:
            self._remove("condemned", blob_hash)

    def _head(self, folder: str, name: str) -> tuple[int, datetime] | None:
        """Return size and time of an object, None when there is none."""
        try:
            with self._bucket.asked():
                found = obstore.head(self._bucket.small, self._bucket.key(folder, name))
        except Missing:
            return None
        return found["size"], found["last_modified"]

    def _remove(self, folder: str, name: str) -> None:
        with suppress(Missing), self._bucket.asked():
            obstore.delete(self._bucket.once, self._bucket.key(folder, name))

    def _since_s(self, at: datetime) -> float:
        return (self._clock() - at).total_seconds()


def _blob_not_found() -> AppError:
    return AppError(ErrorKind.NOT_FOUND, "blob_not_found", "These bytes are not here.")
