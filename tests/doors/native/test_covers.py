"""Covers of albums and tracks (N56 to N58)."""

import io

import pytest
from PIL import Image

from doors.native.conftest import Served
from support.api import code_of


def cover_of(served: Served, title: str) -> str:
    """Return where the cover of a track is."""
    return f"/tracks/{served.ada.track(title)['id']}/cover"


def image(data: bytes) -> Image.Image:
    """Return the decoded picture, RGB."""
    with Image.open(io.BytesIO(data)) as opened:
        assert opened.format == "WEBP"
        return opened.convert("RGB")


def colour(data: bytes) -> str:
    """Return which of the three colours a picture has most of."""
    sums = [sum(value * count for value, count in enumerate(band.histogram())) for band in image(data).split()]
    return ("red", "green", "blue")[sums.index(max(sums))]


@pytest.mark.parametrize(("size", "width", "height"), [(64, 64, 46), (150, 150, 107), (300, 300, 214), (600, 600, 429)])
def test_a_cover_has_the_size_that_was_asked(served: Served, size: int, width: int, height: int) -> None:
    answer = served.ada.get(f"/albums/{served.ada.track('Apple')['album_id']}/cover", size=size)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/webp"
    assert image(answer.content).width == width
    assert image(answer.content).height == pytest.approx(height, abs=1)


def test_a_cover_is_never_scaled_up(served: Served) -> None:
    answer = served.ada.get(f"/albums/{served.ada.track('Apple')['album_id']}/cover", size=1200)

    assert image(answer.content).size == (700, 500)


def test_a_cover_has_300_pixels_unless_asked(served: Served) -> None:
    assert image(served.ada.get(cover_of(served, "Apple")).content).width == 300


def test_a_track_shows_its_own_picture(served: Served) -> None:
    assert colour(served.ada.get(cover_of(served, "Fleur de saison")).content) == "blue"


def test_an_album_shows_the_picture_of_its_folder(served: Served) -> None:
    album = served.ada.track("Cherry")["album_id"]

    assert colour(served.ada.get(f"/albums/{album}/cover").content) == "red"


def test_an_album_without_one_shows_the_picture_in_a_track(served: Served) -> None:
    album = served.ada.named("/albums", "Végétal")["id"]

    assert image(served.ada.get(f"/albums/{album}/cover").content).size == (100, 80)


@pytest.mark.parametrize("size", ["0", "-1", "1", "100000", "299", "301", "1e9"])
def test_another_size_is_refused(served: Served, size: str) -> None:
    """O-IM1"""
    assert code_of(served.ada.get(cover_of(served, "Apple"), size=size)) == (422, "bad_cover_size")


@pytest.mark.parametrize("size", ["NaN", "", "[]", "64px"])
def test_a_size_that_is_no_number_is_refused(served: Served, size: str) -> None:
    """O-IM1"""
    assert code_of(served.ada.get(cover_of(served, "Apple"), size=size)) == (400, "bad_request")


def test_a_track_without_a_picture_has_no_cover(served: Served) -> None:
    assert code_of(served.ada.get(cover_of(served, "Moon"))) == (404, "no_cover")


def test_what_the_client_has_is_not_sent_again(served: Served) -> None:
    first = served.ada.get(cover_of(served, "Apple"))

    again = served.ada.get(cover_of(served, "Apple"), {"If-None-Match": f'"other", {first.headers["etag"]}'})
    other = served.ada.get(cover_of(served, "Apple"), {"If-None-Match": first.headers["etag"]}, size=64)

    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert "private" in first.headers["cache-control"]
    assert other.status_code == 200


@pytest.mark.parametrize("known", ["*", 'W/"{}"', '"{}"'])
def test_tags_are_compared_weakly(served: Served, known: str) -> None:
    tag = served.ada.get(cover_of(served, "Apple")).headers["etag"].strip('"')

    assert served.ada.get(cover_of(served, "Apple"), {"If-None-Match": known.format(tag)}).status_code == 304
