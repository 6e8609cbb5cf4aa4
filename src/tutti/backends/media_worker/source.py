"""The bytes of one media file as the readers see them: a seekable file, its size, and where its audio may begin."""

from dataclasses import dataclass
from io import BufferedIOBase

from tutti.backends.media_worker.id3_frames import tag_length

BUFFER_BYTES = 16384
"""Most headers fit; measured, 64 KiB costs more than the reads it saves."""

_PROBE_BYTES = 4096
_MOST_READS = 100_000


class DamagedError(Exception):
    """The bytes are of a known kind and cannot be read; the message is one sentence for the file's owner."""


class FilmError(Exception):
    """The container holds moving pictures; the message is one sentence."""


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

    file: BufferedIOBase
    size: int
    head: bytes
    audio_start: int
    audio_head: bytes

    def for_mutagen(self) -> "Clamped":
        """Return the file, standing at its first byte, for a reader that believes the sizes it reads."""
        self.file.seek(0)
        return Clamped(self.file, self.size)

    def at(self, offset: int, length: int) -> bytes:
        """Return the bytes at an offset, fewer when the file ends."""
        self.file.seek(offset)
        return self.file.read(min(length, max(self.size - offset, 0)))

    def read_into(self, buffer: bytearray, offset: int, length: int) -> int:
        """Fill a buffer from an offset on with at most so many bytes; return how many there were."""
        self.file.seek(offset)
        return self.file.readinto(memoryview(buffer)[:length])


class Clamped:
    """A file that gives no more than there is, and not for ever.

    Reading sets memory aside before it finds the end; and a Musepack packet without content has mutagen going round.
    """

    def __init__(self, file: BufferedIOBase, size: int) -> None:
        self._file, self._size, self._reads = file, size, 0
        self.seek, self.tell = file.seek, file.tell

    def read(self, count: int = -1) -> bytes:
        """Return so many bytes, fewer at the end of the file.

        Raises:
            DamagedError: Whoever reads is going round in circles.
        """
        self._reads += 1
        if self._reads > _MOST_READS:
            raise DamagedError("Its structure leads round in circles.")
        left = max(self._size - self._file.tell(), 0)
        return self._file.read(left if count < 0 else min(count, left))


def source_of(file: BufferedIOBase, size: int) -> Source:
    """Look at the beginning of a file.

    Raises:
        DamagedError: An ID3 tag claims to be longer than the file.
    """
    source = Source(file, size, b"", 0, b"")
    source.head = source.audio_head = source.at(0, _PROBE_BYTES)
    while tag_bytes := tag_length(source.audio_head):
        source.audio_start += tag_bytes
        if source.audio_start > size:
            raise DamagedError("Its ID3 tag claims to be longer than the whole file.")
        source.audio_head = source.at(source.audio_start, _PROBE_BYTES)
    return source
