"""A backup in a folder: `manifest.json`, a database beside it, `blobs`, and `keys` when they were asked for."""

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from tutti.backends.blobs_local import LocalBlobs
from tutti.domain.backups import FORMAT, Manifest
from tutti.domain.errors import AppError, ErrorKind

_MANIFEST = "manifest.json"


class BackupFolder:
    """Implements `BackupPlace`; of two backups in one folder the blobs are shared, and the last manifest counts.

    Args:
        folder: Made when missing.
        keys: The folder of secrets to take along, None for none.
    """

    def __init__(self, folder: Path, *, keys: Path | None = None) -> None:
        self._folder = folder
        self._keys = keys

    @property
    def blobs(self) -> LocalBlobs:
        """The store in the folder."""
        return LocalBlobs(self._folder)

    def begin(self) -> Path:
        """Refuse a folder that holds something else."""
        with _explained():
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if any(self._folder.iterdir()) and not (self._folder / _MANIFEST).exists():
                raise _no_backup(self._folder)
            return self._folder / f"tutti-{secrets.token_hex(8)}.db"

    def finish(self, manifest: Manifest) -> None:
        """Write the manifest beside its place and move it there, then remove the databases of other backups."""
        with _explained():
            shutil.rmtree(self._folder / "keys", ignore_errors=True)
            if self._keys is not None:
                _copy_keys(self._keys, self._folder / "keys")
            _sync_folder(self._folder)
            staged = self._folder / f"{_MANIFEST}.new"
            with staged.open("wb") as file:
                file.write(msgspec.json.format(msgspec.json.encode(manifest)) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            staged.replace(self._folder / _MANIFEST)
            _sync_folder(self._folder)
            for stale in self._folder.glob("tutti-*.db*"):
                if stale.name != manifest.database:
                    stale.unlink()

    def copy_keys_to(self, folder: Path) -> None:
        """Copy the secrets that were taken along."""
        with _explained():
            _copy_keys(self._folder / "keys", folder)

    def manifest(self) -> Manifest:
        """Return what the backup says of itself.

        Raises:
            AppError: CONFLICT `not_a_backup`, `newer_backup`.
        """
        try:
            manifest = msgspec.json.decode((self._folder / _MANIFEST).read_bytes(), type=Manifest)
        except (OSError, msgspec.MsgspecError) as error:
            raise _no_backup(self._folder) from error
        if manifest.format != FORMAT or Path(manifest.database).name != manifest.database:
            raise AppError(ErrorKind.CONFLICT, "newer_backup", "The backup was made by a newer version of Tutti.")
        return manifest

    def database(self, manifest: Manifest) -> Path:
        """Return the database file, once its bytes are those that were written.

        Raises:
            AppError: CONFLICT `backup_damaged`.
        """
        path = self._folder / manifest.database
        with _explained():
            with path.open("rb") as file:
                is_same = hashlib.file_digest(file, "sha256").hexdigest() == manifest.database_sha256
            if not is_same:
                raise AppError(ErrorKind.CONFLICT, "backup_damaged", f"{path.name} is not as it was written.")
        return path


def copy_file(source: Path, target: Path) -> None:
    """Copy a file so that it is there as a whole, durable and private, or not at all."""
    staged = target.with_name(f"{target.name}.new")
    with _explained():
        shutil.copyfile(source, staged)
        staged.chmod(0o600)
        with staged.open("rb+") as file:
            os.fsync(file.fileno())
        staged.replace(target)
        _sync_folder(target.parent)


def _copy_keys(source: Path, target: Path) -> None:
    target.mkdir(mode=0o700)
    for path in sorted(source.iterdir()):
        copy_file(path, target / path.name)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _no_backup(folder: Path) -> AppError:
    return AppError(ErrorKind.CONFLICT, "not_a_backup", f"{folder} holds no backup of Tutti.")


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        message = f"{error.filename or 'The folder'} cannot be used: {(error.strerror or str(error)).lower()}."
        raise AppError(ErrorKind.UNAVAILABLE, "backup_failed", message) from error
