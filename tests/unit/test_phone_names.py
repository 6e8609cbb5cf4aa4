"""Names that phones can keep in one folder: safe, different from each other, and told once for good."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutti.domain.formats import Container
from tutti.domain.phone_names import NAME_MAX_BYTES, NAMELESS, PhoneNames, is_for_phones

A, B, C = ("a1" * 32, "b2" * 32, "c3" * 32)
LISTED = ("mp3", "flac", "wav", "ogg", "m4a")
HASHES = st.text("0123456789abcdef", min_size=64, max_size=64)
STEMS = st.one_of(
    st.text(max_size=20),
    st.text("aAbB./\\ \0\n\x7f\x85\u2028\u202e\ud800é\u0301ß\u017f\u0131\u0130()", max_size=12),
    st.sampled_from(["", " ", ".", "..", NAMELESS, "song", "SONG", "song (a1a1a1a1)", "ü" * 200, "x" * 400]),
)
NAMES = st.builds(str.__add__, STEMS, st.sampled_from(["", ".mp3", ".FLAC", ".ogg ", ".m4a", ".opus", ".txt", "."]))
FILES = st.lists(
    st.tuples(NAMES, HASHES, st.sampled_from(["", *Container])), max_size=12, unique_by=lambda file: file[1]
)
File = tuple[str, str, str]


def given_names(files: list[File]) -> list[str | None]:
    names = PhoneNames()
    return [names.give(*file) for file in files]


def one(filename: str, container: str = "") -> str | None:
    return PhoneNames().give(filename, A, container)


@pytest.mark.parametrize(
    ("filename", "name"),
    [
        ("song.mp3", "song.mp3"),
        ("Song.FLAC", "Song.FLAC"),
        ("a.b.c.ogg", "a.b.c.ogg"),
        ("Trip to Rome/01.flac", "01.flac"),
        ("C:\\Music\\one.wav", "one.wav"),
        ("../../etc/x.m4a", "x.m4a"),
        ("on\0e\x07.mp3", "one.mp3"),
        ("two\nlines.mp3", "two lines.mp3"),
        ("  x  .mp3 ", "x.mp3"),
        ("Cafe\u0301.mp3", "Caf\u00e9.mp3"),
        ("gpj\u202e3pm.mp3", "gpj3pm.mp3"),
        (".mp3", f"{A}.mp3"),
        ("..mp3", f"{A}.mp3"),
        ("\ud800.mp3", f"{A}.mp3"),
    ],
)
def test_a_name_is_kept_as_far_as_it_is_safe(filename: str, name: str) -> None:
    assert one(filename) == name


@pytest.mark.parametrize("filename", ["a.opus", "a.aac", "a.wma", "a.txt", "a.mp4", "a.mp2"])
def test_what_phones_do_not_look_for_is_hidden_whatever_is_in_it(filename: str) -> None:
    assert one(filename, Container.FLAC) is None


@pytest.mark.parametrize(
    ("filename", "container", "name"),
    [
        ("song", Container.FLAC, "song.flac"),
        ("Mr. Jones", Container.MP3, "Mr. Jones.mp3"),
        ("Track.01", Container.WAV, "Track.01.wav"),
        ("song.", Container.MP4, "song..m4a"),
        ("", Container.OGG, f"{A}.ogg"),
        (NAMELESS, Container.MP3, f"{A}.mp3"),
        ("song", Container.AAC, None),
        ("song", "", None),
    ],
)
def test_a_name_that_says_no_format_gets_it_from_the_bytes(filename: str, container: str, name: str | None) -> None:
    assert one(filename, container) == name


def test_a_second_file_of_a_name_gets_its_hash_into_it() -> None:
    assert given_names([("x.flac", A, ""), ("X.FLAC", B, ""), ("x.flac", C, "")]) == [
        "x.flac",
        "X (b2b2b2b2).FLAC",
        "x (c3c3c3c3).flac",
    ]


def test_a_name_that_somebody_gave_on_purpose_is_not_given_again() -> None:
    files = [("x (b2b2b2b2).mp3", A, ""), ("x.mp3", C, ""), ("x.mp3", B, "")]

    assert given_names(files) == ["x (b2b2b2b2).mp3", "x.mp3", "x (b2b2b2b2b2b2b2b2 1).mp3"]


def test_a_hidden_file_takes_no_name() -> None:
    assert given_names([("x", A, ""), ("x.mp3", B, "")]) == [None, "x.mp3"]


def test_a_long_name_is_cut_before_its_extension_and_between_characters() -> None:
    first, second = given_names([("ü" * 300 + ".flac", A, ""), ("ü" * 300 + ".flac", B, "")])

    assert first == "ü" * 125 + ".flac"
    assert second == "ü" * 119 + " (b2b2b2b2).flac"


@given(FILES)
def test_names_are_different_safe_and_bounded(files: list[File]) -> None:
    names = [name for name in given_names(files) if name is not None]

    assert len({unicodedata.normalize("NFC", name).casefold() for name in names}) == len(names)
    assert len({name.upper() for name in names}) == len(names)
    for name in names:
        assert 0 < len(name.encode()) <= NAME_MAX_BYTES
        assert name == unicodedata.normalize("NFC", name) == name.strip()
        assert not [char for char in name if char in "/\\" or unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp")]
        stem, _, extension = name.rpartition(".")
        assert extension.lower() in LISTED
        assert stem.strip(". ")


@given(FILES, FILES)
def test_a_later_file_changes_no_name(earlier: list[File], later: list[File]) -> None:
    assert given_names(earlier + later)[: len(earlier)] == given_names(earlier)


@given(NAMES)
def test_a_name_given_once_is_given_back(filename: str) -> None:
    name = one(filename, Container.MP3)

    assert name is None or one(name) == name


@pytest.mark.parametrize(
    ("filename", "is_it"), [("a.mp3", True), ("a.FLAC", True), ("mp3", False), ("a.opus", False), ("a", False)]
)
def test_the_end_of_a_name_says_whether_phones_know_it(filename: str, is_it: bool) -> None:  # noqa: FBT001 - a table
    assert is_for_phones(filename) is is_it
