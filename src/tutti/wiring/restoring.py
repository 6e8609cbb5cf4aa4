"""Makes a server out of a backup, in an empty place."""

from pathlib import Path
from typing import NamedTuple

from tutti.backends.backup_folder import BackupFolder, copy_file
from tutti.db import snapshots
from tutti.db.dialect import sqlite_path
from tutti.db.repos.integrity import AccessEnded
from tutti.domain.backups import BlobsIn, Manifest
from tutti.domain.caller import Operator
from tutti.domain.checking import CheckReport
from tutti.domain.errors import AppError, ErrorKind
from tutti.services.backups import Progress, copy_blobs
from tutti.settings import Settings
from tutti.wiring.core import open_core
from tutti.wiring.databases import opened
from tutti.wiring.storage import open_storage


class Restored(NamedTuple):
    """What was made, what of yesterday ended with it, and how a check finds it."""

    manifest: Manifest
    ended: AccessEnded
    report: CheckReport


def restore(source: Path, settings: Settings, *, progress: Progress) -> Restored:
    """Fill the data folder, and the database, of these settings from a backup; both must be empty.

    The database comes last, so that what was broken off does not look like a server.

    Raises:
        AppError: CONFLICT `not_a_backup`, `newer_backup`, `backup_damaged`, `target_not_empty`; as `snapshots.put`,
            `copy_blobs` and `open_core`.
    """
    place = BackupFolder(source)
    manifest = place.manifest()
    database = place.database(manifest)
    snapshots.check(database)
    _check_empty(settings)
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    if manifest.has_keys:
        place.copy_keys_to(settings.data_dir / "keys")
    if manifest.blobs_in is BlobsIn.COPY:
        rows = list(snapshots.blobs_of(database))
        storage = open_storage(settings)
        storage.prepare()
        copy_blobs(rows, place.blobs, storage.blobs, progress=progress)
    _put_database(database, settings)
    with open_core(settings) as core:
        ended = core.backups.come_to_life(Operator())
        if manifest.has_keys:
            core.signing.rotate(Operator())
            core.signing.retire(Operator(), at_once=True)
        return Restored(manifest, ended, core.checking.check(repair=True))


def _check_empty(settings: Settings) -> None:
    folder = settings.data_dir
    if folder.exists() and any(folder.iterdir()):
        raise AppError(ErrorKind.CONFLICT, "target_not_empty", f"{folder} is not empty; restore into a new folder.")


def _put_database(database: Path, settings: Settings) -> None:
    path = sqlite_path(settings.db_url)
    if path is not None:
        copy_file(database, path)
        return
    passing = settings.data_dir / "restoring.db"  # `put` may migrate it, and the backup must stay as it is
    copy_file(database, passing)
    with opened(settings.db_url) as target:
        snapshots.put(passing, target.engine)
    for path in settings.data_dir.glob(f"{passing.name}*"):
        path.unlink()
