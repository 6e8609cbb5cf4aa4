"""Where the bytes that are ours live: immutable, named by their SHA-256, never half visible."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from tutti.domain.values import BlobHash


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """A blob that is there.

    Attributes:
        path: Where its bytes can be opened, when the store is a local one; else None.
    """

    hash: BlobHash
    size_bytes: int
    path: bytes | None


class StagedBlob(Protocol):
    """Bytes on their way in; nobody can see them before `commit`. Used by one thread at a time."""

    @property
    def id(self) -> str:
        """32 hex characters; `BlobStore.resume` takes it."""
        ...

    @property
    def offset(self) -> int:
        """Bytes that were appended."""
        ...

    def append(self, data: bytes | memoryview) -> None:
        """Write and hash the next bytes.

        Raises:
            AppError: FULL `disk_full` when the disk or the reserve is exhausted, UNAVAILABLE `store_failed` for any other
                failure of the store. The staged bytes are then unusable and only `discard` may follow.
        """
        ...

    def sync(self) -> int:
        """Make the appended bytes durable; return the offset that will survive a crash."""
        ...

    def commit(self) -> StoredBlob:
        """Make the bytes a blob: durable first, visible second, and only then return.

        The same bytes twice give the same blob; the second copy is dropped.

        Raises:
            AppError: As `append`. A failed fsync is never tried again on the same descriptor.
        """
        ...

    def discard(self) -> None:
        """Forget the bytes; does nothing after `commit`."""
        ...


class BlobStore(Protocol):
    """A store of blobs; safe to call from several threads and processes."""

    def stage(self) -> StagedBlob:
        """Begin a new blob.

        Raises:
            AppError: FULL `disk_full`, UNAVAILABLE `store_failed`.
        """
        ...

    def resume(self, staged_id: str) -> StagedBlob:
        """Open staged bytes again, at the offset that is durable, with the hash over them recomputed.

        Raises:
            AppError: NOT_FOUND `staged_not_found`.
        """
        ...

    def find(self, blob_hash: BlobHash) -> StoredBlob | None:
        """Return the blob, None when it is not there."""
        ...

    def read(self, blob_hash: BlobHash, *, offset: int = 0, count: int | None = None) -> Iterator[bytes]:
        """Yield `count` bytes from `offset` (to the end when None) in pieces of at most 1 MiB.

        Raises:
            AppError: NOT_FOUND `blob_not_found`; UNAVAILABLE `store_failed` when bytes are missing or unreadable.
        """
        ...

    def delete(self, blob_hash: BlobHash) -> bool:
        """Remove a blob; return whether it was there."""
        ...

    def walk(self) -> Iterator[StoredBlob]:
        """Yield all blobs, in the order of their hashes."""
        ...

    def sweep(self, *, older_than_s: float) -> int:
        """Remove staged bytes untouched for that many seconds; return how many were removed."""
        ...
