"""What a file is, by its name and by its bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutti.domain.formats import (
    EXTENSIONS,
    Container,
    container_of_bytes,
    container_of_name,
    not_media,
    picture_or_film,
)


@pytest.mark.parametrize(
    ("name", "container"),
    [
        (b"a.mp3", Container.MP3),
        (b"A.MP3", Container.MP3),
        (b"folder.flac/b.ogg", Container.OGG),
        (b"a.b.c.opus", Container.OGG),
        (b"\xff\xfe.m4a", Container.MP4),
        (b".wav", Container.WAV),
        (b"a.txt", None),
        (b"mp3", None),
        (b"a.mp3 ", None),
        (b"a.\xffmp3", None),
        (b"", None),
    ],
)
def test_a_name_promises_by_its_end(name: bytes, container: Container | None) -> None:
    assert container_of_name(name) is container


@pytest.mark.parametrize(
    ("head", "container"),
    [
        (b"fLaC\0\0\0\x22", Container.FLAC),
        (b"OggS\0\2", Container.OGG),
        (b"RIFF\x24\0\0\0WAVEfmt ", Container.WAV),
        (b"RF64\xff\xff\xff\xffWAVEds64", Container.WAV),
        (b"RIFF\x24\0\0\0AVI LIST", None),
        (b"FORM\0\0\0\0AIFFCOMM", Container.AIFF),
        (b"FORM\0\0\0\0AIFCFVER", Container.AIFF),
        (b"FORM\0\0\0\0ILBMBMHD", None),
        (b"\0\0\0\x20ftypM4A \0\0\0\0", Container.MP4),
        (bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"), Container.ASF),
        (b"\xff\xf1\x50\x80", Container.AAC),
        (b"\xff\xf9\x50\x80", Container.AAC),
        (b"\xff\xfb\x90\x00", Container.MP3),
        (b"\xff\xf3\x40\xc0", Container.MP3),
        (b"\xff\xfd\x90\x00", Container.MP3),
        (b"\xff\xfb\xf0\x00", None),
        (b"\xff\xfeH\0e\0", None),
        (b"\xff\xd8\xff\xe0", None),
        (b"", None),
        (b"\xff", None),
    ],
)
def test_bytes_say_what_they_are(head: bytes, container: Container | None) -> None:
    assert container_of_bytes(head) is container


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "a JPEG picture"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "a WebP picture"),
        (b"RIFF\0\0\0\0AVI LIST", "an AVI film"),
        (b"\x1aE\xdf\xa3", "a Matroska or WebM film"),
        (b"RIFF\0\0\0\0WAVEfmt ", None),
        (b"hello", None),
    ],
)
def test_pictures_and_films_are_told_apart(head: bytes, kind: str | None) -> None:
    assert picture_or_film(head) == kind


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"PK\3\4", "a ZIP archive"),
        (b"%PDF-1.7", "a PDF document"),
        (b"<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg'>", "an SVG picture"),
        (b"\xef\xbb\xbf \n<!DOCTYPE html>", "a web page"),
        (b"#EXTM3U\n#EXT-X-TARGETDURATION:5\nfile:///etc/passwd\n", "text"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "text"),
        ("Motörhead, Überflieger".encode(), "text"),
        (b"\0\1\2\3\x80\x90", None),
        (b"plain\0with zero", None),
    ],
)
def test_what_is_no_media_is_named(head: bytes, kind: str | None) -> None:
    assert not_media(head) == kind


def test_text_cut_within_a_character_is_text() -> None:
    assert not_media("ü".encode() * 300) == "text"


@given(st.binary(max_size=64))
def test_any_bytes_are_judged(head: bytes) -> None:
    container_of_bytes(head)
    picture_or_film(head)
    not_media(head)


@pytest.mark.parametrize("container", Container)
def test_every_container_has_a_type_a_label_and_a_name(container: Container) -> None:
    assert container.mime.startswith("audio/")
    assert container.label
    assert container in EXTENSIONS.values()
