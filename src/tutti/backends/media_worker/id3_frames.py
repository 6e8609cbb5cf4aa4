"""Takes an ID3v2 tag apart into frames; what they mean is `id3`'s business.

Sources: ID3v2.2.0, ID3v2.3.0 and ID3v2.4.0, structure.
"""

import zlib
from collections.abc import Iterator

_V2_2, _V2_3, _V2_4 = 2, 3, 4
_HEADER_BYTES = 10
_MOST_FRAMES = 2000
_UNPACKED_LIMIT = 8 << 20

_UNSYNCHRONISED, _EXTENDED, _WITH_FOOTER = 0x80, 0x40, 0x10

Frame = tuple[bytes, bytes]
"""A name of four bytes (three in 2.2) and the content."""


def tag_length(head: bytes) -> int:
    """Return the length of the tag that begins with these bytes, header and footer included; 0 when none does."""
    if len(head) < _HEADER_BYTES or not head.startswith(b"ID3") or max(head[6:_HEADER_BYTES]) & 0x80:
        return 0
    return seven_bits(head[6:_HEADER_BYTES]) + _HEADER_BYTES * (2 if head[5] & _WITH_FOOTER else 1)


def seven_bits(data: bytes) -> int:
    """Return the number that bytes of seven bits spell, the highest first."""
    number = 0
    for byte in data:
        number = number << 7 | byte & 0x7F
    return number


def frames_of(tag: bytes) -> Iterator[Frame]:
    """Yield the frames of a whole tag until its end, its padding, or the first that makes no sense."""
    version, flags, body = tag[3], tag[5], tag[_HEADER_BYTES:]
    is_unsynchronised = bool(flags & _UNSYNCHRONISED)
    if is_unsynchronised and version < _V2_4:
        body = _resynchronised(body)
    if version == _V2_2:
        yield from _old_frames(body)
        return
    offset = _extended_bytes(version, body) if flags & _EXTENDED else 0
    for _ in range(_MOST_FRAMES):
        name, size, start = body[offset : offset + 4], _frame_bytes(body, offset, version), offset + _HEADER_BYTES
        if start + size > len(body) or not name.isalnum():
            return
        frame_flags, offset = body[start - 1], start + size
        content = body[start:offset]
        if frame_flags or (is_unsynchronised and version == _V2_4):
            unpack = _unpacked_2_4 if version == _V2_4 else _unpacked_2_3
            content = unpack(content, frame_flags | (_V2_4_UNSYNCHRONISED if is_unsynchronised else 0))
        if content:
            yield name, content


def _old_frames(body: bytes) -> Iterator[Frame]:
    offset = 0
    for _ in range(_MOST_FRAMES):
        name, start = body[offset : offset + 3], offset + 6
        offset = start + int.from_bytes(body[offset + 3 : start], "big")
        if offset > len(body) or not name.isalnum():
            return
        yield name, body[start:offset]


def _extended_bytes(version: int, body: bytes) -> int:
    """Return the length of the extended header, which counts itself in 2.4 alone; some programs promise one in vain."""
    if _is_name(body[:4]):
        return 0
    return seven_bits(body[:4]) if version == _V2_4 else 4 + int.from_bytes(body[:4], "big")


def _frame_bytes(body: bytes, offset: int, version: int) -> int:
    """Return the size of a frame: seven bits a byte in 2.4, eight before; iTunes and others wrote it the other way."""
    field = body[offset + 4 : offset + 8]
    plain = int.from_bytes(field, "big")
    if plain < 0x80:  # noqa: PLR2004 -- both ways spell the same
        return plain
    likely, other = (seven_bits(field), plain) if version == _V2_4 else (plain, seven_bits(field))
    content = offset + _HEADER_BYTES
    return other if not _is_boundary(body, content + likely) and _is_boundary(body, content + other) else likely


def _is_boundary(body: bytes, offset: int) -> bool:
    """Tell whether a frame, padding or the end of the tag is here."""
    name = body[offset : offset + 4]
    return offset == len(body) or _is_name(name) or (bool(name) and not any(name))


def _is_name(name: bytes) -> bool:
    return name.isalnum() and name.isupper()


def _resynchronised(data: bytes) -> bytes:
    return data.replace(b"\xff\x00", b"\xff")


_V2_3_PACKED, _V2_3_ENCRYPTED, _V2_3_GROUPED = 0x80, 0x40, 0x20
_V2_4_GROUPED, _V2_4_PACKED, _V2_4_ENCRYPTED, _V2_4_UNSYNCHRONISED, _V2_4_COUNTED = 0x40, 8, 4, 2, 1


def _unpacked_2_3(data: bytes, flags: int) -> bytes:
    """Undo what was done to a frame; empty when that cannot be."""
    if flags & _V2_3_ENCRYPTED:
        return b""
    skipped = (4 if flags & _V2_3_PACKED else 0) + (1 if flags & _V2_3_GROUPED else 0)
    return _inflated(data[skipped:]) if flags & _V2_3_PACKED else data[skipped:]


def _unpacked_2_4(data: bytes, flags: int) -> bytes:
    """Undo what was done to a frame; empty when that cannot be."""
    if flags & _V2_4_ENCRYPTED:
        return b""
    data = data[(4 if flags & _V2_4_COUNTED else 0) + (1 if flags & _V2_4_GROUPED else 0) :]
    if flags & _V2_4_UNSYNCHRONISED:
        data = _resynchronised(data)
    return _inflated(data) if flags & _V2_4_PACKED else data


def _inflated(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, _UNPACKED_LIMIT)
    except zlib.error:
        return b""
