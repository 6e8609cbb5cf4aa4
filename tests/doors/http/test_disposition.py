"""O-UP6: the name of a download, whatever somebody called it."""

import re
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutti.doors.http.disposition import content_disposition

FORM = re.compile(r"inline; filename=\"([ -!#$&-.0-\[\]-~]+)\"; filename\*=UTF-8''([A-Za-z0-9!#$&+.^_`|~%-]+)")


def names(filename: str) -> tuple[str, str]:
    """Return the plain name and the extended one."""
    match = FORM.fullmatch(content_disposition("inline", filename))
    assert match is not None
    return match[1], unquote(match[2], errors="strict")


def test_a_simple_name_is_kept() -> None:
    assert (
        content_disposition("attachment", "a b.mp3") == "attachment; filename=\"a b.mp3\"; filename*=UTF-8''a%20b.mp3"
    )


@pytest.mark.parametrize(
    ("filename", "plain", "extended"),
    [
        ("Björk.flac", "Bjork.flac", "Björk.flac"),
        ("日本.ogg", "__.ogg", "日本.ogg"),
        ("😀.mp3", "_.mp3", "😀.mp3"),
        ('a"b;c%.mp3', "a_b;c_.mp3", 'a"b;c%.mp3'),
        ("x\r\nSet-Cookie: a=b", "x__Set-Cookie: a=b", "x__Set-Cookie: a=b"),
        ("\u202egnp.mp3", "_gnp.mp3", "_gnp.mp3"),
        ("../../etc/passwd", "_.._etc_passwd", "_.._etc_passwd"),
        ("..\\x", "_x", "_x"),
        ("\uff02\uff0f.mp3", "__.mp3", "\uff02\uff0f.mp3"),
        ("-rf.mp3", "rf.mp3", "rf.mp3"),
        ("\udcff.mp3", "_.mp3", "_.mp3"),
        ("\x00", "_", "_"),
        ("", "file", "file"),
        ("...", "file", "file"),
    ],
)
def test_hostile_and_foreign_names(filename: str, plain: str, extended: str) -> None:
    assert names(filename) == (plain, extended)


def test_a_long_name_is_cut_in_front_of_its_suffix() -> None:
    assert names("a" * 5_000 + ".mp3")[1] == "a" * 196 + ".mp3"


def test_a_long_name_without_a_suffix_is_cut() -> None:
    assert names("a." + "b" * 5_000)[1] == "a." + "b" * 198


@given(st.text(max_size=300))
def test_no_name_can_break_out_of_the_field(filename: str) -> None:
    plain, extended = names(filename)

    assert len(extended) <= 200
    assert plain.isascii()
