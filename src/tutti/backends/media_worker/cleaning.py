"""Makes what people and programs wrote into tags fit to store: text, dates, numbers, gains, identifiers."""

import math
import re
from collections.abc import Iterable, Sequence

from tutti.kit.text import clean

TEXT_LIMIT = 4096
"""Characters of a value that are kept."""

BLOCK_LIMIT = 65536
"""Characters of lyrics and comments that are kept."""

VALUES_LIMIT = 64
"""Values of one tag that are kept."""

_LARGEST_NUMBER = 32767
_LARGEST_GAIN_DB = 100.0
_LARGEST_PEAK = 1000.0

_DATE = re.compile(r"\s*(\d{4})(?:[-/. ]?(\d{2})[-/. ]?(\d{2})(?!\d)|[-/. ]?(\d{2})(?!\d))?", re.ASCII)
_LOOSE_YEAR = re.compile(r"(?<!\d)(1[89]\d\d|20\d\d)(?!\d)", re.ASCII)
_NUMBER = re.compile(r"\s*(\d{1,9})(?:\s*(?:/|of)\s*(\d{1,9}))?", re.ASCII)
_DECIMAL = re.compile(r"\s*([+-]?\d{1,6}(?:[.,]\d{0,12})?|[+-]?[.,]\d{1,12})", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII)


def clean_line(value: str, limit: int = TEXT_LIMIT) -> str:
    """Return one line of text fit to store and to show."""
    return clean(value[: 2 * limit], limit)


def clean_block(value: str) -> str:
    r"""Return text of several lines, each cleaned like one line; they end in `\n`."""
    if value.isascii() and value.isprintable():
        return value[:BLOCK_LIMIT].strip()
    lines = value[:BLOCK_LIMIT].replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(clean(line, BLOCK_LIMIT) for line in lines).strip()[:BLOCK_LIMIT]


def clean_values(values: Iterable[str]) -> Sequence[str]:
    """Return the values that are not empty, each cleaned and named once, in their order, at most `VALUES_LIMIT`."""
    kept = {value: None for text in values for part in text.split("\0") if (value := clean_line(part))}
    return list(kept)[:VALUES_LIMIT]


def iso_date(text: str) -> str:
    """Return a date as ISO 8601 as far as it is known (`2004`, `2004-05`, `2004-05-17`), empty when there is none."""
    match = _DATE.match(text)
    if match is None or int(match[1]) == 0:
        loose = _LOOSE_YEAR.search(text)
        return loose[1] if loose else ""
    year, month, day = match[1], match[2] or match[4], match[3]
    if month is None or not 1 <= int(month) <= 12:  # noqa: PLR2004 -- months
        return year
    if day is None or not 1 <= int(day) <= 31:  # noqa: PLR2004 -- days
        return f"{year}-{month}"
    return f"{year}-{month}-{day}"


def number_of(text: str) -> tuple[int, int]:
    """Return a number and its total from `3`, `03/12` or `3 of 12`; 0 for what is absent, absurd or not a number."""
    match = _NUMBER.match(text)
    if match is None:
        return 0, 0
    number, total = int(match[1]), int(match[2] or 0)
    return number if number <= _LARGEST_NUMBER else 0, total if total <= _LARGEST_NUMBER else 0


def gain_db(text: str) -> float | None:
    """Return a ReplayGain in decibel from `-7.34 dB`; None when it is not a number or beyond any real gain."""
    return _decimal(text, _LARGEST_GAIN_DB)


def r128_gain_db(text: str) -> float | None:
    """Return a ReplayGain in decibel from an R128 gain: 256ths, relative to -23 LUFS where ReplayGain has -18.

    Source: RFC 7845 5.2.1.
    """
    steps = _decimal(text, _LARGEST_GAIN_DB * 256)
    return None if steps is None else steps / 256 + 5


def peak_of(text: str) -> float | None:
    """Return a peak, 1.0 being full scale; None when it is negative, absurd or not a number."""
    peak = _decimal(text, _LARGEST_PEAK)
    return peak if peak is not None and peak >= 0 else None


def _decimal(text: str, largest: float) -> float | None:
    match = _DECIMAL.match(text)
    if match is None:
        return None
    value = float(match[1].replace(",", "."))
    return value if math.isfinite(value) and abs(value) <= largest else None


def uuids_of(values: Iterable[str]) -> Sequence[str]:
    """Return the MusicBrainz identifiers in these values, however they are joined, lower case, each once."""
    return list(dict.fromkeys(_UUID.findall(" ".join(values).lower())))[:VALUES_LIMIT]


def is_true(text: str) -> bool:
    """Tell whether a flag such as `1`, `true` or `yes` is set."""
    return text.strip().lower() in {"1", "true", "yes"}
