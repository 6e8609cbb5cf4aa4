"""Folders of the file system that we only read."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from threading import Event
from typing import Protocol


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One regular file, as a stat sees it; the device and inode are opaque text that survives a move."""

    name: bytes
    size_bytes: int
    mtime_ns: int
    device: str
    inode: str


@dataclass(frozen=True, slots=True)
class Listing:
    """One directory.

    Attributes:
        path: Relative to the root, `/` between the parts, empty for the root itself.
        files: Regular files by name; hidden ones and those that link out of the root are left out.
        problem: Why the directory could not be read, else empty; nothing may be concluded about what is in it.
    """

    path: bytes
    files: Sequence[FileEntry]
    problem: str = ""


class FolderReader(Protocol):
    """Walks folders; safe to call from several threads."""

    def walk(self, root: bytes) -> Iterator[Listing]:
        """Yield the directories below `root` depth first, each before its children, by name.

        A link is followed when it leads to a place beneath the root, and a directory is listed once.

        Raises:
            AppError: UNAVAILABLE `source_unavailable` when the root is not there or cannot be read.
        """
        ...

    def count(self, root: bytes, suffixes: frozenset[bytes], stop: Event) -> int:
        """Return how many files end in one of the lower-case suffixes (`.mp3`), quickly; for a progress bar."""
        ...

    def is_file(self, root: bytes, path: bytes) -> bool:
        """Whether a regular file is at this relative path."""
        ...

    def watch(self, roots: Callable[[], Sequence[bytes]], changed: Callable[[bytes], None], stop: Event) -> None:
        """Call `changed` with a root whenever something below it settled after a change; returns when stopped.

        Blocks, so it has a thread of its own. Roots that cannot be watched are left to the schedule.
        """
        ...
