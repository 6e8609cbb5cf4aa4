"""A blob store in memory, for tests that need a store and no disk."""

import hashlib
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from tempfile import NamedTemporaryFile
from typing import Self

from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.values import BlobHash
from tutti.kit.clock import Clock, system_clock
from tutti.ports.blobs import StoredBlob

PIECE_BYTES = 1 << 20


@dataclass(slots=True)
class MemoryDisk:
    """What outlives a store: give it to a new MemoryBlobs to start again."""

    capacity_bytes: int = 1 << 40
    blobs: dict[BlobHash, tuple[bytes, datetime]] = field(default_factory=dict)
    staged: dict[str, tuple[bytearray, datetime]] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def free_bytes(self) -> int:
        return self.capacity_bytes - sum(len(data) for data, _ in [*self.blobs.values(), *self.staged.values()])


class MemoryStaged:
    """Implements the port StagedBlob."""

    def __init__(self, staged_id: str, disk: MemoryDisk, clock: Clock) -> None:
        self._id = staged_id
        self._disk = disk
        self._clock = clock
        self._data, _ = disk.staged[staged_id]
        self._is_open = True
        self._has_failed = False

    @property
    def id(self) -> str:
        return self._id

    @property
    def offset(self) -> int:
        return len(self._data)

    @property
    def hash(self) -> BlobHash:
        return BlobHash(hashlib.sha256(self._data).hexdigest())

    def append(self, data: bytes | memoryview) -> None:
        self._check()
        with self._disk.lock:
            if len(data) > self._disk.free_bytes():
                self._has_failed = True
                raise _disk_full()
            self._data += data
            self._disk.staged[self._id] = (self._data, self._clock())

    def peek(self, offset: int, count: int) -> bytes:
        self._check()
        return bytes(self._data[offset : offset + count])

    def rewind(self, offset: int) -> None:
        self._check()
        del self._data[offset:]

    def sync(self) -> int:
        self._check()
        return self.offset

    def commit(self) -> StoredBlob:
        self._check()
        stored = StoredBlob(self.hash, self.offset, path=None)
        with self._disk.lock:
            self._disk.blobs[stored.hash] = (bytes(self._data), self._clock())
        self.discard()
        return stored

    def discard(self) -> None:
        if self._is_open:
            with self._disk.lock:
                del self._disk.staged[self._id]
            self.close()

    def close(self) -> None:
        if self._is_open:
            self._is_open = False
            with self._disk.lock:
                self._disk.held.discard(self._id)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check(self) -> None:
        if not self._is_open or self._has_failed:
            raise ValueError("staged blob is closed or has failed")


class MemoryBlobs:
    """Implements the port BlobStore; passes its contract suite."""

    def __init__(self, disk: MemoryDisk | None = None, *, clock: Clock = system_clock) -> None:
        self._disk = disk or MemoryDisk()
        self._clock = clock

    def drop(self, staged_id: str) -> None:
        try:
            self.resume(staged_id).discard()
        except AppError as error:
            if error.kind is not ErrorKind.NOT_FOUND:
                raise

    def stage(self, *, expected_bytes: int = 0) -> MemoryStaged:
        with self._disk.lock:
            if self._disk.free_bytes() <= max(expected_bytes - 1, 0):
                raise _disk_full()
            staged_id = secrets.token_hex(16)
            self._disk.staged[staged_id] = (bytearray(), self._clock())
            self._disk.held.add(staged_id)
        return MemoryStaged(staged_id, self._disk, self._clock)

    def resume(self, staged_id: str) -> MemoryStaged:
        with self._disk.lock:
            if staged_id not in self._disk.staged:
                raise AppError(ErrorKind.NOT_FOUND, "staged_not_found", "This upload does not exist, or it has ended.")
            if staged_id in self._disk.held:
                raise AppError(ErrorKind.CONFLICT, "staged_busy", "Somebody else is sending these bytes.")
            self._disk.held.add(staged_id)
        return MemoryStaged(staged_id, self._disk, self._clock)

    def find(self, blob_hash: BlobHash) -> StoredBlob | None:
        found = self._disk.blobs.get(blob_hash)
        return StoredBlob(blob_hash, len(found[0]), path=None) if found else None

    def read(self, blob_hash: BlobHash, *, offset: int = 0, count: int | None = None) -> Iterator[bytes]:
        found = self._disk.blobs.get(blob_hash)
        if found is None:
            raise AppError(ErrorKind.NOT_FOUND, "blob_not_found", "These bytes are not here.")
        data, _ = found
        end = len(data) if count is None else offset + count
        if end > len(data):
            raise AppError(ErrorKind.UNAVAILABLE, "store_failed", "The store failed; try again later.")
        for start in range(offset, end, PIECE_BYTES):
            yield data[start : min(start + PIECE_BYTES, end)]

    @contextmanager
    def at_hand(self, blob_hash: BlobHash) -> Iterator[bytes]:
        data = b"".join(self.read(blob_hash))
        with NamedTemporaryFile() as file:
            file.write(data)
            file.flush()
            yield file.name.encode()

    def delete(self, blob_hash: BlobHash, *, older_than_s: float = 0) -> bool:
        with self._disk.lock:
            found = self._disk.blobs.get(blob_hash)
            if found is None or (older_than_s > 0 and self._age_s(found[1]) < older_than_s):
                return False
            del self._disk.blobs[blob_hash]
        return True

    def set_aside(self, blob_hash: BlobHash) -> bool:
        with self._disk.lock:
            return self._disk.blobs.pop(blob_hash, None) is not None

    def walk(self) -> Iterator[StoredBlob]:
        for blob_hash in sorted(self._disk.blobs):
            if found := self.find(blob_hash):
                yield found

    def sweep(self, *, older_than_s: float) -> int:
        with self._disk.lock:
            staged = self._disk.staged
            old = [
                staged_id
                for staged_id, (_, touched_at) in staged.items()
                if self._age_s(touched_at) >= older_than_s and staged_id not in self._disk.held
            ]
            for staged_id in old:
                del staged[staged_id]
        return len(old)

    def _age_s(self, since: datetime) -> float:
        return (self._clock() - since).total_seconds()


def _disk_full() -> AppError:
    return AppError(ErrorKind.FULL, "disk_full", "There is no room left to store this.")
