"""What parent and child say to each other: fixed requests with descriptors, framed answers of bounded shapes.

The child has opened hostile files, so its answers are decoded into typed values with limits, and nothing else is.
"""

import struct
from collections.abc import Callable, Collection, Sequence
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta, Struct

from tutti.backends.media_worker.cleaning import BLOCK_LIMIT, TEXT_LIMIT, VALUES_LIMIT
from tutti.domain.formats import Container
from tutti.domain.media import Cover, Reading, Refusal, Refused, StreamFacts, Tags
from tutti.domain.sound import Region
from tutti.domain.values import ArtworkHash

BATCH = 16
"""Files in one request: their descriptors travel in one message."""

ANSWER_LIMIT = 2 << 20
"""Bytes of one answer; a longer one means that the child is no longer ours."""

ORDER = struct.Struct("<q")
"""An order to the keeper: `FORK`, or the pid of the child to end; its answer to `FORK` is a pid and a descriptor."""

FORK = 0

_REQUEST = struct.Struct(f"<BBHH{BATCH}s")
REQUEST_BYTES = _REQUEST.size
LENGTH = struct.Struct("<I")

_CONTAINERS = (None, *Container)
_NUMBERS = {container: number for number, container in enumerate(_CONTAINERS)}


class Request(Struct):
    """What the child is to do with the descriptors that came along.

    Attributes:
        promised: One for each file: the container that its name says.
        sounds: The places of files whose sound is to be found, too.
        size_px: Above 0 draw the cover of the one file in this size, else read.
    """

    promised: Sequence[Container | None]
    size_px: int = 0
    sounds: Collection[int] = frozenset()


def pack_request(request: Request) -> bytes:
    """Return the `REQUEST_BYTES` bytes of a request."""
    numbers = bytes(_NUMBERS[container] for container in request.promised)
    return _REQUEST.pack(len(request.promised), 0, request.size_px, sum(1 << one for one in request.sounds), numbers)


def unpack_request(data: bytes) -> Request:
    """Undo `pack_request`."""
    count, _, size_px, sounds, numbers = _REQUEST.unpack(data)
    wanted = frozenset(place for place in range(count) if sounds >> place & 1)
    return Request([_CONTAINERS[number] for number in numbers[:count]], size_px, wanted)


Number = Annotated[int, Meta(ge=0, lt=1 << 31)]
Name = Annotated[str, Meta(max_length=128)]
Text = Annotated[str, Meta(max_length=TEXT_LIMIT)]
Block = Annotated[str, Meta(max_length=BLOCK_LIMIT)]
Values = Annotated[list[Text], Meta(max_length=VALUES_LIMIT)]
Raw = Annotated[dict[Name, Annotated[list[Block], Meta(max_length=VALUES_LIMIT)]], Meta(max_length=256)]


class Facts(Struct, array_like=True, forbid_unknown_fields=True):
    """`StreamFacts` on the wire; the fields stand in the same order."""

    container: Container
    codec: Name
    mime: Name
    duration_ms: Number
    bitrate_bps: Number
    sample_rate_hz: Number
    channels: Number


class Words(Struct, array_like=True, forbid_unknown_fields=True):
    """`Tags` on the wire; the fields stand in the same order."""

    title: Text
    artists: Values
    album: Text
    album_artists: Values
    genres: Values
    composers: Values
    date: Annotated[str, Meta(pattern=r"^(\d{4}(-\d{2}){0,2})?$")]
    track: Number
    track_total: Number
    disc: Number
    disc_total: Number
    is_compilation: bool
    lyrics: Block
    comment: Block
    mb_recording: Name
    mb_release: Name
    mb_artists: Values
    mb_album_artists: Values
    gain_track_db: float | None
    gain_album_db: float | None
    peak_track: float | None
    peak_album: float | None
    raw: Raw


class Picture(Struct, array_like=True, forbid_unknown_fields=True):
    """`Cover` on the wire."""

    hash: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    mime: Annotated[str, Meta(pattern="^image/(jpeg|png|webp|gif)$")]
    size_bytes: Number


class Span(Struct, array_like=True, forbid_unknown_fields=True):
    """`Region` on the wire."""

    offset: Annotated[int, Meta(ge=0, lt=1 << 62)]
    size_bytes: Annotated[int, Meta(ge=1, lt=1 << 62)]


class Found(Struct, array_like=True, tag=1, forbid_unknown_fields=True):
    """A file that could be read."""

    facts: Facts
    words: Words
    fingerprint: Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]
    picture: Picture | None
    sound: Span | None


class NotTaken(Struct, array_like=True, tag=2, forbid_unknown_fields=True):
    """A file that could not be read."""

    reason: Refusal
    message: Annotated[str, Meta(max_length=500)]


class Drawn(Struct, array_like=True, tag=3, forbid_unknown_fields=True):
    """A cover as WebP."""

    webp: Annotated[bytes, Meta(max_length=1 << 20)]


class NotDrawn(Struct, array_like=True, tag=4, forbid_unknown_fields=True):
    """Why there is no cover: `no_cover` or `bad_picture`, and a sentence."""

    code: Annotated[str, Meta(pattern="^(no_cover|bad_picture)$")]
    message: Annotated[str, Meta(max_length=500)]


class Ready(Struct, array_like=True, tag=5, forbid_unknown_fields=True):
    """The child's first word: the layers that hold it, and what is missing."""

    layers: Annotated[list[Name], Meta(max_length=16)]
    missing: Annotated[list[Name], Meta(max_length=16)]


Answer = Found | NotTaken | Drawn | NotDrawn | Ready

encode: Callable[[Answer], bytes] = msgspec.msgpack.Encoder().encode
decode: Callable[[bytes], Answer] = msgspec.msgpack.Decoder(Answer).decode


def to_wire(result: Reading | Refused) -> Found | NotTaken:
    """Return what the child sends for a result."""
    if isinstance(result, Refused):
        return NotTaken(result.reason, result.message)
    cover = result.cover
    picture = Picture(cover.hash, cover.mime, cover.size_bytes) if cover else None
    sound = Span(*result.sound) if result.sound else None
    return Found(_shaped(Facts, result.facts), _shaped(Words, result.tags), result.fingerprint, picture, sound)


_S = TypeVar("_S", bound=Struct)


def _shaped(shape: type[_S], value: object) -> _S:
    return shape(*(getattr(value, name) for name in shape.__struct_fields__))


def from_wire(found: Found) -> Reading:
    """Return the result that the child sent."""
    picture = found.picture
    cover = Cover(ArtworkHash(picture.hash), picture.mime, picture.size_bytes) if picture else None
    container, *numbers = msgspec.structs.astuple(found.facts)
    facts = StreamFacts(container.value, *numbers)
    sound = Region(found.sound.offset, found.sound.size_bytes) if found.sound else None
    return Reading(facts, Tags(*msgspec.structs.astuple(found.words)), found.fingerprint, cover, sound)
