"""Reads and watches folders of the local file system."""

import os
from collections.abc import Callable, Iterator, Sequence
from stat import S_ISDIR, S_ISREG
from threading import Event

from watchfiles import watch

from tutti.domain.errors import AppError, ErrorKind
from tutti.ports.folders import FileEntry, Listing

_SKIPPED = frozenset({b"@eaDir", b"#recycle", b"$RECYCLE.BIN", b"System Volume Information", b"lost+found"})
"""What NAS boxes and desktops leave in every shared folder."""

_FARTHEST_NS = 2**63 - 1
"""What a database can hold: times beyond the year 2262 are cut to it."""

_SETTLE_MS = 1500
_POLL_S = 5.0


class LocalFolders:
    """Folders by path."""

    def walk(self, root: bytes) -> Iterator[Listing]:
        """Yield the directories below `root`; see the port."""
        real_root = os.path.realpath(root)
        try:
            status = os.stat(real_root)
            os.listdir(real_root)
        except OSError as error:
            raise _unavailable(error) from error
        seen = {(status.st_dev, status.st_ino)}
        waiting = [b""]
        while waiting:
            path = waiting.pop()
            listing, folders = _list(real_root, path)
            yield listing
            for name, identity in reversed(folders):
                if identity not in seen:
                    seen.add(identity)
                    waiting.append(os.path.join(path, name))

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
            watched = {os.path.realpath(root): root for root in roots() if os.path.isdir(root)}
            if not watched:
                stop.wait(_POLL_S)
                continue
            self._watch_once(watched, roots, changed, stop)

    def _watch_once(
        self,
        watched: dict[bytes, bytes],
        roots: Callable[[], Sequence[bytes]],
        changed: Callable[[bytes], None],
        stop: Event,
    ) -> None:
        """Watch until the list of roots changes."""
        paths = [os.fsdecode(path) for path in watched]
        settings = {"debounce": _SETTLE_MS, "yield_on_timeout": True, "rust_timeout": int(_POLL_S * 1000)}
        events = watch(*paths, stop_event=stop, raise_interrupt=False, ignore_permission_denied=True, **settings)  # type: ignore[arg-type]
        for changes in events:
            touched = {_root_of(os.fsencode(path), watched) for _, path in changes}
            for root in touched - {None}:
                changed(root)  # type: ignore[arg-type]
            if set(roots()) - set(watched.values()):
                return


def _root_of(path: bytes, watched: dict[bytes, bytes]) -> bytes | None:
    return next((root for real, root in watched.items() if path == real or path.startswith(real + b"/")), None)


def _list(root: bytes, path: bytes) -> tuple[Listing, list[tuple[bytes, tuple[int, int]]]]:
    """Return one directory and its subdirectories as (name, identity), by name."""
    files: list[FileEntry] = []
    folders: list[tuple[bytes, tuple[int, int]]] = []
    try:
        with os.scandir(os.path.join(root, path) if path else root) as entries:
            for entry in entries:
                if not _is_hidden(entry.name):
                    _sort_in(root, entry, files, folders)
    except OSError as error:
        return Listing(path, (), error.strerror or "cannot be read"), []
    files.sort(key=lambda file: file.name)
    folders.sort()
    return Listing(path, files), folders


def _sort_in(
    root: bytes, entry: os.DirEntry[bytes], files: list[FileEntry], folders: list[tuple[bytes, tuple[int, int]]]
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
        folders.append((entry.name, (status.st_dev, status.st_ino)))


def _is_beneath(root: bytes, path: bytes) -> bool:
    return os.path.realpath(path).startswith(os.path.join(root, b""))


def _is_hidden(name: bytes) -> bool:
    # Two dots begin a title: `...And Justice for All`.
    return (name.startswith(b".") and not name.startswith(b"..")) or name in _SKIPPED


def _unavailable(error: OSError) -> AppError:
    reason = (error.strerror or "it cannot be read").lower()
    return AppError(ErrorKind.UNAVAILABLE, "source_unavailable", f"The folder cannot be read: {reason}.")
