"""Renaming and copying that never take a file's place: `renameat2` where there is one, ways around it elsewhere."""

import ctypes
import errno
import os
import shutil
from collections.abc import Callable
from functools import cache
from typing import cast

_NOREPLACE = 1
_EXCHANGE = 2
_UNSUPPORTED = frozenset({errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM, errno.EMLINK})

Way = Callable[[int, str, int, str], bool]
"""Renames a file where nothing may be; False when the system or the file system cannot."""


def move(folder: int, name: str, target: int, other: str, *, ways: "tuple[Way, ...] | None" = None) -> None:
    """Rename a file from one open folder to another, where nothing may be.

    Args:
        folder: The open folder.
        name: The name in it.
        target: The other open folder.
        other: The name there.
        ways: What is tried, in this order; the last one must not say that it cannot.

    Raises:
        FileExistsError: There is something of that name.
        OSError: It did not work.
    """
    for way in ways or WAYS:
        if way(folder, name, target, other):
            return


def exchange(folder: int, name: str, other: str) -> bool:
    """Have two files of one folder change names at once; False where that cannot be done.

    Raises:
        OSError: It did not work.
    """
    return _call(folder, name, folder, other, _EXCHANGE)


def copy(folder: int, name: str, target: int, other: str) -> None:
    """Have a file under a second name, by a link where there are links.

    Raises:
        FileExistsError: There is something of that name.
        OSError: It did not work.
    """
    if _link(folder, name, target, other):
        return
    source = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=folder)
    with open(source, "rb") as reader:
        copied = os.open(other, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600, dir_fd=target)
        with open(copied, "wb") as writer:
            shutil.copyfileobj(reader, writer)
            writer.flush()
            os.fsync(copied)


@cache
def _renameat2() -> Callable[..., int] | None:
    function = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if function is not None:
        function.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
        function.restype = ctypes.c_int
    return cast("Callable[..., int] | None", function)  # ctypes gives it no type


def _call(folder: int, name: str, target: int, other: str, flags: int) -> bool:
    function = _renameat2()
    if function is None:
        return False
    if function(folder, os.fsencode(name), target, os.fsencode(other), flags) == 0:
        return True
    code = ctypes.get_errno()
    if code in _UNSUPPORTED:
        return False
    raise OSError(code, os.strerror(code), other)


def _at_once(folder: int, name: str, target: int, other: str) -> bool:
    return _call(folder, name, target, other, _NOREPLACE)


def _link(folder: int, name: str, target: int, other: str) -> bool:
    try:
        os.link(name, other, src_dir_fd=folder, dst_dir_fd=target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
        return False
    return True


def _by_link(folder: int, name: str, target: int, other: str) -> bool:
    if not _link(folder, name, target, other):
        return False
    os.unlink(name, dir_fd=folder)
    return True


def _by_reserving(folder: int, name: str, target: int, other: str) -> bool:
    """Reserve the name by an empty file, and replace only that; a scan takes an empty file for none."""
    os.close(os.open(other, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600, dir_fd=target))
    if os.stat(other, dir_fd=target, follow_symlinks=False).st_size:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), other)
    os.rename(name, other, src_dir_fd=folder, dst_dir_fd=target)
    return True


WAYS: tuple[Way, ...] = (_at_once, _by_link, _by_reserving)
"""How files are renamed, from the best to what FAT and some shares are left with."""
