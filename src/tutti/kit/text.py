"""Text as people wrote it, turned into what search, sorting and identity compare."""

import re
import unicodedata
from functools import lru_cache

FOLDED_MAX = 1_000
"""Characters of a text that are folded; what follows is not looked at, because normalising costs quadratic time."""
SORT_KEY_MAX = 200
"""Characters of a sort key: short enough for an index entry of any database."""
LAST = "\U0010ffff"
"""The sort key of nothing: it follows every text, by code point and by UTF-8 byte."""

_QUERY_MAX = 500
_USERNAME_MAX = 256
_MARKS_MAX = 30  # UAX 15, 13: no text in any language stacks more marks on one letter.
_DIGITS_MAX = 99

_PLAIN = str.maketrans(
    {
        "æ": "ae",
        "œ": "oe",
        "ø": "o",
        "đ": "d",
        "ð": "d",
        "þ": "th",
        "ł": "l",
        "ħ": "h",
        "ŧ": "t",
        "ŋ": "n",
        "ƒ": "f",
        "ə": "e",
        "\N{LATIN SMALL LETTER DOTLESS I}": "i",
        "\N{MODIFIER LETTER TURNED COMMA}": None,
        "\N{MODIFIER LETTER APOSTROPHE}": None,
        "\N{ARABIC TATWEEL}": None,
    }
)
_ASCII = str.maketrans({chr(code): " " for code in range(128) if not chr(code).isalnum()})

# Letters of their own whose decomposition merely looks accented.
_OWN_LETTERS = tuple(
    (unicodedata.normalize("NFD", letter), letter)
    for letter in (
        "\N{CYRILLIC SMALL LETTER SHORT I}",
        "\N{CYRILLIC SMALL LETTER YI}",
        "\N{CYRILLIC SMALL LETTER SHORT U}",
    )
)
# General, Cyrillic, Hebrew and Arabic marks. Those of other scripts (kana voicing, the vowels of Devanagari or Thai)
# carry the meaning and stay.
_ACCENTS = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f"
    "\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20f0\ufe00-\ufe0f"
    "\ufe20-\ufe2f]+"
)
_APOSTROPHE = re.compile(r"(?<=\w)['\u2019](?=(?:s|t|d|m|ll|re|ve)\b)")
_INITIALS = re.compile(r"(?<!\w)[^\W\d_](?:\.[^\W\d_])+\b")
_ARTICLE = re.compile(r"\W*(?:the|an?|der|die|das|les?|la|el|los)\s+(?=.*\w)", re.IGNORECASE | re.DOTALL)
_NUMBER = re.compile(r"[0-9]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LONG_RUN = re.compile(rf"[^\w\s\x00-\x7f]{{{_MARKS_MAX + 1},}}")

_BREAKS = "\t\n\v\f\r\x1c\x1d\x1e\x1f\x85\u2028\u2029"
_UNWANTED = {
    **dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)]),
    **dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)]),  # bidi embeddings, overrides, isolates
    **dict.fromkeys(range(0xD800, 0xE000)),  # lone surrogates: no encoding can carry them
    **dict.fromkeys(map(ord, _BREAKS), " "),
}
_BLANK_LETTERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")


def fold(text: str) -> str:
    """Return what search and identity compare: no case, no accents, no punctuation, single spaces.

    Initials and English contractions close up (`R.E.M.` is `rem`, `Don't` is `dont`); digits of all scripts become
    ASCII; letters of other scripts stay. A name made of symbols alone (`!!!`) keeps them. Folding twice changes
    nothing.

    Args:
        text: Any text; its first `FOLDED_MAX` characters count.

    Returns:
        At most `FOLDED_MAX` characters, in NFC; empty when nothing visible was in the text.
    """
    return _folded(text[:FOLDED_MAX])


def sort_key(text: str) -> str:
    """Return the key that sorts a name as people expect.

    A leading article is left out and numbers sort by value: `Track 2` before `Track 10`. Compare by code point
    (SQLite BINARY, PostgreSQL "C").

    Args:
        text: A name or title.

    Returns:
        At most `SORT_KEY_MAX` characters; `LAST` when there is nothing to sort by.
    """
    article = _ARTICLE.match(text[:FOLDED_MAX])
    folded = fold(text[article.end() :] if article else text)
    return _NUMBER.sub(_counted, folded)[:SORT_KEY_MAX] or LAST


