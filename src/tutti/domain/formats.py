"""Which audio formats there are: by the end of a name, by the first bytes, and what else a file turns out to be."""

import re
from enum import StrEnum


class Container(StrEnum):
    """How an audio file wraps its sound; the value is what `StreamFacts.container` says."""

    MP3 = "mp3"
    FLAC = "flac"
    OGG = "ogg"
    MP4 = "mp4"
    WAV = "wav"
    AAC = "aac"
    ASF = "asf"
    AIFF = "aiff"
    APE = "ape"
    WAVPACK = "wavpack"
    MUSEPACK = "musepack"
    TRUEAUDIO = "trueaudio"
    TAK = "tak"
    DSF = "dsf"
    DSDIFF = "dsdiff"

    @property
    def mime(self) -> str:
        """The type that bytes of this container are served with."""
        return _MIMES[self]

    @property
    def label(self) -> str:
        """What a person calls it."""
        return _LABELS[self]


_MIMES = {
    Container.MP3: "audio/mpeg",
    Container.FLAC: "audio/flac",
    Container.OGG: "audio/ogg",
    Container.MP4: "audio/mp4",
    Container.WAV: "audio/wav",
    Container.AAC: "audio/aac",
    Container.ASF: "audio/x-ms-wma",
    Container.AIFF: "audio/aiff",
    Container.APE: "audio/x-ape",
    Container.WAVPACK: "audio/x-wavpack",
    Container.MUSEPACK: "audio/x-musepack",
    Container.TRUEAUDIO: "audio/x-tta",
    Container.TAK: "audio/x-tak",
    Container.DSF: "audio/x-dsf",
    Container.DSDIFF: "audio/x-dff",
}

_LABELS = {
    Container.MP3: "MP3",
    Container.FLAC: "FLAC",
    Container.OGG: "Ogg",
    Container.MP4: "MP4",
    Container.WAV: "WAV",
    Container.AAC: "AAC",
    Container.ASF: "Windows Media",
    Container.AIFF: "AIFF",
    Container.APE: "Monkey's Audio",
    Container.WAVPACK: "WavPack",
    Container.MUSEPACK: "Musepack",
    Container.TRUEAUDIO: "True Audio",
    Container.TAK: "TAK",
    Container.DSF: "DSF",
    Container.DSDIFF: "DSDIFF",
}

EXTENSIONS = {
    "mp3": Container.MP3,
    "mp2": Container.MP3,
    "flac": Container.FLAC,
    "ogg": Container.OGG,
    "oga": Container.OGG,
    "opus": Container.OGG,
    "spx": Container.OGG,
    "m4a": Container.MP4,
    "m4b": Container.MP4,
    "mp4": Container.MP4,
    "wav": Container.WAV,
    "wave": Container.WAV,
    "aac": Container.AAC,
    "wma": Container.ASF,
    "asf": Container.ASF,
    "aif": Container.AIFF,
    "aiff": Container.AIFF,
    "aifc": Container.AIFF,
    "ape": Container.APE,
    "wv": Container.WAVPACK,
    "mpc": Container.MUSEPACK,
    "mp+": Container.MUSEPACK,
    "tta": Container.TRUEAUDIO,
    "tak": Container.TAK,
    "dsf": Container.DSF,
    "dff": Container.DSDIFF,
}
"""The end of a name in lower case, without its dot, to the container that it promises."""

_LONGEST_EXTENSION = max(map(len, EXTENSIONS))


def container_of_name(name: bytes) -> Container | None:
    """Return the container that a file name promises, None when it is no audio name.

    Args:
        name: A file name or path, as the file system has it.
    """
    _, dot, extension = name[-_LONGEST_EXTENSION - 1 :].rpartition(b".")
    return EXTENSIONS.get(extension.decode("ascii", "replace").lower()) if dot else None


_MAGICS = (
    (b"fLaC", Container.FLAC),
    (b"OggS", Container.OGG),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", Container.ASF),
    (b"MAC ", Container.APE),
    (b"wvpk", Container.WAVPACK),
    (b"MPCK", Container.MUSEPACK),
    (b"MP+", Container.MUSEPACK),
    (b"TTA1", Container.TRUEAUDIO),
    (b"TTA2", Container.TRUEAUDIO),
    (b"tBaK", Container.TAK),
    (b"DSD ", Container.DSF),
    (b"FRM8", Container.DSDIFF),
    (b"ADIF", Container.AAC),
)

_RIFF_KINDS = {b"RIFF", b"RF64", b"BW64"}
_AIFF_KINDS = {b"AIFF", b"AIFC"}
_MP4_ATOMS = {b"ftyp", b"moov", b"mdat"}


