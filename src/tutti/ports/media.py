"""The tools that open untrusted media; whoever implements this keeps the file's bytes out of our process."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from tutti.domain.media import Reading, Refused

COVER_SIZES = (64, 150, 300, 600, 1200)
"""Edge lengths in pixels that a cover can be asked in; nothing else is ever rendered."""


@dataclass(frozen=True, slots=True)
class MediaFile:
    """One file to look into.

    Attributes:
        path: Absolute path, as the file system has it. It is opened in our process (read-only, never following a
            link out of `root`) and handed to the child as a descriptor.
        root: The folder that the opened file must lie beneath; None for files of our own.
        wants_sound: Whether to look for its `Reading.sound`, too.
    """

    path: bytes
    root: bytes | None = None
    wants_sound: bool = False


class MediaReader(Protocol):
    """Reads tags and pictures; safe to call from several threads."""

    def read(self, files: Iterable[MediaFile]) -> Iterator[Reading | Refused]:
        """Yield one answer a file, in the order asked, reading ahead of the caller by a bounded number of files.

        A file that cannot be opened or read, or takes too long, gives a Refused; nothing is raised for one file.

        Raises:
            AppError: UNAVAILABLE `media_worker_unavailable` when no child can be started; BUSY `server_busy` when no
                file can be opened.
        """
        ...

    def render_cover(self, file: MediaFile, size_px: int) -> bytes:
        """Return the front cover of an audio file, or the picture that the file is, as WebP.

        Args:
            file: An audio file with an embedded picture, or an image file.
            size_px: One of `COVER_SIZES`; the longer edge of the answer is at most this, never scaled up.

        Raises:
            AppError: NOT_FOUND `no_cover` when there is none; UNSUPPORTED `bad_picture` when it cannot be
                decoded or has more than 20 million pixels; INVALID `bad_cover_size`.
        """
        ...

    def layers(self) -> Sequence[str]:
        """Return the names of the layers of the sandbox that hold, the strongest first."""
        ...

    def close(self) -> None:
        """End the children; the reader is not used after this."""
        ...
