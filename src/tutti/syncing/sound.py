"""The sound in a file, apart from its tags."""

import hashlib
import os
from typing import NamedTuple

from tutti.syncing.tree import CHUNK_BYTES, ChangedError, Tree


class Sound(NamedTuple):
    """Where the sound of a file is, in bytes."""

    offset: int
    length: int


def find_sound(fd: int) -> Sound | None:  # noqa: ARG001
    """Return where the sound of an open file is, None when its layout is not known or it is in pieces."""
    return None


def hash_of(fd: int, sound: Sound) -> str:
    """Return the SHA-256 of the sound, in hex."""
    digest, end, at = hashlib.sha256(), sound.offset + sound.length, sound.offset
    while at < end:
        chunk = os.pread(fd, min(CHUNK_BYTES, end - at), at)
        if not chunk:
            raise ChangedError
        digest.update(chunk)
        at += len(chunk)
    return digest.hexdigest()


def hash_in(tree: Tree, path: str) -> str | None:
    """Return the SHA-256 of the sound of a file in the folder, None when it cannot be told."""
    try:
        fd = tree.open(path)
    except (OSError, ChangedError):
        return None
    try:
        found = find_sound(fd)
        return None if found is None else hash_of(fd, found)
    except ChangedError:
        return None
    finally:
        os.close(fd)
