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


_XING = re.compile(rb"Xing|Info")
_XING_WITHIN = 256


def require_mp3_bytes(source: Source) -> None:
    """Compare the size with the number of bytes in the Xing header, where there is one."""
    match = _XING.search(source.audio_head, 0, _XING_WITHIN)
    if match is None:
        return
    flags = source.audio_head[match.end() + 3]
    if flags & 2:
        offset = match.end() + (8 if flags & 1 else 4)
        promised = int.from_bytes(source.audio_head[offset : offset + 4], "big")
        require_share(source.size - source.audio_start, promised)


def flac_audio(source: Source) -> Span:
    """Return where the frames of a FLAC file are (RFC 9639 8.1), after checking that the last ones are there."""
    offset = source.audio_start + 4
    while len(header := source.at(offset, 4)) == 4:  # noqa: PLR2004 -- type and size of a block
        offset += 4 + int.from_bytes(header[1:], "big")
        if header[0] & 0x80:
            break
    return min(offset, source.size), source.size


_PAGE_HEADER_BYTES = 27
_PAGE_MOST_BYTES = 65307


def require_ogg_end(source: Source) -> None:
    """Refuse an Ogg file whose last page is cut (RFC 3533 6)."""
    tail = source.at(max(source.size - _PAGE_MOST_BYTES, 0), _PAGE_MOST_BYTES)
    at = tail.rfind(b"OggS")
    lacing = tail[at + _PAGE_HEADER_BYTES : at + _PAGE_HEADER_BYTES + tail[at + 26]] if at + 26 < len(tail) else b""
    if at < 0 or not lacing or at + _PAGE_HEADER_BYTES + len(lacing) + sum(lacing) > len(tail):
        raise DamagedError("It ends early: its last Ogg page is cut off.")


_MOST_ATOMS = 4096
_MOOV_SAMPLE_BYTES = 1 << 20
_FILM_HANDLER = re.compile(rb"hdlr.{8}vide", re.DOTALL)
_AUDIO_BRANDS = {b"M4A ", b"M4B ", b"M4P "}


def mp4_audio(source: Source) -> tuple[Span, bool]:
    """Return where the largest `mdat` is, and whether the file is a film (ISO 14496-12 4.2).

    An audio book may carry a track of pictures, so the brand of an audio file outweighs it.
    """
    span, offset, is_film = (0, source.size), 0, False
    is_audio_brand = source.head[8:12] in _AUDIO_BRANDS
    for _ in range(_MOST_ATOMS):
        header = source.at(offset, 16)
        if len(header) < 8:  # noqa: PLR2004 -- size and name
            break
        size = int.from_bytes(header[:4], "big")
        size = int.from_bytes(header[8:], "big") if size == 1 else size or source.size - offset
        if header[4:8] == b"mdat":
            require_share(source.size - offset, size)
            span = (
                max(span, (offset + 8, offset + size), key=lambda s: s[1] - s[0])
                if span[0]
                else (offset + 8, offset + size)
            )
        elif header[4:8] == b"moov" and not is_audio_brand:
            is_film = bool(_FILM_HANDLER.search(source.at(offset, min(size, _MOOV_SAMPLE_BYTES))))
        if size < 8:  # noqa: PLR2004
            break
        offset += size
    return span, is_film


_ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")


def asf_audio(source: Source) -> Span:
    """Return what follows the header of an ASF file, after comparing its size with what the header says."""
    at = source.head.find(_ASF_FILE_PROPERTIES)
    if at >= 0:
        require_share(source.size, int.from_bytes(source.head[at + 40 : at + 48], "little"))
    return min(int.from_bytes(source.head[16:24], "little"), source.size), source.size
