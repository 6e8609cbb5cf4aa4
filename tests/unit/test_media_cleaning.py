"""Text, dates and numbers as people and programs put them into tags."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutti.backends.media_worker.cleaning import (
    BLOCK_LIMIT,
    TEXT_LIMIT,
    VALUES_LIMIT,
    clean_block,
    clean_line,
    clean_values,
    gain_db,
    is_true,
    iso_date,
    number_of,
    peak_of,
    uuids_of,
)

TEXT = st.text(st.characters(codec=None), max_size=200)
MBID = "0383dadf-2a4e-4d10-a46a-e9e041da8eb3"


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("2004", "2004"),
        ("2004-05", "2004-05"),
        ("2004-05-17", "2004-05-17"),
        ("2004-05-17T08:00:00Z", "2004-05-17"),
        ("2004-05-17 08:00", "2004-05-17"),
        ("2004/05/17", "2004-05-17"),
        ("2004.05.17", "2004-05-17"),
        ("20040517", "2004-05-17"),
        (" 2004 ", "2004"),
        ("2004-00-00", "2004"),
        ("2004-13-01", "2004"),
        ("2004-05-32", "2004-05"),
        ("17.05.2004", "2004"),
        ("Oct 3, 1995", "1995"),
        ("(P) 1987 EMI", "1987"),
        ("0000", ""),
        ("99", ""),
        ("", ""),
        ("unknown", ""),
        ("٢٠٠٤", ""),
    ],
)
def test_a_date_is_iso_as_far_as_it_is_known(text: str, date: str) -> None:
    assert iso_date(text) == date


@given(TEXT)
def test_any_text_gives_a_date_or_nothing(text: str) -> None:
    assert re.fullmatch(r"(\d{4}(-\d{2}){0,2})?", iso_date(text), re.ASCII)


@given(st.dates())
def test_iso_dates_stay_as_they_are(date: object) -> None:
    assert iso_date(str(date)) == str(date)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("3", (3, 0)),
        ("03", (3, 0)),
        ("3/12", (3, 12)),
        (" 3 / 12 ", (3, 12)),
        ("3 of 12", (3, 12)),
        ("0/0", (0, 0)),
        ("2;5;10", (2, 0)),
        ("/12", (0, 0)),
        ("A1", (0, 0)),
        ("-3", (0, 0)),
        ("99999999999", (0, 0)),
        ("3/99999999", (3, 0)),
        ("", (0, 0)),
        ("٣", (0, 0)),
    ],
)
def test_a_number_may_name_its_total(text: str, number: tuple[int, int]) -> None:
    assert number_of(text) == number


@pytest.mark.parametrize(
    ("text", "gain"),
    [
        ("-7.34 dB", -7.34),
        ("+2.1dB", 2.1),
        ("-7,34 dB", -7.34),
        (".5", 0.5),
        ("0", 0.0),
        ("1e9", 1.0),
        ("-999999 dB", None),
        ("nan", None),
        ("inf dB", None),
        ("", None),
        ("loud", None),
    ],
)
def test_a_gain_is_a_plain_decimal_of_sane_size(text: str, gain: float | None) -> None:
    assert gain_db(text) == gain


def test_a_peak_is_not_negative() -> None:
    assert (peak_of("0.988"), peak_of("-0.5")) == (0.988, None)


@given(TEXT)
def test_any_text_gives_a_bounded_gain_or_none(text: str) -> None:
    gain = gain_db(text)

    assert gain is None or abs(gain) <= 100


@given(TEXT)
def test_a_line_is_clean_and_cleaning_it_again_changes_nothing(text: str) -> None:
    line = clean_line(text)

    assert line == line.strip() == clean_line(line) == unicodedata.normalize("NFC", line)
    assert not any(unicodedata.category(char) in {"Cc", "Cs"} for char in line)
    line.encode()


@given(TEXT)
def test_a_block_keeps_its_lines_and_is_clean_otherwise(text: str) -> None:
    block = clean_block(text)

    assert block == clean_block(block)
    assert not any(unicodedata.category(char) in {"Cc", "Cs"} for char in block if char != "\n")
    block.encode()


def test_line_ends_of_all_systems_are_one() -> None:
    assert clean_block("one\r\ntwo\rthree\nfour") == "one\ntwo\nthree\nfour"


@pytest.mark.parametrize("text", ["x" * 10_000_000, "e" + "\u0301" * 1_000_000, "\U0001f3b5" * 100_000])
def test_long_text_is_cut(text: str) -> None:
    assert len(clean_line(text)) <= TEXT_LIMIT
    assert len(clean_block(text)) <= BLOCK_LIMIT


def test_values_are_parted_by_nul_and_named_once() -> None:
    assert clean_values(["a\0b", " a ", "", "c"]) == ["a", "b", "c"]
    assert len(clean_values(map(str, range(1000)))) == VALUES_LIMIT


def test_identifiers_are_found_however_they_are_joined() -> None:
    other = MBID.replace("0", "1")

    assert uuids_of([f"{MBID.upper()}/{other}; {MBID}", "none"]) == [MBID, other]


@pytest.mark.parametrize(("text", "truth"), [("1", True), ("True", True), (" yes ", True), ("0", False), ("", False)])
def test_a_flag_is_set_by_a_few_words(text: str, truth: object) -> None:
    assert is_true(text) is truth
