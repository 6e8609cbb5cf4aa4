"""Where the bytes that are ours live: immutable, named by their SHA-256, never half visible."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol, Self

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
    """Bytes on their way in; nobody can see them before `commit`.

    Used by one thread at a time, and held by one caller at a time: until `close`, `commit` or `discard` nobody else can
    resume them. As a context manager it closes at the end, which keeps bytes that were neither committed nor discarded.
    """

    @property
    def id(self) -> str:
        """32 hex characters; `BlobStore.resume` takes it."""

    @property
    def offset(self) -> int:
        """Bytes that were appended."""

    @property
    def hash(self) -> BlobHash:
        """The hash of what was appended, to compare with a declared one before `commit`."""

    def append(self, data: bytes | memoryview) -> None:
        """Write and hash the next bytes.

        Raises:
            AppError: FULL `disk_full` when the disk or the reserve is exhausted, UNAVAILABLE `store_failed` for any
                other failure of the store. Only `discard` or `close` may follow; `resume` then finds what did arrive.
        """

    def peek(self, offset: int, count: int) -> bytes:
        """Return bytes that were appended, fewer at the end; raises as `append`."""

    def rewind(self, offset: int) -> None:
        """Forget what was appended behind `offset`; raises as `append`."""

    def sync(self) -> int:
        """Make the appended bytes durable; return the offset that will survive a crash.

        Raises:
            AppError: As `append`; nothing can be resumed then, because what a failed fsync left behind is unknown.
        """

    def commit(self) -> StoredBlob:
        """Make the bytes a blob: durable first, visible second, and only then return.

        The same bytes twice give the same blob; the second copy is dropped.

        Raises:
            AppError: As `sync`. A failed fsync is never tried again.
        """

    def discard(self) -> None:
        """Forget the bytes; does nothing after `commit` or `close`."""

    def close(self) -> None:
        """Let go of the bytes and keep them for `resume`; does nothing after `commit` or `discard`."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class BlobStore(Protocol):
    """A store of blobs; safe to call from several threads and processes.

    Every method raises AppError UNAVAILABLE `store_failed` when the store itself fails.
    """

    def stage(self, *, expected_bytes: int = 0) -> StagedBlob:
        """Begin a new blob.

        Raises:
            AppError: FULL `disk_full`, also when so many bytes would not fit.
        """

    def resume(self, staged_id: str) -> StagedBlob:
        """Open staged bytes again, at the offset that is durable; the hash of what is there is computed when asked for.

        Raises:
            AppError: NOT_FOUND `staged_not_found`; CONFLICT `staged_busy` while another caller holds them.
        """

    def drop(self, staged_id: str) -> None:
        """Forget staged bytes, if there are any.

        Raises:
            AppError: CONFLICT `staged_busy` while a caller holds them.
        """

    def find(self, blob_hash: BlobHash) -> StoredBlob | None:
        """Return the blob, None when it is not there."""

    def read(self, blob_hash: BlobHash, *, offset: int = 0, count: int | None = None) -> Iterator[bytes]:
        """Yield `count` bytes from `offset` (to the end when None) in pieces of at most 1 MiB.

        Errors come with the first piece, so nothing short looks whole; later only when the bytes fail under the reader.

        Raises:
            AppError: NOT_FOUND `blob_not_found`; UNAVAILABLE `store_failed` when bytes are missing or unreadable.
        """

    def at_hand(self, blob_hash: BlobHash) -> AbstractContextManager[bytes]:
        """Give the path of a file with exactly these bytes while the block lasts, for programs that need one.

        Raises:
            AppError: NOT_FOUND `blob_not_found`; FULL `disk_full`; UNAVAILABLE `store_failed`, also for other bytes.
        """

    def delete(self, blob_hash: BlobHash, *, older_than_s: float = 0) -> bool:
        """Remove a blob unless it was committed (anew, too) within that many seconds; return whether it was removed.

        An age check and a commit of the same bytes exclude each other: a collector whose grace period is longer than
        the way from `commit` to the row cannot take bytes that are about to be referenced.
        """

    def set_aside(self, blob_hash: BlobHash) -> bool:
        """Put damaged bytes where neither readers nor the same bytes sent again find them; return if there were."""

    def walk(self) -> Iterator[StoredBlob]:
        """Yield all blobs, in the order of their hashes; what changes meanwhile may or may not be among them."""

    def sweep(self, *, older_than_s: float) -> int:
        """Remove staged bytes untouched for that many seconds and held by nobody; return how many were removed."""


class RemoteBlobs(Protocol):
    """What a store that is not of this machine does for answers that are sent from it; called from threads."""

    def open(self, blob_hash: BlobHash, *, size_bytes: int, offset: int, count: int) -> AsyncIterator[bytes]:
        """Begin to read `count` bytes; they are yielded on an event loop, in pieces of any size, never fewer.

        Args:
            blob_hash: What to read.
            size_bytes: How large all of it is.
            offset: Where to begin.
            count: At least 1.

        Raises:
            AppError: UNAVAILABLE `blob_damaged` when it is not there, or of another size; UNAVAILABLE `store_failed`,
                which the iterator raises, too.
        """

    def check(self, blob_hash: BlobHash, *, size_bytes: int) -> None:
        """Raise what `open` would."""

    def address(self, blob_hash: BlobHash, *, lifetime: timedelta) -> str:
        """Return a URL at which whoever has it gets the bytes, in ranges, too, without asking us."""
