"""Bytes of blobs that are not on this machine: opened by a thread of their own pool, moved by the event loop."""

import hashlib
from collections.abc import AsyncIterator, Sequence

import structlog

from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.files import RemoteFile
from tutti.doors.http.answers import Answer, Field, Piece
from tutti.doors.http.hop import Hop
from tutti.kit.ranges import Window
from tutti.services.delivery import Deliveries

_log: structlog.stdlib.BoundLogger = structlog.get_logger()


class FarBlobs:
    """The remote side of delivery, for all doors; used on the event loop.

    Args:
        deliveries: Opens remote files.
        hop: The way there: threads that may wait for the store, and nobody else's.
        redirects: Clients of HTTP are sent to the store, to an address that is good for some minutes.
    """

    def __init__(self, deliveries: Deliveries, hop: Hop, *, redirects: bool = False) -> None:
        self._deliveries = deliveries
        self._hop = hop
        self._redirects = redirects

    async def begin(self, file: RemoteFile, window: Window) -> AsyncIterator[bytes]:
        """Open a stretch of a file; what is returned yields exactly its bytes, in pieces of any size.

        Of a whole file the last piece comes only when the bytes have the hash they should have.

        Raises:
            AppError: UNAVAILABLE `blob_damaged`, `store_failed`; BUSY `server_busy`. So does the iterator.
        """
        stream = await self._hop(self._deliveries.read, file, window)
        return _verified(file, stream) if window == Window(0, file.size_bytes) else stream

    async def pieces(self, file: RemoteFile, answered: Answer, *, head: bool) -> AsyncIterator[bytes]:
        """Return the body of an answer, its first stretch open; the store is asked for a HEAD, too.

        Raises:
            AppError: As `begin`.
        """
        first = next((piece for piece in answered.pieces if isinstance(piece, Window)), None)
        if head and answered.status == _OK:
            await self._hop(self._deliveries.check, file)
        return self._pieces(file, answered.pieces, None if first is None else await self.begin(file, first))

    async def _pieces(
        self, file: RemoteFile, pieces: Sequence[Piece], opened: AsyncIterator[bytes] | None
    ) -> AsyncIterator[bytes]:
        for piece in pieces:
            if isinstance(piece, Window):
                stream, opened = opened or await self.begin(file, piece), None
                async for data in stream:
                    yield data
            else:
                yield piece

    def redirect(self, file: RemoteFile, answered: Answer, extra: Sequence[Field], *, head: bool) -> Answer | None:
        """Return the answer that sends a client to the store, None when we send the bytes ourselves."""
        if not self._redirects or head or answered.status not in _WITH_BYTES:
            return None
        fields = [
            (b"location", self._deliveries.address(file).encode("ascii")),
            (b"cache-control", b"no-store"),
            (b"cross-origin-resource-policy", b"cross-origin"),
            (b"content-length", b"0"),
            *extra,
        ]
        return Answer(_TEMPORARY_REDIRECT, b"".join(b"%b: %b\r\n" % field for field in fields), (), 0)


_OK, _TEMPORARY_REDIRECT = 200, 307
_WITH_BYTES = frozenset({200, 206})


async def _verified(file: RemoteFile, stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    digest, held = hashlib.sha256(), b""
    async for piece in stream:
        if held:
            yield held
        digest.update(piece)
        held = piece
    if digest.hexdigest() != file.hash:
        _log.error("blob.wrong_bytes", blob=file.hash)
        raise AppError(ErrorKind.UNAVAILABLE, "blob_damaged", "The stored bytes are damaged or missing.")
    yield held
