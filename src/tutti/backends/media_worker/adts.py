"""Reads the length of raw AAC: ADTS says nothing about it, so its frames are counted.

Source: ISO 13818-7 6.2; a frame is 1,024 samples, its length stands in 13 bits of each header.
"""

from dataclasses import dataclass

from tutti.backends.media_worker.source import DamagedError, Source

_RATES_HZ = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
_CHANNELS = (0, 1, 2, 3, 4, 5, 6, 8)
_SAMPLES_PER_FRAME = 1024
_HEADER_BYTES = 7

_EXACT_BYTES = 1 << 20
"""Up to here every frame is counted (0.3 us each); beyond, frames at many places tell the mean."""

_RUBBISH_BYTES = 1 << 16
"""How far into the sound the first frame may begin."""

_PLACES = 32
_PLACE_BYTES = 16384


@dataclass(frozen=True, slots=True)
class ADTSFacts:
    """What the frames say; the length is exact for short files and an estimate from samples for long ones."""

    duration_ms: int
    sample_rate_hz: int
    channels: int


def adts_facts(source: Source, end: int) -> ADTSFacts:
    """Count the frames between the start of the audio and `end`.

    Raises:
        DamagedError: There is not one whole frame.
    """
    start = source.audio_start
    data = source.at(start, min(end - start, _EXACT_BYTES))
    first = _synchronise(data, 0)
    rate = (data[first + 2] >> 2) & 0xF
    if rate >= len(_RATES_HZ):
        raise DamagedError("Its AAC frames have no valid sample rate.")
    is_whole = start + len(data) >= end
    frames = float(_walk(data, first)[0]) if is_whole else (end - start - first) / _mean_frame_bytes(source, end)
    channels = _CHANNELS[(data[first + 2] & 1) << 2 | data[first + 3] >> 6]
    return ADTSFacts(round(frames * _SAMPLES_PER_FRAME * 1000 / _RATES_HZ[rate]), _RATES_HZ[rate], channels)


def _mean_frame_bytes(source: Source, end: int) -> float:
    frames = total = 0
    step = (end - source.audio_start - _PLACE_BYTES) // _PLACES
    for place in range(_PLACES):
        data = source.at(source.audio_start + place * step, _PLACE_BYTES)
        try:
            first = _synchronise(data, 0)
        except DamagedError:
            continue
        counted, stop = _walk(data, first)
        frames += counted
        total += stop - first
    if not frames:
        raise DamagedError("It holds no AAC frames.")
    return total / frames


def _synchronise(data: bytes, offset: int) -> int:
    """Return the offset of the first header that another one follows."""
    while (offset := data.find(b"\xff", offset, _RUBBISH_BYTES)) >= 0 and offset + _HEADER_BYTES <= len(data):
        following = offset + _frame_bytes(data, offset)
        if _is_header(data, offset) and (following >= len(data) - 1 or _is_header(data, following)):
            return offset
        offset += 1
    raise DamagedError("It holds no AAC frames.")


def _is_header(data: bytes, offset: int) -> bool:
    return data[offset] == 0xFF and data[offset + 1] & 0xF6 == 0xF0 and _frame_bytes(data, offset) > _HEADER_BYTES  # noqa: PLR2004


def _frame_bytes(data: bytes, offset: int) -> int:
    if offset + _HEADER_BYTES > len(data):
        return _HEADER_BYTES + 1
    return (data[offset + 3] & 3) << 11 | data[offset + 4] << 3 | data[offset + 5] >> 5


def _walk(data: bytes, offset: int) -> tuple[int, int]:
    """Count the whole frames from here; return them and where they end."""
    frames, last = 0, len(data) - _HEADER_BYTES
    while offset <= last and data[offset] == 0xFF and data[offset + 1] & 0xF6 == 0xF0:  # noqa: PLR2004
        length = (data[offset + 3] & 3) << 11 | data[offset + 4] << 3 | data[offset + 5] >> 5
        if length <= _HEADER_BYTES or offset + length > len(data):
            break
        offset += length
        frames += 1
    return frames, offset
