"""Bytes on their way out by gRPC: read beside the loop, cut off when the caller may not have them any more."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from tutti.domain.caller import Caller
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.files import OpenedFile, RemoteFile
from tutti.doors.astolfo.calls import Context, Pace
from tutti.doors.astolfo.frames import chunk
from tutti.doors.http.far import FarBlobs
from tutti.doors.http.holds import Hold, Holds
from tutti.doors.http.hop import Hop
from tutti.doors.http.pages import FilePages
from tutti.kit.ranges import Window
from tutti.services.delivery import Delivery
from tutti.services.handing import Handing

_READ_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Downloads:
    """Sends files by their content; lives on the event loop."""

    handing: Handing
    pages: FilePages
    far: FarBlobs
    holds: Holds
    hop: Hop
    pace: Pace

    async def send(
        self,
        caller: Caller,
        content_hash: str,
        context: Context,
        *,
        piece_bytes: int,
        offset: int = 0,
        count: int | None = None,
    ) -> None:
        """Send the bytes of the file with that hash, from an offset on, as many as asked for or there are.

        Raises:
            AppError: As `Handing.open`; RANGE `bad_range` for an offset behind the end;
                UNAUTHENTICATED `access_ended` when the caller loses access meanwhile; UNAVAILABLE `too_slow`,
                `blob_damaged`, `store_failed`.
        """
        item_uuid, delivery = await self.hop(self.handing.open, caller, content_hash)
        size_bytes = delivery.file.size_bytes
        if not 0 <= offset <= size_bytes:
            raise AppError(ErrorKind.RANGE, "bad_range", f"The file has {size_bytes} bytes.")
        end = size_bytes if count is None else min(size_bytes, offset + count)
        try:
            async with asyncio.timeout(None) as limit:
                with Hold(self.holds, caller, item_uuid).sending(lambda: limit.reschedule(0)):
                    await self._send(delivery, context, range(offset, end, max(piece_bytes, _READ_BYTES)), piece_bytes)
        except TimeoutError:
            raise AppError(
                ErrorKind.UNAUTHENTICATED, "access_ended", "You may not have the rest of this file any more."
            ) from None
        except (EOFError, OSError) as error:
            raise AppError(ErrorKind.UNAVAILABLE, "blob_damaged", "The stored bytes are damaged or missing.") from error

    async def _send(self, delivery: Delivery, context: Context, reads: range, piece_bytes: int) -> None:
        async with aclosing(self._read(delivery.file, reads)) as pieces:
            async for data in pieces:
                view = memoryview(data)
                for start in range(0, len(data), piece_bytes):
                    await self.pace.write(context, chunk(view[start : start + piece_bytes]))

    async def _read(self, file: OpenedFile | RemoteFile, reads: range) -> AsyncGenerator[bytes | bytearray]:
        if isinstance(file, RemoteFile):
            if reads:
                async for data in await self.far.begin(file, Window(reads.start, reads.stop - reads.start)):
                    yield data
            return
        for offset in reads:
            yield await self.pages.read(file.descriptor.fd, Window(offset, min(reads.step, reads.stop - offset)))
