"""What a scan reports, and the rules by which it decides."""

from collections.abc import Sequence
from dataclasses import dataclass, field

_COVER_STEMS = ("cover", "folder", "front", "album", "albumart")
_COVER_ENDS = (".jpg", ".jpeg", ".png", ".webp", ".gif")


@dataclass(frozen=True, slots=True)
class ScanPolicy:
    """How careful a scan is.

    Attributes:
        batch_files: Files of one write transaction.
        max_vanished_share: When a larger share of the known files vanished at once, the source is called
            unavailable and nothing is removed.
        min_vanished_files: Below this number vanished files are believed whatever their share.
    """

    batch_files: int = 1000
    max_vanished_share: float = 0.5
    min_vanished_files: int = 20

    def believes(self, vanished: int, known: int) -> bool:
        """Whether that many files may have been removed on purpose."""
        return vanished < self.min_vanished_files or vanished <= known * self.max_vanished_share


@dataclass(frozen=True, slots=True)
class RefusedPath:
    """A file that is no track: its path below the source and one sentence why."""

    path: bytes
    reason: str
    message: str


@dataclass(slots=True)
class ScanReport:
    """What a scan did so far; all counts are files.

    Attributes:
        seen: Audio files met on the way.
        unread_folders: Folders that could not be listed; nothing below them was removed.
        is_complete: False when it was stopped before the end.
    """

    seen: int = 0
    unchanged: int = 0
    added: int = 0
    updated: int = 0
    moved: int = 0
    refused: int = 0
    removed: int = 0
    is_complete: bool = False
    problems: list[RefusedPath] = field(default_factory=list)
    unread_folders: list[bytes] = field(default_factory=list)


def folder_picture(names: Sequence[bytes]) -> bytes | None:
    """Return the name of the picture that stands for a folder: `cover`, `folder`, `front`, `album`, in this order."""
    best: tuple[int, int, bytes] | None = None
    for name in names:
        stem, dot, end = name.decode("utf-8", "replace").lower().rpartition(".")
        if stem in _COVER_STEMS and dot + end in _COVER_ENDS:
            rank = (_COVER_STEMS.index(stem), _COVER_ENDS.index(dot + end), name)
            best = rank if best is None else min(best, rank)
    return None if best is None else best[2]
