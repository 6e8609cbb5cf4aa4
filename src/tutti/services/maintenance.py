"""Housekeeping in bounded steps: what nobody can use any more goes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from tutti.db.engine import Database
from tutti.domain.errors import AppError
from tutti.domain.jobs import JobKind
from tutti.domain.values import BlobHash
from tutti.ports.blobs import BlobStore, StoredBlob
from tutti.ports.files import CoverCache
from tutti.ports.locks import Locks
from tutti.services.audit import Audit
from tutti.services.handing import Handing
from tutti.services.ingest import Ingest
from tutti.services.removals import Removals
from tutti.services.sounds import Sounds
from tutti.services.trash import Trash

COLLECTING = "collecting"
"""The lock of whoever deletes blobs, and of whoever needs them to stay."""
_BATCH = 500


@dataclass(frozen=True, slots=True)
class MaintenancePolicy:
    """How long things are kept.

    Attributes:
        orphan_s: Seconds that a blob without a row is left alone: longer than any upload may take.
    """

    staged_s: float = 86_400
    orphan_s: float = 86_400
    cover_cache_bytes: int = 1 << 30


class Tidied(NamedTuple):
    """How many of each went; `measured` were looked into for their sound, `recovered` had their bytes back."""

    sessions: int
    uploads: int
    staged: int
    orphans: int
    covers: int
    purged: int
    audited: int
    measured: int
    recovered: int


class Maintenance:
    """What runs every hour."""

    def __init__(
        self,
        db: Database,
        blobs: BlobStore,
        covers: CoverCache,
        locks: Locks,
        *,
        ingest: Ingest,
        trash: Trash,
        removals: Removals,
        audit: Audit,
        sounds: Sounds,
        handing: Handing,
        policy: MaintenancePolicy,
    ) -> None:
        self._db = db
        self._locks = locks
        self._trash = trash
        self._removals = removals
        self._audit = audit
        self._sounds = sounds
        self._handing = handing
        self._blobs = blobs
        self._covers = covers
        self._ingest = ingest
        self._policy = policy

    def tidy(self) -> Tidied:
        """Remove expired sessions, abandoned uploads, old trash, blobs without a row, surplus covers, old entries."""
        with self._db.write() as tx:
            sessions = tx.accounts.drop_expired(tx.now)
        self._removals.resume()
        purged = self._trash.expire()  # before the blobs without a row, which it makes
        tidied = Tidied(
            sessions=sessions,
            uploads=self._ingest.sweep(),
            staged=self._blobs.sweep(older_than_s=self._policy.staged_s),
            orphans=self._collect(),
            covers=self._covers.shrink(self._policy.cover_cache_bytes),
            purged=purged,
            audited=self._audit.prune(),
            measured=self._sounds.fill(),
            recovered=self._handing.recover(),
        )
        self._db.optimize()
        return tidied

    def tidy_soon(self) -> None:
        """Have `tidy` run by a job."""
        with self._db.write() as tx:
            tx.enqueue(JobKind.MAINTAIN, "all")

    def _collect(self) -> int:
        """Delete blobs that no row names; an upload of the same bytes makes the file young again, which saves it.

        While a backup is being made nothing goes that its rows may name.
        """
        try:
            with self._locks.hold(COLLECTING):
                return sum(self._collect_from(hashes) for hashes in _batches(self._blobs.walk()))
        except AppError as error:
            if error.code != "already_running":
                raise
            return 0

    def _collect_from(self, hashes: Sequence[BlobHash]) -> int:
        with self._db.read() as tx:
            known = tx.integrity.known_blobs(hashes)
        unnamed = [one for one in hashes if one not in known]
        return sum(self._blobs.delete(one, older_than_s=self._policy.orphan_s) for one in unnamed)


def _batches(blobs: Iterator[StoredBlob]) -> Iterator[Sequence[BlobHash]]:
    while batch := [blob.hash for blob in islice(blobs, _BATCH)]:
        yield batch
