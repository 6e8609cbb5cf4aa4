"""A file that can be sent: one that was opened, or one that is elsewhere."""

from dataclasses import dataclass
from os import close

from tutti.domain.values import BlobHash


class Descriptor:
    """An open file descriptor, closed when the last one who holds this lets go.

    Streams, a cache and a request that was cancelled may hold the same one; none of them can know who is last.
    """

    __slots__ = ("fd",)

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def __del__(self) -> None:
        close(self.fd)


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """An open file and what fstat said of it."""

    descriptor: Descriptor
    size_bytes: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A blob in a store that is not of this machine, as its row describes it; nobody has asked the store yet."""

    hash: BlobHash
    size_bytes: int
