"""Housekeeping in bounded steps: what nobody can use any more goes."""

from dataclasses import dataclass
from typing import NamedTuple

from tutti.db.engine import Database
from tutti.domain.jobs import JobKind
from tutti.ports.blobs import BlobStore
from tutti.ports.files import CoverCache
from tutti.services.ingest import Ingest


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
    """How many of each went."""

    sessions: int
    uploads: int
    staged: int
    orphans: int
    covers: int


class Maintenance:
    """What runs every hour."""

    def __init__(
        self, db: Database, blobs: BlobStore, covers: CoverCache, ingest: Ingest, *, policy: MaintenancePolicy
    ) -> None:
        self._db = db
        self._blobs = blobs
        self._covers = covers
        self._ingest = ingest
        self._policy = policy

    def tidy(self) -> Tidied:
        """Remove expired sessions, abandoned uploads, blobs without a row and surplus covers."""
        with self._db.write() as tx:
            sessions = tx.accounts.drop_expired(tx.now)
        tidied = Tidied(
            sessions=sessions,
            uploads=self._ingest.sweep(),
            staged=self._blobs.sweep(older_than_s=self._policy.staged_s),
            orphans=self._collect(),
            covers=self._covers.shrink(self._policy.cover_cache_bytes),
        )
        self._db.optimize()
        return tidied

    def tidy_soon(self) -> None:
        """Have `tidy` run by a job."""
        with self._db.write() as tx:
            tx.enqueue(JobKind.MAINTAIN, "all")

    def _collect(self) -> int:
        """Delete blobs that no row names; an upload of the same bytes makes the file young again, which saves it."""
        removed = 0
        for blob in self._blobs.walk():
            with self._db.read() as tx:
                is_known = tx.media.has_blob(blob.hash)
            if not is_known:
                removed += self._blobs.delete(blob.hash, older_than_s=self._policy.orphan_s)
        return removed
