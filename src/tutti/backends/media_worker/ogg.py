"""Reads Ogg: the first packets of its sound, and the last page for its length.

Sources: RFC 3533 (pages), RFC 7845 (Opus), Ogg Vorbis I 4.2.2, the Speex manual 7.5, the FLAC in Ogg mapping 1.0.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from tutti.backends.media_worker.flac import parse_stream_info
from tutti.backends.media_worker.source import DamagedError, FilmError, Source
from tutti.backends.media_worker.xiph import Comments, parse_comments

_HEADER_BYTES = 27
_BEGINS = 2
_NO_POSITION = (1 << 64) - 1
_MOST_PAGES = 100_000
_MOST_STREAMS = 64
_LARGEST_COMMENTS_BYTES = 64 << 20
_PAGE_MOST_BYTES = 65307
_FILMS = (b"\x80theora", b"\x01video", b"BBCD", b"\x80kate", b"OVP80")
_OPUS_HZ = 48000


@dataclass(slots=True)
class Page:
    """A page: its flags, its stream, the position at its end, where its content is, how that is laced."""

    flags: int
    serial: int
    position: int
    start: int
    lacing: bytes

    @property
    def end(self) -> int:
        """Offset after the page."""
        return self.start + sum(self.lacing)


@dataclass(slots=True)
class Ogg:
    """An Ogg stream taken apart; `audio_start` is the offset after the page in which the comments end."""

    codec: str
    sample_rate_hz: int
    channels: int
    bitrate_bps: int = 0
    skipped_samples: int = 0
    prefix: bytes = b""
    seconds: float = 0.0
    audio_start: int = 0
    comments: Comments = field(default_factory=Comments)


def ogg_of(source: Source) -> Ogg:
    """Take the first stream of sound apart.

    Raises:
        DamagedError: There is none of a known kind, or the last page is cut.
        FilmError: There is a stream of moving pictures.
    """
    ogg, serial, offset = _identified(source)
    _require_whole_end(source)
    packet, ogg.audio_start = _second_packet(source, serial, offset)
    ogg.comments = parse_comments(packet[len(ogg.prefix) :])
    position = _last_position(source, serial) - ogg.skipped_samples
    ogg.seconds = max(position, 0) / ogg.sample_rate_hz if ogg.sample_rate_hz else 0.0
    return ogg


def _pages(source: Source, offset: int) -> Iterator[Page]:
    """Yield the pages from here on until something else comes."""
    for _ in range(_MOST_PAGES):
        header = source.at(offset, _HEADER_BYTES + 255)
        if not header.startswith(b"OggS") or len(header) < _HEADER_BYTES:
            return
        page = _page(header, offset)
        yield page
        offset = page.end


def _page(header: bytes, offset: int) -> Page:
    lacing = header[_HEADER_BYTES : _HEADER_BYTES + header[26]]
    position, serial = int.from_bytes(header[6:14], "little"), int.from_bytes(header[14:18], "little")
    return Page(header[5], serial, position, offset + _HEADER_BYTES + len(lacing), lacing)


def _identified(source: Source) -> tuple[Ogg, int, int]:
    """Return the first stream of sound among those that begin together, its serial, and where its next page may be."""
    found = None
    for page in islice(_pages(source, source.audio_start), _MOST_STREAMS):
        if not page.flags & _BEGINS:
            break
        packet = source.at(page.start, sum(page.lacing))
        if packet.startswith(_FILMS):
            raise FilmError("This is an Ogg film, not a piece of audio.")
        if found is None and (ogg := _stream(packet)):
            found = ogg, page.serial, page.end
    if found is None:
        raise DamagedError("Its Ogg stream is of no kind that is known here.")
    return found


def _stream(packet: bytes) -> Ogg | None:
    """Read the packet that begins a stream; None when it is of no known kind."""
    if packet.startswith(b"\x01vorbis"):
        return Ogg(
            "vorbis", _little(packet, 12, 4), _little(packet, 11, 1), _little(packet, 20, 4), prefix=b"\x03vorbis"
        )
    if packet.startswith(b"OpusHead"):
        return Ogg("opus", _OPUS_HZ, _little(packet, 9, 1), 0, _little(packet, 10, 2), b"OpusTags")
    if packet.startswith(b"Speex   "):
        return Ogg("speex", _little(packet, 36, 4), _little(packet, 48, 4), _little(packet, 52, 4))
    if packet.startswith(b"\x7fFLAC"):
        info = parse_stream_info(packet[17:])
        return Ogg("flac", info.sample_rate_hz, info.channels, prefix=b"\x84\0\0\0")
    return None


def _little(data: bytes, offset: int, length: int) -> int:
    return int.from_bytes(data[offset : offset + length], "little")


def _second_packet(source: Source, serial: int, offset: int) -> tuple[bytes, int]:
    """Return the packet after the first, which are the comments and may span many pages, and where its last page ends.

    Raises:
        DamagedError: The file ends within it.
    """
    parts, length = list[bytes](), 0
    for page in _pages(source, offset):
        if page.serial != serial:
            continue
        taken = 0
        for size in page.lacing:
            taken += size
            if size < 255:  # noqa: PLR2004 -- a packet ends with the first shorter segment
                return b"".join((*parts, source.at(page.start, taken))), page.end
        parts.append(source.at(page.start, taken))
        length += taken
        if length > _LARGEST_COMMENTS_BYTES:
            break
    raise DamagedError("Its comments have no end: it is cut off or damaged.")


def _last_position(source: Source, serial: int) -> int:
    """Return the position of the stream's last page: near the end of the file, else by walking all pages."""
    tail_bytes = min(2 * _PAGE_MOST_BYTES, source.size)
    tail = source.at(source.size - tail_bytes, tail_bytes)
    at = tail.rfind(b"OggS")
    while at >= 0:
        page = _page(tail[at : at + _HEADER_BYTES + 255].ljust(_HEADER_BYTES, b"\0"), 0)
        if page.serial == serial and page.position != _NO_POSITION:
            return page.position
        at = tail.rfind(b"OggS", 0, at)
    positions = (page.position for page in _pages(source, source.audio_start) if page.serial == serial)
    return max((position for position in positions if position != _NO_POSITION), default=0)


def _require_whole_end(source: Source) -> None:
    """Refuse a file whose last page is cut."""
    start = max(source.size - _PAGE_MOST_BYTES, 0)
    tail = source.at(start, _PAGE_MOST_BYTES)
    at = tail.rfind(b"OggS")
    header = tail[at : at + _HEADER_BYTES + 255]
    if at < 0 or len(header) < _HEADER_BYTES or _page(header, at).end > len(tail):
        raise DamagedError("It ends early: its last Ogg page is cut off.")
