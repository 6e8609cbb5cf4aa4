"""Derives one recording in every format, with the same tags and a cover where the format can hold one.

From a real recording the music and the tags are real and the encoding is ours; from `tone` both are ours.
"""

import base64
import shutil
import struct
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mutagen.asf import ASF
from mutagen.asf._attrs import ASFByteArrayAttribute
from mutagen.flac import FLAC, Picture
from mutagen.id3 import APIC, ID3, TALB, TCON, TDRC, TIT2, TPE1, TPE2, TPOS, TRCK
from mutagen.mp4 import MP4, MP4Cover
from mutagen.oggopus import OggOpus
from mutagen.oggvorbis import OggVorbis

from support.fetch_media import cache_folder
from support.tiers import require

FORMATS = ("mp3", "flac", "ogg", "opus", "m4a", "wav", "aac", "wma")
"""The eight that a scan must read."""

_CODECS: Mapping[str, Sequence[str]] = {
    "mp3": ("-c:a", "libmp3lame", "-q:a", "2", "-id3v2_version", "4"),
    "flac": ("-c:a", "flac"),
    "ogg": ("-c:a", "libvorbis"),
    "opus": ("-c:a", "libopus", "-b:a", "128k"),
    "m4a": ("-c:a", "aac", "-b:a", "192k"),
    "wav": ("-c:a", "pcm_s16le"),
    "aac": ("-c:a", "aac", "-b:a", "192k"),
    "wma": ("-c:a", "wmav2", "-b:a", "192k"),
}


@dataclass(frozen=True, slots=True)
class Song:
    """What is written into each file; ASCII here would prove little."""

    title: str = "Überall, Ω"
    artist: str = "Sigur Rós"
    album: str = "Ágætis byrjun"
    album_artist: str = "Various"
    genre: str = "Post-Rock"
    date: str = "1999-06-12"
    track: int = 3
    tracks: int = 10
    disc: int = 1
    discs: int = 2
    cover: bytes = b""

    @property
    def comments(self) -> Mapping[str, str]:
        """The tags under the names that FFmpeg and Xiph know."""
        return {
            "title": self.title,
            "artist": self.artist,
            "album": self.album,
            "album_artist": self.album_artist,
            "genre": self.genre,
            "date": self.date,
            "track": f"{self.track}/{self.tracks}",
            "disc": f"{self.disc}/{self.discs}",
        }


def new(kind: Callable[..., Any], *args: Any, **named: Any) -> Any:
    """Make one of mutagen's objects, whose constructors have no types."""
    return kind(*args, **named)


def derive(folder: Path, song: Song, *, seconds: float = 3.0, source: Path | None = None) -> Mapping[str, Path]:
    """Write the song in the eight formats and return the files by format.

    Args:
        folder: Where to.
        song: The tags.
        seconds: Length of the sound.
        source: A real recording whose beginning is used; None for a tone.
    """
    files = {}
    for format_name in FORMATS:
        files[format_name] = folder / f"song.{format_name}"
        shutil.copyfile(_encoded(format_name, seconds, source), files[format_name])
        _TAGGERS[format_name](files[format_name], song)
    return files


def _encoded(format_name: str, seconds: float, source: Path | None) -> Path:
    """Return the sound in a format, encoded once and kept."""
    folder = cache_folder() / "derived"
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{source.stem if source else 'tone'}-{seconds:g}"
    kept = folder / f"{name}.{format_name}"
    if not kept.exists():
        sound = ("-i", str(source)) if source else ("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100")
        fresh = folder / f"{name}.part.{format_name}"
        command = (require("ffmpeg"), "-nostdin", "-v", "error", "-y", *sound, "-t", f"{seconds:g}", "-map", "0:a")
        subprocess.run((*command, "-ac", "2", "-map_metadata", "-1", *_CODECS[format_name], str(fresh)), check=True)
        fresh.rename(kept)
    return kept


def _tag_id3(path: Path, song: Song) -> None:
    tags = new(ID3)
    words = song.comments
    frames = {TIT2: "title", TPE1: "artist", TALB: "album", TPE2: "album_artist"}
    frames |= {TCON: "genre", TDRC: "date", TRCK: "track", TPOS: "disc"}
    for frame, key in frames.items():
        tags.add(new(frame, encoding=3, text=[words[key]]))
    if song.cover:
        tags.add(new(APIC, encoding=3, mime="image/jpeg", type=3, desc="front", data=song.cover))
    tags.save(path)


def _picture(song: Song) -> Any:
    picture = new(Picture)
    picture.type, picture.mime, picture.data = 3, "image/jpeg", song.cover
    return picture


def _xiph(song: Song) -> Mapping[str, str]:
    names = {"album_artist": "albumartist", "track": "tracknumber", "disc": "discnumber"}
    return {names.get(key, key): value for key, value in song.comments.items()}


def _tag_flac(path: Path, song: Song) -> None:
    file = new(FLAC, path)
    file.update(_xiph(song))
    if song.cover:
        file.add_picture(_picture(song))
    file.save()


def _tag_ogg(kind: Callable[..., Any]) -> Callable[[Path, Song], None]:
    def tag(path: Path, song: Song) -> None:
        file = new(kind, path)
        file.update(_xiph(song))
        if song.cover:
            file["metadata_block_picture"] = [base64.b64encode(_picture(song).write()).decode()]
        file.save()

    return tag


def _tag_mp4(path: Path, song: Song) -> None:
    file = new(MP4, path)
    texts = {"\xa9nam": song.title, "\xa9ART": song.artist, "\xa9alb": song.album, "aART": song.album_artist}
    file.update({key: [text] for key, text in (texts | {"\xa9gen": song.genre, "\xa9day": song.date}).items()})
    file["trkn"], file["disk"] = [(song.track, song.tracks)], [(song.disc, song.discs)]
    if song.cover:
        file["covr"] = [new(MP4Cover, song.cover)]
    file.save()


def _tag_wma(path: Path, song: Song) -> None:
    """Write the lower-case names of FFmpeg, which stock readers overlook."""
    file = new(ASF, path)
    file.update({key: [text] for key, text in song.comments.items()})
    if song.cover:
        header = struct.pack("<BI", 3, len(song.cover)) + "image/jpeg\0\0".encode("utf-16-le")
        file["WM/Picture"] = [new(ASFByteArrayAttribute, header + song.cover)]
    file.save()


def _tag_wav(path: Path, song: Song) -> None:
    """Append a `LIST INFO` chunk, as FFmpeg and Windows do; it has no place for an album artist, a disc, a cover."""
    keys = {"INAM": song.title, "IART": song.artist, "IPRD": song.album, "IGNR": song.genre, "ICRD": song.date}
    texts = {key: text.encode() + b"\0" for key, text in (keys | {"IPRT": str(song.track)}).items()}
    chunks = [
        struct.pack("<4sI", key.encode(), len(text)) + text + b"\0" * (len(text) % 2) for key, text in texts.items()
    ]
    info = b"INFO" + b"".join(chunks)
    data = path.read_bytes() + struct.pack("<4sI", b"LIST", len(info)) + info
    path.write_bytes(data[:4] + struct.pack("<I", len(data) - 8) + data[8:])


_TAGGERS: Mapping[str, Callable[[Path, Song], None]] = {
    "mp3": _tag_id3,
    "flac": _tag_flac,
    "ogg": _tag_ogg(OggVorbis),
    "opus": _tag_ogg(OggOpus),
    "m4a": _tag_mp4,
    "wav": _tag_wav,
    "aac": _tag_id3,
    "wma": _tag_wma,
}
