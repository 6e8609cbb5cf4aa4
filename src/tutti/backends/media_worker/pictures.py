"""Knows pictures by their first bytes and chooses the cover among several; decodes none."""

from collections.abc import Iterable

_FRONT_COVER = 3
_ICONS = {1, 2}

_MAGICS = ((b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG\r\n\x1a\n", "image/png"), (b"GIF8", "image/gif"))


def mime_of(data: bytes) -> str | None:
    """Return the type of a picture by its first bytes, None when it is not one that we show."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((mime for magic, mime in _MAGICS if data.startswith(magic)), None)


def best_picture(candidates: Iterable[tuple[int, bytes]]) -> bytes | None:
    """Return the front cover, else the first picture that is no icon, else any; None when there is none to show.

    Args:
        candidates: Kind by the ID3 table (3 is the front cover, 1 and 2 are icons) and bytes.
    """
    shown = ((_rank(kind), data) for kind, data in candidates if mime_of(data))
    return min(shown, key=lambda ranked: ranked[0], default=(0, None))[1]


def _rank(kind: int) -> int:
    return 0 if kind == _FRONT_COVER else 2 if kind in _ICONS else 1
