"""Whether a file is sent at all: conditional requests in the order of RFC 9110 13.2.2."""

import re
from collections.abc import Mapping
from enum import Enum, auto

CONDITIONS = frozenset({b"if-match", b"if-none-match", b"if-modified-since", b"if-unmodified-since", b"if-range"})
"""Names of the fields that `judge` reads."""


class Verdict(Enum):
    """What the conditions of a GET or HEAD leave to do."""

    SEND = auto()
    SEND_WHOLE = auto()
    """The client's part is of another version: its `Range` is to be ignored."""
    NOT_MODIFIED = auto()
    FAILED = auto()


def judge(fields: Mapping[bytes, bytes], etag: bytes, last_modified: bytes) -> Verdict:
    """Return what to do with a GET or HEAD.

    A date that is no HTTP-date is ignored, as is a date beside an entity tag of the same meaning (RFC 9110 13.1).

    Args:
        fields: Request fields by lower-case name, several lines of one name joined by commas.
        etag: The file's strong entity tag, with its quotes.
        last_modified: The file's last change as an IMF-fixdate.
    """
    if _has_changed(fields, etag, last_modified):
        return Verdict.FAILED
    if _is_known(fields, etag, last_modified):
        return Verdict.NOT_MODIFIED
    # Both kinds of validator must match exactly, and a weak tag never equals a strong one (RFC 9110 13.1.5).
    validator = fields.get(b"if-range")
    if validator is None or validator in (etag, last_modified):
        return Verdict.SEND
    return Verdict.SEND_WHOLE


def _has_changed(fields: Mapping[bytes, bytes], etag: bytes, last_modified: bytes) -> bool:
    if (tags := fields.get(b"if-match")) is not None:
        return tags != b"*" and etag not in _entity_tags(tags)
    date = fields.get(b"if-unmodified-since")
    return date is not None and _is_later(last_modified, date, otherwise=False)


def _is_known(fields: Mapping[bytes, bytes], etag: bytes, last_modified: bytes) -> bool:
    if (tags := fields.get(b"if-none-match")) is not None:
        return tags == b"*" or etag in (tag.removeprefix(b"W/") for tag in _entity_tags(tags))
    date = fields.get(b"if-modified-since")
    return date is not None and not _is_later(last_modified, date, otherwise=True)


_ENTITY_TAG = re.compile(rb'(?:W/)?"[!#-~\x80-\xff]*"')


def _entity_tags(listed: bytes) -> list[bytes]:
    return _ENTITY_TAG.findall(listed)


def _is_later(last_modified: bytes, date: bytes, *, otherwise: bool) -> bool:
    """Return whether the file changed after a date a client sent; `otherwise` when that is no date."""
    ours, theirs = _instant(last_modified), _instant(date)
    return ours > theirs if ours and theirs else otherwise


_MONTHS = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")
_DAY = rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_LONG_DAY = rb"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
_MONTH = rb"(?P<month>" + b"|".join(_MONTHS) + rb")"
_TIME = rb"(?P<time>[0-9]{2}:[0-9]{2}:[0-9]{2})"

# The form that is sent today, and the two that a recipient must still read (RFC 9110 5.6.7).
_DATES = tuple(
    re.compile(form)
    for form in (
        rb"%b, (?P<day>[0-9]{2}) %b (?P<year>[0-9]{4}) %b GMT" % (_DAY, _MONTH, _TIME),
        rb"%b, (?P<day>[0-9]{2})-%b-(?P<year>[0-9]{2}) %b GMT" % (_LONG_DAY, _MONTH, _TIME),
        rb"%b %b (?P<day>[ 0-9][0-9]) %b (?P<year>[0-9]{4})" % (_DAY, _MONTH, _TIME),
    )
)


def _instant(date: bytes) -> tuple[bytes, int, bytes, bytes] | None:
    """Return an HTTP-date as something that compares: year, month, day, time of day; None when it is not one."""
    for form in _DATES:
        if match := form.fullmatch(date):
            year, day = match["year"], match["day"].replace(b" ", b"0")
            if not year[2:]:
                year = (b"20" if year < b"70" else b"19") + year  # no file is older than the epoch
            return year, _MONTHS.index(match["month"]), day, match["time"]
    return None
