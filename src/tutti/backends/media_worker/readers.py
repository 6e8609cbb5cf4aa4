"""One reader for each container: from its bytes to facts, raw tags and the cover."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tutti.backends.media_worker import mutagen_types, vocabulary
from tutti.backends.media_worker.adts import adts_facts
from tutti.backends.media_worker.boundaries import (
    asf_audio,
    audio_end,
    has_apev2,
    require_mp3_bytes,
    require_share,
)
from tutti.backends.media_worker.chunks import chunks
from tutti.backends.media_worker.flac import flac_of
from tutti.backends.media_worker.id3 import ID3Tag, find_id3, parse_id3
from tutti.backends.media_worker.mp4 import mp4_of
from tutti.backends.media_worker.mutagen_types import Opener
from tutti.backends.media_worker.ogg import ogg_of
from tutti.backends.media_worker.pictures import best_picture
from tutti.backends.media_worker.riff import wave_of
from tutti.backends.media_worker.source import Source
from tutti.backends.media_worker.vocabulary import Vocabulary
from tutti.domain.formats import Container


@dataclass(slots=True)
class Parsed:
    """What a reader found; zero and empty where the file does not say.

    Attributes:
        audio: Offsets of the sound, its end excluded: what a retagging leaves as it was, as far as that is known.
    """

    codec: str
    seconds: float
    audio: tuple[int, int]
    bitrate_bps: int = 0
    sample_rate_hz: int = 0
    channels: int = 0
    raw: dict[str, list[str]] = field(default_factory=dict)
    vocabulary: Vocabulary = field(default_factory=dict)
    picture: bytes | None = None

    def take(self, tag: ID3Tag) -> None:
        """Use an ID3 tag."""
        self.vocabulary, self.raw, self.picture = vocabulary.ID3, tag.raw, best_picture(tag.pictures)


_LARGEST_ID3_BYTES = 32 << 20


def parse(source: Source, container: Container) -> Parsed:
    """Read one file of a known container.

    Raises:
        DamagedError: It is cut off or makes no sense.
        FilmError: It is a film.
        Exception: Whatever mutagen raises on bytes that nobody foresaw.
    """
    return _READERS[container](source)


def _mp3(source: Source) -> Parsed:
    require_mp3_bytes(source)
    info = mutagen_types.read_mpeg_info(source.for_mutagen())
    codec = {1: "mp1", 2: "mp2"}.get(_number(info, "layer"), "mp3")
    parsed = _facts(info, codec, (source.audio_start, audio_end(source)))
    parsed.take(find_id3(source))
    if has_apev2(source):
        _add_ape(parsed, mutagen_types.find_apev2(source.for_mutagen()))
        parsed.vocabulary = vocabulary.ID3_OR_APE
    return parsed


def _aac(source: Source) -> Parsed:
    end = audio_end(source)
    if source.audio_head.startswith(b"ADIF"):
        parsed = _facts(mutagen_types.open_adif(source.for_mutagen()).info, "aac", (source.audio_start, end))
    else:
        facts = adts_facts(source, end)
        parsed = Parsed("aac", facts.duration_ms / 1000, (source.audio_start, end))
        parsed.sample_rate_hz, parsed.channels = facts.sample_rate_hz, facts.channels
    parsed.take(find_id3(source))
    return parsed


def _flac(source: Source) -> Parsed:
    flac = flac_of(source)
    parsed = Parsed("flac", flac.info.seconds, (flac.audio_start, source.size))
    parsed.sample_rate_hz, parsed.channels = flac.info.sample_rate_hz, flac.info.channels
    parsed.raw, parsed.vocabulary = flac.comments.raw, vocabulary.XIPH
    parsed.picture = best_picture((*flac.pictures, *flac.comments.pictures))
    return parsed


def _ogg(source: Source) -> Parsed:
    ogg = ogg_of(source)
    parsed = Parsed(ogg.codec, ogg.seconds, (ogg.audio_start, source.size), ogg.bitrate_bps)
    parsed.sample_rate_hz, parsed.channels = ogg.sample_rate_hz, ogg.channels
    parsed.raw, parsed.vocabulary = ogg.comments.raw, vocabulary.XIPH
    parsed.picture = best_picture(ogg.comments.pictures)
    return parsed


def _mp4(source: Source) -> Parsed:
    mp4 = mp4_of(source)
    parsed = Parsed(mp4.codec, mp4.seconds, mp4.audio, mp4.bitrate_bps, mp4.sample_rate_hz, mp4.channels, mp4.raw)
    parsed.vocabulary = vocabulary.MP4
    parsed.picture = best_picture((0, picture) for picture in mp4.pictures)
    return parsed


def _asf(source: Source) -> Parsed:
    audio = asf_audio(source)
    opened = mutagen_types.open_asf(source.for_mutagen())
    parsed = _facts(opened.info, "wma", audio)
    parsed.vocabulary = vocabulary.ASF
    pictures = []
    for key, value in opened.tags:
        if key == "WM/Picture":
            pictures.append(_asf_picture(bytes(value.value)))
        elif not mutagen_types.is_asf_binary(value):
            _add(parsed.raw, key, [str(value)])
    parsed.picture = best_picture(pictures)
    return parsed


def _asf_picture(data: bytes) -> tuple[int, bytes]:
    """Take a `WM_PICTURE` apart: kind, size of the picture, two UTF-16 texts ended by zeros, the picture."""
    size = int.from_bytes(data[1:5], "little")
    return data[0] if data else 0, data[-size:] if 0 < size < len(data) else b""


def _wav(source: Source) -> Parsed:
    wave = wave_of(source)
    require_share(source.size - wave.data_start, wave.data_bytes)
    end = min(wave.data_start + wave.data_bytes, source.size)
    parsed = Parsed(wave.codec, wave.duration_ms / 1000, (wave.data_start, end))
    parsed.bitrate_bps, parsed.sample_rate_hz = wave.bytes_per_second * 8, wave.sample_rate_hz
    parsed.channels = wave.channels
    if wave.id3:
        parsed.take(parse_id3(wave.id3))
    for key, values in wave.info.items():
        _add(parsed.raw, key, values)
    parsed.vocabulary = vocabulary.ID3_OR_RIFF
    return parsed


def _framed(opener: Opener, codec: str, find: Callable[[Source], ID3Tag]) -> Callable[[Source], Parsed]:
    """Return the reader of a format whose tag is an ID3 tag somewhere in it."""

    def read(source: Source) -> Parsed:
        opened = opener(source.for_mutagen())
        parsed = _facts(opened.info, codec, (source.audio_start, audio_end(source)))
        parsed.take(find(source))
        return parsed

    return read


def _id3_of_aiff(source: Source) -> ID3Tag:
    return _id3_of_chunk(source, chunks(source, source.audio_start + 12, "big"))


def _id3_of_dsdiff(source: Source) -> ID3Tag:
    return _id3_of_chunk(source, chunks(source, source.audio_start + 16, "big", 8))


def _id3_of_chunk(source: Source, found: Iterable[tuple[bytes, int, int]]) -> ID3Tag:
    spans = (
        source.at(start, min(size, _LARGEST_ID3_BYTES)) for name, start, size in found if name in {b"ID3 ", b"id3 "}
    )
    return parse_id3(next(spans, b""))


def _id3_of_dsf(source: Source) -> ID3Tag:
    """Read the tag whose offset stands in the first chunk (DSF File Format Specification 1.01)."""
    offset = int.from_bytes(source.head[20:28], "little")
    return parse_id3(source.at(offset, _LARGEST_ID3_BYTES)) if offset else ID3Tag()


def _ape_tagged(opener: Opener, codec: str) -> Callable[[Source], Parsed]:
    """Return the reader of a format whose tags are APEv2 items."""

    def read(source: Source) -> Parsed:
        opened = opener(source.for_mutagen())
        parsed = _facts(opened.info, codec, (source.audio_start, audio_end(source)))
        _add_ape(parsed, opened.tags or {})
        parsed.vocabulary = vocabulary.XIPH
        return parsed

    return read


_READERS: Mapping[Container, Callable[[Source], Parsed]] = {
    Container.MP3: _mp3,
    Container.FLAC: _flac,
    Container.OGG: _ogg,
    Container.MP4: _mp4,
    Container.WAV: _wav,
    Container.AAC: _aac,
    Container.ASF: _asf,
    Container.AIFF: _framed(mutagen_types.open_aiff, "pcm", _id3_of_aiff),
    Container.APE: _ape_tagged(mutagen_types.open_ape, "ape"),
    Container.WAVPACK: _ape_tagged(mutagen_types.open_wavpack, "wavpack"),
    Container.MUSEPACK: _ape_tagged(mutagen_types.open_musepack, "musepack"),
    Container.TRUEAUDIO: _framed(mutagen_types.open_trueaudio, "tta", find_id3),
    Container.TAK: _ape_tagged(mutagen_types.open_tak, "tak"),
    Container.DSF: _framed(mutagen_types.open_dsf, "dsd", _id3_of_dsf),
    Container.DSDIFF: _framed(mutagen_types.open_dsdiff, "dsd", _id3_of_dsdiff),
}


def _facts(info: mutagen_types.Info, codec: str, audio: tuple[int, int]) -> Parsed:
    parsed = Parsed(codec, float(info.length or 0), audio)
    parsed.bitrate_bps = _number(info, "bitrate")
    parsed.sample_rate_hz = _number(info, "sample_rate")
    parsed.channels = _number(info, "channels")
    return parsed


def _number(info: mutagen_types.Info, name: str) -> int:
    return int(getattr(info, name, 0) or 0)


def _add(raw: dict[str, list[str]], key: str, values: Iterable[str]) -> None:
    raw.setdefault(key.lower(), []).extend(values)


def _add_ape(parsed: Parsed, items: Mapping[str, Any]) -> None:
    pictures = []
    for key, value in items.items():
        if mutagen_types.is_ape_text(value):
            _add(parsed.raw, key, list(value))
        elif key.lower().startswith("cover art"):
            data = bytes(value.value).partition(b"\0")[2]
            pictures.append((3 if "front" in key.lower() else 0, data))
    parsed.picture = parsed.picture or best_picture(pictures)
