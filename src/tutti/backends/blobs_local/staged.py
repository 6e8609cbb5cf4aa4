"""A file on its way to become a blob."""

import hashlib
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from tutti.backends.blobs_local.disk import Disk, begin_writing_back, disk_full, store_errors, store_failed, write_all
from tutti.domain.values import BlobHash
from tutti.ports.blobs import StoredBlob

PIECE_BYTES = 1 << 20
STATVFS_EVERY_BYTES = 4 << 20
"""How far several uploads together may pass the reserve, each."""

WRITE_BACK_BYTES = 8 << 20
"""How much is written before the kernel is asked to begin with the disk."""

Place = Callable[[Path, int, BlobHash], StoredBlob]
"""Makes the finished file of that size and hash a blob and its name durable; raises OSError."""


class LocalStaged:
    """Implements the port StagedBlob over one open file that we hold."""

    def __init__(self, path: Path, fd: int, *, disk: Disk, place: Place) -> None:
        self._path = path
        self._fd = fd
        self._disk = disk
        self._place = place
        self._is_open = True
        self._is_spoilt = False
        self._is_listed = False
        self._digest = hashlib.sha256()
        self._offset = 0
        self._hashed = 0
        self._room_bytes = 0
        self._written_back = 0

    @property
    def id(self) -> str:
        """The name of the file in the staging folder."""
        return self._path.name

    @property
    def offset(self) -> int:
        """Bytes that are in the file."""
        return self._offset

    @property
    def hash(self) -> BlobHash:
        """The SHA-256 up to `offset`; reads what a resumed file has that was not hashed yet."""
        if self._hashed < self._offset:
            with self._spoilt_by_failure():
                self._hash_rest()
        return BlobHash(self._digest.hexdigest())

    def catch_up(self) -> None:
        """Go on behind the bytes that the file already has, once they are durable.

        They are hashed only when somebody asks: a client that sends a file in a thousand pieces has it read once.

        Raises:
            AppError: UNAVAILABLE `store_failed`.
        """
        with self._spoilt_by_failure():
            self._sync_file()
            self._offset = self._written_back = os.fstat(self._fd).st_size

    def append(self, data: bytes | memoryview) -> None:
        """Write, then hash, so that the hash never knows more than the file."""
        view = memoryview(data).cast("B")
        with self._spoilt_by_failure():
            self._take_room(len(view))
            write_all(self._fd, view, self._offset)
        if self._hashed == self._offset:
            self._digest.update(view)
            self._hashed += len(view)
        self._offset += len(view)
        if self._offset - self._written_back >= WRITE_BACK_BYTES:
            begin_writing_back(self._fd, self._written_back, self._offset - self._written_back)
            self._written_back = self._offset

    def peek(self, offset: int, count: int) -> bytes:
        """Read from the file."""
        with self._spoilt_by_failure():
            return os.pread(self._fd, min(count, max(self._offset - offset, 0)), offset)

    def rewind(self, offset: int) -> None:
        """Cut the file; what was hashed beyond the cut is hashed anew."""
        with self._spoilt_by_failure():
            os.ftruncate(self._fd, offset)
        self._offset = offset
        self._written_back = min(self._written_back, offset)
        if self._hashed > offset:
            self._digest, self._hashed = hashlib.sha256(), 0

    def sync(self) -> int:
        """Sync the file and, the first time, its name."""
        with self._spoilt_by_failure():
            self._sync_file()
            if not self._is_listed:
                self._disk.sync_folder(self._path.parent)
                self._is_listed = True
        return self._offset

    def commit(self) -> StoredBlob:
        """Sync the file and have the store give it its name; we hold it until that is done."""
        with self._spoilt_by_failure():
            if os.fstat(self._fd).st_size != self._offset:
                raise store_failed()
            self._hash_rest()
            self._sync_file()
            stored = self._place(self._path, self._offset, BlobHash(self._digest.hexdigest()))
            # Only now, so that a commit cut short leaves nothing behind that cannot be resumed. A courtesy against
            # accidents: exFAT, for one, knows no such bits.
            with suppress(OSError):
                os.fchmod(self._fd, 0o400)
        self.close()
        return stored

    def discard(self) -> None:
        """Remove the file."""
        if not self._is_open:
            return
        try:
            with store_errors():
                self._path.unlink(missing_ok=True)
        finally:
            self.close()

    def close(self) -> None:
        """Close the file, which also lets others hold it."""
        if self._is_open:
            self._is_open = False
            os.close(self._fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if self._is_open:
            warnings.warn(f"staged blob {self.id} was forgotten while open", ResourceWarning, source=self, stacklevel=2)
            self.close()

    @contextmanager
    def _spoilt_by_failure(self) -> Iterator[None]:
        if not self._is_open or self._is_spoilt:
            raise ValueError("staged blob is closed or has failed")
        self._is_spoilt = True
        with store_errors():
            yield
        self._is_spoilt = False

    def _hash_rest(self) -> None:
        while self._hashed < self._offset:
            piece = os.pread(self._fd, min(PIECE_BYTES, self._offset - self._hashed), self._hashed)
            if not piece:
                raise store_failed()
            self._digest.update(piece)
            self._hashed += len(piece)

    def _take_room(self, count_bytes: int) -> None:
        if count_bytes > self._room_bytes:
            free_bytes = self._disk.free_bytes()
            if count_bytes > free_bytes:
                raise disk_full()
            self._room_bytes = min(free_bytes, max(count_bytes, STATVFS_EVERY_BYTES))
        self._room_bytes -= count_bytes

    def _sync_file(self) -> None:
        try:
            self._disk.sync_file(self._fd)
        except OSError:
            # The kernel may have dropped the pages and marked them clean: a later fsync, on any descriptor, would
            # succeed over bytes that are not on the disk. So nobody gets to resume them.
            with suppress(OSError):
                self._path.unlink()
            raise
