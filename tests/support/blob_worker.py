"""A program that uses the local blob store once and says line by line what was acknowledged.

    blob_worker.py ROOT SEED SIZE_BYTES

Its lines, each written with one call before or after the deed: `stored HASH`, `deleting HASH`, `deleted HASH`,
`refused KIND CODE`. The bytes are those of `payload`.
"""

import os
import random
import sys
from pathlib import Path

from tutti.backends.blobs_local import LocalBlobs
from tutti.domain.errors import AppError
from tutti.domain.values import BlobHash


def payload(seed: int, size_bytes: int) -> bytes:
    """Return bytes that are the same for the same arguments."""
    return random.Random(seed).randbytes(size_bytes)


def main(root: Path, seed: int, size_bytes: int) -> int:
    """Store a blob in two sittings, store it again, store another one and delete that."""
    data = payload(seed, size_bytes)
    try:
        blobs = LocalBlobs(root)
        _store_in_two_sittings(blobs, data)
        _store(blobs, data)
        other = _store(blobs, data[::-1])
        _say(f"deleting {other}")
        blobs.delete(other)
        _say(f"deleted {other}")
    except AppError as error:
        _say(f"refused {error.kind} {error.code}")
        return 3
    return 0


def _store_in_two_sittings(blobs: LocalBlobs, data: bytes) -> None:
    half = len(data) // 2
    with blobs.stage() as first:
        first.append(data[:half])
        first.sync()
    with blobs.resume(first.id) as second:
        second.append(data[half:])
        _say(f"stored {second.commit().hash}")


def _store(blobs: LocalBlobs, data: bytes) -> BlobHash:
    with blobs.stage() as staged:
        staged.append(data)
        stored = staged.commit()
    _say(f"stored {stored.hash}")
    return stored.hash


def _say(line: str) -> None:
    # One call a line, past all buffers: a kill must not swallow what was already said.
    os.write(1, f"{line}\n".encode())


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
