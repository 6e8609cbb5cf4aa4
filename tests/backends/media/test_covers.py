"""Covers: drawn small, upright and without their metadata; what is too large or no picture is refused (P53, O-IM)."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from support.media_corpus import media_file
from tutti.backends.media_worker.pool import PooledMediaReader
from tutti.domain.errors import AppError, ErrorKind
from tutti.ports.media import COVER_SIZES, MediaFile

ORIENTATION = 0x0112
GPS = 0x8825
RED, BLUE = (255, 0, 0), (0, 0, 255)


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def _halves(size: tuple[int, int] = (400, 200)) -> Image.Image:
    """A picture that is red on its left and blue on its right."""
    image = Image.new("RGB", size, RED)
    image.paste(BLUE, (size[0] // 2, 0, size[0], size[1]))
    return image


def _file(folder: Path, data: bytes, name: str = "cover") -> MediaFile:
    (folder / name).write_bytes(data)
    return media_file(folder / name)


def _drawn(reader: PooledMediaReader, file: MediaFile, size_px: int) -> Image.Image:
    image = Image.open(io.BytesIO(reader.render_cover(file, size_px)))
    image.load()
    return image


def _near(pixel: object, color: tuple[int, int, int]) -> bool:
    assert isinstance(pixel, tuple)
    return all(abs(one - other) < 40 for one, other in zip(pixel, color, strict=True))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP"])
@pytest.mark.parametrize("size_px", COVER_SIZES)
def test_the_longer_edge_is_what_was_asked_and_never_more_than_there_is(
    reader: PooledMediaReader, tmp_path: Path, kind: str, size_px: int
) -> None:
    image = _drawn(reader, _file(tmp_path, _saved(_halves(), kind)), size_px)

    assert (image.format, max(image.size)) == ("WEBP", min(size_px, 400))
    assert image.width == pytest.approx(2 * image.height, abs=2)


def test_a_picture_lying_on_its_side_is_set_upright(reader: PooledMediaReader, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6

    image = _drawn(reader, _file(tmp_path, _saved(_halves(), "JPEG", exif=exif)), 150)

    assert image.size == (75, 150)
    assert _near(image.getpixel((37, 10)), RED)
    assert _near(image.getpixel((37, 140)), BLUE)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_nothing_but_pixels_is_left(reader: PooledMediaReader, tmp_path: Path, kind: str) -> None:
    exif = Image.Exif()
    exif.get_ifd(GPS)[2] = (52.0, 31.0, 0.0)
    exif[0x010E] = "at home"
    data = _saved(_halves(), kind, exif=exif, icc_profile=b"profile" * 50)

    image = _drawn(reader, _file(tmp_path, data), 300)

    assert dict(image.getexif()) == {}
    assert set(image.info) <= {"loop", "background", "timestamp", "duration"}


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16", "YCbCr"])
def test_every_kind_of_pixel_becomes_colour(reader: PooledMediaReader, tmp_path: Path, mode: str) -> None:
    kind = "JPEG" if mode in {"CMYK", "YCbCr"} else "PNG"
    image = Image.new(mode, (300, 300)) if mode == "I;16" else _halves((300, 300)).convert(mode)

    assert _drawn(reader, _file(tmp_path, _saved(image, kind)), 64).mode == "RGB"


def test_what_is_transparent_is_white(reader: PooledMediaReader, tmp_path: Path) -> None:
    image = _drawn(reader, _file(tmp_path, _saved(Image.new("RGBA", (100, 100)), "PNG")), 64)

    assert _near(image.getpixel((32, 32)), (255, 255, 255))


def test_a_picture_full_of_noise_fits_into_an_answer(reader: PooledMediaReader, tmp_path: Path) -> None:
    noise = Image.effect_noise((1200, 1200), 255).convert("RGB")

    assert len(reader.render_cover(_file(tmp_path, _saved(noise, "PNG")), 1200)) <= 1 << 20


def test_a_panorama_keeps_at_least_one_pixel_of_height(reader: PooledMediaReader, tmp_path: Path) -> None:
    image = _drawn(reader, _file(tmp_path, _saved(Image.new("RGB", (5000, 1)), "PNG")), 64)

    assert image.size == (64, 1)


def _png(width: int, height: int, data: bytes = b"") -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def _jpeg(width: int, height: int) -> bytes:
    """A small JPEG whose header says that it is vast."""
    data = bytearray(_saved(Image.new("L", (8, 8)), "JPEG"))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(data)


def _animation(frames: int) -> bytes:
    first, *rest = [Image.new("P", (16, 16), number % 250) for number in range(frames)]
    return _saved(first, "GIF", save_all=True, append_images=rest)


BOMBS: dict[str, Callable[[], bytes]] = {
    "PNG of 13000 squared": lambda: _png(13000, 13000, zlib.compress(bytes(13000 * (13000 // 8 + 1)), 9)),
    "PNG of 30000 squared": lambda: _png(30000, 30000),
    "PNG of 4 Gi squared": lambda: _png(0x7FFFFFFF, 0x7FFFFFFF),
    "JPEG of 65500 squared": lambda: _jpeg(65500, 65500),
    "JPEG of no height": lambda: _jpeg(100, 0),
    "PNG that is cut": lambda: _png(4000, 4000, zlib.compress(bytes(1000))),
    "JPEG that is cut": lambda: _saved(_halves(), "JPEG")[:400],
    "a magic and nothing else": lambda: b"\x89PNG\r\n\x1a\n",
    "an ICO": lambda: _saved(Image.new("RGB", (16, 16)), "ICO"),
    "a BMP": lambda: _saved(Image.new("RGB", (16, 16)), "BMP"),
    "a TIFF": lambda: _saved(Image.new("RGB", (16, 16)), "TIFF"),
    "a PSD": lambda: b"8BPS\0\1" + bytes(100),
    "an EPS": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    "an SVG": lambda: b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
    "text": lambda: b"no picture at all",
    "nothing": lambda: b"",
}


@pytest.mark.parametrize("name", BOMBS)
def test_what_is_no_picture_of_sane_size_is_refused(reader: PooledMediaReader, tmp_path: Path, name: str) -> None:
    """O-IM2 and P53."""
    with pytest.raises(AppError) as error:
        reader.render_cover(_file(tmp_path, BOMBS[name]()), 64)

    assert error.value.code in {"bad_picture", "no_cover"}
    assert error.value.kind in {ErrorKind.UNSUPPORTED, ErrorKind.NOT_FOUND}


def test_of_ten_thousand_frames_the_first_is_drawn(reader: PooledMediaReader, tmp_path: Path) -> None:
    assert _drawn(reader, _file(tmp_path, _animation(10_000)), 64).size == (16, 16)


@pytest.mark.parametrize("size_px", [0, -1, 1, 63, 65, 100_000, 10**9])
def test_no_other_size_is_drawn(reader: PooledMediaReader, tmp_path: Path, size_px: int) -> None:
    """O-IM1."""
    with pytest.raises(AppError) as error:
        reader.render_cover(_file(tmp_path, _saved(_halves(), "PNG")), size_px)

    assert (error.value.kind, error.value.code) == (ErrorKind.INVALID, "bad_cover_size")


def test_a_file_that_is_gone_has_no_cover(reader: PooledMediaReader, tmp_path: Path) -> None:
    with pytest.raises(AppError) as error:
        reader.render_cover(media_file(tmp_path / "gone.jpg"), 64)

    assert (error.value.kind, error.value.code) == (ErrorKind.NOT_FOUND, "no_cover")


def test_covers_are_drawn_while_a_scan_is_running(reader: PooledMediaReader, tmp_path: Path) -> None:
    page, picture = _file(tmp_path, b"text", "a.mp3"), _file(tmp_path, _saved(_halves(), "PNG"))
    answers = reader.read([page] * 500)
    next(answers)

    assert _drawn(reader, picture, 64).size == (64, 32)
    assert len(list(answers)) == 499
