"""Reads MP4: where the sound is, what it is, and the tags that iTunes invented.

Own code: the index is read into memory once and walked there, which costs a third of mutagen's seeks.

Sources: ISO 14496-12 (boxes), ISO 14496-1 7.2.6 (ES_Descriptor), ISO 14496-3 1.6.2 (AudioSpecificConfig), the QuickTime
File Format (metadata), the ALAC magic cookie.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from tutti.backends.media_worker.boundaries import Span, require_share
from tutti.backends.media_worker.id3 import genres_of
from tutti.backends.media_worker.source import DamagedError, FilmError, Source

_MOST_BOXES = 4096
_LARGEST_INDEX_BYTES = 64 << 20
_AUDIO_BRANDS = {b"M4A ", b"M4B ", b"M4P "}
_CODECS = {b"mp4a": "aac", b"alac": "alac", b"ac-3": "ac3", b"ec-3": "eac3", b"Opus": "opus", b"fLaC": "flac"}
_MP3_OBJECTS = {b"\x69", b"\x6b"}
_BOX_HEADER_BYTES = 8
_ES, _DECODER, _CONFIGURATION = 3, 4, 5
_LONGEST_INTEGER = 8

Box = tuple[bytes, int, int]
"""Name, start and end of the content."""


@dataclass(slots=True)
class MP4:
    """An MP4 file taken apart; zero and empty where it does not say."""

    audio: Span = (0, 0)
    seconds: float = 0.0
    codec: str = ""
    bitrate_bps: int = 0
    sample_rate_hz: int = 0
    channels: int = 0
    raw: dict[str, list[str]] = field(default_factory=dict)
    pictures: list[bytes] = field(default_factory=list)

    def add(self, key: str, values: list[str]) -> None:
        """Add values under a key in lower case."""
        self.raw.setdefault(key.lower(), []).extend(values)


def mp4_of(source: Source) -> MP4:
    """Take an MP4 file apart.

    Raises:
        DamagedError: Its index or a good part of its sound is missing.
        FilmError: It has a track of moving pictures; an audio book may have one of still ones.
    """
    mp4, index = MP4(audio=(source.audio_start, source.size)), b""
    largest = 0
    for name, start, end in _top_boxes(source):
        if name == b"mdat":
            require_share(source.size - start, end - start)
            if end - start > largest:
                largest, mp4.audio = end - start, (start, min(end, source.size))
        elif name == b"moov":
            index = source.at(start, min(end - start, _LARGEST_INDEX_BYTES))
    if not index:
        raise DamagedError("It has no index, which stands at the end of some MP4 files: it is cut off.")
    _read_index(mp4, index, is_audio_brand=source.head[8:12] in _AUDIO_BRANDS)
    return mp4


def _top_boxes(source: Source) -> Iterator[Box]:
    offset = 0
    for _ in range(_MOST_BOXES):
        header = source.at(offset, 16)
        if len(header) < _BOX_HEADER_BYTES:
            return
        name, start, end = _box(header, 0, source.size - offset)
        yield name, offset + start, offset + end
        offset += end


def _boxes(data: bytes, start: int, end: int) -> Iterator[Box]:
    for _ in range(_MOST_BOXES):
        if end - start < _BOX_HEADER_BYTES:
            return
        box = _box(data, start, end)
        yield box
        start = box[2]


def _box(data: bytes, at: int, limit: int) -> Box:
    size, header = int.from_bytes(data[at : at + 4], "big"), _BOX_HEADER_BYTES
    if size == 1:
        size, header = int.from_bytes(data[at + 8 : at + 16], "big"), 2 * _BOX_HEADER_BYTES
    end = limit if size == 0 else at + size
    if end < at + header:
        raise DamagedError("Its boxes make no sense.")
    return data[at + 4 : at + 8], at + header, end


def _find(data: bytes, start: int, end: int, *path: bytes) -> tuple[int, int] | None:
    """Return where the content of the first box at this path is."""
    for name in path:
        found = next(((begin, stop) for kind, begin, stop in _boxes(data, start, end) if kind == name), None)
        if found is None:
            return None
        start, end = found
    return start, min(end, len(data))


def _read_index(mp4: MP4, index: bytes, *, is_audio_brand: bool) -> None:
    has_sound = False
    for name, start, end in _boxes(index, 0, len(index)):
        if name == b"trak" and (media := _find(index, start, end, b"mdia")):
            handler = _find(index, *media, b"hdlr")
            kind = index[handler[0] + 8 : handler[0] + 12] if handler else b""
            if kind == b"vide" and not is_audio_brand:
                raise FilmError("This is an MP4 film, not a piece of audio.")
            if kind == b"soun" and not has_sound:
                has_sound = True
                _read_track(mp4, index, *media)
        elif name == b"udta" and (meta := _find(index, start, end, b"meta")):
            _read_meta(mp4, index, *meta)
    if not has_sound:
        raise DamagedError("It has no track of sound.")


def _read_track(mp4: MP4, index: bytes, start: int, end: int) -> None:
    if header := _find(index, start, end, b"mdhd"):
        at, is_long = header[0], index[header[0]] == 1
        scale = _integer(index, at + (20 if is_long else 12), 4)
        length = _integer(index, at + 24, 8) if is_long else _integer(index, at + 16, 4)
        mp4.seconds = length / scale if scale else 0.0
    if table := _find(index, start, end, b"minf", b"stbl", b"stsd"):
        entry = next(_boxes(index, table[0] + 8, table[1]), None)
        if entry:
            _read_entry(mp4, index, *entry)


def _integer(data: bytes, offset: int, length: int) -> int:
    return int.from_bytes(data[offset : offset + length], "big")


def _read_entry(mp4: MP4, index: bytes, name: bytes, start: int, end: int) -> None:
    mp4.codec = _CODECS.get(name, name.decode("latin-1").strip().lower())
    mp4.channels, mp4.sample_rate_hz = _integer(index, start + 16, 2), _integer(index, start + 24, 2)
    for kind, begin, stop in _boxes(index, start + 28, end):
        if kind == b"esds":
            _read_descriptors(mp4, index[begin + 4 : min(stop, begin + 256)])
        elif kind == b"alac":
            cookie = index[begin + 4 : begin + 28]
            mp4.channels, mp4.bitrate_bps, mp4.sample_rate_hz = (
                _integer(cookie, 9, 1),
                _integer(cookie, 16, 4),
                _integer(cookie, 20, 4),
            )


def _read_descriptors(mp4: MP4, data: bytes) -> None:
    """Walk the nested descriptors: 3 holds 4 (codec and rates), which holds 5 (its configuration)."""
    offset = 0
    while offset + 2 <= len(data):
        tag, offset = data[offset], offset + 1
        while offset < len(data) and data[offset] & 0x80:
            offset += 1
        size, offset = data[offset] if offset < len(data) else 0, offset + 1
        if tag == _ES:
            offset += 3
        elif tag == _DECODER:
            mp4.codec = "mp3" if data[offset : offset + 1] in _MP3_OBJECTS else mp4.codec
            mp4.bitrate_bps = _integer(data, offset + 9, 4)
            offset += 13
        else:
            if tag == _CONFIGURATION and size > 1:
                mp4.channels = _channels(_integer(data, offset, 2)) or mp4.channels
            return


def _channels(configuration: int) -> int:
    """Return how many channels bits 9 to 12 of an AudioSpecificConfig mean, 0 when it says so elsewhere."""
    number = configuration >> 3 & 0xF
    return (0, 1, 2, 3, 4, 5, 6, 8)[number] if number <= 7 else 0  # noqa: PLR2004 -- a table of eight


def _read_meta(mp4: MP4, index: bytes, start: int, end: int) -> None:
    """Read the items; `meta` is a full box with four bytes more, but for old QuickTime files."""
    start += 0 if index[start + 4 : start + 8] == b"hdlr" else 4
    items = _find(index, start, end, b"ilst")
    for name, begin, stop in _boxes(index, *items) if items else ():
        _read_item(mp4, index, name, begin, min(stop, len(index)))


def _read_item(mp4: MP4, index: bytes, name: bytes, start: int, end: int) -> None:
    key, values = name.decode("latin-1"), list[tuple[int, bytes]]()
    for kind, begin, stop in _boxes(index, start, end):
        if kind == b"data":
            values.append((_integer(index, begin + 1, 3), index[begin + 8 : stop]))
        elif kind in {b"mean", b"name"}:
            key += ":" + index[begin + 4 : stop].decode("utf-8", "replace")
    if name == b"covr":
        mp4.pictures += [value for _, value in values]
    else:
        mp4.add(key, [text for kind, value in values if (text := _text(name, kind, value))])


_UTF8, _UTF16, _INTEGER = 1, 2, 21
_PAIRS = {b"trkn", b"disk"}


def _text(name: bytes, kind: int, value: bytes) -> str:
    """Return a value as text; empty when it is bytes of some other kind."""
    if name in _PAIRS:
        number, total = _integer(value, 2, 2), _integer(value, 4, 2)
        return f"{number}/{total}" if total else str(number)
    if name == b"gnre":
        return "".join(genres_of(str(_integer(value, 0, 2) - 1)))
    if kind == _UTF8 or (kind == 0 and name == b"----"):
        return value.decode("utf-8", "replace")
    if kind == _UTF16:
        return value.decode("utf-16-be", "replace")
    is_number = kind == _INTEGER or name == b"cpil"
    return str(int.from_bytes(value, "big", signed=True)) if is_number and 0 < len(value) <= _LONGEST_INTEGER else ""
