"""Names of files in a folder that is kept in step: what a server may call a file here, and when two names are one."""

import re
import unicodedata
from collections.abc import Iterable

from tutti.domain.formats import container_of_name

PART_MAX_BYTES = 200
"""Bytes of one part of a path, in UTF-8: less than any file system's 255, so that a mark fits behind the stem."""
DEPTH_MAX = 24
"""Folders above a file; deeper ones are left out."""
OWN_PREFIX = ".tutti-"
"""What names of our own begin with; they are hidden, and never told to a server."""

_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"|?*\\/\u202a-\u202e\u2066-\u2069\ud800-\udfff]')
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\..*)?\s*", re.IGNORECASE)
_UNKNOWN_ENDING = ".audio"


def local_path(folder: str, filename: str) -> str:
    r"""Return where in the folder a file of a server goes, whatever the server calls it.

    Relative, parts between `/`, each fit for any file system: no `.` or `..`, nothing hidden, no control or bidi
    characters, none of `<>:"|?*\`, no names of Windows devices, at most `PART_MAX_BYTES`. The ending is one that audio
    files have, so that nothing that comes is a program.

    Args:
        folder: As the server tells it, parts between `/`; not trusted.
        filename: Likewise, without a folder.
    """
    parts = [part for part in folder.split("/") if part not in {"", ".", ".."}]
    return "/".join([*(_part(part) for part in parts[:DEPTH_MAX]), _file_name(filename)])


def key_of(path: str) -> str:
    """Return the form in which two paths are one on some file system: no case, no way of composing."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def is_audio(name: str) -> bool:
    """Whether a name promises audio and is not hidden."""
    if name.startswith("."):
        return False
    # Only the ending counts, which is ASCII in every audio name; what a text cannot encode has no part in it.
    return name.endswith(_UNKNOWN_ENDING) or container_of_name(name[-8:].encode("utf-8", "replace")) is not None


class Names:
    """The names that are taken in a folder, as every file system would count them."""

    def __init__(self, paths: Iterable[str] = ()) -> None:
        self._files: set[str] = set()
        self._folders: set[str] = set()
        for path in paths:
            self.take(path)

    def take(self, path: str) -> None:
        """Note that there is, or will be, a file with this path."""
        key = key_of(path)
        self._files.add(key)
        folder = key.rpartition("/")[0]
        while folder and folder not in self._folders:
            self._folders.add(folder)
            folder = folder.rpartition("/")[0]

    def release(self, path: str) -> None:
        """Note that a file will be gone from there."""
        self._files.discard(key_of(path))

    def is_free(self, path: str) -> bool:
        """Whether a file could be there on any file system."""
        key = key_of(path)
        if key in self._files or key in self._folders:
            return False
        folder = key.rpartition("/")[0]
        while folder:
            if folder in self._files:
                return False
            if folder in self._folders:
                return True
            folder = folder.rpartition("/")[0]
        return True

    def settle(self, path: str) -> str:
        """Take this path, or the first free one like it (`x (2).mp3`), and return it."""
        found, number = path, 1
        while not self.is_free(found):
            number += 1
            folder, slash, name = path.rpartition("/")
            if number > 2 and not self._has_room(folder):  # noqa: PLR2004 - a file is where its folder should be
                found = f"{_marked(folder, f' ({number})')}/{name}"
            else:
                found = f"{folder}{slash}{_marked(name, f' ({number})')}"
        self.take(found)
        return found

    def _has_room(self, folder: str) -> bool:
        return not folder or self.is_free(f"{folder}/{OWN_PREFIX}")


def conflict_path(path: str, device: str, day: str) -> str:
    """Return the path that the version of this device gets when another one takes its name.

    Args:
        path: Where it is now.
        device: What this device is called.
        day: The date, as `2026-11-26`.
    """
    folder, slash, name = path.rpartition("/")
    label = _FORBIDDEN.sub("_", device).strip(" .")[:40].rstrip(" .") or "here"
    return f"{folder}{slash}{_marked(name, f' (conflict {label} {day})')}"


def _file_name(filename: str) -> str:
    name = _part(filename)
    return name if is_audio(name) else _fitting(name, _UNKNOWN_ENDING)


def _part(text: str) -> str:
    cleaned = _FORBIDDEN.sub("_", unicodedata.normalize("NFC", text[:4096]))
    cleaned = cleaned.strip().rstrip(". ") or "_"
    if cleaned.startswith("."):
        cleaned = f"_{cleaned[1:]}"
    if _DEVICES.fullmatch(cleaned):
        cleaned = f"_{cleaned}"
    stem, ending = _split(cleaned)
    return _fitting(stem, ending)


def _marked(name: str, mark: str) -> str:
    stem, ending = _split(name)
    return _fitting(stem, mark + ending)


def _split(name: str) -> tuple[str, str]:
    stem, dot, ending = name.rpartition(".")
    return (stem, dot + ending) if stem and is_audio(name) else (name, "")


def _fitting(stem: str, ending: str) -> str:
    """Shorten the stem so that both fit into one part of a path, without cutting a character."""
    room = PART_MAX_BYTES - len(ending.encode("utf-8", "surrogateescape"))
    raw = stem.encode("utf-8", "surrogateescape")
    if len(raw) > room:
        stem = raw[:room].decode("utf-8", "ignore").rstrip(" .")
    return (stem or "_") + ending
