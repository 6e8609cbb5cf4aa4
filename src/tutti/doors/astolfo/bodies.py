"""Bytes on their way in by gRPC: batched, and written while the next come."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from tutti.doors.astolfo.calls import Messages, Pace, too_slow
from tutti.doors.astolfo.frames import Piecewise, read_piece
from tutti.doors.http.hop import Hop
from tutti.doors.http.uploads import BATCH_BYTES, held
from tutti.services.uploads import Upload

U = TypeVar("U", bound=Upload)


_letting_go: set["asyncio.Task[None]"] = set()


@asynccontextmanager
async def begun(beginning: Awaitable[U], bodies: Hop) -> AsyncIterator[U]:
    """Hold an upload from its beginning on; a client that goes away meanwhile, or in the block, leaves nothing.

    A use case is not stopped by a client that has gone, so what it made then is let go of when it is there.
    """
    coming = asyncio.ensure_future(beginning)
    try:
        upload = await asyncio.shield(coming)
    except asyncio.CancelledError:
        coming.add_done_callback(lambda done: _let_go(done, bodies))
        raise
    async with held(bodies, upload):
        yield upload


def _let_go(done: "asyncio.Future[U]", bodies: Hop) -> None:
    if not done.cancelled() and done.exception() is None:
        task = asyncio.ensure_future(bodies(done.result().abandon))
        _letting_go.add(task)
        task.add_done_callback(_letting_go.discard)


async def receive(messages: Messages, kind: type[Piecewise], upload: Upload, *, bodies: Hop, pace: Pace) -> Any:  # noqa: ANN401 - by kind
    """Append all bytes of a stream to an upload; return what was said between them last, None for nothing.

    Raises:
        AppError: UNAVAILABLE `too_slow`; as `Upload.append`.
        DecodeError: A message is not of that kind.
    """
    try:
        async with asyncio.timeout(pace.upload_s):
            return await _receive(messages, kind, upload, bodies=bodies, pace=pace)
    except TimeoutError:
        raise too_slow("The upload took too long.") from None


async def _receive(messages: Messages, kind: type[Piecewise], upload: Upload, *, bodies: Hop, pace: Pace) -> Any:  # noqa: ANN401 - by kind
    said, batch = None, bytearray()
    writing: asyncio.Future[None] | None = None
    try:
        while (message := await pace.next_of(messages)) is not None:
            found = read_piece(message, kind)
            if isinstance(found, memoryview):
                batch += found
            elif found is not None:
                said = found
            if len(batch) >= BATCH_BYTES:
                if writing is not None:
                    await writing
                writing, batch = asyncio.ensure_future(bodies(upload.append, batch)), bytearray()
    finally:
        if writing is not None:
            await writing
    if batch:
        await bodies(upload.append, batch)
    return said
