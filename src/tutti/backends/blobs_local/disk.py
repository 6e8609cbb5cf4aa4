"""What the blob store asks of the operating system, and how its refusals are named."""

import errno
import fcntl
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tutti.domain.errors import AppError, ErrorKind

Fsync = Callable[[int], None]
"""Makes what was written to a descriptor durable; raises OSError."""


def fsync(fd: int) -> None:
    """Make a file or a folder durable.

    On macOS `fsync(2)` stops at the drive's cache; F_FULLFSYNC goes through it, where the file system knows it.
    """
    if sys.platform == "darwin":
        try:
            fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
        except OSError as error:
            if error.errno not in {errno.ENOTSUP, errno.ENOTTY, errno.EINVAL}:
                raise
        else:
            return
    os.fsync(fd)


def begin_writing_back(fd: int, offset: int, count: int) -> None:
    """Have the kernel write these bytes to the disk beside us, so that a later `fsync` finds little left to do.

    Linux sends what is not written yet on its way, and lets go of what is (posix_fadvise(2), POSIX_FADV_DONTNEED): of a
    fast upload all stays at hand, of a slow one the beginning may have to be read again. Nothing is promised, and
    failures show at `fsync`.
    """
    if sys.platform == "linux":
        with suppress(OSError):
            os.posix_fadvise(fd, offset, count, os.POSIX_FADV_DONTNEED)


class Disk:
    """The file system that holds the store, less the bytes that are kept free for everybody else."""

    def __init__(self, root: Path, *, reserve_bytes: int, fsync: Fsync) -> None:
        self._root = root
        self._reserve_bytes = reserve_bytes
        self.sync_file = fsync

    def free_bytes(self) -> int:
        """Return how many bytes may still be written; negative when the reserve is already in use."""
        stats = os.statvfs(self._root)
        return stats.f_bavail * stats.f_frsize - self._reserve_bytes

    def check_room(self, wanted_bytes: int) -> None:
        """Refuse what would not fit.

        Raises:
            AppError: FULL `disk_full`.
        """
        if self.free_bytes() <= max(wanted_bytes - 1, 0):
            raise disk_full()

    def sync_folder(self, folder: Path) -> None:
        """Make the names in a folder durable."""
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            self.sync_file(fd)
        except OSError as error:
            # CIFS and some FUSE file systems cannot sync a folder at all and say so with these two.
            if error.errno not in {errno.EINVAL, errno.ENOTSUP}:
                raise
        finally:
            os.close(fd)


@contextmanager
def store_errors() -> Iterator[None]:
    """Turn an OSError into the AppError that the port promises."""
    try:
        yield
    except OSError as error:
        raise (disk_full() if error.errno in {errno.ENOSPC, errno.EDQUOT} else store_failed()) from error


def disk_full() -> AppError:
    """Return the refusal when nothing more can be written."""
    return AppError(ErrorKind.FULL, "disk_full", "There is no room left to store this.")


def store_failed() -> AppError:
    """Return the refusal when the disk fails us."""
    return AppError(ErrorKind.UNAVAILABLE, "store_failed", "The store failed; try again later.")


@contextmanager
def exclusive(lock: Path) -> Iterator[None]:
    """Keep all other threads and processes out; a process that dies lets them in."""
    # A descriptor of our own each time: two threads with one descriptor would share the lock.
    fd = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def hold(fd: int, path: Path) -> bool:
    """Take an open file for ourselves until it is closed.

    Raises:
        BlockingIOError: Somebody else has it.

    Returns:
        Whether it is still the file at `path`; when not, it has become a blob or was removed.
    """
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    try:
        there = path.lstat()
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(fd), there)


def write_all(fd: int, data: memoryview, offset: int) -> None:
    """Write all of `data` at `offset`, however little the kernel takes at a time."""
    written = 0
    while written < len(data):
        written += os.pwrite(fd, data[written:], offset + written)


def make_folder(path: Path) -> bool:
    """Make a folder for us alone; return whether it was missing."""
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        return False
    return True
