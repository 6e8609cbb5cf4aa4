"""Opens a media file in our process: read-only, a regular file, and never outside the folder it must lie in."""

import errno
import fcntl
import os
import stat
import sys
from functools import lru_cache

from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.media import Refusal, Refused
from tutti.ports.media import MediaFile

_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK  # a pipe without a writer must not hold us
_PATH_BYTES = 1024

_SENTENCES = {
    errno.ENOENT: "The file is gone.",
    errno.ENOTDIR: "The file is gone.",
    errno.EACCES: "The server may not read the file.",
    errno.EPERM: "The server may not read the file.",
    errno.ELOOP: "The file is a symbolic link that is not followed.",
    errno.ENAMETOOLONG: "The file's path is too long to open.",
}
_NOT_ITS_FAULT = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})


def open_media(file: MediaFile) -> int | Refused:
    """Return a descriptor of the file, which the caller closes, or why there is none.

    The path is checked after opening, on the descriptor itself, so that a link swapped in meanwhile gains nothing.

    Raises:
        AppError: BUSY `server_busy` when we have no descriptor left: that says nothing of the file.
    """
    try:
        descriptor = os.open(file.path, _FLAGS | (0 if file.root else os.O_NOFOLLOW))
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in _NOT_ITS_FAULT:
            raise AppError(ErrorKind.BUSY, "server_busy", "The server has too many files open; try again.") from error
        known = _SENTENCES.get(error.errno or 0) if isinstance(error, OSError) else None
        return Refused(Refusal.UNREADABLE, known or "The file cannot be opened.")
    refused = _refusal(descriptor, file.root)
    if refused is None:
        return descriptor
    os.close(descriptor)
    return refused


def _refusal(descriptor: int, root: bytes | None) -> Refused | None:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        return Refused(Refusal.UNREADABLE, "It is not a regular file.")
    if root is not None and not _path_of(descriptor).startswith(_beneath(root)):
        return Refused(Refusal.UNREADABLE, "The file is a link that leads out of its library, and is not followed.")
    return None


@lru_cache(maxsize=64)
def _beneath(root: bytes) -> bytes:
    return os.path.realpath(root).rstrip(b"/") + b"/"


def _path_of(descriptor: int) -> bytes:
    """Return where the kernel says that an open file is."""
    if sys.platform == "darwin":
        return fcntl.fcntl(descriptor, fcntl.F_GETPATH, bytes(_PATH_BYTES)).rstrip(b"\0")
    return os.readlink(b"/proc/self/fd/%d" % descriptor)
