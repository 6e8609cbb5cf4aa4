"""Finds the sound of a file: the bytes in one piece that stay as they are when somebody changes its tags.

Client and server must agree on every byte, so both use this.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Literal, NamedTuple

from tutti.domain.formats import Container, container_of_bytes, id3_bytes

_PIECE_BYTES = 1 << 20
_HEAD_BYTES = 64
_MOST_TAGS = 16
_MOST_BOXES = 10_000
_MOST_PAGES = 100_000


class Region(NamedTuple):
    """Where the sound lies; at least one byte."""

    offset: int
    size_bytes: int


class Sound(NamedTuple):
    """Where the sound lies, and the SHA-256 of its bytes in hex."""

    region: Region
    hash: str


def sound_of(file: BinaryIO, size_bytes: int) -> Sound | None:
    """Return the sound of a file, all of which is read; None when it has none in one piece."""
    region = find_sound(file, size_bytes)
    return None if region is None else Sound(region, hash_of(file, region))


def hash_of(file: BinaryIO, region: Region) -> str:
    """Return the SHA-256 of a region in hex; of what there is of it, when the file ends before."""
    digest, left = hashlib.sha256(), region.size_bytes
    file.seek(region.offset)
    while left and (piece := file.read(min(left, _PIECE_BYTES))):
        digest.update(piece)
        left -= len(piece)
    return digest.hexdigest()


def find_sound(file: BinaryIO, size_bytes: int) -> Region | None:
    """Return where the sound of a file lies, None when it is of a kind that has it in no one piece, or of none.

    MP3, AAC, Monkey's Audio, WavPack, Musepack, True Audio, TAK: what is between the tags. FLAC: the frames. WAV, AIFF:
    the samples. MP4: the content of its one `mdat`. Ogg of one stream: from its first page of sound on; the numbers in
    these pages move when the comments grow by a page, and then the sound is another.

    Args:
        file: Seekable, of any content; is not read as a whole.
        size_bytes: How long it is.
    """
    bytes_ = _Bytes(file, size_bytes)
    start = _start_of(bytes_)
    container = container_of_bytes(bytes_.at(start, _HEAD_BYTES))
    finder = None if container is None else _FINDERS.get(container)
    region = None if finder is None else finder(bytes_, start)
    if region is None or region.size_bytes <= 0 or region.offset + region.size_bytes > size_bytes:
        return None
    return region


@dataclass(slots=True)
class _Bytes:
    """A file to look into; `size` in bytes."""

    file: BinaryIO
    size: int

    def at(self, offset: int, length: int) -> bytes:
        """Return the bytes at an offset, fewer when the file ends."""
        if not 0 <= offset < self.size:
            return b""
        self.file.seek(offset)
        return self.file.read(min(length, self.size - offset))

    def number(self, offset: int, length: int, order: Literal["little", "big"]) -> int:
        """Return a whole number at an offset."""
        return int.from_bytes(self.at(offset, length), order)


def _start_of(file: _Bytes) -> int:
    """Return where the first byte after ID3v2 tags is, and after zeros that some programs leave behind them."""
    offset = 0
    for _ in range(_MOST_TAGS):
        tag_bytes = id3_bytes(file.at(offset, 10))
        if not tag_bytes:
            break
        offset += tag_bytes
    if offset:
        padding = file.at(offset, _PIECE_BYTES)
        offset += len(padding) - len(padding.lstrip(b"\0"))
    return offset


def _end_of(file: _Bytes, start: int) -> int:
    """Return where the tags at the end of a file begin: ID3v1, APE, Lyrics3 and ID3v2 in any order."""
    end = file.size
    for _ in range(_MOST_TAGS):
        tag_bytes = next((found for kind in _TAGS_AT_END if (found := kind(file, end))), 0)
        if not tag_bytes or end - tag_bytes < start:
            break
        end -= tag_bytes
    return end


def _id3v1_bytes(file: _Bytes, end: int) -> int:
    """128 bytes, with 227 more before them in its enhanced form."""
    if file.at(end - 128, 3) != b"TAG":
        return 0
    return 355 if file.at(end - 355, 4) == b"TAG+" else 128


def _ape_bytes(file: _Bytes, end: int) -> int:
    """APEv1 and APEv2: the footer says how long they are without their header."""
    footer = file.at(end - 32, 32)
    if not footer.startswith(b"APETAGEX") or len(footer) < 32:  # noqa: PLR2004 - the length of a footer
        return 0
    return max(int.from_bytes(footer[12:16], "little"), 32) + (32 if footer[23] & 0x80 else 0)


def _lyrics_bytes(file: _Bytes, end: int) -> int:
    """Lyrics3 2.00 says how long it is; 1.00 is at most 5,100 characters between two words."""
    mark = file.at(end - 15, 15)
    if mark.endswith(b"LYRICS200") and mark[:6].isdigit():
        return int(mark[:6]) + 15
    if mark.endswith(b"LYRICSEND"):
        text = file.at(max(end - 5120, 0), min(5120, end))
        at = text.rfind(b"LYRICSBEGIN")
        return len(text) - at if at >= 0 else 0
    return 0


def _id3v2_bytes(file: _Bytes, end: int) -> int:
    """A tag at the end has a footer that is its header but for the first three bytes (id3.org, 2.4, 3.4)."""
    footer = file.at(end - 10, 10)
    return id3_bytes(b"ID3" + footer[3:5] + b"\x10" + footer[6:]) if footer.startswith(b"3DI") else 0


_TAGS_AT_END = (_id3v1_bytes, _ape_bytes, _lyrics_bytes, _id3v2_bytes)


def _between_tags(file: _Bytes, start: int) -> Region:
    return Region(start, _end_of(file, start) - start)


def _flac(file: _Bytes, start: int) -> Region | None:
    """RFC 9639 8: blocks of metadata, the last one marked, then the frames."""
    offset = start + 4
    for _ in range(_MOST_BOXES):
        header = file.at(offset, 4)
        if len(header) < 4:  # noqa: PLR2004 - the length of a header
            return None
        offset += 4 + int.from_bytes(header[1:], "big")
        if header[0] & 0x80:
            break
    sync = file.at(offset, 2)  # what some programs wrote a wrong length before does not begin like this
    return Region(offset, _end_of(file, offset) - offset) if sync in {b"\xff\xf8", b"\xff\xf9"} else None


_UNKNOWN_BYTES = 0xFFFFFFFF


def _wav(file: _Bytes, start: int) -> Region | None:
    """The samples of a RIFF file; one of 4 GiB or more says in `ds64` how many there are (EBU Tech 3306)."""
    long_bytes = None
    for name, offset, size in _chunks(file, start + 12, "little"):
        if name == b"ds64":
            long_bytes = file.number(offset + 8, 8, "little")
        elif name == b"data":
            real = long_bytes if size == _UNKNOWN_BYTES else size
            return None if real is None else Region(offset, min(real, file.size - offset))
    return None


def _aiff(file: _Bytes, start: int) -> Region | None:
    return next(
        (
            Region(offset, min(size, file.size - offset))
            for name, offset, size in _chunks(file, start + 12, "big")
            if name == b"SSND"
        ),
        None,
    )


def _chunks(file: _Bytes, offset: int, order: Literal["little", "big"]) -> Iterator[tuple[bytes, int, int]]:
    for _ in range(_MOST_BOXES):
        header = file.at(offset, 8)
        if len(header) < 8:  # noqa: PLR2004 - the length of a header
            return
        size = int.from_bytes(header[4:], order)
        yield header[:4], offset + 8, size
        offset += 8 + size + (size & 1)


def _mp4(file: _Bytes, start: int) -> Region | None:
    """The content of the one `mdat`; in fragments the sound is between descriptions of it (ISO 14496-12)."""
    found, offset = None, start
    for _ in range(_MOST_BOXES):
        header = file.at(offset, 16)
        if len(header) < 8:  # noqa: PLR2004 - the length of a header
            return found
        size, name, header_bytes = int.from_bytes(header[:4], "big"), header[4:8], 8
        if size == 1:
            size, header_bytes = int.from_bytes(header[8:16], "big"), 16
        elif size == 0:
            size = file.size - offset
        if size < header_bytes or name == b"moof":
            return None
        if name == b"mdat" and size > header_bytes:
            if found is not None:
                return None
            found = Region(offset + header_bytes, min(size - header_bytes, file.size - offset - header_bytes))
        offset += size
    return None


class _Page(NamedTuple):
    """A page of Ogg: whether its stream begins there, whose it is, its content, where it ends (RFC 3533)."""

    is_first: bool
    serial: bytes
    start: int
    lacing: bytes
    end: int


def _ogg(file: _Bytes, start: int) -> Region | None:
    first = _page(file, start)
    if first is None or not first.is_first:
        return None
    packet = file.at(first.start, _HEAD_BYTES + 16)
    headers = _header_packets(packet) - 1
    end = first.end
    for _ in range(_MOST_PAGES):
        page = _page(file, end)
        if page is None or page.serial != first.serial or page.is_first:
            return None  # several streams, whose pages are mixed
        if headers <= 0:
            break
        headers -= sum(size < 255 for size in page.lacing)  # noqa: PLR2004 - a packet ends with a shorter segment
        end = page.end
    return Region(end, _end_of(file, end) - end) if headers == 0 else None  # else sound begins within a page


def _header_packets(packet: bytes) -> int:
    """Return how many packets come before the sound, the first included; 0 for a stream of no known kind."""
    if packet.startswith(b"\x01vorbis"):
        return 3
    if packet.startswith(b"OpusHead"):
        return 2
    if packet.startswith(b"Speex   "):
        return 2 + min(int.from_bytes(packet[68:72], "little"), _MOST_TAGS)
    if packet.startswith(b"\x7fFLAC"):
        return 1 + int.from_bytes(packet[7:9], "big")
    return 0


def _page(file: _Bytes, offset: int) -> _Page | None:
    header = file.at(offset, 27 + 255)
    if not header.startswith(b"OggS") or len(header) < 27:  # noqa: PLR2004 - the length of a header
        return None
    lacing = header[27 : 27 + header[26]]
    start = offset + 27 + header[26]
    return _Page(bool(header[5] & 2), header[14:18], start, lacing, start + sum(lacing))


_FINDERS: Mapping[Container, Callable[[_Bytes, int], Region | None]] = {
    Container.MP3: _between_tags,
    Container.AAC: _between_tags,
    Container.APE: _between_tags,
    Container.WAVPACK: _between_tags,
    Container.MUSEPACK: _between_tags,
    Container.TRUEAUDIO: _between_tags,
    Container.TAK: _between_tags,
    Container.FLAC: _flac,
    Container.WAV: _wav,
    Container.AIFF: _aiff,
    Container.MP4: _mp4,
    Container.OGG: _ogg,
}
