"""Checks a server while it runs: rows against bytes, what is derived against what it is derived from.

A repair does only what cannot make it worse (reliability.md P05): it derives again what can be derived, and puts
damaged bytes aside, so that the same bytes, sent again, take their place.
"""

import hashlib
from collections.abc import Callable, Iterator
from heapq import merge
from itertools import groupby
from operator import itemgetter

from tutti.db.engine import Database
from tutti.db.repos.integrity import BlobRow
from tutti.domain.checking import CheckReport, Fault, Finding, Share
from tutti.domain.errors import AppError
from tutti.domain.values import BlobHash
from tutti.ports.blobs import BlobStore

_ROWS = 1000
_READ_BLOBS = 50
_PART_IDS = 500

Progress = Callable[[CheckReport, str], None]
"""Is told now and then what was looked at so far, and what at just now."""


class Checking:
    """Finds what is wrong, and repairs it on demand."""

    def __init__(self, db: Database, blobs: BlobStore) -> None:
        self._db = db
        self._blobs = blobs

    def check(
        self,
        *,
        repair: bool = False,
        read: Share | None = None,
        progress: Progress = lambda _report, _doing: None,
    ) -> CheckReport:
        """Look at everything, in steps that hold nobody up.

        Args:
            repair: Mend what can be mended.
            read: How many bytes to read and hash; those read longest ago come first, so that shares add up to all.
            progress: Told how far it is.

        Raises:
            AppError: As `Database.read` and `BlobStore.walk`.
        """
        report = CheckReport()
        self._compare(report, repair=repair, progress=progress)
        if read is not None:
            self._read(report, read, repair=repair, progress=progress)
        progress(report, "database")
        with self._db.read() as tx:
            report.findings += [Finding(Fault.DATABASE, "", said) for said in tx.integrity.complaints()]
            libraries = tx.integrity.libraries()
        for library_id, name in libraries:
            progress(report, name)
            report.findings += self._library(library_id, name, repair=repair)
        return report

    def _compare(self, report: CheckReport, *, repair: bool, progress: Progress) -> None:
        """Go through rows and store side by side, both in the order of hashes."""
        rows = ((row.hash, 0, row.size_bytes) for row in self._rows())
        stored = ((blob.hash, 1, blob.size_bytes) for blob in self._blobs.walk())
        for blob_hash, found in groupby(merge(rows, stored), key=itemgetter(0)):
            sizes = {side: size for _, side, size in found}
            report.blobs += 1
            if 0 not in sizes:
                report.orphans += 1
            elif 1 not in sizes:
                self._suspect(report, blob_hash, Fault.BLOB_MISSING, "the bytes are not there", repair=False)
            elif sizes[0] != sizes[1]:
                detail = f"{sizes[1]} bytes in place of {sizes[0]}"
                self._suspect(report, blob_hash, Fault.BLOB_SIZE, detail, repair=repair)
            if report.blobs % _ROWS == 0:
                progress(report, "blobs")

    def _rows(self) -> Iterator[BlobRow]:
        last = ""
        while True:
            with self._db.read() as tx:
                rows = tx.integrity.blobs_after(last, _ROWS)
            yield from rows
            if len(rows) < _ROWS:
                return
            last = rows[-1].hash

    def _suspect(self, report: CheckReport, blob_hash: str, fault: Fault, detail: str, *, repair: bool) -> None:
        """Report a blob, unless what looked wrong was a change that went on meanwhile."""
        with self._db.read() as tx:
            if not tx.integrity.has_blob(blob_hash):
                return
            names = [name for _, name in tx.integrity.items_of(blob_hash)]
        if fault is Fault.BLOB_MISSING and self._blobs.find(BlobHash(blob_hash)) is not None:
            return
        is_repaired = repair and self._blobs.set_aside(BlobHash(blob_hash))
        needed = f", needed for {', '.join(names[:3])}" if names else ""
        report.findings.append(Finding(fault, blob_hash, f"{detail}{needed}", is_repaired=is_repaired))

    def _read(self, report: CheckReport, read: Share, *, repair: bool, progress: Progress) -> None:
        with self._db.read() as tx:
            budget, began = read.of(tx.integrity.total_bytes()), tx.now
        known = {finding.ref for finding in report.findings}
        while report.read_bytes < budget:
            with self._db.read() as tx:
                rows = tx.integrity.longest_unread(_READ_BLOBS, began)
            if not rows:
                return
            done = []
            for row in rows:
                if row.hash not in known:
                    self._read_one(report, row, repair=repair)
                report.read_blobs, report.read_bytes = report.read_blobs + 1, report.read_bytes + row.size_bytes
                done.append(row.hash)
                progress(report, "bytes")
                if report.read_bytes >= budget:
                    break
            with self._db.write() as tx:
                tx.integrity.mark_read(done, tx.now)

    def _read_one(self, report: CheckReport, row: BlobRow, *, repair: bool) -> None:
        digest = hashlib.sha256()
        try:
            for piece in self._blobs.read(BlobHash(row.hash)):
                digest.update(piece)
        except AppError:
            found = self._blobs.find(BlobHash(row.hash))
            # A disk that cannot read its bytes has lost them; a store beyond a network may only be slow today.
            is_lost = found is None or found.path is not None
            self._suspect(report, row.hash, Fault.BLOB_DAMAGED, "the bytes cannot be read", repair=repair and is_lost)
        else:
            if digest.hexdigest() != row.hash:
                self._suspect(report, row.hash, Fault.BLOB_DAMAGED, "the bytes have another hash", repair=repair)

    def _library(self, library_id: int, name: str, *, repair: bool) -> Iterator[Finding]:
        with self._db.read() as tx:
            miscounted = tx.integrity.albums_miscounted(library_id)
            unfound = tx.integrity.tracks_without_text(library_id)
            beyond = tx.integrity.changes_beyond(library_id)
        if miscounted:
            if repair:
                self._recount(library_id)
            yield Finding(Fault.COUNTS, name, f"{miscounted} albums are miscounted", is_repaired=repair)
        if unfound:
            if repair:
                self._put_texts(library_id)
            yield Finding(Fault.TEXTS, name, f"{unfound} tracks cannot be found", is_repaired=repair)
        if beyond:
            if repair:
                with self._db.write() as tx:
                    tx.integrity.raise_counter(library_id)
            yield Finding(Fault.CHANGES, name, f"the counter of changes is {beyond} behind", is_repaired=repair)

    def _recount(self, library_id: int) -> None:
        with self._db.read() as tx:
            everything = tx.shelves.everything(library_id)
        for part in everything.parts(_PART_IDS):
            with self._db.write() as tx:
                tx.shelves.recount(library_id, part)

    def _put_texts(self, library_id: int) -> None:
        while True:
            with self._db.write() as tx:
                if not tx.integrity.put_missing_texts(library_id):
                    return