def words(query: str, limit: int) -> list[str]:
    """Return the first `limit` words of a search query, folded, in the order typed; symbols give none."""
    return [word for word in fold(query[:_QUERY_MAX]).split() if any(map(str.isalnum, word))][:limit]


def clean(text: str, max_len: int) -> str:
    """Return text fit to store and to show.

    NFC, without control characters, bidi overrides and lone surrogates; line breaks and tabs become spaces.

    Args:
        text: Any text.
        max_len: Characters the answer has at most.
    """
    if not (text.isascii() and text.isprintable()):
        text = _LONG_RUN.sub(_without_stacked_marks, text.translate(_UNWANTED))
        text = unicodedata.normalize("NFC", text)
    return text.strip()[:max_len].rstrip()


def username_key(name: str) -> str:
    """Return the form in which two usernames are the same one (reliability.md O-LOG5).

    NFKC and case folding, dotless i as i, nothing invisible, single spaces: `ADMIN`, `admin` with a dotless i and
    `admin` with a zero-width space are one account. A name with a control character is nobody's, and its key is empty.

    Args:
        name: Any text; its first 256 characters count, so bound names well below that.
    """
    if _CONTROL.search(name):
        return ""
    key = unicodedata.normalize("NFKC", _visible(unicodedata.normalize("NFKC", name[:_USERNAME_MAX])).casefold())
    return " ".join(_visible(key.replace("\N{LATIN SMALL LETTER DOTLESS I}", "i").replace("i\u0307", "i")).split())


@lru_cache(maxsize=1024)  # A scan meets the same artist, album and genre on every track of a record.
def _folded(text: str) -> str:
    if text.isascii():
        return _squeezed(text.lower(), _ASCII) or _symbols(text)
    plain = _decomposed(text)
    folded = unicodedata.normalize("NFC", _squeezed(plain, _letters) or _symbols(plain))
    return folded[:FOLDED_MAX].rstrip()


def _decomposed(text: str) -> str:
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold()).translate(_PLAIN)
    for accented, letter in _OWN_LETTERS:
        text = text.replace(accented, letter)
    return _ACCENTS.sub("", text)


def _squeezed(text: str, table: dict[int, str]) -> str:
    if "'" in text or "\u2019" in text:
        text = _APOSTROPHE.sub("", text)
    if "." in text:
        text = _INITIALS.sub(_joined, text)
    return " ".join(text.translate(table).split())


class _Letters(dict[int, str]):
    """What each decomposed, case-folded character becomes; filled as characters are met."""

    def __missing__(self, code: int) -> str:
        folded = _folded_letter(chr(code))
        if code <= 0xFFFF:  # noqa: PLR2004 - the basic plane bounds what a stranger can make us remember
            self[code] = folded
        return folded


_letters = _Letters()


def _folded_letter(char: str) -> str:
    category = unicodedata.category(char)
    if category == "Nd":
        return str(unicodedata.decimal(char))
    if category == "Cf":
        return ""
    return char if category[0] in "LNM" else " "


def _joined(initials: re.Match[str]) -> str:
    return initials[0].replace(".", "")


def _symbols(text: str) -> str:
    return "".join(char for char in text if unicodedata.category(char)[0] in "PS")


def _counted(number: re.Match[str]) -> str:
    digits = number[0].lstrip("0")[:_DIGITS_MAX] or "0"
    return f"{len(digits):02}{digits}"


def _without_stacked_marks(run: re.Match[str]) -> str:
    return run[0][:_MARKS_MAX] + "".join(char for char in run[0][_MARKS_MAX:] if not unicodedata.combining(char))


def _visible(name: str) -> str:
    return "".join(char for char in name if not _is_invisible(char))


def _is_invisible(char: str) -> bool:
    return char in _BLANK_LETTERS or unicodedata.category(char) in {"Cf", "Cs"} or "\ufe00" <= char <= "\ufe0f"
