"""Writes tags into audio files as the programs out there do, one way for each format."""

import base64
import struct
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from io import BytesIO
from typing import Any

ALBUM_TRACKS = 15

# mutagen has no types worth the name.
_asf: Any = import_module("mutagen.asf")
_flac: Any = import_module("mutagen.flac")
_id3: Any = import_module("mutagen.id3")
_mp3: Any = import_module("mutagen.mp3")
_mp4: Any = import_module("mutagen.mp4")
_opus: Any = import_module("mutagen.oggopus")
_vorbis: Any = import_module("mutagen.oggvorbis")
_wave: Any = import_module("mutagen.wave")


@dataclass(frozen=True, slots=True)
class Truth:
    """What a file says of itself, as it was written: the truth table of a scan.

    Attributes:
        path: Below the library.
    """

    path: str
    format: str
    title: str
    artist: str
    album: str
    track: int
    date: str
    length_ms: int


def tagged(sound: bytes, truth: Truth, cover: bytes) -> bytes:
    """Return a file that says the truth, with a cover when there is one."""
    file = BytesIO(sound)
    _TAGGERS[truth.format](file, truth, cover)
    return file.getvalue()


def _tag_frames(tags: Any, truth: Truth, cover: bytes) -> None:  # noqa: ANN401 - of mutagen
    """Write ID3v2.4 in UTF-8, as FFmpeg does."""
    texts: dict[Any, str] = {_id3.TIT2: truth.title, _id3.TPE1: truth.artist, _id3.TALB: truth.album}
    texts |= {_id3.TRCK: str(truth.track), _id3.TDRC: truth.date}
    for frame, text in texts.items():
        tags.add(frame(encoding=_id3.Encoding.UTF8, text=text))
    if cover:
        tags.add(_id3.APIC(encoding=_id3.Encoding.UTF8, mime="image/jpeg", type=3, data=cover))


def _tag_mp3(file: BytesIO, truth: Truth, cover: bytes) -> None:
    audio = _mp3.MP3(file)
    if audio.tags is None:
        audio.add_tags()
    _tag_frames(audio.tags, truth, cover)
    _save(audio, file)


def _tag_aac(file: BytesIO, truth: Truth, cover: bytes) -> None:
    """Put ID3 in front of ADTS frames, which is how such files come."""
    tags = _id3.ID3()
    _tag_frames(tags, truth, cover)
    _save(tags, file)


def _tag_wav(file: BytesIO, truth: Truth, cover: bytes) -> None:
    """Give every other file an ID3 chunk, the others `LIST INFO`, which has no place for a cover."""
    if truth.track % 2:
        audio = _wave.WAVE(file)
        audio.add_tags()
        _tag_frames(audio.tags, truth, cover)
        _save(audio, file)
        return
    values = {b"INAM": truth.title, b"IART": truth.artist, b"IPRD": truth.album, b"ICRD": truth.date}
    values[b"ITRK"] = str(truth.track)
    body = b"INFO" + b"".join(_riff(key, value.encode() + b"\0") for key, value in values.items())
    data = file.getvalue() + _riff(b"LIST", body)
    file.seek(0)
    file.write(data[:4] + struct.pack("<I", len(data) - 8) + data[8:])


def _riff(key: bytes, body: bytes) -> bytes:
    return key + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def _tag_comments(audio: Any, file: BytesIO, truth: Truth) -> None:  # noqa: ANN401 - of mutagen
    audio["title"], audio["artist"], audio["album"] = truth.title, truth.artist, truth.album
    audio["tracknumber"], audio["date"] = str(truth.track), truth.date
    _save(audio, file)


def _tag_flac(file: BytesIO, truth: Truth, cover: bytes) -> None:
    audio = _flac.FLAC(file)
    if cover:
        audio.add_picture(_picture(cover))
    _tag_comments(audio, file, truth)


def _tag_ogg(file: BytesIO, truth: Truth, cover: bytes) -> None:
    audio = _opus.OggOpus(file) if truth.format == "opus" else _vorbis.OggVorbis(file)
    if cover:
        audio["metadata_block_picture"] = base64.b64encode(_picture(cover).write()).decode()
    _tag_comments(audio, file, truth)


def _picture(cover: bytes) -> Any:  # noqa: ANN401 - of mutagen
    picture = _flac.Picture()
    picture.type, picture.mime, picture.data = 3, "image/jpeg", cover
    return picture


def _tag_m4a(file: BytesIO, truth: Truth, cover: bytes) -> None:
    audio = _mp4.MP4(file)
    audio["\xa9nam"], audio["\xa9ART"], audio["\xa9alb"] = truth.title, truth.artist, truth.album
    audio["\xa9day"], audio["trkn"] = truth.date, [(truth.track, ALBUM_TRACKS)]
    if cover:
        audio["covr"] = [_mp4.MP4Cover(cover, _mp4.MP4Cover.FORMAT_JPEG)]
    _save(audio, file)


def _tag_wma(file: BytesIO, truth: Truth, cover: bytes) -> None:
    """Write the keys of Windows in every other file, the lower-case ones of FFmpeg in the others."""
    audio = _asf.ASF(file)
    is_plain = truth.track % 2 == 0
    audio["Title"], audio["Author"] = truth.title, truth.artist
    audio["album" if is_plain else "WM/AlbumTitle"] = truth.album
    audio["track" if is_plain else "WM/TrackNumber"] = str(truth.track)
    audio["date" if is_plain else "WM/Year"] = truth.date
    if cover:
        mime = "image/jpeg".encode("utf-16-le") + b"\0\0"
        block = struct.pack("<BI", 3, len(cover)) + mime + b"\0\0" + cover
        audio["WM/Picture"] = _asf.ASFByteArrayAttribute(block)
    _save(audio, file)


def _save(audio: Any, file: BytesIO) -> None:  # noqa: ANN401 - of mutagen
    file.seek(0)
    audio.save(file)


_TAGGERS: dict[str, Callable[[BytesIO, Truth, bytes], None]] = {
    "mp3": _tag_mp3,
    "flac": _tag_flac,
    "ogg": _tag_ogg,
    "opus": _tag_ogg,
    "m4a": _tag_m4a,
    "wav": _tag_wav,
    "aac": _tag_aac,
    "wma": _tag_wma,
}
