"""The folder of bytes that are on their way in: `staging/<id>`, one file for each, held by whoever writes it."""

import os
import re
import secrets
from datetime import UTC, datetime
from pathlib import Path

from tutti.backends.blobs_local import disk
from tutti.backends.blobs_local.disk import Disk, store_errors
from tutti.backends.blobs_local.listing import names, status_of
from tutti.backends.blobs_local.staged import LocalStaged, Place
from tutti.domain.errors import AppError, ErrorKind
from tutti.kit.clock import Clock

_STAGED_ID = re.compile(r"[0-9a-f]{32}")


class Staging:
    """Staged files, whatever they become: `place` makes a blob of one.

    Args:
        folder: Exists.
        disk: The file system that it is on.
        clock: What the age of staged bytes is measured by.
        place: What a commit does once the bytes are durable here.
    """

    def __init__(self, folder: Path, *, disk: Disk, clock: Clock, place: Place) -> None:
        self._folder = folder
        self._disk = disk
        self._clock = clock
        self._place = place

    def stage(self, *, expected_bytes: int = 0) -> LocalStaged:
        """Create and hold an empty file."""
        with store_errors():
            self._disk.check_room(expected_bytes)
            path = self._folder / secrets.token_hex(16)
            return self._held(path, os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))

    def resume(self, staged_id: str) -> LocalStaged:
        """Hold the file and sync it: its length is the offset."""
        staged = self._open(staged_id)
        try:
            staged.catch_up()
        except AppError:
            staged.close()
            raise
        return staged

    def drop(self, staged_id: str) -> None:
        """Hold the file, which tells that nobody else does, and remove it."""
        try:
            self._open(staged_id).discard()
        except AppError as error:
            if error.kind is not ErrorKind.NOT_FOUND:
                raise

    def sweep(self, *, older_than_s: float) -> int:
        """Look at every staged file; one that is held is left alone however old it is."""
        with store_errors():
            return sum(self._sweep(self._folder / name, older_than_s) for name in names(self._folder, _STAGED_ID))

    def _open(self, staged_id: str) -> LocalStaged:
        if not _STAGED_ID.fullmatch(staged_id):
            raise _staged_not_found()
        path = self._folder / staged_id
        with store_errors():
            try:
                fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
            except FileNotFoundError:
                raise _staged_not_found() from None
            return self._held(path, fd)

    def _held(self, path: Path, fd: int) -> LocalStaged:
        """Return the open file as staged bytes; it is closed when that fails."""
        try:
            is_ours = disk.hold(fd, path)
        except BlockingIOError:
            os.close(fd)
            raise AppError(ErrorKind.CONFLICT, "staged_busy", "Somebody else is sending these bytes.") from None
        except OSError:
            os.close(fd)
            raise
        if not is_ours:
            os.close(fd)
            raise _staged_not_found()
        return LocalStaged(path, fd, disk=self._disk, place=self._place)

    def _sweep(self, path: Path, older_than_s: float) -> bool:
        status = status_of(path)
        if status is None or self._age_s(status) < older_than_s:
            return False
        try:
            staged = self._held(path, os.open(path, os.O_RDWR | os.O_NOFOLLOW))
        except (AppError, FileNotFoundError):
            return False
        staged.discard()
        return True

    def _age_s(self, status: os.stat_result) -> float:
        return (self._clock() - datetime.fromtimestamp(status.st_mtime, UTC)).total_seconds()


def _staged_not_found() -> AppError:
    return AppError(ErrorKind.NOT_FOUND, "staged_not_found", "This upload does not exist, or it has ended.")
