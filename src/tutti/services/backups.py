"""Copies a server that is in use, and makes sure that a copy that is started has no key of yesterday.

The database first, then the blobs that its rows name: meanwhile nothing is collected, and blobs never change. So the
copy is the server as it was at one moment (reliability.md P58).
"""

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from tutti import __version__
from tutti.db import schema, snapshots
from tutti.db.engine import Database
from tutti.db.repos.integrity import AccessEnded, BlobRow
from tutti.domain.audit import Action
from tutti.domain.backups import FORMAT, BlobsIn, Manifest
from tutti.domain.caller import Actor, Permission
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.values import BlobHash
from tutti.ports.backups import BackupPlace
from tutti.ports.blobs import BlobStore
from tutti.ports.locks import Locks
from tutti.services.accounts import access_changed
from tutti.services.auditing import note
from tutti.services.maintenance import COLLECTING

Progress = Callable[[int, int], None]
"""Is told how many of how many blobs are copied."""


class Copied(NamedTuple):
    """What became of blobs that were to be copied.

    Attributes:
        lost: Hashes of those whose bytes are missing or damaged at their origin.
    """

    blobs: int
    bytes: int
    lost: list[str]


class Backups:
    """Makes copies, and takes their sting out when they come to life."""

    def __init__(self, db: Database, blobs: BlobStore, locks: Locks) -> None:
        self._db = db
        self._blobs = blobs
        self._locks = locks

    def make(
        self,
        actor: Actor,
        place: BackupPlace,
        *,
        blobs_in: BlobsIn = BlobsIn.COPY,
        has_keys: bool = False,
        progress: Progress = lambda _done, _total: None,
    ) -> tuple[Manifest, Copied]:
        """Copy everything into a place; it is a backup when this returns.

        Raises:
            AppError: FORBIDDEN `not_allowed`; CONFLICT `already_running` while blobs are collected or another backup is
                made; as `BackupPlace`, `snapshots.take` and `BlobStore`.
        """
        actor.require(Permission.ADMINISTER)
        with self._locks.hold(COLLECTING):
            path = place.begin()
            with self._db.read() as tx:
                made_at = tx.now
            snapshots.take(self._db.engine, path)
            named = list(snapshots.blobs_of(path))
            copied = Copied(0, 0, [])
            if blobs_in is BlobsIn.COPY:
                copied = copy_blobs(named, self._blobs, place.blobs, progress=progress)
            manifest = Manifest(
                format=FORMAT,
                made_by=__version__,
                made_at=made_at,
                schema=schema.HEAD,
                database=path.name,
                database_sha256=_sha256(path),
                blobs_in=blobs_in,
                blobs=len(named),
                blob_bytes=sum(row.size_bytes for row in named),
                has_keys=has_keys,
            )
            place.finish(manifest)
            with self._db.write() as tx:
                note(tx, Action.BACKUP, actor, f"{manifest.blobs} files{', with keys' if has_keys else ''}")
            return manifest, copied

    def come_to_life(self, actor: Actor) -> AccessEnded:
        """End what a copy of yesterday still believes in, because it may have been revoked since (P59).

        Everybody signs in anew; app keys and invites are made anew; uploads that were on their way begin anew, and
        devices are told everything anew: the numbers of what changed since the backup will be given again.

        Raises:
            AppError: FORBIDDEN `not_allowed`.
        """
        actor.require(Permission.ADMINISTER)
        with self._db.write() as tx:
            ended = tx.integrity.end_access(tx.now)
            tx.jobs.release()
            tx.libraries.renew_members()
            access_changed(tx)
            note(tx, Action.RESTORE, actor, f"{ended.sessions} sessions and {ended.app_keys} app keys ended")
            return ended


def copy_blobs(
    rows: Iterable[BlobRow], source: BlobStore, target: BlobStore, *, progress: Progress = lambda _done, _total: None
) -> Copied:
    """Copy what the target has not; every byte that is copied is compared with its hash.

    Raises:
        AppError: As `BlobStore.stage` and `StagedBlob.commit`.
    """
    wanted = list(rows)
    done, size, lost = 0, 0, []
    for number, row in enumerate(wanted, 1):
        known = target.find(BlobHash(row.hash))
        if known is None or known.size_bytes != row.size_bytes:
            if _is_copied(row, source, target):
                done, size = done + 1, size + row.size_bytes
            else:
                lost.append(row.hash)
        progress(number, len(wanted))
    return Copied(done, size, lost)


def _is_copied(row: BlobRow, source: BlobStore, target: BlobStore) -> bool:
    with target.stage(expected_bytes=row.size_bytes) as staged:
        try:
            for piece in source.read(BlobHash(row.hash)):
                staged.append(piece)
        except AppError as error:
            staged.discard()
            if error.kind is ErrorKind.FULL or _is_down(row, source):
                raise
            return False
        if staged.hash != row.hash:
            staged.discard()
            return False
        staged.commit()
        return True


def _is_down(row: BlobRow, source: BlobStore) -> bool:
    """Return whether bytes that could not be read are there all the same, in a store beyond a network.

    Raises:
        AppError: UNAVAILABLE `store_failed`.
    """
    found = source.find(BlobHash(row.hash))
    return found is not None and found.path is None and found.size_bytes == row.size_bytes


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
