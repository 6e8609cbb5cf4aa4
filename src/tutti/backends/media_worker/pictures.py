"""Knows pictures by their first bytes, chooses the cover among several, and draws it small."""

import io
import warnings
from collections.abc import Iterable

from PIL import GifImagePlugin, Image, ImageOps, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

PLUGINS = (GifImagePlugin, JpegImagePlugin, PngImagePlugin, WebPImagePlugin)
_FORMATS = ("GIF", "JPEG", "PNG", "WEBP")
_MOST_PIXELS = 20_000_000
_QUALITY = 82

_FRONT_COVER = 3
_ICONS = {1, 2}

_MAGICS = ((b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG\r\n\x1a\n", "image/png"), (b"GIF8", "image/gif"))


class BadPictureError(Exception):
    """A picture that is not decoded; the message says why in one sentence."""


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


def draw(data: bytes, size_px: int) -> bytes:
    """Return a picture as WebP whose longer edge is at most `size_px`, upright, without its metadata.

    Raises:
        BadPictureError: It cannot be decoded, or has more than 20 million pixels.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return _drawn(Image.open(io.BytesIO(data), formats=_FORMATS), size_px)
    except BadPictureError:
        raise
    except Exception as error:  # decoders raise whatever they like on hostile bytes
        raise BadPictureError("The picture cannot be decoded.") from error


def _drawn(image: Image.Image, size_px: int) -> bytes:
    if image.width * image.height > _MOST_PIXELS:
        raise BadPictureError("The picture has more than 20 million pixels.")
    image.draft("RGB", (size_px, size_px))
    small = ImageOps.exif_transpose(image)
    small.thumbnail((size_px, size_px), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    Image.frombytes("RGB", small.size, _flat(small).tobytes()).save(out, "WEBP", quality=_QUALITY, method=4)
    return out.getvalue()


def _flat(image: Image.Image) -> Image.Image:
    """Return the picture in RGB, what is transparent on white."""
    if not image.has_transparency_data:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    ground = Image.new("RGBA", layer.size, "white")
    return Image.alpha_composite(ground, layer).convert("RGB")
