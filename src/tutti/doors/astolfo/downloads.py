"""Bytes on their way out by gRPC: read beside the loop, cut off when the caller may not have them any more."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

from tutti.domain.caller import Caller
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.files import OpenedFile, RemoteFile
from tutti.doors.astolfo.calls import Context, Pace
from tutti.doors.astolfo.frames import PIECE_BYTES, chunk
from tutti.doors.http.far import FarBlobs
from tutti.doors.http.holds import Hold, Holds
from tutti.doors.http.hop import Hop
from tutti.doors.http.pages import FilePages
from tutti.kit.ranges import Window
from tutti.services.delivery import Deliveries, Delivery
from tutti.services.listing import Listing

_READ_BYTES = 4 * PIECE_BYTES


@dataclass(frozen=True, slots=True)
class Downloads:
    """Sends files by their content; lives on the event loop."""

    deliveries: Deliveries
    listing: Listing
    pages: FilePages
    far: FarBlobs
    holds: Holds
    hop: Hop
    pace: Pace

    async def send(self, caller: Caller, content_hash: str, context: Context) -> None:
        """Send all bytes of the file with that hash.

        Raises:
            AppError: As `Listing.by_hash` and `Deliveries.open`; UNAUTHENTICATED `access_ended` when the caller loses
                access meanwhile; UNAVAILABLE `too_slow`, `blob_damaged`, `store_failed`.
        """

        def opened() -> tuple[UUID, Delivery]:
            item_uuid = self.listing.by_hash(caller, content_hash)
            return item_uuid, self.deliveries.open(caller, item_uuid)

        item_uuid, delivery = await self.hop(opened)
        try:
            async with asyncio.timeout(None) as limit:
                with Hold(self.holds, caller, item_uuid).sending(lambda: limit.reschedule(0)):
                    await self._send(delivery, context)
        except TimeoutError:
            raise AppError(
                ErrorKind.UNAUTHENTICATED, "access_ended", "You may not have the rest of this file any more."
            ) from None
        except (EOFError, OSError) as error:
            raise AppError(ErrorKind.UNAVAILABLE, "blob_damaged", "The stored bytes are damaged or missing.") from error

    async def _send(self, delivery: Delivery, context: Context) -> None:
        async for data in self._pieces(delivery.file):
            view = memoryview(data)
            for start in range(0, len(data), PIECE_BYTES):
                await self.pace.write(context, chunk(view[start : start + PIECE_BYTES]))

    async def _pieces(self, file: OpenedFile | RemoteFile) -> AsyncIterator[bytes | bytearray]:
        if isinstance(file, RemoteFile):
            async for data in await self.far.begin(file, Window(0, file.size_bytes)):
                yield data
            return
        for offset in range(0, file.size_bytes, _READ_BYTES):
            window = Window(offset, min(_READ_BYTES, file.size_bytes - offset))
            yield await self.pages.read(file.descriptor.fd, window)
