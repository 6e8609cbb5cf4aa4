"""Reads WAV: its chunks, its `LIST INFO` text and the ID3 tag that some programs put beside them.

Sources: Microsoft RIFF MCI 1.0, EBU Tech 3306 (RF64).
"""

import struct
from dataclasses import dataclass, field

from tutti.backends.media_worker.chunks import chunks
from tutti.backends.media_worker.source import DamagedError, Source

_UNKNOWN_SIZE = 0xFFFFFFFF
_LARGEST_TEXT_CHUNK = 1 << 20
_LARGEST_ID3_CHUNK = 32 << 20
_FORMAT = struct.Struct("<HHIIHH")
_CODECS = {1: "pcm", 2: "adpcm", 3: "pcm", 6: "alaw", 7: "mulaw", 0x55: "mp3", 0xFFFE: "pcm"}


@dataclass(slots=True)
class Wave:
    """A WAV file taken apart.

    Attributes:
        data_start, data_bytes: Where the samples are, and how many bytes of them the header promises.
        info: `LIST INFO` as raw tags.
        id3: The bytes of its ID3 chunk, empty when absent.
    """

    codec: str = ""
    channels: int = 0
    sample_rate_hz: int = 0
    bytes_per_second: int = 0
    data_start: int = 0
    data_bytes: int = 0
    info: dict[str, list[str]] = field(default_factory=dict)
    id3: bytes = b""

    @property
    def duration_ms(self) -> int:
        """Length by the mean number of bytes a second."""
        return self.data_bytes * 1000 // self.bytes_per_second if self.bytes_per_second else 0


def wave_of(source: Source) -> Wave:
    """Take a WAV file apart.

    Raises:
        DamagedError: It has no format or no samples.
    """
    wave, long_size = Wave(), 0
    for name, start, size in chunks(source, source.audio_start + 12, "little"):
        if name == b"fmt ":
            _read_format(wave, source.at(start, _FORMAT.size))
        elif name == b"ds64":
            long_size = int.from_bytes(source.at(start + 8, 8), "little")
        elif name == b"data":
            wave.data_start = start
            wave.data_bytes = size if size != _UNKNOWN_SIZE else long_size or source.size - start
        elif name == b"LIST":
            _read_info(wave, source.at(start, min(size, _LARGEST_TEXT_CHUNK)))
        elif name in {b"id3 ", b"ID3 "}:
            wave.id3 = source.at(start, min(size, _LARGEST_ID3_CHUNK))
    if not wave.data_start or not wave.sample_rate_hz:
        raise DamagedError("It has no sound: a WAV file needs a format and data.")
    return wave


def _read_format(wave: Wave, data: bytes) -> None:
    if len(data) < _FORMAT.size:
        raise DamagedError("Its WAV format is cut off.")
    tag, wave.channels, wave.sample_rate_hz, wave.bytes_per_second, _, _ = _FORMAT.unpack(data)
    wave.codec = _CODECS.get(tag, "unknown")


def _read_info(wave: Wave, data: bytes) -> None:
    if data[:4] != b"INFO":
        return
    offset = 4
    while offset + 8 <= len(data):
        size = int.from_bytes(data[offset + 4 : offset + 8], "little")
        text = _decoded(data[offset + 8 : offset + 8 + size].split(b"\0", 1)[0])
        if text:
            wave.info.setdefault(data[offset : offset + 4].decode("latin-1").lower(), []).append(text)
        offset += 8 + size + (size & 1)


def _decoded(text: bytes) -> str:
    """INFO names no encoding: UTF-8 where it can be, else what Windows writes in the West."""
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        return text.decode("cp1252", "replace")
