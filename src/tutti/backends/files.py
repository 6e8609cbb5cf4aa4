"""Opens files of the local file system and keeps rendered covers in a folder."""

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from tutti.backends.media_worker.opening import open_media
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.files import Descriptor, OpenedFile
from tutti.domain.media import Refused
from tutti.ports.media import MediaFile


class LocalFiles:
    """Files by path, checked on the descriptor that was opened."""

    def open(self, file: MediaFile) -> OpenedFile:
        """Open a regular file for reading; see the port."""
        fd = open_media(file)
        if isinstance(fd, Refused):
            raise AppError(ErrorKind.GONE, "file_missing", fd.message)
        status = os.fstat(fd)
        return OpenedFile(Descriptor(fd), status.st_size, status.st_mtime_ns)


class FolderCovers:
    """Rendered covers as files; a read marks a file as used."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, key: str, size_px: int) -> bytes | None:
        """Return the rendered cover, None when it is not kept."""
        path = self._path(key, size_px)
        try:
            data = path.read_bytes()
            os.utime(path)
        except OSError:
            return None
        return data

    def keep(self, key: str, size_px: int, data: bytes) -> None:
        """Keep a rendered cover if there is room."""
        path = self._path(key, size_px)
        fresh = path.with_suffix(f".{token_hex(4)}.part")
        # A full disk costs only the cache: the cover was rendered and is sent.
        with suppress(OSError):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                fresh.write_bytes(data)
                fresh.replace(path)
            finally:
                fresh.unlink(missing_ok=True)

    def shrink(self, max_bytes: int) -> int:
        """Forget the covers longest unused until at most that many bytes are kept."""
        kept = sorted(_used(self._folder), reverse=True)
        total = removed = 0
        for _, size_bytes, path in kept:
            total += size_bytes
            if total > max_bytes:
                path.unlink(missing_ok=True)
                removed += 1
        return removed

    def _path(self, key: str, size_px: int) -> Path:
        name = hashlib.sha256(key.encode()).hexdigest()
        return self._folder / name[:2] / f"{name}-{size_px:d}.webp"


def _used(folder: Path) -> list[tuple[float, int, Path]]:
    """Return time of use, size and path of every file of the cache."""
    found = []
    for path in folder.glob("*/*"):
        with suppress(OSError):
            status = path.stat()
            found.append((status.st_mtime, status.st_size, path))
    return found
