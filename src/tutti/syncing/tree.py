"""The folder: what is in it, and the few changes that are made there.

Every path is walked from the folder's descriptor without following links, so whatever a server or another program puts
there leads out of it. Nothing is overwritten, and nothing is deleted before it was looked at once more.
"""

import errno
import hashlib
import os
import re
import stat
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex

from tutti.domain.errors import AppError, ErrorKind
from tutti.syncing import renames
from tutti.syncing.index import Seen, Stat
from tutti.syncing.names import OWN_PREFIX, is_audio

CHUNK_BYTES = 1 << 20
REPLACED = f"{OWN_PREFIX}replaced"
"""Folder of files that this device did not download, and whose place a newer version took."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # a pipe in disguise must not hold us up
_DEPTH_MAX = 64
_SHELVED_MAX = 10_000
_PART = re.compile(re.escape(OWN_PREFIX) + r"[0-9a-f]{32}-[0-9a-f]{16}\.part")


class ChangedError(Exception):
    """A file is no longer what it was when it was last looked at; nothing was done to it."""


@dataclass(slots=True)
class Scan:
    """What is in the folder.

    Attributes:
        files: Every file of music, by path.
        unread: Paths that could not be looked at; what is at or below them may be there.
        blocked: Paths that are taken by something else than a file of music.
        parts: Paths of downloads that were not finished.
        unnamed: Paths that are no text, which no other device could write.
    """

    files: dict[str, Stat] = field(default_factory=dict)
    unread: set[str] = field(default_factory=set)
    blocked: set[str] = field(default_factory=set)
    parts: list[str] = field(default_factory=list)
    unnamed: list[bytes] = field(default_factory=list)

    @property
    def is_plain(self) -> bool:
        """Whether there is nothing but files of music, as far as we are concerned."""
        return not (self.unread or self.blocked or self.parts or self.unnamed)

    def is_unread(self, path: str) -> bool:
        """Whether it could not be found out if there is a file."""
        if not self.unread:
            return False
        while path:
            if path in self.unread:
                return True
            path = path.rpartition("/")[0]
        return "" in self.unread


class Tree:
    """An open folder; any thread may use it.

    Raises:
        AppError: NOT_FOUND `folder_not_found`, from the constructor.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            self._root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise AppError(ErrorKind.NOT_FOUND, "folder_not_found", f"{folder}: there is no such folder.") from error

    def close(self) -> None:
        """Let go of the folder."""
        os.close(self._root)

    @property
    def descriptor(self) -> int:
        """The open folder itself."""
        return self._root

    def scan(self, known: Collection[str] = (), *, is_stopped: Callable[[], bool] = lambda: False) -> Scan:
        """Look at every name below the folder; no file is opened.

        Args:
            known: Paths that count as music whatever their name.
            is_stopped: Asked between folders.
        """
        walk = _Walk(known, is_stopped)
        walk.look(os.open(".", _FOLDER, dir_fd=self._root), "", 0)
        return walk.found

    @contextmanager
    def parent(self, path: str, *, makes: bool = False) -> Iterator[tuple[int, str]]:
        """Open the folder of a path, without following a link on the way there; yields it and the name in it.

        Raises:
            OSError: There is no such folder, or something else is in its place.
        """
        *folders, name = path.split("/")
        opened = os.open(".", _FOLDER, dir_fd=self._root)
        try:
            for folder in folders:
                below = _opened(opened, folder, makes=makes)
                os.close(opened)
                opened = below
            yield opened, name
        finally:
            os.close(opened)

    def open(self, path: str) -> int:
        """Open a file for reading and return its descriptor.

        Raises:
            ChangedError: It is none any more.
            OSError: It cannot be opened.
        """
        with self.parent(path) as (folder, name):
            return _regular(os.open(name, os.O_RDONLY | _FILE, dir_fd=folder))

    def read(self, path: str, *, is_stopped: Callable[[], bool] = lambda: False) -> Seen | None:
        """Return the stat and the hash of a file's bytes, None when it was stopped.

        Raises:
            ChangedError: It was written to meanwhile.
            OSError: It cannot be read.
        """
        fd = self.open(path)
        try:
            before, digest = stat_of(fd), hashlib.sha256()
            while chunk := os.read(fd, CHUNK_BYTES):
                digest.update(chunk)
                if is_stopped():
                    return None
            if stat_of(fd) != before:
                raise ChangedError(path)
        finally:
            os.close(fd)
        return Seen(before, digest.hexdigest())

    def open_part(self, path: str) -> int:
        """Open a file that is to be downloaded, for reading and appending, and make it and its folders.

        Raises:
            ChangedError: Something of that name is no file, or has a second name.
            OSError: It cannot be opened.
        """
        with self.parent(path, makes=True) as (folder, name):
            fd = _regular(os.open(name, os.O_RDWR | os.O_CREAT | os.O_APPEND | _FILE, 0o666, dir_fd=folder))
        if os.fstat(fd).st_nlink != 1:
            os.close(fd)
            raise ChangedError(path)
        return fd

    def drop_part(self, path: str) -> None:
        """Delete a download of ours that was not finished."""
        with self.parent(path) as (folder, name):
            if _PART.fullmatch(name):
                os.unlink(name, dir_fd=folder)

    def place(self, part: str, path: str) -> Stat:
        """Give a finished download its name, where nothing may be.

        Raises:
            FileExistsError: Something is there.
            OSError: It cannot be named.
        """
        with self.parent(path) as (folder, name):
            renames.move(folder, part.rpartition("/")[2], folder, name)
            return _stat(folder, name)

    def replace(self, part: str, path: str, expected: Seen, *, keeps: bool) -> Stat:
        """Put a finished download in the place of a file that still is what it was.

        Args:
            part: The download, in the same folder.
            path: The file.
            expected: What it must still be.
            keeps: Whether it is kept in the folder `REPLACED`, else it is deleted.

        Raises:
            ChangedError: It is not; nothing was done.
            OSError: It cannot be replaced; nothing was done.
        """
        with self.parent(path) as (folder, name):
            fresh = part.rpartition("/")[2]
            self._confirm(folder, name, path, expected)
            if keeps:
                self._shelve(folder, name, path)
            if renames.exchange(folder, fresh, name):
                # What another program wrote in this very moment is in `fresh` now, and goes back.
                if _stat(folder, fresh) != expected.stat:
                    renames.exchange(folder, fresh, name)
                    raise ChangedError(path)
                os.unlink(fresh, dir_fd=folder)
            else:
                os.rename(fresh, name, src_dir_fd=folder, dst_dir_fd=folder)
            return _stat(folder, name)

    def remove(self, path: str, expected: Seen) -> None:
        """Delete a file that still is what it was.

        Raises:
            ChangedError: It is not; nothing was done.
            OSError: It cannot be deleted.
        """
        with self.parent(path) as (folder, name):
            self._confirm(folder, name, path, expected)
            spare = f"{OWN_PREFIX}{token_hex(8)}.gone"
            os.rename(name, spare, src_dir_fd=folder, dst_dir_fd=folder)
            if _stat(folder, spare) != expected.stat:
                renames.move(folder, spare, folder, name)
                raise ChangedError(path)
            os.unlink(spare, dir_fd=folder)

    def rename(self, path: str, other: str) -> None:
        """Give a file another name in its folder, where nothing may be.

        Raises:
            FileExistsError: Something is there.
            OSError: It cannot be renamed.
        """
        with self.parent(path) as (folder, name):
            renames.move(folder, name, folder, other.rpartition("/")[2])

    def settle(self, folders: Collection[str]) -> None:
        """Make what was named in these folders, and the folders themselves, survive a power cut."""
        every = {""}
        for folder in folders:
            parts = folder.split("/")
            every.update("/".join(parts[:count]) for count in range(len(parts) + 1))
        for folder in every:
            with self.parent(f"{folder}/." if folder else ".") as (opened, _):
                os.fsync(opened)

    def _confirm(self, folder: int, name: str, path: str, expected: Seen) -> None:
        """See that a file has the bytes it had: programs that write tags can put the old times back."""
        if _stat(folder, name) != expected.stat:
            raise ChangedError(path)
        seen = self.read(path)
        if seen is None or seen != expected:
            raise ChangedError(path)

    def _shelve(self, folder: int, name: str, path: str) -> None:
        """Have the file below `REPLACED`, too."""
        shelf = f"{REPLACED}/{path.rpartition('/')[0]}".rstrip("/")
        with self.parent(f"{shelf}/.", makes=True) as (target, _):
            for number in range(1, _SHELVED_MAX):
                other = name if number == 1 else f"{number} {name}"
                try:
                    renames.copy(folder, name, target, other)
                except FileExistsError:
                    continue
                os.fsync(target)
                return
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), f"{shelf}/{name}")


