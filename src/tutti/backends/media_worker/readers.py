"""One reader for each container: from its bytes to facts, raw tags and the cover."""

import base64
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tutti.backends.media_worker import id3, mutagen_types, vocabulary
from tutti.backends.media_worker.adts import adts_facts
from tutti.backends.media_worker.boundaries import (
    asf_audio,
    audio_end,
    flac_audio,
    has_apev2,
    mp4_audio,
    require_mp3_bytes,
    require_ogg_end,
    require_share,
)
from tutti.backends.media_worker.mutagen_types import Opener
from tutti.backends.media_worker.pictures import best_picture
from tutti.backends.media_worker.riff import wave_of
from tutti.backends.media_worker.source import DamagedError, Source
from tutti.backends.media_worker.vocabulary import Vocabulary
from tutti.domain.formats import Container


class FilmError(Exception):
    """The container holds moving pictures; the message is one sentence."""


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
    opened = mutagen_types.open_mp3(source.from_start())
    codec = {1: "mp1", 2: "mp2"}.get(_number(opened.info, "layer"), "mp3")
    parsed = _with_frames(source, opened, codec)
    if has_apev2(source):
        _add_ape(parsed, mutagen_types.find_apev2(source.from_start()))
        parsed.vocabulary = vocabulary.ID3_OR_APE
    return parsed


def _with_frames(source: Source, opened: mutagen_types.Opened, codec: str) -> Parsed:
    parsed = _facts(opened.info, codec, (source.audio_start, audio_end(source)))
    _add_frames(parsed, opened.tags or {})
    return parsed


def _aac(source: Source) -> Parsed:
    end = audio_end(source)
    frames = mutagen_types.find_id3(source.from_start())
    if source.audio_head.startswith(b"ADIF"):
        parsed = _facts(mutagen_types.open_adif(source.from_start()).info, "aac", (source.audio_start, end))
    else:
        facts = adts_facts(source, end)
        parsed = Parsed("aac", facts.duration_ms / 1000, (source.audio_start, end))
        parsed.sample_rate_hz, parsed.channels = facts.sample_rate_hz, facts.channels
    _add_frames(parsed, frames)
    return parsed


def _flac(source: Source) -> Parsed:
    opened = mutagen_types.open_flac(source.from_start())
    parsed = _facts(opened.info, "flac", flac_audio(source))
    _add_comments(parsed, opened.tags)
    parsed.picture = best_picture((block.type, block.data) for block in opened.pictures)
    return parsed


def _ogg(source: Source) -> Parsed:
    packet = source.audio_head[28:64]  # one segment follows the header of a first page
    if packet.startswith((b"\x80theora", b"fishead")):
        raise FilmError("This is an Ogg film, not a piece of audio.")
    known = (found for magic, found in mutagen_types.OGG_OPENERS.items() if packet.startswith(magic))
    codec, opener = next(known, ("", None))
    if opener is None:
        raise DamagedError("Its Ogg stream is of no kind that is known here.")
    require_ogg_end(source)
    opened = opener(source.from_start())
    parsed = _facts(opened.info, codec, (source.audio_start, source.size))
    _add_comments(parsed, opened.tags)
    return parsed


def _mp4(source: Source) -> Parsed:
    audio, is_film = mp4_audio(source)
    if is_film:
        raise FilmError("This is an MP4 film, not a piece of audio.")
    opened = mutagen_types.open_mp4(source.from_start())
    codec = str(getattr(opened.info, "codec", ""))
    parsed = _facts(opened.info, "aac" if codec.startswith("mp4a") else codec or "unknown", audio)
    parsed.vocabulary = vocabulary.MP4
    for key, values in (opened.tags or {}).items():
        if key == "covr":
            parsed.picture = best_picture((0, bytes(value)) for value in values)
        else:
            _add(parsed.raw, key, _mp4_text(values))
    return parsed


def _mp4_text(values: object) -> Iterator[str]:
    for value in values if isinstance(values, list) else [values]:
        match value:
            case str():
                yield value
            case bytes():
                yield value.decode("utf-8", "replace")
            case (int(number), int(total)):
                yield f"{number}/{total}" if total else str(number)
            case int():
                yield str(int(value))
            case _:
                pass


def _asf(source: Source) -> Parsed:
    audio = asf_audio(source)
    opened = mutagen_types.open_asf(source.from_start())
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
        _add_frames(parsed, mutagen_types.find_id3(io.BytesIO(wave.id3)))
    for key, values in wave.info.items():
        _add(parsed.raw, key, values)
    parsed.vocabulary = vocabulary.ID3_OR_RIFF
    return parsed


def _framed(opener: Opener, codec: str) -> Callable[[Source], Parsed]:
    """Return the reader of a format whose tags are ID3 frames."""

    def read(source: Source) -> Parsed:
        return _with_frames(source, opener(source.from_start()), codec)

    return read


def _ape_tagged(opener: Opener, codec: str) -> Callable[[Source], Parsed]:
    """Return the reader of a format whose tags are APEv2 items."""

    def read(source: Source) -> Parsed:
        opened = opener(source.from_start())
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
    Container.AIFF: _framed(mutagen_types.open_aiff, "pcm"),
    Container.APE: _ape_tagged(mutagen_types.open_ape, "ape"),
    Container.WAVPACK: _ape_tagged(mutagen_types.open_wavpack, "wavpack"),
    Container.MUSEPACK: _ape_tagged(mutagen_types.open_musepack, "musepack"),
    Container.TRUEAUDIO: _framed(mutagen_types.open_trueaudio, "tta"),
    Container.TAK: _ape_tagged(mutagen_types.open_tak, "tak"),
    Container.DSF: _framed(mutagen_types.open_dsf, "dsd"),
    Container.DSDIFF: _framed(mutagen_types.open_dsdiff, "dsd"),
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


def _add_frames(parsed: Parsed, frames: mutagen_types.Frames) -> None:
    parsed.vocabulary = vocabulary.ID3
    parsed.raw = id3.raw_of(frames)
    parsed.picture = best_picture(id3.pictures_of(frames))


def _add_comments(parsed: Parsed, comments: Iterable[tuple[str, str]] | None) -> None:
    parsed.vocabulary = vocabulary.XIPH
    for key, value in comments or ():
        _add(parsed.raw, key, [value])
    blocks = [*parsed.raw.pop("metadata_block_picture", ())]
    pictures = [(block.type, block.data) for block in map(_picture_block, blocks) if block]
    pictures += [(0, base64.b64decode(text)) for text in parsed.raw.pop("coverart", ())]
    parsed.picture = best_picture(pictures)


def _picture_block(text: str) -> mutagen_types.PictureBlock | None:
    """Read a FLAC picture in base64; one that is damaged costs the picture, not the tags."""
    try:
        return mutagen_types.read_picture(base64.b64decode(text))
    except Exception:  # noqa: BLE001 -- mutagen and base64 raise many kinds; this runs in the child alone
        return None


def _add_ape(parsed: Parsed, items: Mapping[str, Any]) -> None:
    pictures = []
    for key, value in items.items():
        if mutagen_types.is_ape_text(value):
            _add(parsed.raw, key, list(value))
        elif key.lower().startswith("cover art"):
            data = bytes(value.value).partition(b"\0")[2]
            pictures.append((3 if "front" in key.lower() else 0, data))
    parsed.picture = parsed.picture or best_picture(pictures)
