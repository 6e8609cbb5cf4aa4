"""Where a backup is kept."""

from pathlib import Path
from typing import Protocol

from tutti.domain.backups import Manifest
from tutti.ports.blobs import BlobStore


class BackupPlace(Protocol):
    """A place for one backup, which the next one replaces; until `finish` the one before stays as it was.

    Every method raises AppError UNAVAILABLE `backup_failed` when the place itself fails.
    """

    @property
    def blobs(self) -> BlobStore:
        """The bytes; those of earlier backups are still there and need not be copied again."""
        ...

    def begin(self) -> Path:
        """Return a new path for the database.

        Raises:
            AppError: CONFLICT `not_a_backup` when something else is there.
        """
        ...

    def finish(self, manifest: Manifest) -> None:
        """Make it the backup, durable when this returns."""
        ...
