"""The sound in a file of the folder, apart from its tags, as the server finds it."""

import os

from tutti.domain.sound import Region, find_sound, hash_of
from tutti.syncing.tree import ChangedError, Tree


def region_in(fd: int) -> Region | None:
    """Return where the sound of an open file is, None when it is in pieces or of no known kind."""
    with open(fd, "rb", closefd=False) as file:
        return find_sound(file, os.fstat(fd).st_size)


def hash_in(fd: int, region: Region) -> str:
    """Return the SHA-256 of the sound of an open file, in hex."""
    with open(fd, "rb", closefd=False) as file:
        return hash_of(file, region)


def hash_at(tree: Tree, path: str) -> str | None:
    """Return the SHA-256 of the sound of a file, in hex; None when it cannot be told."""
    try:
        fd = tree.open(path)
    except (OSError, ChangedError):
        return None
    try:
        region = region_in(fd)
        return None if region is None else hash_in(fd, region)
    except OSError:
        return None
    finally:
        os.close(fd)
