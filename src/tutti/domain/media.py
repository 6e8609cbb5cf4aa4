"""What is known of a media file: the facts of its stream, its tags, its cover."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from tutti.domain.sound import Region
from tutti.domain.values import ArtworkHash


class MediaKind(StrEnum):
    """The three kinds of item."""

    AUDIO = "audio"
    VIDEO = "video"
    IMAGE = "image"


class Refusal(StrEnum):
    """Why a file is not taken, as a stable word; the sentence stands beside it."""

    EMPTY = "empty"
    UNREADABLE = "unreadable"
    NOT_MEDIA = "not_media"
    WRONG_TYPE = "wrong_type"
    DAMAGED = "damaged"
    TOO_SLOW = "too_slow"
    TOO_LARGE = "too_large"


@dataclass(frozen=True, slots=True)
class StreamFacts:
    """The technical side of an audio file.

    Attributes:
        container: Short name: mp3, flac, ogg, mp4, wav, aac, asf, aiff, ape, wavpack, musepack.
        codec: Short name: mp3, flac, vorbis, opus, speex, aac, alac, pcm, wma ...
        mime: The type its bytes are served with.
        duration_ms: Length in milliseconds; 0 when the file does not say.
        bitrate_bps: Bits per second; 0 when unknown.
        sample_rate_hz: Samples per second; 0 when unknown.
        channels: 0 when unknown.
    """

    container: str
    codec: str
    mime: str
    duration_ms: int
    bitrate_bps: int = 0
    sample_rate_hz: int = 0
    channels: int = 0


@dataclass(frozen=True, slots=True)
class Tags:
    """Tags in one vocabulary for all formats; text is NFC, stripped, without control characters; empty when absent.

    Attributes:
        date: As ISO 8601 as far as it is known: `2004`, `2004-05` or `2004-05-17`.
        disc, track: Numbers from 1; 0 when absent or not a number.
        gain_track_db, gain_album_db: ReplayGain in decibel, None when absent.
        raw: All text tags as read, format's own key (lower case) to its values; what an edit can be undone to.
    """

    title: str = ""
    artists: Sequence[str] = ()
    album: str = ""
    album_artists: Sequence[str] = ()
    genres: Sequence[str] = ()
    composers: Sequence[str] = ()
    date: str = ""
    track: int = 0
    track_total: int = 0
    disc: int = 0
    disc_total: int = 0
    is_compilation: bool = False
    lyrics: str = ""
    comment: str = ""
    mb_recording: str = ""
    mb_release: str = ""
    mb_artists: Sequence[str] = ()
    mb_album_artists: Sequence[str] = ()
    gain_track_db: float | None = None
    gain_album_db: float | None = None
    peak_track: float | None = None
    peak_album: float | None = None
    raw: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Told:
    """What somebody says of a file beside sending it; empty and 0 where he says nothing. It never overrules the file.

    Attributes:
        duration_ms: Length in milliseconds.
    """

    title: str = ""
    artist: str = ""
    album: str = ""
    duration_ms: int = 0

    def filling(self, tags: Tags) -> Tags:
        """Return the tags, with what they do not say taken from here."""
        return replace(
            tags,
            title=tags.title or self.title,
            artists=tags.artists or ([self.artist] if self.artist else []),
            album=tags.album or self.album,
        )


@dataclass(frozen=True, slots=True)
class Cover:
    """An embedded picture, named by the SHA-256 of its bytes."""

    hash: ArtworkHash
    mime: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What the media worker found in one file.

    Attributes:
        fingerprint: 32 hex characters over 64 KiB from the middle of the audio: knows a moved file before any
            hash of the whole exists.
        sound: Where its sound lies in one piece, when that was asked for and is so.
    """

    facts: StreamFacts
    tags: Tags
    fingerprint: str
    cover: Cover | None = None
    sound: Region | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """Why one file could not be read: a stable word, and one sentence for the person who owns it."""

    reason: Refusal
    message: str
