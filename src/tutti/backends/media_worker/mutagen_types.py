"""The only file that imports mutagen: its untyped classes with the few types that we rely on."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, BinaryIO, Protocol

from mutagen.aac import AAC
from mutagen.aiff import AIFF
from mutagen.apev2 import APETextValue, APEv2
from mutagen.asf import ASF
from mutagen.asf._attrs import ASFByteArrayAttribute, ASFGUIDAttribute
from mutagen.dsdiff import DSDIFF
from mutagen.dsf import DSF
from mutagen.flac import FLAC, Picture
from mutagen.id3 import ID3, ID3NoHeaderError
from mutagen.monkeysaudio import MonkeysAudio
from mutagen.mp3 import MP3
from mutagen.mp4 import MP4
from mutagen.musepack import Musepack
from mutagen.oggflac import OggFLAC
from mutagen.oggopus import OggOpus
from mutagen.oggspeex import OggSpeex
from mutagen.oggvorbis import OggVorbis
from mutagen.tak import TAK
from mutagen.trueaudio import TrueAudio
from mutagen.wavpack import WavPack


class Info(Protocol):
    """What every stream says; `bitrate` and the rest are missing for some formats."""

    length: float


class PictureBlock(Protocol):
    """A FLAC picture: its kind by the ID3 table (3 is the front cover) and its bytes."""

    type: int
    data: bytes


class Opened(Protocol):
    """A file that mutagen understood; `tags` is None or a mapping whose shape differs by format."""

    info: Info
    tags: Any


class OpenedFLAC(Opened, Protocol):
    """A FLAC file, whose pictures are blocks of their own."""

    pictures: Iterable[PictureBlock]


class Frame(Protocol):
    """An ID3 frame."""

    FrameID: str


Frames = Mapping[str, Any]
Opener = Callable[[BinaryIO], Opened]
_Untyped = Callable[..., Any]


def _opener(kind: _Untyped) -> Opener:
    return kind


open_adif = _opener(AAC)
open_aiff = _opener(AIFF)
open_ape = _opener(MonkeysAudio)
open_asf = _opener(ASF)
open_dsdiff = _opener(DSDIFF)
open_dsf = _opener(DSF)
_flac: _Untyped = FLAC
open_flac: Callable[[BinaryIO], OpenedFLAC] = _flac
open_mp3 = _opener(MP3)
open_mp4 = _opener(MP4)
open_musepack = _opener(Musepack)
open_tak = _opener(TAK)
open_trueaudio = _opener(TrueAudio)
open_wavpack = _opener(WavPack)

OGG_OPENERS: Mapping[bytes, tuple[str, Opener]] = {
    b"\x01vorbis": ("vorbis", _opener(OggVorbis)),
    b"OpusHead": ("opus", _opener(OggOpus)),
    b"Speex   ": ("speex", _opener(OggSpeex)),
    b"\x7fFLAC": ("flac", _opener(OggFLAC)),
}
"""The first bytes of a stream's first packet: codec and reader."""

_picture: _Untyped = Picture
read_picture: Callable[[bytes], PictureBlock] = _picture
_read_id3: _Untyped = ID3


def find_id3(file: BinaryIO) -> Frames:
    """Return the frames of the ID3 tag where the file stands, or of its ID3v1 tag; empty when there is none."""
    try:
        frames: Frames = _read_id3(file)
    except ID3NoHeaderError:
        return {}
    return frames


def is_ape_text(value: object) -> bool:
    """Tell whether an APEv2 item is text."""
    return isinstance(value, APETextValue)


def is_asf_binary(value: object) -> bool:
    """Tell whether an ASF attribute is bytes rather than text or a number."""
    return isinstance(value, ASFByteArrayAttribute | ASFGUIDAttribute)


def find_apev2(file: BinaryIO) -> Mapping[str, Any]:
    """Return the APEv2 tag at the end of a file.

    Raises:
        MutagenError: There is none, or it cannot be read.
    """
    items: Mapping[str, Any] = _read_apev2(file)
    return items


_read_apev2: _Untyped = APEv2
