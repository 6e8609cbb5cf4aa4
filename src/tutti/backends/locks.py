"""Locks as advisory locks on files: the kernel drops them when their holder dies."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tutti.domain.errors import AppError, ErrorKind


class FileLocks:
    """Locks in one folder of the data directory."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def hold(self, name: str) -> Iterator[None]:
        """Hold a lock for the length of a `with` block.

        Raises:
            AppError: CONFLICT `already_running` when somebody holds it; UNAVAILABLE `lock_failed` where the file system
                has no locks or gives no file for one.
        """
        fd = self._locked(name)
        try:
            yield
        finally:
            os.close(fd)

    def _locked(self, name: str) -> int:
        fd = -1
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            fd = os.open(self._folder / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if fd >= 0:
                os.close(fd)
            if isinstance(error, BlockingIOError):
                message = f"Another process is at work on {name}."
                raise AppError(ErrorKind.CONFLICT, "already_running", message) from error
            message = f"The lock of {name} cannot be taken: {(error.strerror or 'unknown reason').lower()}."
            raise AppError(ErrorKind.UNAVAILABLE, "lock_failed", message) from error
        return fd