def container_of_bytes(head: bytes) -> Container | None:
    """Return the audio container that these first bytes belong to, None when they belong to none.

    Sources: RFC 9639 (fLaC), RFC 3533 (OggS), ISO 14496-12 (ftyp), ISO 13818-7 6.2 (ADTS), ISO 11172-3 2.4.2 (MPEG).

    Args:
        head: The first 12 bytes or more, after an ID3v2 tag when there is one.
    """
    for magic, container in _MAGICS:
        if head.startswith(magic):
            return container
    return _boxed(head) or _synchronised(head)


def _boxed(head: bytes) -> Container | None:
    kind = head[8:12]
    if head[:4] in _RIFF_KINDS and kind == b"WAVE":
        return Container.WAV
    if head[:4] == b"FORM" and kind in _AIFF_KINDS:
        return Container.AIFF
    return Container.MP4 if head[4:8] in _MP4_ATOMS else None


_ADTS_SYNC = re.compile(rb"\xff[\xf0\xf1\xf8\xf9]")
_MPEG_SYNC = re.compile(rb"\xff[\xe2-\xe5\xf2-\xf5\xfa-\xfd][^\xf0-\xff]")


def _synchronised(head: bytes) -> Container | None:
    """Tell ADTS from MPEG audio by the two layer bits behind the sync word: ADTS has 00, which MPEG reserves.

    Layer I is left out: nobody has such files, and FF FE is also how UTF-16 text begins.
    """
    if _ADTS_SYNC.match(head):
        return Container.AAC
    return Container.MP3 if _MPEG_SYNC.match(head) else None


_FOREIGN = (
    (b"PK\x03\x04", "a ZIP archive"),
    (b"PK\x05\x06", "a ZIP archive"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"\x1f\x8b", "a gzip file"),
    (b"BZh", "a bzip2 file"),
    (b"\xfd7zXZ", "an xz file"),
    (b"%PDF", "a PDF document"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"#!", "a script"),
    (b"SQLite format 3", "a database"),
    (b"MThd", "a MIDI file"),
)

_PICTURES_AND_FILMS = (
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"BM", "a BMP picture"),
    (b"II*\x00", "a TIFF picture"),
    (b"MM\x00*", "a TIFF picture"),
    (b"\x1aE\xdf\xa3", "a Matroska or WebM film"),
    (b"\x00\x00\x01\xba", "an MPEG film"),
    (b"\x00\x00\x01\xb3", "an MPEG film"),
    (b"FLV\x01", "a Flash film"),
)

_MARKUP = ((b"<svg", "an SVG picture"), (b"<!doctype html", "a web page"), (b"<html", "a web page"))
_TEXT_SAMPLE_BYTES = 512


def picture_or_film(head: bytes) -> str | None:
    """Return what kind of picture or film these first bytes are, with its article; None when they are neither."""
    if head.startswith(b"RIFF"):
        return {b"WEBP": "a WebP picture", b"AVI ": "an AVI film"}.get(head[8:12])
    return next((name for magic, name in _PICTURES_AND_FILMS if head.startswith(magic)), None)


def not_media(head: bytes) -> str | None:
    """Return what these first bytes are when they are text, an archive, a program ...; None when nobody can tell."""
    for magic, name in _FOREIGN:
        if head.startswith(magic):
            return name
    sample = head[:_TEXT_SAMPLE_BYTES].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for mark, name in _MARKUP:
        if mark in sample:
            return name
    return "text" if _is_text(head[:_TEXT_SAMPLE_BYTES]) else None


_ID3_HEAD_BYTES = 10
_SYNC = re.compile(rb"\xff[\xe2-\xe5\xf0-\xf5\xf8-\xfd]")


def id3_bytes(head: bytes) -> int:
    """Return how long the ID3v2 tag is that these bytes begin with, 0 when they begin with none (id3.org, 2.4, 3.1)."""
    sizes = head[6:_ID3_HEAD_BYTES]
    if not head.startswith(b"ID3") or len(sizes) < 4 or max(sizes) > 0x7F or head[3] == 0xFF:  # noqa: PLR2004
        return 0
    length = sizes[0] << 21 | sizes[1] << 14 | sizes[2] << 7 | sizes[3]
    has_footer = head[5] & 0x10
    return length + _ID3_HEAD_BYTES * (2 if has_footer else 1)


def not_audio(head: bytes) -> str | None:
    """Return what these first bytes are when they cannot be audio, with its article; None when they may be.

    In doubt they may: MPEG audio has no signature and may begin after some rubbish, and the reader looks closer.

    Args:
        head: 512 bytes or more, after an ID3v2 tag when there is one.
    """
    if container_of_bytes(head) is not None:
        return None
    known = picture_or_film(head) or not_media(head)
    if known is None and head.strip(b"\0") and not _SYNC.search(head):
        return "nothing that is known here"
    return known


def _is_text(sample: bytes) -> bool:
    text = sample.decode("utf-8", "ignore")  # a character cut at the end of the sample is dropped, and that is all
    return len(text.encode()) >= len(sample) - 3 and all(char.isprintable() or char in "\t\r\n\f" for char in text)
