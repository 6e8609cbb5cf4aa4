"""Reads FLAC: its metadata blocks, and from its last frame whether all of it is there.

Source: RFC 9639 8.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from tutti.backends.media_worker.boundaries import require_share
from tutti.backends.media_worker.flac_frames import furthest_sample
from tutti.backends.media_worker.source import DamagedError, Source
from tutti.backends.media_worker.xiph import Comments, PictureBlock, parse_comments, parse_picture

_STREAMINFO, _COMMENTS, _PICTURE = 0, 4, 6
_BLOCK_HEADER_BYTES = 4
_STREAMINFO_BYTES = 34
_MOST_BLOCKS = 512
_LARGEST_BLOCK_BYTES = 32 << 20

_Block = TypeVar("_Block", Comments, PictureBlock)


@dataclass(slots=True)
class StreamInfo:
    """The facts of a stream; `samples` and `largest_frame_bytes` are 0 when the encoder did not know."""

    sample_rate_hz: int
    channels: int
    samples: int
    block_samples: int
    largest_frame_bytes: int

    @property
    def seconds(self) -> float:
        """Length of the sound."""
        return self.samples / self.sample_rate_hz if self.sample_rate_hz else 0.0


@dataclass(slots=True)
class FLAC:
    """A FLAC file taken apart; `audio_start` is the offset of the first frame."""

    info: StreamInfo
    audio_start: int = 0
    comments: Comments = field(default_factory=Comments)
    pictures: list[tuple[int, bytes]] = field(default_factory=list)


def parse_stream_info(data: bytes) -> StreamInfo:
    """Read the 34 bytes of a STREAMINFO block.

    Raises:
        DamagedError: There are fewer.
    """
    if len(data) < _STREAMINFO_BYTES:
        raise DamagedError("It does not say what sound it holds.")
    packed = int.from_bytes(data[10:18], "big")  # 20 bits rate, 3 channels, 5 width, 36 samples
    return StreamInfo(
        sample_rate_hz=packed >> 44,
        channels=(packed >> 41 & 7) + 1,
        samples=packed & (1 << 36) - 1,
        block_samples=int.from_bytes(data[2:4], "big"),
        largest_frame_bytes=int.from_bytes(data[7:10], "big"),
    )


def flac_of(source: Source) -> FLAC:
    """Take a FLAC file apart.

    Raises:
        DamagedError: It does not say what it holds, or a good part of its sound is missing.
    """
    start = source.audio_start + 4
    flac = FLAC(parse_stream_info(source.at(start + _BLOCK_HEADER_BYTES, _STREAMINFO_BYTES)))
    flac.audio_start = _read_blocks(source, flac, start)
    _require_last_frame(source, flac)
    return flac


def _read_blocks(source: Source, flac: FLAC, offset: int) -> int:
    """Read all blocks and return where they end."""
    for _ in range(_MOST_BLOCKS):
        header = source.at(offset, _BLOCK_HEADER_BYTES)
        if len(header) < _BLOCK_HEADER_BYTES:
            raise DamagedError("It ends within its metadata: it is cut off.")
        start, length = offset + _BLOCK_HEADER_BYTES, int.from_bytes(header[1:], "big")
        kind = header[0] & 0x7F
        if kind == _COMMENTS and not flac.comments.length:
            flac.comments = _parsed(source, start, length, parse_comments)
            length = _real_length(source, start, length, flac.comments.length)
        elif kind == _PICTURE:
            picture = _parsed(source, start, length, parse_picture)
            flac.pictures.append((picture.kind, picture.data))
            length = _real_length(source, start, length, picture.length)
        offset = start + length
        if header[0] & 0x80:
            break
    return min(offset, source.size)


def _parsed(source: Source, start: int, length: int, parse: Callable[[bytes], _Block]) -> _Block:
    """Parse a block; some programs wrote a length that is too short for what is in it."""
    block = parse(source.at(start, length))
    return parse(source.at(start, _LARGEST_BLOCK_BYTES)) if block.length > length else block


def _real_length(source: Source, start: int, length: int, taken: int) -> int:
    return taken if length < taken <= source.size - start else length


_LEAST_TAIL_BYTES, _MOST_TAIL_BYTES = 1 << 14, 1 << 20


def _require_last_frame(source: Source, flac: FLAC) -> None:
    """Compare the position of the last frame with the length that the file promises."""
    info, sound_bytes = flac.info, source.size - flac.audio_start
    if not info.samples or not info.largest_frame_bytes or not sound_bytes:
        return
    tail_bytes = min(max(2 * info.largest_frame_bytes, _LEAST_TAIL_BYTES), _MOST_TAIL_BYTES, sound_bytes)
    there = furthest_sample(source.at(source.size - tail_bytes, tail_bytes), info.block_samples, info.samples)
    if there:
        require_share(sound_bytes, sound_bytes * info.samples // there)
