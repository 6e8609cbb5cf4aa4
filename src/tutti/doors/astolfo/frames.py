"""The messages that carry bytes, read and written by hand: the general way copies each of them twice.

Wire format: https://protobuf.dev/programming-guides/encoding/, the messages in proto/.
"""

from typing import Any, Protocol

from tutti.doors.astolfo.gen.file_pb2 import UploadRequest

PHONE_BYTES = 64 * 1024
"""The most bytes in one message to a phone."""

_CHUNK_OF_UPLOAD = b"\x12"
"""Field 2, length-delimited."""
_CHUNK_OF_DOWNLOAD = b"\x0a"
"""Field 1, length-delimited."""
_VARINT_MAX = 5


class Piecewise(Protocol):
    """A message of which field 1 says something and field 2 has bytes, one of the two."""

    @classmethod
    def FromString(cls, s: bytes, /) -> Any:  # noqa: ANN401, N802 - as protobuf has it
        """Read one."""


def read_piece(message: bytes, kind: type[Piecewise] = UploadRequest) -> Any:  # noqa: ANN401 - by kind
    """Return what one message of a stream brings: bytes as a memoryview, what its field 1 is, or None for neither.

    Raises:
        DecodeError: It is no such message.
    """
    if message[:1] == _CHUNK_OF_UPLOAD:
        length, start = _varint(message, 1)
        if start and start + length == len(message):
            return memoryview(message)[start:]
    parsed = kind.FromString(message)
    which = parsed.WhichOneof("data")
    if which is None:
        return None
    said = getattr(parsed, which)
    return memoryview(said) if which == "chunk" else said


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
