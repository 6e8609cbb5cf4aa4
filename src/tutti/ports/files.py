"""Opens files to be sent, and keeps rendered covers."""

from typing import Protocol

from tutti.domain.files import OpenedFile
from tutti.ports.media import MediaFile


class FileOpener(Protocol):
    """Opens files of the local file system; safe to call from several threads."""

    def open(self, file: MediaFile) -> OpenedFile:
        """Open a regular file for reading.

        Raises:
            AppError: GONE `file_missing` when it is not there, cannot be read or lies outside of `file.root`.
        """
        ...


class CoverCache(Protocol):
    """Rendered covers by key; whatever is lost is rendered again."""

    def find(self, key: str, size_px: int) -> bytes | None:
        """Return the rendered cover, None when it is not kept."""
        ...

    def keep(self, key: str, size_px: int, data: bytes) -> None:
        """Keep a rendered cover if there is room; never raises."""
        ...

    def shrink(self, max_bytes: int) -> int:
        """Forget the covers longest unused until at most that many bytes are kept; return how many went."""
        ...
