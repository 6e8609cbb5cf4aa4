"""The bytes of one media file as the readers see them: a seekable file, its size, and where its audio may begin."""

from dataclasses import dataclass
from typing import BinaryIO

BUFFER_BYTES = 16384
"""Most headers fit; measured, 64 KiB costs more than the reads it saves."""

_ID3_HEADER_BYTES = 10
_ID3_FOOTER_FLAG = 0x10
_PROBE_BYTES = 4096


class DamagedError(Exception):
    """The bytes are of a known kind and cannot be read; the message is one sentence for the file's owner."""


@dataclass(slots=True)
class Source:
    """A file being looked into.

    Attributes:
        file: Its bytes; readers seek as they like.
        size: In bytes.
        head: Its first bytes, 4 KiB at most.
        audio_start: Offset of the first byte after ID3v2 tags, 0 when there are none.
        audio_head: Up to 4 KiB from there.
    """

    file: BinaryIO
    size: int
    head: bytes
    audio_start: int
    audio_head: bytes

    def from_start(self) -> BinaryIO:
        """Return the file, standing at its first byte."""
        self.file.seek(0)
        return self.file

    def at(self, offset: int, length: int) -> bytes:
        """Return the bytes at an offset, fewer when the file ends."""
        self.file.seek(offset)
        return self.file.read(min(length, max(self.size - offset, 0)))


def source_of(file: BinaryIO, size: int) -> Source:
    """Look at the beginning of a file.

    Raises:
        DamagedError: An ID3 tag claims to be longer than the file.
    """
    source = Source(file, size, b"", 0, b"")
    source.head = source.audio_head = source.at(0, _PROBE_BYTES)
    while tag_bytes := id3_length(source.audio_head):
        source.audio_start += tag_bytes
        if source.audio_start > size:
            raise DamagedError("Its ID3 tag claims to be longer than the whole file.")
        source.audio_head = source.at(source.audio_start, _PROBE_BYTES)
    return source


def id3_length(head: bytes) -> int:
    """Return the length of the ID3v2 tag that begins here, with its header and footer; 0 when none does.

    Source: ID3v2.4.0 structure, 3.1: four bytes of seven bits.
    """
    if len(head) < _ID3_HEADER_BYTES or not head.startswith(b"ID3") or head[3] == 0xFF or max(head[6:10]) > 0x7F:  # noqa: PLR2004
        return 0
    size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
    return size + _ID3_HEADER_BYTES * (2 if head[5] & _ID3_FOOTER_FLAG else 1)
