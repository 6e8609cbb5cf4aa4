"""Draws the cover of one file small, and says why not; runs in the child alone."""

import io
import warnings
from io import BufferedIOBase

from PIL import (
    GifImagePlugin,
    Image,
    ImageOps,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from tutti.backends.media_worker import reading, wire
from tutti.backends.media_worker.pictures import mime_of

IMPORTED = (GifImagePlugin, JpegImagePlugin, MpoImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin)
"""What Pillow would otherwise import at the first picture, which a locked child cannot; TIFF is the grammar of EXIF."""

_FORMATS = ("GIF", "JPEG", "PNG", "WEBP")
_ORIENTATION = 0x0112
_MOST_PIXELS = 20_000_000
_LARGEST_PICTURE_BYTES = 64 << 20
_LARGEST_ANSWER_BYTES = 1 << 20
_QUALITIES = (82, 60, 30)
_HEAD_BYTES = 16


class BadPictureError(Exception):
    """A picture that is not drawn; the message says why in one sentence."""


def draw_cover(file: BufferedIOBase, size: int, size_px: int) -> wire.Drawn | wire.NotDrawn:
    """Return the picture that the file is, else the front cover in it, as WebP.

    Args:
        file: Its bytes, seekable.
        size: How many they are.
        size_px: What the longer edge of the answer has at most.
    """
    is_picture = mime_of(file.read(_HEAD_BYTES)) is not None
    file.seek(0)
    if is_picture and size > _LARGEST_PICTURE_BYTES:
        return wire.NotDrawn("bad_picture", "The picture has more than 64 MiB.")
    data = file.read() if is_picture else reading.find_picture(file, size)
    if data is None:
        return wire.NotDrawn("no_cover", "There is no cover in the file.")
    try:
        return wire.Drawn(draw(data, size_px))
    except BadPictureError as error:
        return wire.NotDrawn("bad_picture", str(error))


def draw(data: bytes, size_px: int) -> bytes:
    """Return a picture as WebP whose longer edge is at most `size_px`, upright, without its metadata.

    Raises:
        BadPictureError: It cannot be decoded, or has more than 20 million pixels.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _encoded(_drawn(Image.open(io.BytesIO(data), formats=_FORMATS), size_px))
    except BadPictureError:
        raise
    except Exception as error:  # decoders raise whatever they like on hostile bytes
        raise BadPictureError("The picture cannot be decoded.") from error


def _drawn(image: Image.Image, size_px: int) -> Image.Image:
    """Return the picture small, upright, in RGB; shrunk before it is turned, so that no second large copy is made."""
    if image.width * image.height > _MOST_PIXELS:
        raise BadPictureError("The picture has more than 20 million pixels.")
    orientation = image.getexif().get(_ORIENTATION, 1)
    image.draft("RGB", (size_px, size_px))
    small = image if image.mode in {"RGB", "RGBA"} else _flat(image)
    small.thumbnail((size_px, size_px), Image.Resampling.LANCZOS)
    small.getexif()[_ORIENTATION] = orientation
    return _flat(ImageOps.exif_transpose(small))


def _flat(image: Image.Image) -> Image.Image:
    """Return the picture in RGB, what is transparent on white."""
    if not image.has_transparency_data:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")


def _encoded(image: Image.Image) -> bytes:
    """Return WebP from the pixels alone, so that no metadata comes along, as good as fits into an answer."""
    pixels = Image.frombytes("RGB", image.size, image.tobytes())
    for quality in _QUALITIES:
        out = io.BytesIO()
        pixels.save(out, "WEBP", quality=quality, method=4)
        if out.tell() <= _LARGEST_ANSWER_BYTES:
            return out.getvalue()
    raise BadPictureError("The picture has too much detail to be sent.")


def warm_up() -> None:
    """Have Pillow import and build whatever it puts off until the first picture of each kind."""
    for kind in _FORMATS:
        out = io.BytesIO()
        Image.new("RGB", (2, 2)).save(out, kind)
        draw(out.getvalue(), 1)
