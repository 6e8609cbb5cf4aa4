"""Answers that are sent from the bucket: opened by a thread, moved by the event loop that sends them."""

from collections.abc import AsyncIterator
from datetime import timedelta

import obstore
from obstore.exceptions import BaseError

from tutti.backends.blobs_local.disk import store_failed
from tutti.backends.blobs_s3.bucket import Bucket, Missing
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.values import BlobHash

_PIECE_BYTES = 128 * 1024


class S3Remote:
    """Implements the port RemoteBlobs."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def open(self, blob_hash: BlobHash, *, size_bytes: int, offset: int, count: int) -> AsyncIterator[bytes]:
        """Begin to read; the answer's head has come when this returns."""
        wanted = (offset, offset + count)
        try:
            with self._bucket.asked():
                found = obstore.get(
                    self._bucket.reading, self._bucket.key("blobs", blob_hash), options={"range": wanted}
                )
        except Missing:
            raise _damaged() from None
        if found.meta["size"] != size_bytes:
            raise _damaged()
        if found.range != wanted:
            raise store_failed()
        return _Pieces(self._bucket, found, count)

    def check(self, blob_hash: BlobHash, *, size_bytes: int) -> None:
        """Ask for the object's size."""
        try:
            with self._bucket.asked():
                found = obstore.head(self._bucket.small, self._bucket.key("blobs", blob_hash))
        except Missing:
            raise _damaged() from None
        if found["size"] != size_bytes:
            raise _damaged()

    def address(self, blob_hash: BlobHash, *, lifetime: timedelta) -> str:
        """Sign a URL; nothing is asked for that."""
        return obstore.sign(self._bucket.small, "GET", self._bucket.key("blobs", blob_hash), lifetime)


class _Pieces:
    """The body of one answer, never shorter than was promised."""

    def __init__(self, bucket: Bucket, found: "obstore.GetResult", count: int) -> None:
        self._bucket = bucket
        self._stream = aiter(found.stream(min_chunk_size=_PIECE_BYTES))
        self._left = count

    def __aiter__(self) -> "_Pieces":
        return self

    async def __anext__(self) -> bytes:
        if not self._left:
            raise StopAsyncIteration
        try:
            piece = bytes(await anext(self._stream, b""))
        except (BaseError, OSError) as error:
            raise self._bucket.failure(error) from None
        if not piece or len(piece) > self._left:
            raise self._bucket.failure(EOFError("a body that is not as long as announced"))
        self._left -= len(piece)
        return piece


def _damaged() -> AppError:
    return AppError(ErrorKind.UNAVAILABLE, "blob_damaged", "The stored bytes are damaged or missing.")
