"""Walks files that are made of named chunks: RIFF, AIFF, DSDIFF."""

from collections.abc import Iterator
from typing import Literal

from tutti.backends.media_worker.source import Source

_MOST_CHUNKS = 512
_NAME_BYTES = 4


def chunks(
    source: Source, offset: int, order: Literal["little", "big"], size_bytes: int = 4
) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, offset of the content and promised size of each chunk from an offset on.

    Args:
        source: The file.
        offset: Where the first chunk begins.
        order: How the size is written.
        size_bytes: How long the size is.
    """
    for _ in range(_MOST_CHUNKS):
        header = source.at(offset, _NAME_BYTES + size_bytes)
        if len(header) < _NAME_BYTES + size_bytes:
            return
        start, size = offset + len(header), int.from_bytes(header[_NAME_BYTES:], order)
        yield header[:_NAME_BYTES], start, size
        offset = start + size + (size & 1)
