"""The file names that phones are told: they write everything into one folder and know a file by its name there.

Two files of one name would take turns for ever, each sync deleting the one and fetching the other
(contracts/astolfo.md b.9, e.9, f.11).
"""

import re
import unicodedata
from collections.abc import Iterator
from itertools import count

from tutti.domain.formats import Container
from tutti.kit.text import clean

NAMELESS = "untitled"
"""What a file is stored as that came without a name."""
NAME_MAX_BYTES = 255
"""What the file systems of phones take."""

_LISTED = frozenset({"mp3", "flac", "wav", "ogg", "m4a"})
"""What phones look for in their folder; what they do not see there they would fetch again each time (f.9)."""
_BY_CONTAINER = {
    Container.MP3: "mp3",
    Container.FLAC: "flac",
    Container.WAV: "wav",
    Container.OGG: "ogg",
    Container.MP4: "m4a",
}
_EXTENSION = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9+]{1,8}")
_CHARS_MAX = 1000


def is_for_phones(filename: str) -> bool:
    """Whether the end of a name alone says that phones know such files."""
    return filename.rpartition(".")[2].lower() in _LISTED and "." in filename


class PhoneNames:
    """Gives each file of one list a name of its own.

    Files come in the order in which they became known: a later one never changes the name of an earlier one, so a
    name, once told, stays. Names are base names in NFC without separators and control characters, different from each
    other whatever their case, and take at most `NAME_MAX_BYTES` in UTF-8.
    """

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def give(self, filename: str, content_hash: str, container: str) -> str | None:
        """Return the name of the next file, None when phones must not be told of it.

        Args:
            filename: What whoever brought it called it.
            content_hash: 64 hex characters; tells files of one name apart.
            container: A value of `Container`, or anything else when nobody knows; decides where the name says nothing.
        """
        parts = _parted(filename, content_hash, container)
        if parts is None:
            return None
        stem, extension = parts
        for suffix in _suffixes(content_hash):
            name = _bounded(stem, f"{suffix}.{extension}")
            key = _key(name)
            if key not in self._taken:
                self._taken.add(key)
                return name
        raise AssertionError("unreachable")


def _parted(filename: str, content_hash: str, container: str) -> tuple[str, str] | None:
    """Return the name before its last dot and what follows it; the name decides, then the bytes."""
    name = clean(filename.replace("\\", "/").rpartition("/")[2], _CHARS_MAX)
    stem, dot, extension = name.rpartition(".")
    if not dot or not _EXTENSION.fullmatch(extension):
        found = _BY_CONTAINER.get(container)  # type: ignore[call-overload]  # a StrEnum is found by its value
        stem, extension = "" if name == NAMELESS else name, found or ""
    if extension.lower() not in _LISTED:
        return None
    return (stem.rstrip() if stem.strip(". ") else content_hash), extension


def _suffixes(content_hash: str) -> Iterator[str]:
    yield ""
    yield f" ({content_hash[:8]})"
    for number in count(1):  # somebody named a file like the one above
        yield f" ({content_hash[:16]} {number})"


def _bounded(stem: str, end: str) -> str:
    room = NAME_MAX_BYTES - len(end)
    if len(stem) * 4 > room:
        stem = stem.encode()[:room].decode("utf-8", "ignore").rstrip()
    return stem + end


def _key(name: str) -> str:
    """Return the form in which two names are one, on file systems that do not tell capital letters apart."""
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold().upper().casefold())
