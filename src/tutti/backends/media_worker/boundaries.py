"""Finds where the sound of a file begins and ends, and whether all of it is there."""

import re

from tutti.backends.media_worker.source import DamagedError, Source

_LEAST_SHARE = 0.98
"""Of what a header promises; tag editors leave headers that are a little wrong, downloads that stopped miss more."""

Span = tuple[int, int]


def require_share(present: int, promised: int) -> None:
    """Refuse a file that lacks a good part of what its header promises; sizes in bytes.

    Raises:
        DamagedError: It ends early.
    """
    if present < promised * _LEAST_SHARE:
        raise DamagedError(f"It ends early: of {_size(promised)} of sound {_size(max(present, 0))} are there.")


def _size(count: int) -> str:
    return f"{count / (1 << 20):.1f} MiB" if count >= 1 << 20 else f"{count / 1024:.1f} KiB"


_ID3V1_BYTES = 128
_APE_FOOTER_BYTES = 32


def audio_end(source: Source) -> int:
    """Return the offset where the tags at the end of a file begin, its size when there are none."""
    end = source.size
    tail = source.at(end - _ID3V1_BYTES - _APE_FOOTER_BYTES, _ID3V1_BYTES + _APE_FOOTER_BYTES) if end else b""
    if tail[-_ID3V1_BYTES:].startswith(b"TAG"):
        end, tail = end - _ID3V1_BYTES, tail[:-_ID3V1_BYTES]
    footer = tail[-_APE_FOOTER_BYTES:]
    if footer.startswith(b"APETAGEX"):
        has_header = footer[23] & 0x80
        end -= int.from_bytes(footer[12:16], "little") + (_APE_FOOTER_BYTES if has_header else 0)
    return max(end, source.audio_start)


def has_apev2(source: Source) -> bool:
    """Tell whether a file ends in an APEv2 tag."""
    return audio_end(source) < source.size - _ID3V1_BYTES


_BYTES_HEADER = re.compile(rb"(?:Xing|Info)\0\0\0(?:[\2\6\n\x0e]|[\3\7\x0b\x0f].{4})(.{4})|VBRI.{6}(.{4})", re.DOTALL)
_BYTES_HEADER_WITHIN = 256


def require_mp3_bytes(source: Source) -> None:
    """Compare the size with the number of bytes in the first frame's header, where an encoder wrote one.

    A Xing header has four bytes of flags: 1 says that the number of frames follows, 2 that the number of bytes does.
    """
    match = _BYTES_HEADER.search(source.audio_head, 0, _BYTES_HEADER_WITHIN)
    if match is not None:
        require_share(source.size - source.audio_start, int.from_bytes(match[1] or match[2], "big"))


_ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")


def asf_audio(source: Source) -> Span:
    """Return what follows the header of an ASF file, after comparing its size with what the header says."""
    at = source.head.find(_ASF_FILE_PROPERTIES)
    if at >= 0:
        require_share(source.size, int.from_bytes(source.head[at + 40 : at + 48], "little"))
    return min(int.from_bytes(source.head[16:24], "little"), source.size), source.size
