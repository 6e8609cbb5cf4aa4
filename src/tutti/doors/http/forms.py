"""A form with files, read while it arrives: each file goes into an upload of its own, nothing is kept in memory."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field

from litestar.types import Receive
from multipart import (  # type: ignore[import-untyped]  # it brings no types
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
    parse_options_header,
)

from tutti.domain.errors import AppError, ErrorKind
from tutti.doors.http.hop import Hop
from tutti.doors.http.uploads import BATCH_BYTES, batches, held
from tutti.services.ingest import Accepted
from tutti.services.uploads import Upload

_MOST_PARTS = 1000
_FIELD_BYTES = 4096

Fields = dict[str, str]


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """What became of one file of a form: an item, or the reason why not."""

    filename: str
    accepted: Accepted | None
    error: AppError | None


@dataclass(slots=True)
class Form:
    """Reads one form.

    Attributes:
        stage: Begins an upload of a file, with the fields that came before it.
        accept: Makes it an item.
    """

    hop: Hop
    stage: Callable[[str, Fields], Awaitable[Upload]]
    accept: Callable[[Upload], Accepted]
    fields: Fields = field(default_factory=dict)

    async def read(self, receive: Receive, content_type: str) -> list[FileOutcome]:
        """Return what became of each file, in their order; one that is refused does not keep the next ones away.

        Raises:
            AppError: MALFORMED `bad_form` when this is no form, INVALID `no_file`; FORBIDDEN `not_allowed`,
                UNAUTHENTICATED as `stage`. Files that were complete before stay accepted.
            CutOffError: As `batches`.
        """
        outcomes = []
        try:
            async with aclosing(_events(receive, content_type)) as events:
                parts = _Parts(events)
                while (part := await parts.next_part()) is not None:
                    if part.filename is None:
                        self.fields[part.name[:100]] = await parts.text()
                    else:
                        outcomes.append(await self._file(part.filename, parts))
        except (MultipartError, UnicodeError) as error:
            raise AppError(ErrorKind.MALFORMED, "bad_form", "The body is not a form with files.") from error
        if not outcomes:
            raise AppError(ErrorKind.INVALID, "no_file", "There is no file in the form.")
        return outcomes

    async def _file(self, filename: str, parts: "_Parts") -> FileOutcome:
        try:
            upload = await self.stage(filename, self.fields)
            async with held(self.hop, upload):
                while batch := await parts.batch():
                    await self.hop(upload.append, batch)
                return FileOutcome(filename, await self.hop(self.accept, upload), None)
        except AppError as error:
            if error.kind is ErrorKind.UNAUTHENTICATED or error.code == "not_allowed":
                raise  # it is not about this file
            return FileOutcome(filename, None, error)


async def read_one_file(
    hop: Hop,
    receive: Receive,
    content_type: str,
    *,
    stage: Callable[[str], Awaitable[Upload]],
    accept: Callable[[Upload, Fields], Accepted],
) -> Accepted:
    """Read a form with one file, which becomes an item when the form is over: its fields may come behind it.

    Args:
        hop: The way to the upload.
        receive: As ASGI gives it.
        content_type: Of the form.
        stage: Begins the upload of the file by its name.
        accept: Makes it an item, with all fields of the form.

    Raises:
        AppError: MALFORMED `bad_form` when this is no form, INVALID `no_file`, `one_file_only`; as `stage`,
            `Upload.append` and `accept`. Nothing of the file is kept then.
        CutOffError: As `batches`.
    """
    fields: Fields = {}
    upload: Upload | None = None
    async with AsyncExitStack() as stack:
        try:
            events = await stack.enter_async_context(aclosing(_events(receive, content_type)))
            parts = _Parts(events)
            while (part := await parts.next_part()) is not None:
                if part.filename is None:
                    fields[part.name[:100]] = await parts.text()
                    continue
                if upload is not None:
                    raise AppError(ErrorKind.INVALID, "one_file_only", "There is more than one file in the form.")
                upload = await stack.enter_async_context(held(hop, await stage(part.filename)))
                while batch := await parts.batch():
                    await hop(upload.append, batch)
        except (MultipartError, UnicodeError) as error:
            raise AppError(ErrorKind.MALFORMED, "bad_form", "The body is not a form with a file.") from error
        if upload is None:
            raise AppError(ErrorKind.INVALID, "no_file", "There is no file in the form.")
        return await hop(accept, upload, fields)


class _Parts:
    """The parts of a form, one after the other; what is not read of one is passed over."""

    def __init__(self, events: AsyncIterator[MultipartSegment | bytes | None]) -> None:
        self._events = events
        self._is_inside = False

    async def next_part(self) -> MultipartSegment | None:
        """Return the next part, None behind the last one."""
        async for event in self._events:
            if isinstance(event, MultipartSegment):
                self._is_inside = True
                return event
        return None

    async def batch(self, most_bytes: int = BATCH_BYTES) -> bytearray:
        """Return the next bytes of this part, about as many as were asked for; none at its end."""
        batch = bytearray()
        while self._is_inside and len(batch) < most_bytes:
            event = await anext(self._events, None)
            if isinstance(event, bytes | bytearray):
                batch += event
            else:
                self._is_inside = False
        return batch

    async def text(self) -> str:
        """Return what a field says."""
        text = await self.batch(_FIELD_BYTES + 1)
        if len(text) > _FIELD_BYTES:
            raise AppError(ErrorKind.TOO_LARGE, "field_too_large", "A field of the form is too long.")
        return text.decode()


async def _events(receive: Receive, content_type: str) -> AsyncGenerator[MultipartSegment | bytes | None, None]:
    kind, options = parse_options_header(content_type)
    if kind != "multipart/form-data" or not options.get("boundary"):
        raise AppError(ErrorKind.UNSUPPORTED, "unsupported_media_type", "The body must be multipart/form-data.")
    with PushMultipartParser(options["boundary"][:200], max_segment_count=_MOST_PARTS, strict=True) as parser:
        async for batch in batches(receive):
            for event in parser.parse(batch):
                yield event
