"""The folder of blobs: `blobs/ab/cd/<hash>` for what is there, `staging/<id>` for what is on its way.

What was found to be damaged lies in `damaged`, under its hash and a suffix.
"""

import os
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from tutti.backends.blobs_local import disk
from tutti.backends.blobs_local.disk import Disk, exclusive, make_folder, store_errors
from tutti.backends.blobs_local.listing import names, status_of
from tutti.backends.blobs_local.staged import PIECE_BYTES, LocalStaged
from tutti.backends.blobs_local.staging import Staging
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.values import HASH, BlobHash
from tutti.kit.clock import Clock, system_clock
from tutti.ports.blobs import StoredBlob

_FOLDER = re.compile(r"[0-9a-f]{2}")


class LocalBlobs:
    """Implements the port BlobStore in one file system that knows rename, fsync and flock.

    A staged file becomes a blob by fsync of the file, rename under the store's lock, fsync of the folders; whoever
    finds the blob there already still waits for those folders, since another process may be a moment behind.

    Args:
        root: The folder; made when missing.
        reserve_bytes: Free space that uploads must leave.
        fsync: Makes a descriptor durable.
        clock: What the ages of blobs and staged bytes are measured by.
        on_repair: Told the hash of a blob whose file had the wrong size and was replaced by the good copy that was
            just committed: the disk, or somebody at it, damages files.

    Raises:
        AppError: UNAVAILABLE `store_failed`, FULL `disk_full` when the folders cannot be made.
    """

    def __init__(
        self,
        root: Path,
        *,
        reserve_bytes: int = 0,
        fsync: disk.Fsync = disk.fsync,
        clock: Clock = system_clock,
        on_repair: Callable[[BlobHash], None] = lambda _: None,
    ) -> None:
        self._blobs = root / "blobs"
        self._staging = root / "staging"
        self._damaged = root / "damaged"
        self._lock = root / "lock"
        self._disk = Disk(root, reserve_bytes=reserve_bytes, fsync=fsync)
        self._on_their_way = Staging(self._staging, disk=self._disk, clock=clock, place=self._place)
        self._clock = clock
        self._on_repair = on_repair
        self._listed_folders = bytearray(1 << 16)
        with store_errors():
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            make_folder(self._blobs)
            make_folder(self._staging)
            self._disk.sync_folder(root)
            self._disk.sync_folder(root.parent)

    def stage(self, *, expected_bytes: int = 0) -> LocalStaged:
        """Create and hold an empty file."""
        return self._on_their_way.stage(expected_bytes=expected_bytes)

    def resume(self, staged_id: str) -> LocalStaged:
        """Hold the file and sync it: its length is the offset."""
        return self._on_their_way.resume(staged_id)

    def drop(self, staged_id: str) -> None:
        """Hold the file, which tells that nobody else does, and remove it."""
        self._on_their_way.drop(staged_id)

    def find(self, blob_hash: BlobHash) -> StoredBlob | None:
        """Ask the file system for the name, nothing else."""
        if not HASH.fullmatch(blob_hash):
            return None
        path = self._path(blob_hash)
        with store_errors():
            status = status_of(path)
        return StoredBlob(blob_hash, status.st_size, bytes(path)) if status else None

    def read(self, blob_hash: BlobHash, *, offset: int = 0, count: int | None = None) -> Iterator[bytes]:
        """Read one open file, which stays whole even when the blob is deleted meanwhile."""
        with store_errors():
            fd = self._open(blob_hash)
        try:
            size_bytes = os.fstat(fd).st_size
            end = size_bytes if count is None else offset + count
            if end > size_bytes:
                raise disk.store_failed()
            while offset < end:
                with store_errors():
                    piece = os.pread(fd, min(PIECE_BYTES, end - offset), offset)
                if not piece:
                    raise disk.store_failed()
                offset += len(piece)
                yield piece
        finally:
            os.close(fd)

    def delete(self, blob_hash: BlobHash, *, older_than_s: float = 0) -> bool:
        """Unlink under the lock that commits take for their rename, then sync the folder."""
        if not HASH.fullmatch(blob_hash):
            return False
        path = self._path(blob_hash)
        with store_errors():
            with exclusive(self._lock):
                status = status_of(path)
                if status is None or (older_than_s > 0 and self._age_s(status) < older_than_s):
                    return False
                path.unlink()
            self._disk.sync_folder(path.parent)
        return True

    def set_aside(self, blob_hash: BlobHash) -> bool:
        """Rename the file into a folder of its own, under the lock that commits take."""
        if not HASH.fullmatch(blob_hash):
            return False
        path = self._path(blob_hash)
        with store_errors():
            make_folder(self._damaged)
            with exclusive(self._lock):
                if status_of(path) is None:
                    return False
                path.rename(self._damaged / f"{blob_hash}-{secrets.token_hex(4)}")
            self._disk.sync_folder(self._damaged)
            self._disk.sync_folder(path.parent)
        return True

    def walk(self) -> Iterator[StoredBlob]:
        """List folder by folder: memory for the names of one, whatever the size of the store."""
        for first in names(self._blobs, _FOLDER):
            for second in names(self._blobs / first, _FOLDER):
                for name in names(self._blobs / first / second, HASH):
                    blob = self.find(BlobHash(name)) if name.startswith(first + second) else None
                    if blob is not None:
                        yield blob

    def sweep(self, *, older_than_s: float) -> int:
        """Look at every staged file; one that is held is left alone however old it is."""
        return self._on_their_way.sweep(older_than_s=older_than_s)

    @contextmanager
    def at_hand(self, blob_hash: BlobHash) -> Iterator[bytes]:
        """Give the blob's own file."""
        found = self.find(blob_hash)
        if found is None or found.path is None:
            raise _blob_not_found()
        yield found.path

    def _place(self, staged: Path, size_bytes: int, blob_hash: BlobHash) -> StoredBlob:
        path = self._path(blob_hash)
        self._make_folders(path.parent)
        with exclusive(self._lock):
            there = status_of(path)
            is_damaged = there is not None and there.st_size != size_bytes
            if there is None or is_damaged:
                staged.rename(path)
            else:
                staged.unlink()
            self._touch(path)
        self._disk.sync_folder(path.parent)
        if is_damaged:
            self._on_repair(blob_hash)
        return StoredBlob(blob_hash, size_bytes, bytes(path))

    def _make_folders(self, folder: Path) -> None:
        """Make both levels, and make them durable when this process cannot know that they are."""
        number = int(folder.parent.name + folder.name, 16)
        is_new = [make_folder(level) for level in (folder.parent, folder)]
        if any(is_new) or not self._listed_folders[number]:
            self._disk.sync_folder(self._blobs)
            self._disk.sync_folder(folder.parent)
            self._listed_folders[number] = True

    def _touch(self, path: Path) -> None:
        now_ns = int(self._clock().timestamp() * 1e6) * 1000
        os.utime(path, ns=(now_ns, now_ns))

    def _age_s(self, status: os.stat_result) -> float:
        return (self._clock() - datetime.fromtimestamp(status.st_mtime, UTC)).total_seconds()

    def _path(self, blob_hash: BlobHash) -> Path:
        return self._blobs / f"{blob_hash[:2]}/{blob_hash[2:4]}/{blob_hash}"

    def _open(self, blob_hash: BlobHash) -> int:
        if not HASH.fullmatch(blob_hash):
            raise _blob_not_found()
        try:
            return os.open(self._path(blob_hash), os.O_RDONLY | os.O_NOFOLLOW)
        except FileNotFoundError:
            raise _blob_not_found() from None


def _blob_not_found() -> AppError:
    return AppError(ErrorKind.NOT_FOUND, "blob_not_found", "These bytes are not here.")
