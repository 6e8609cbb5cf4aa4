"""How bytes come in over HTTP, whatever the door: in batches, one hop each, with the client held back meanwhile."""

import asyncio
import base64
import binascii
import hashlib
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import NoReturn

from litestar.types import Receive

from tutti.domain.caller import Caller, Permission
from tutti.domain.errors import AppError, ErrorKind
from tutti.doors.http.access import Field
from tutti.doors.http.hop import Hop
from tutti.services.uploads import Upload

BATCH_BYTES = 1 << 20

_DIGEST = re.compile(r"\s*sha-256\s*=\s*:([A-Za-z0-9+/=]{0,100}):")
_HEX = re.compile(r"[0-9a-fA-F]{64}")


class CutOffError(AppError):
    """The client is gone before the end of its body; nobody is left to be answered."""

    def __init__(self) -> None:
        super().__init__(ErrorKind.MALFORMED, "body_cut_off", "The body has no end.")


async def batches(receive: Receive) -> AsyncIterator[bytearray]:
    """Yield the body of a request in batches of about 1 MiB; what is not asked for is not read from the connection.

    Raises:
        CutOffError: The body has no end.
    """
    batch = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            if batch:
                yield batch
            raise CutOffError
        batch += message["body"]
        is_last = not message.get("more_body", False)
        if batch and (is_last or len(batch) >= BATCH_BYTES):
            yield batch
            batch = bytearray()
        if is_last:
            return


async def whole(receive: Receive, caller: Caller, length: int | None) -> bytearray | None:
    """Return the body of a request when it is announced to fit into one batch, None when it must come in several.

    Of whoever may send nothing none is read: the use case that is begun then says so.

    Raises:
        CutOffError: The body has no end.
    """
    if length is None or length > BATCH_BYTES or not caller.may(Permission.UPLOAD):
        return None
    data = bytearray()
    async for batch in batches(receive):
        data += batch
    return data


async def pour(hop: Hop, receive: Receive, upload: Upload) -> None:
    """Append a whole body to an upload, each batch while the next comes; raises as `Upload.append` and `batches`."""
    writing: asyncio.Future[None] | None = None
    try:
        async for batch in batches(receive):
            if writing is not None:
                await writing
            writing = asyncio.ensure_future(hop(upload.append, batch))
    finally:
        if writing is not None:
            await writing


@asynccontextmanager
async def held(hop: Hop, upload: Upload) -> AsyncIterator[Upload]:
    """Let go of the upload when the block fails, also when it is cancelled."""
    try:
        yield upload
    except BaseException:
        await hop(upload.abandon)
        raise


def content_length(fields: Iterable[Field]) -> int | None:
    """Return how long the body is, None when that is not said; the server has checked that it is one number."""
    for name, value in fields:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return None


def wanted_digest(fields: Iterable[Field], sha256: str | None = None) -> str | None:
    """Return the hash that the client says the body has, in hex: `Content-Digest`, `Repr-Digest` (RFC 9530) or a query.

    Raises:
        AppError: MALFORMED `bad_digest`.
    """
    if sha256 is not None:
        return sha256.lower() if _HEX.fullmatch(sha256) else _bad_digest()
    for name, value in fields:
        if name in {b"content-digest", b"repr-digest"}:
            for part in value.decode("latin-1").split(","):
                if part.lstrip().startswith("sha-256"):
                    found = _DIGEST.fullmatch(part.rstrip())
                    return decoded(found[1], hashlib.sha256().digest_size) if found else _bad_digest()
    return None


def decoded(text: str, length: int) -> str:
    """Return a hash of that many bytes, given in base64, as hex.

    Raises:
        AppError: MALFORMED `bad_digest`.
    """
    try:
        digest = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        _bad_digest()
    return digest.hex() if len(digest) == length else _bad_digest()


def _bad_digest() -> NoReturn:
    raise AppError(ErrorKind.MALFORMED, "bad_digest", "The digest of the body is not a SHA-256.")
