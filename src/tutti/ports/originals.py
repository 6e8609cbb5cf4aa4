"""Where the bytes of an original installation are."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO, Protocol


@dataclass(frozen=True, slots=True)
class OriginalObject:
    """An object that is open for reading."""

    file: BinaryIO
    size_bytes: int


class Objects(Protocol):
    """The objects of a bucket, which is only ever read."""

    def names(self) -> Iterator[str]:
        """Yield the names of all objects, in no order.

        Raises:
            AppError: UNAVAILABLE `objects_unavailable`.
        """
        ...

    def open(self, name: str) -> AbstractContextManager[OriginalObject | None]:
        """Open an object for as long as the block lasts; None when there is none of that name.

        Raises:
            AppError: UNAVAILABLE `objects_unavailable` when nobody can tell.
        """
        ...