class _Walk:
    """One look at everything below a folder."""

    def __init__(self, known: Collection[str], is_stopped: Callable[[], bool]) -> None:
        self.found = Scan()
        self._known = known
        self._is_stopped = is_stopped

    def look(self, folder: int, prefix: str, depth: int) -> None:
        """Look at an open folder and below, and close it."""
        below = []
        try:
            with os.scandir(folder) as entries:
                below += [entry.name for entry in entries if self._meet(entry, prefix)]
            for name in below:
                self._enter(folder, name, prefix, depth)
        except OSError:
            self.found.unread.add(prefix.rstrip("/"))
        finally:
            os.close(folder)

    def _enter(self, folder: int, name: str, prefix: str, depth: int) -> None:
        if depth >= _DEPTH_MAX or self._is_stopped():
            self.found.unread.add(prefix + name)
            return
        try:
            opened = os.open(name, _FOLDER, dir_fd=folder)
        except OSError:
            self.found.unread.add(prefix + name)
        else:
            self.look(opened, f"{prefix}{name}/", depth + 1)

    def _meet(self, entry: "os.DirEntry[str]", prefix: str) -> bool:
        """Take note of one name; True for a folder to be looked at."""
        name = entry.name
        if name.startswith("."):
            if _PART.fullmatch(name):
                self.found.parts.append(prefix + name)
            return False
        path = prefix + name
        if path in self._known or is_audio(name):
            return self._meet_music(entry, path)
        if not entry.is_dir(follow_symlinks=False):
            if entry.is_symlink():
                self.found.unread.add(path)
            return False
        if not _is_text(name):
            self.found.unnamed.append(os.fsencode(path))
            return False
        return True

    def _meet_music(self, entry: "os.DirEntry[str]", path: str) -> bool:
        facts = entry.stat(follow_symlinks=False)
        if not _is_text(entry.name):
            self.found.unnamed.append(os.fsencode(path))
        elif stat.S_ISREG(facts.st_mode) and facts.st_size:
            self.found.files[path] = Stat(facts.st_size, facts.st_mtime_ns, facts.st_ino)
        else:  # a link, a folder, or a file that another program has just begun
            self.found.blocked.add(path)
            if not stat.S_ISDIR(facts.st_mode):
                self.found.unread.add(path)
                return False
            return True
        return False


def stat_of(fd: int) -> Stat:
    """Return the stat of an open file."""
    facts = os.fstat(fd)
    return Stat(facts.st_size, facts.st_mtime_ns, facts.st_ino)


def part_path(path: str, item: str, digest: str) -> str:
    """Return where a file is downloaded to before it gets its name: in the same folder, the same for the same bytes."""
    folder, slash, _ = path.rpartition("/")
    return f"{folder}{slash}{OWN_PREFIX}{item.replace('-', '')}-{digest[:16]}.part"


def _opened(folder: int, name: str, *, makes: bool) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=folder)
    except FileNotFoundError:
        if not makes:
            raise
    with suppress(FileExistsError):  # another transfer was faster
        os.mkdir(name, dir_fd=folder)
    return os.open(name, _FOLDER, dir_fd=folder)


def _regular(fd: int) -> int:
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise ChangedError
    return fd


def _stat(folder: int, name: str) -> Stat:
    facts = os.stat(name, dir_fd=folder, follow_symlinks=False)
    return Stat(facts.st_size, facts.st_mtime_ns, facts.st_ino)


def _is_text(name: str) -> bool:
    return name.isascii() or not any("\ud800" <= char <= "\udfff" for char in name)
