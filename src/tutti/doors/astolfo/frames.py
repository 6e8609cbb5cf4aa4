"""The two messages that carry bytes, read and written by hand: the general way copies each of them twice.

Wire format: https://protobuf.dev/programming-guides/encoding/, both messages in docs/contracts/astolfo.md b.3.
"""

from tutti.doors.astolfo.gen.file_pb2 import FileMetadata, UploadRequest

PIECE_BYTES = 64 * 1024
"""The most bytes in one message of a download."""

_CHUNK_OF_UPLOAD = b"\x12"
"""Field 2, length-delimited."""
_CHUNK_OF_DOWNLOAD = b"\x0a"
"""Field 1, length-delimited."""
_VARINT_MAX = 5


def read_upload(message: bytes) -> FileMetadata | memoryview | None:
    """Return what one message of an upload brings: metadata, bytes, or nothing at all.

    Raises:
        DecodeError: It is no such message.
    """
    if message[:1] == _CHUNK_OF_UPLOAD:
        length, start = _varint(message, 1)
        if start and start + length == len(message):
            return memoryview(message)[start:]
    parsed = UploadRequest.FromString(message)
    which = parsed.WhichOneof("data")
    if which is None:
        return None
    return parsed.metadata if which == "metadata" else memoryview(parsed.chunk)


def chunk(data: memoryview) -> bytes:
    """Return a message of a download with these bytes."""
    length, head = len(data), bytearray(_CHUNK_OF_DOWNLOAD)
    while length > 0x7F:  # noqa: PLR2004 - seven bits in each byte
        head.append(length & 0x7F | 0x80)
        length >>= 7
    head.append(length)
    return b"".join((head, data))


def _varint(message: bytes, offset: int) -> tuple[int, int]:
    """Return a number and where it ends; an end of 0 when there is none."""
    number = 0
    for position, byte in enumerate(message[offset : offset + _VARINT_MAX]):
        number |= (byte & 0x7F) << 7 * position
        if byte < 0x80:  # noqa: PLR2004 - the last one
            return number, offset + position + 1
    return 0, 0
