"""A file that was opened to be sent."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """An open descriptor and what fstat said of it.

    Attributes:
        fd: Belongs to whoever received this; close it once.
    """

    fd: int
    size_bytes: int
    mtime_ns: int
