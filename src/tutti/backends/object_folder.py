"""Objects of a bucket that was copied into a folder, each a file under its key."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from tutti.domain.errors import AppError, ErrorKind
from tutti.ports.originals import OriginalObject

_NOT_THERE = {errno.ENOENT, errno.ELOOP}
"""The second is what a link is answered."""


class ObjectFolder:
    """Implements Objects over one folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def names(self) -> Iterator[str]:
        """Yield the names of all files; raises as `Objects.names`."""
        try:
            with os.scandir(self._root) as entries:
                yield from (entry.name for entry in entries if entry.is_file(follow_symlinks=False))
        except OSError as error:
            self._unavailable(error)

    @contextmanager
    def open(self, name: str) -> Iterator[OriginalObject | None]:
        """Open a file; what is no regular file is not there. Raises as `Objects.open`."""
        try:
            fd = os.open(self._root / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            if error.errno not in _NOT_THERE:
                self._unavailable(error)
            yield None
            return
        with os.fdopen(fd, "rb", buffering=0) as file:
            found = os.fstat(fd)
            yield OriginalObject(file, found.st_size) if stat.S_ISREG(found.st_mode) else None

    def _unavailable(self, error: OSError) -> NoReturn:
        message = f"{error.filename or self._root}: {(error.strerror or 'it cannot be read').lower()}."
        raise AppError(ErrorKind.UNAVAILABLE, "objects_unavailable", message) from error
