"""The only file that imports mutagen: its untyped classes with the few types that we rely on."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from mutagen._constants import GENRES as _GENRES
from mutagen.aac import AAC
from mutagen.aiff import AIFF
from mutagen.apev2 import APETextValue, APEv2
from mutagen.asf import ASF
from mutagen.asf._attrs import ASFByteArrayAttribute, ASFGUIDAttribute
from mutagen.dsdiff import DSDIFF
from mutagen.dsf import DSF
from mutagen.monkeysaudio import MonkeysAudio
from mutagen.mp3 import MPEGInfo
from mutagen.musepack import Musepack
from mutagen.tak import TAK
from mutagen.trueaudio import TrueAudio
from mutagen.wavpack import WavPack

from tutti.backends.media_worker.source import Clamped


class Info(Protocol):
    """What every stream says; `bitrate` and the rest are missing for some formats."""

    length: float


class Opened(Protocol):
    """A file that mutagen understood; `tags` is None or a mapping whose shape differs by format."""

    info: Info
    tags: Any


Opener = Callable[[Clamped], Opened]
_Untyped = Callable[..., Any]


def _opener(kind: _Untyped) -> Opener:
    return kind


open_adif = _opener(AAC)
open_aiff = _opener(AIFF)
open_ape = _opener(MonkeysAudio)
open_asf = _opener(ASF)
open_dsdiff = _opener(DSDIFF)
open_dsf = _opener(DSF)
open_musepack = _opener(Musepack)
open_tak = _opener(TAK)
open_trueaudio = _opener(TrueAudio)
open_wavpack = _opener(WavPack)

_mpeg_info: _Untyped = MPEGInfo
read_mpeg_info: Callable[[Clamped], Info] = _mpeg_info

GENRES: Sequence[str] = _GENRES
"""The genres of ID3v1 and what Winamp added, by number."""


def is_ape_text(value: object) -> bool:
    """Tell whether an APEv2 item is text."""
    return isinstance(value, APETextValue)


def is_asf_binary(value: object) -> bool:
    """Tell whether an ASF attribute is bytes rather than text or a number."""
    return isinstance(value, ASFByteArrayAttribute | ASFGUIDAttribute)


def find_apev2(file: Clamped) -> Mapping[str, Any]:
    """Return the APEv2 tag at the end of a file, nothing when it cannot be read: that costs no more than the tag."""
    try:
        items: Mapping[str, Any] = _read_apev2(file)
    except Exception:  # noqa: BLE001 -- mutagen raises many kinds; this runs in the child alone
        return {}
    return items


_read_apev2: _Untyped = APEv2
