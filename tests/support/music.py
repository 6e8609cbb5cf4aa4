"""Toy music: small files that say what they are, for tests that need a library and no decoder."""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path

from tutti.domain.media import Cover, Reading, StreamFacts, Tags
from tutti.domain.sound import Region
from tutti.domain.values import ArtworkHash

_MAGIC = b"OggSONG"
_moments = count(1_700_000_000_000_000_000, 1_000_000_000)
"""Every write has a time of its own, however coarse the file system's clock is."""


@dataclass(frozen=True, slots=True)
class Song:
    """What a toy file holds; two with the same `audio` sound the same."""

    title: str = "Song"
    artists: Sequence[str] = ("Ann",)
    album: str = "First"
    album_artists: Sequence[str] = ()
    genres: Sequence[str] = ("Pop",)
    composers: Sequence[str] = ()
    track: int = 1
    disc: int = 1
    is_compilation: bool = False
    duration_ms: int = 1000
    audio: str = "la"
    cover: str = ""

    @property
    def data(self) -> bytes:
        """The bytes of its file."""
        return _MAGIC + json.dumps(asdict(self)).encode()

    @property
    def sound(self) -> Region:
        """Where what one hears lies in it."""
        mark = b'"audio": "'
        return Region(self.data.index(mark) + len(mark), len(self.audio.encode()))

    @property
    def fingerprint(self) -> str:
        """What a reader makes of its sound."""
        return hashlib.sha256(self.audio.encode()).hexdigest()[:32]

    def reading(self) -> Reading:
        """What a reader says of it."""
        tags = Tags(
            title=self.title,
            artists=self.artists,
            album=self.album,
            album_artists=self.album_artists,
            genres=self.genres,
            composers=self.composers,
            track=self.track,
            disc=self.disc,
            is_compilation=self.is_compilation,
        )
        picture = self.cover.encode()
        cover = Cover(ArtworkHash(hashlib.sha256(picture).hexdigest()), "image/png", len(picture)) if picture else None
        return Reading(StreamFacts("mp3", "mp3", "audio/mpeg", self.duration_ms), tags, self.fingerprint, cover)


def song_in(data: bytes) -> Song | None:
    """Return the song that these bytes are, None when they are none."""
    if not data.startswith(_MAGIC):
        return None
    try:
        return Song(**json.loads(data.removeprefix(_MAGIC)))
    except ValueError:
        return None


def save(path: Path | bytes, data: bytes | Song) -> Path:
    """Write a file with a modification time that no other file has."""
    target = Path(os.fsdecode(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data.data if isinstance(data, Song) else data)
    touch(target)
    return target


def retag(path: Path, song: Song) -> None:
    """Replace a file as taggers do: a new file beside it, renamed over it."""
    save(path.with_suffix(".part"), song).replace(path)


def touch(path: Path) -> None:
    """Give a file a modification time that no other file has."""
    moment = next(_moments)
    os.utime(path, ns=(moment, moment))
