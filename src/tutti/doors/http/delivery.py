"""Sends a file as HTTP asks for it: past user space where the connection has a lane for that, else piece by piece.

What lies in a remote store always goes piece by piece.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from email.utils import format_datetime

import structlog
from litestar.types import HTTPResponseStartEvent, HTTPScope, Receive, Send

from tutti.domain.errors import AppError
from tutti.domain.files import OpenedFile, RemoteFile
from tutti.doors.http.answers import Answer, Field, OpenFile, answer
from tutti.doors.http.disposition import Disposition
from tutti.doors.http.far import FarBlobs
from tutti.doors.http.holds import Hold
from tutti.doors.http.lane import FILE_EXTENSION, FileLane
from tutti.doors.http.pages import FilePages
from tutti.kit.ranges import Window
from tutti.services.delivery import Delivery

__all__ = ["FileDelivery", "OpenFile", "sendable"]

_PIECE_BYTES = 256 * 1024

_log: structlog.stdlib.BoundLogger = structlog.get_logger()


class FileDelivery:
    """The one delivery of all HTTP doors; used on the event loop."""

    def __init__(self, pages: FilePages, far: FarBlobs | None = None, *, stall_s: float = 60.0) -> None:
        """Keep how files are read, here and elsewhere, and after how long a client that takes nothing is given up.

        What does not take the lane leaves such clients to the connection (`TuttiProtocol.stall_s`).
        """
        self._pages = pages
        self._far = far
        self._stall_s = stall_s

    async def deliver(
        self,
        scope: HTTPScope,
        receive: Receive,
        send: Send,
        file: OpenFile,
        *,
        head: bool,
        extra: Sequence[Field] = (),
    ) -> None:
        """Answer a GET or HEAD with a file: 200, 206, 304, 412 or 416 (RFC 9110 13 and 14).

        It returns when all is handed on, or when the connection has ended before; the request is answered in both
        cases. The caller keeps `file.fd` open until then. A cold file never blocks the loop.

        Args:
            scope: The request.
            receive: As ASGI gives it.
            send: As ASGI gives it. An answer by the lane goes past it, and past whatever was wrapped around it.
            file: What was asked for.
            head: The method is HEAD.
            extra: Further fields of the answer, whatever its status.

        Raises:
            ValueError: A field holds a control character; nothing was sent.
            AppError: As `FarBlobs.pieces`; nothing was sent.
        """
        answered = answer(file, scope["headers"], head=head, extra=extra)
        if file.remote is not None and self._far is not None:
            answered = self._far.redirect(file.remote, answered, extra, head=head) or answered
            pieces = await self._far.pieces(file.remote, answered, head=head)
            scope.setdefault("state", {})["answered"] = answered.status, answered.length
            await self._send_watched(file, answered, pieces, receive, send)
            return
        scope.setdefault("state", {})["answered"] = answered.status, answered.length
        extensions = scope.get("extensions")
        lane = extensions[FILE_EXTENSION].get("lane") if extensions and FILE_EXTENSION in extensions else None
        if isinstance(lane, FileLane):
            with file.sending(lane.cut):
                await lane.send(answered, file.fd, self._pages, stall_s=self._stall_s)
            return
        await self._send_watched(file, answered, self._pieces(answered, file.fd), receive, send)

    async def _send_watched(
        self, file: OpenFile, answered: Answer, pieces: AsyncIterator[bytes], receive: Receive, send: Send
    ) -> None:
        try:
            async with asyncio.timeout(None) as limit:
                with file.sending(lambda: limit.reschedule(0)):
                    await self._send(answered, pieces, receive, send)
        except* (EOFError, OSError, AppError) as errors:
            # The server ends the connection of an answer that is left incomplete.
            _log.error("file.cut_short", reason=repr(errors.exceptions[0]))

    async def _send(self, answered: Answer, pieces: AsyncIterator[bytes], receive: Receive, send: Send) -> None:
        await send(_start(answered))
        if answered.length <= _PIECE_BYTES:
            body = b"".join([piece async for piece in pieces])
            await send({"type": "http.response.body", "body": body, "more_body": False})
            return
        async with asyncio.TaskGroup() as group:
            watcher = group.create_task(_until_left(receive))
            left = answered.length
            async for piece in pieces:
                left -= len(piece)
                await send({"type": "http.response.body", "body": piece, "more_body": left > 0})
                # A server takes everything at once for a client that has gone: the watcher must get to run.
                await asyncio.sleep(0)
                if watcher.done():
                    break
            watcher.cancel()

    async def _pieces(self, answered: Answer, fd: int) -> AsyncIterator[bytes]:
        for piece in answered.pieces:
            if isinstance(piece, Window):
                for offset in range(piece.offset, piece.end, _PIECE_BYTES):
                    window = Window(offset, min(_PIECE_BYTES, piece.end - offset))
                    yield bytes(await self._pages.read(fd, window))
            else:
                yield piece


def sendable(delivery: Delivery, hold: Hold, disposition: Disposition) -> OpenFile:
    """Return what was opened for a caller as what can be sent to him."""
    file = delivery.file
    return OpenFile(
        fd=file.descriptor.fd if isinstance(file, OpenedFile) else -1,
        remote=file if isinstance(file, RemoteFile) else None,
        size_bytes=file.size_bytes,
        etag=f'"{delivery.etag}"',
        last_modified=format_datetime(delivery.modified_at.replace(microsecond=0), usegmt=True),
        mime=delivery.mime,
        filename=delivery.filename,
        disposition=disposition,
        cache_control="private, no-cache",
        hold=hold,
    )


def _start(answered: Answer) -> HTTPResponseStartEvent:
    lines = answered.lines.split(b"\r\n")[:-1]
    fields = [(name, value) for name, _, value in (line.partition(b": ") for line in lines)]
    return {"type": "http.response.start", "status": answered.status, "headers": fields}


async def _until_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
