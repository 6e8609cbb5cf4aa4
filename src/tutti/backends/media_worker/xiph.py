"""Reads what FLAC and Ogg share: comments and picture blocks.

Sources: Ogg Vorbis I format specification 5 (comment header), RFC 9639 8.6 and 8.8.
"""

import base64
import binascii
from dataclasses import dataclass, field

_MOST_COMMENTS = 4096
_PICTURE_KEY, _OLD_PICTURE_KEY = "metadata_block_picture", "coverart"


@dataclass(slots=True)
class Comments:
    """What a comment block says.

    Attributes:
        length: How many bytes it really takes; more than it was given when lengths in it lead further.
        raw: Key in lower case to its values, without pictures.
        pictures: Kind and bytes of each picture in it.
    """

    length: int = 0
    raw: dict[str, list[str]] = field(default_factory=dict)
    pictures: list[tuple[int, bytes]] = field(default_factory=list)


@dataclass(slots=True)
class PictureBlock:
    """A picture; `length` as in `Comments`."""

    length: int
    kind: int
    data: bytes


def parse_comments(data: bytes) -> Comments:
    """Return what can be read of a comment block: everything up to the first length that leads out of it."""
    comments = Comments()
    offset = 4 + _little(data, 0)
    count = min(_little(data, offset), _MOST_COMMENTS)
    offset += 4
    for _ in range(count):
        start = offset + 4
        offset = start + _little(data, offset)
        if offset > len(data) or start > len(data):
            break
        key, is_pair, value = data[start:offset].partition(b"=")
        if is_pair:
            _add(comments, key.decode("ascii", "replace").lower(), value)
    comments.length = offset
    return comments


def _add(comments: Comments, key: str, value: bytes) -> None:
    if key not in {_PICTURE_KEY, _OLD_PICTURE_KEY}:
        comments.raw.setdefault(key, []).append(value.decode("utf-8", "replace"))
        return
    try:
        data = base64.b64decode(value)
    except binascii.Error:
        return  # costs the picture, not the tags
    block = parse_picture(data) if key == _PICTURE_KEY else PictureBlock(0, 0, data)
    comments.pictures.append((block.kind, block.data))


def parse_picture(data: bytes) -> PictureBlock:
    """Return a picture block: kind, two texts, four numbers, the picture."""
    offset = 8 + _big(data, 4)
    offset += 4 + _big(data, offset) + 16
    start = offset + 4
    end = start + _big(data, offset)
    return PictureBlock(end, _big(data, 0), data[start:end])


def _little(data: bytes, offset: int) -> int:
    return int.from_bytes(data[offset : offset + 4], "little")


def _big(data: bytes, offset: int) -> int:
    return int.from_bytes(data[offset : offset + 4], "big")
