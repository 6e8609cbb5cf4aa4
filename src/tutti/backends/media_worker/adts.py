"""Reads the length of raw AAC: ADTS says nothing about it, so its frames are counted.

Source: ISO 13818-7 6.2. A frame holds blocks of 1,024 samples; the first 28 bits of its header are the same in all.
"""

from dataclasses import dataclass

from tutti.backends.media_worker.source import DamagedError, Source

_RATES_HZ = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
_CHANNELS = (0, 1, 2, 3, 4, 5, 6, 8)
_BLOCK_SAMPLES = 1024
_HEADER_BYTES = 7
_SAME_BYTES = 3

_RUBBISH_BYTES = 1 << 16
"""How far into the sound the first frame may begin."""

_COUNTED_BYTES = 16 << 20
"""Up to here all frames are counted (0.3 us each); beyond, the share that was counted tells the rest."""

_BUFFER = bytearray(1 << 20)
"""Used again and again: fresh memory costs more than reading into it."""


@dataclass(frozen=True, slots=True)
class ADTSFacts:
    """What the frames say; the length is exact up to 16 MiB of sound, and an estimate beyond."""

    duration_ms: int
    sample_rate_hz: int
    channels: int


def adts_facts(source: Source, end: int) -> ADTSFacts:
    """Count the frames between the start of the audio and `end`.

    Raises:
        DamagedError: There is no frame.
    """
    head = source.at(source.audio_start, min(end - source.audio_start, 2 * _RUBBISH_BYTES))
    first = _synchronise(head)
    rate = head[first + 2] >> 2 & 0xF
    if rate >= len(_RATES_HZ):
        raise DamagedError("Its AAC frames have no valid sample rate.")
    frames = _count(source, source.audio_start + first, end, head[first : first + _SAME_BYTES])
    samples = frames * _BLOCK_SAMPLES * ((head[first + 6] & 3) + 1)
    channels = _CHANNELS[(head[first + 2] & 1) << 2 | head[first + 3] >> 6]
    return ADTSFacts(round(samples * 1000 / _RATES_HZ[rate]), _RATES_HZ[rate], channels)


def _count(source: Source, start: int, end: int, header: bytes) -> float:
    """Count frames from one header to the next, and from the next of its kind where one is damaged."""
    at, stop, frames = start, min(end, start + _COUNTED_BYTES), 0
    while at < stop:
        length = source.read_into(_BUFFER, at, stop - at)
        counted, ended = _walk(_BUFFER, length)
        if not ended:
            following = _BUFFER.find(header, 1, length)
            ended = following if following > 0 else max(length - len(header), len(header))
        frames, at = frames + counted, at + ended
    return frames * (end - start) / (stop - start)


def _walk(data: bytearray, length: int) -> tuple[int, int]:
    """Count the whole frames from the start on; return them and where they end."""
    frames = offset = 0
    last = length - _HEADER_BYTES
    while offset <= last and data[offset] == 0xFF and data[offset + 1] & 0xF6 == 0xF0:  # noqa: PLR2004
        size = (data[offset + 3] & 3) << 11 | data[offset + 4] << 3 | data[offset + 5] >> 5
        if size < _HEADER_BYTES or offset + size > length:
            break
        offset += size
        frames += 1
    return frames, offset


def _synchronise(data: bytes) -> int:
    """Return the offset of the first header that another one follows, or the end of the sound."""
    offset = 0
    while (offset := data.find(b"\xff", offset, _RUBBISH_BYTES)) >= 0 and offset + _HEADER_BYTES <= len(data):
        following = offset + _frame_bytes(data, offset)
        if _is_header(data, offset) and (following + _HEADER_BYTES > len(data) or _is_header(data, following)):
            return offset
        offset += 1
    raise DamagedError("It holds no AAC frames.")


def _is_header(data: bytes, offset: int) -> bool:
    return data[offset] == 0xFF and data[offset + 1] & 0xF6 == 0xF0 and _frame_bytes(data, offset) > _HEADER_BYTES  # noqa: PLR2004


def _frame_bytes(data: bytes, offset: int) -> int:
    return (data[offset + 3] & 3) << 11 | data[offset + 4] << 3 | data[offset + 5] >> 5
