"""RFC 9110 13: conditional requests."""

import pytest

from tutti.doors.http.conditions import Verdict, judge

ETAG = b'"abc"'
CHANGED = b"Sun, 06 Nov 1994 08:49:37 GMT"
EARLIER = b"Sun, 06 Nov 1994 08:49:36 GMT"
LATER = b"Sat, 03 Dec 1994 00:00:00 GMT"

SEND, SEND_WHOLE, NOT_MODIFIED, FAILED = Verdict.SEND, Verdict.SEND_WHOLE, Verdict.NOT_MODIFIED, Verdict.FAILED


def verdict(**fields: bytes) -> Verdict:
    return judge({name.replace("_", "-").encode(): value for name, value in fields.items()}, ETAG, CHANGED)


def test_without_conditions_the_file_is_sent() -> None:
    assert verdict() is SEND


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (b'"abc"', SEND),
        (b"*", SEND),
        (b'"x", "abc"', SEND),
        (b'"a,b","abc"', SEND),
        (b'"x"', FAILED),
        (b'W/"abc"', FAILED),
        (b"abc", FAILED),
        (b"", FAILED),
    ],
)
def test_if_match_compares_strongly(tags: bytes, expected: Verdict) -> None:
    assert verdict(if_match=tags) is expected


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (b'"abc"', NOT_MODIFIED),
        (b"*", NOT_MODIFIED),
        (b'W/"abc"', NOT_MODIFIED),
        (b'W/"x" , W/"abc"', NOT_MODIFIED),
        (b'"abc', SEND),
        (b'"x"', SEND),
        (b"", SEND),
    ],
)
def test_if_none_match_compares_weakly(tags: bytes, expected: Verdict) -> None:
    assert verdict(if_none_match=tags) is expected


@pytest.mark.parametrize(("date", "expected"), [(EARLIER, SEND), (CHANGED, NOT_MODIFIED), (LATER, NOT_MODIFIED)])
def test_if_modified_since_asks_whether_it_changed_later(date: bytes, expected: Verdict) -> None:
    assert verdict(if_modified_since=date) is expected


@pytest.mark.parametrize(("date", "expected"), [(EARLIER, FAILED), (CHANGED, SEND), (LATER, SEND)])
def test_if_unmodified_since_asks_whether_it_changed_later(date: bytes, expected: Verdict) -> None:
    assert verdict(if_unmodified_since=date) is expected


@pytest.mark.parametrize("date", [b"Sunday, 06-Nov-94 08:49:37 GMT", b"Sun Nov  6 08:49:37 1994"])
def test_the_two_old_forms_of_a_date_are_read(date: bytes) -> None:
    assert verdict(if_modified_since=date) is NOT_MODIFIED


def test_a_year_of_two_digits_below_70_is_of_this_century() -> None:
    assert verdict(if_unmodified_since=b"Sunday, 06-Nov-69 08:49:37 GMT") is SEND


@pytest.mark.parametrize(
    "date",
    [
        b"",
        b"yesterday",
        b"1994-11-06T08:49:37Z",
        b"Sun, 06 Nov 1994 08:49:37 +0100",
        b"Sun, 6 Nov 1994 08:49:37 GMT",
        CHANGED + b", " + CHANGED,
    ],
)
def test_what_is_no_date_is_ignored(date: bytes) -> None:
    assert verdict(if_modified_since=date) is SEND
    assert verdict(if_unmodified_since=date) is SEND


def test_if_match_makes_if_unmodified_since_be_ignored() -> None:
    assert verdict(if_match=ETAG, if_unmodified_since=EARLIER) is SEND


def test_if_none_match_makes_if_modified_since_be_ignored() -> None:
    assert verdict(if_none_match=b'"x"', if_modified_since=LATER) is SEND


def test_a_failed_precondition_comes_before_not_modified() -> None:
    assert verdict(if_match=b'"x"', if_none_match=ETAG) is FAILED


@pytest.mark.parametrize(
    ("validator", "expected"),
    [
        (ETAG, SEND),
        (CHANGED, SEND),
        (b'"x"', SEND_WHOLE),
        (b'W/"abc"', SEND_WHOLE),
        (LATER, SEND_WHOLE),
        (EARLIER, SEND_WHOLE),
        (b"", SEND_WHOLE),
    ],
)
def test_if_range_matches_exactly_or_the_range_is_ignored(validator: bytes, expected: Verdict) -> None:
    assert verdict(if_range=validator) is expected


def test_not_modified_comes_before_if_range() -> None:
    assert verdict(if_none_match=ETAG, if_range=b'"x"') is NOT_MODIFIED
