"""The stores that must pass the contract suite of blobs; a new backend adds a place here."""

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from support import s3
from support.memory_blobs import MemoryBlobs, MemoryDisk
from tutti.backends.blobs_local import LocalBlobs
from tutti.backends.blobs_s3 import Bucket, S3Blobs
from tutti.domain.values import BlobHash
from tutti.kit.clock import Clock, system_clock
from tutti.ports.blobs import BlobStore, StoredBlob


class ShiftedClock:
    """The machine's clock, which a test can put forward."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def __call__(self) -> datetime:
        return system_clock() + self._ahead

    def advance(self, seconds: float) -> None:
        self._ahead += timedelta(seconds=seconds)


class Place(Protocol):
    """Somewhere that bytes outlive the store that wrote them."""

    def open(self, clock: Clock = system_clock) -> BlobStore:
        """Return a new store over the same bytes, as after a restart."""
        ...

    def fill(self) -> None:
        """Make the disk full for stores that are opened afterwards."""
        ...


class LocalPlace:
    """A folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._reserve_bytes = 0

    def open(self, clock: Clock = system_clock) -> BlobStore:
        return LocalBlobs(self._root, reserve_bytes=self._reserve_bytes, clock=clock)

    def fill(self) -> None:
        self._reserve_bytes = 1 << 62


class S3Place:
    """A bucket, and a folder for what is on its way."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._address = s3.fresh()
        self._reserve_bytes = 0

    def open(self, clock: Clock = system_clock) -> BlobStore:
        return S3Blobs(Bucket(self._address), self._root, reserve_bytes=self._reserve_bytes, clock=clock)

    def fill(self) -> None:
        self._reserve_bytes = 1 << 62


class MemoryPlace:
    """A dictionary."""

    def __init__(self, _root: Path) -> None:
        self._disk = MemoryDisk()

    def open(self, clock: Clock = system_clock) -> BlobStore:
        return MemoryBlobs(self._disk, clock=clock)

    def fill(self) -> None:
        self._disk.capacity_bytes = 0


MakePlace = Callable[[Path], Place]
PLACES: tuple[MakePlace, ...] = (LocalPlace, MemoryPlace, S3Place)


def hash_of(data: bytes) -> BlobHash:
    """Return the name that a blob of these bytes must have."""
    return BlobHash(hashlib.sha256(data).hexdigest())


def put(store: BlobStore, data: bytes) -> StoredBlob:
    """Store the bytes in one piece."""
    with store.stage() as staged:
        staged.append(data)
        return staged.commit()
