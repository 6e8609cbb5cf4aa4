"""Reads and watches folders of the local file system."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from stat import S_ISDIR, S_ISREG
from threading import Event
from typing import NamedTuple

from watchfiles import watch

from tutti.domain.errors import AppError, ErrorKind
from tutti.ports.folders import FileEntry, Listing

_SKIPPED = frozenset({b"@eaDir", b"#recycle", b"$RECYCLE.BIN", b"System Volume Information", b"lost+found"})
"""What NAS boxes and desktops leave in every shared folder."""

_FARTHEST_NS = 2**63 - 1
"""What a database can hold: times beyond the year 2262 are cut to it."""


class LocalFolders:
    """Folders by path.

    Args:
        settle_ms: A change is told when nothing else changed for so long.
        poll_s: How often to look whether other folders are to be watched.
    """

    def __init__(self, *, settle_ms: int = 1500, poll_s: float = 5.0) -> None:
        self._settle_ms = settle_ms
        self._poll_s = poll_s

    def walk(self, root: bytes) -> Iterator[Listing]:
        """Yield the directories below `root`; see the port."""
        real_root = os.path.realpath(root)
        try:
            status = os.stat(real_root)
            os.listdir(real_root)
        except OSError as error:
            raise _unavailable(error) from error
        seen: set[tuple[int, int]] = set()
        waiting = [_Found(b"", (status.st_dev, status.st_ino), is_link=False)]
        # Last, so that a directory has its own path and not that of a link which comes and goes.
        linked: deque[_Found] = deque()
        while waiting or linked:
            found = waiting.pop() if waiting else linked.popleft()
            if found.identity in seen:
                continue
            seen.add(found.identity)
            listing, below = _list(real_root, found.path)
            yield listing
            waiting.extend(one for one in reversed(below) if not one.is_link)
            linked.extend(one for one in below if one.is_link)

    def count(self, root: bytes, suffixes: frozenset[bytes], stop: Event) -> int:
        """Return how many files end in one of the suffixes."""
        total = 0
        for _, folders, files in os.walk(root):
            if stop.is_set():
                break
            folders[:] = [name for name in folders if not _is_hidden(name)]
            total += sum(os.path.splitext(name)[1].lower() in suffixes for name in files if not _is_hidden(name))
        return total

    def is_file(self, root: bytes, path: bytes) -> bool:
        """Whether a regular file is at this relative path."""
        return os.path.isfile(os.path.join(root, path))

    def watch(self, roots: Callable[[], Sequence[bytes]], changed: Callable[[bytes], None], stop: Event) -> None:
        """Call `changed` with a root whenever something below it settled after a change."""
        while not stop.is_set():
            watched = _present(roots())
            if watched:
                self._watch_once(watched, roots, changed, stop)
            else:
                stop.wait(self._poll_s)

    def _watch_once(
        self,
        watched: Mapping[bytes, "_Present"],
        roots: Callable[[], Sequence[bytes]],
        changed: Callable[[bytes], None],
        stop: Event,
    ) -> None:
        """Watch until another folder is to be watched, or one of these is not there any more, or not the same."""
        paths = sorted({os.fsdecode(found.path) for found in watched.values()})
        settings = {"debounce": self._settle_ms, "yield_on_timeout": True, "rust_timeout": int(self._poll_s * 1000)}
        events = watch(*paths, stop_event=stop, raise_interrupt=False, ignore_permission_denied=True, **settings)  # type: ignore[arg-type]
        for changes in events:
            touched = {os.fsencode(path) for _, path in changes}
            for root, found in watched.items():
                if any(path == found.path or path.startswith(os.path.join(found.path, b"")) for path in touched):
                    changed(root)
            if _present(roots()) != watched:
                return


class _Present(NamedTuple):
    """A root that is there: where it really is, and which one it is, because a mount puts another in its place."""

    path: bytes
    device: int
    inode: int


def _present(roots: Sequence[bytes]) -> Mapping[bytes, _Present]:
    found = {}
    for root in roots:
        with suppress(OSError):
            status = os.stat(root)
            if S_ISDIR(status.st_mode):
                found[root] = _Present(os.path.realpath(root), status.st_dev, status.st_ino)
    return found


class _Found(NamedTuple):
    """A directory on the way: its path below the root, what it is known by, whether a link leads there."""

    path: bytes
    identity: tuple[int, int]
    is_link: bool


def _list(root: bytes, path: bytes) -> tuple[Listing, list[_Found]]:
    """Return one directory and its subdirectories by name."""
    files: list[FileEntry] = []
    folders: list[_Found] = []
    try:
        with os.scandir(os.path.join(root, path) if path else root) as entries:
            for entry in entries:
                if not _is_hidden(entry.name):
                    _sort_in(root, path, entry, files, folders)
    except OSError as error:
        return Listing(path, (), error.strerror or "cannot be read"), []
    files.sort(key=lambda file: file.name)
    folders.sort()
    return Listing(path, files), folders


def _sort_in(
    root: bytes, path: bytes, entry: os.DirEntry[bytes], files: list[FileEntry], folders: list[_Found]
) -> None:
    is_link = entry.is_symlink()
    if is_link and not _is_beneath(root, entry.path):
        return
    try:
        status = entry.stat()
    except FileNotFoundError:  # gone since it was listed, or a link to nothing
        return
    except OSError:
        if is_link:
            return
        raise  # a directory that may be listed and not entered, a failing disk: the file is there all the same
    if S_ISREG(status.st_mode):
        mtime_ns = max(-_FARTHEST_NS, min(status.st_mtime_ns, _FARTHEST_NS))
        files.append(FileEntry(entry.name, status.st_size, mtime_ns, f"{status.st_dev:x}", f"{status.st_ino:x}"))
    elif S_ISDIR(status.st_mode):
        folders.append(_Found(os.path.join(path, entry.name), (status.st_dev, status.st_ino), is_link))


def _is_beneath(root: bytes, path: bytes) -> bool:
    return os.path.realpath(path).startswith(os.path.join(root, b""))


def _is_hidden(name: bytes) -> bool:
    # Two dots begin a title: `...And Justice for All`.
    return (name.startswith(b".") and not name.startswith(b"..")) or name in _SKIPPED


def _unavailable(error: OSError) -> AppError:
    reason = (error.strerror or "it cannot be read").lower()
    return AppError(ErrorKind.UNAVAILABLE, "source_unavailable", f"The folder cannot be read: {reason}.")
