"""Stores one batch of files that were read: items, files, tracks, changes, in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from tutti.db.engine import Database, WriteTx
from tutti.db.repos.catalog import Touched, TrackWrite
from tutti.db.repos.sources import MovedFile
from tutti.domain.catalog import describe
from tutti.domain.media import MediaKind, Reading, Refused
from tutti.domain.scanning import RefusedPath, ScanReport
from tutti.domain.values import ItemId, LibraryId, SourceId
from tutti.kit.text import sort_key
from tutti.ports.folders import FolderReader
from tutti.services.scanning.comparing import readable
from tutti.services.scanning.following import Followed, Identity, Outcome, follow, stay


@dataclass(slots=True)
class Storing:
    """Where one scan stores.

    Attributes:
        moved: Ids of files that were found again under another name.
        touched: Whose counts must be taken again at the end.
    """

    db: Database
    folders: FolderReader
    source_id: SourceId
    library_id: LibraryId
    root: bytes
    report: ScanReport
    knows_files: bool
    moved: set[int] = field(default_factory=set)
    touched: Touched = field(default_factory=Touched)

    def store(self, batch: Sequence[Outcome]) -> None:
        """Store a batch; a crash before the commit leaves the library as it was before the batch."""
        if not batch:
            return
        followed = self._follow(batch) if self.knows_files else stay(batch)
        with self.db.write() as tx:
            files = _Files(tx, self.source_id, self.library_id)
            for outcome, identity in zip(batch, followed.identities, strict=True):
                files.add(outcome, identity)
            files.lose(followed.lost)
            tx.sources.remove_files(followed.surplus)
            touched = files.flush()
        self.touched.add(touched)
        self.moved.update(followed.surplus)
        self.moved.update(one.file_id for one in followed.identities if one.is_moved and one.file_id is not None)
        self._count(batch, followed.identities)

    def _follow(self, batch: Sequence[Outcome]) -> Followed:
        readings = [one.found for one in batch if isinstance(one.found, Reading)]
        if not readings:
            return stay(batch)
        with self.db.read() as tx:
            candidates = tx.sources.candidates(
                self.source_id,
                inodes=[one.work.file.inode for one in batch],
                fingerprints=[found.fingerprint for found in readings],
            )
        unmatched = [one for one in candidates if one.id not in self.moved]
        return follow(batch, unmatched, lambda one: self.folders.is_file(self.root, _path(one)))

    def _count(self, batch: Sequence[Outcome], identities: Sequence[Identity]) -> None:
        for outcome, identity in zip(batch, identities, strict=True):
            work, found = outcome.work, outcome.found
            if isinstance(found, Refused):
                self.report.refused += 1
                self.report.problems.append(RefusedPath(work.path, found.reason, found.message))
            elif identity.is_moved:
                self.report.moved += 1
            elif identity.item_id is None:
                self.report.added += 1
            else:
                self.report.updated += 1


def _path(file: MovedFile) -> bytes:
    return file.folder + b"/" + file.name if file.folder else file.name


class _Files:
    """Gathers the rows of a batch, so that each table is written once."""

    def __init__(self, tx: WriteTx, source_id: SourceId, library_id: LibraryId) -> None:
        self._tx = tx
        self._source_id = source_id
        self._library_id = library_id
        self._new_items: list[tuple[Outcome, int | None]] = []
        self._old_items: list[tuple[Outcome, int]] = []
        self._new_files: list[dict[str, Any]] = []
        self._old_files: list[dict[str, Any]] = []
        self._lost: list[ItemId] = []

    def add(self, outcome: Outcome, identity: Identity) -> None:
        """Sort one file in: new or known, readable or refused."""
        file_id, item_id = identity.file_id, identity.item_id
        if isinstance(outcome.found, Refused):
            if item_id is not None and not outcome.work.was_refused:
                self._lost.append(ItemId(item_id))
            self._file(outcome, file_id, item_id)
        elif item_id is None:
            self._new_items.append((outcome, file_id))
        else:
            self._old_items.append((outcome, item_id))
            self._file(outcome, file_id, item_id)

    def lose(self, items: Sequence[ItemId]) -> None:
        """Take note of items that no file is any more."""
        self._lost.extend(items)

    def flush(self) -> Touched:
        """Write everything; return whose counts change."""
        ids = self._tx.media.add_many([_item_row(self._tx, self._library_id, one) for one, _ in self._new_items])
        for (outcome, file_id), item_id in zip(self._new_items, ids, strict=True):
            self._file(outcome, file_id, item_id)
        self._tx.media.change_many([self._changed_row(one, item_id) for one, item_id in self._old_items])
        touched = self._tx.catalog.put_tracks(
            self._library_id,
            [
                *(_track(one, item_id, is_new=True) for (one, _), item_id in zip(self._new_items, ids, strict=True)),
                *(_track(one, item_id, is_new=False) for one, item_id in self._old_items),
            ],
        )
        if self._lost:
            touched.add(self._tx.catalog.touched_by(self._lost))
            self._tx.media.mark_missing(self._lost, self._tx.now)
        self._tx.sources.add_files(self._new_files)
        self._tx.sources.change_files(self._old_files)
        self._tx.libraries.note_changes(self._library_id, ids, is_gone=False, is_new=True)
        kept = [ItemId(item_id) for _, item_id in self._old_items]
        self._tx.libraries.note_changes(self._library_id, kept, is_gone=False)
        self._tx.libraries.note_changes(self._library_id, self._lost, is_gone=True)
        self._tx.shelves.show(self._library_id, touched)
        return touched

    def _file(self, outcome: Outcome, file_id: int | None, item_id: int | None) -> None:
        work, found = outcome.work, outcome.found
        row = {
            "folder_id": work.place.id,
            "name": work.file.name,
            "size_bytes": work.file.size_bytes,
            "mtime_ns": work.file.mtime_ns,
            "device": work.file.device,
            "inode": work.file.inode,
            "fingerprint": "" if isinstance(found, Refused) else found.fingerprint,
            "item_id": item_id,
            "refusal": found.reason if isinstance(found, Refused) else None,
            "message": found.message[:300] if isinstance(found, Refused) else "",
            "missing_at": None,
        }
        if file_id is None:
            self._new_files.append({"source_id": self._source_id, **row})
        else:
            self._old_files.append({"id": file_id, **row})

    def _changed_row(self, outcome: Outcome, item_id: int) -> Mapping[str, Any]:
        return {"id": item_id, "changed_at": self._tx.now, "missing_at": None, **_facts(outcome)}


def _item_row(tx: WriteTx, library_id: LibraryId, outcome: Outcome) -> Mapping[str, Any]:
    return {
        "uuid": uuid4(),
        "library_id": library_id,
        "owner_id": None,
        "kind": MediaKind.AUDIO,
        "status": "ready",
        "blob_hash": None,
        "content_hash": None,
        "added_at": tx.now,
        "changed_at": tx.now,
        **_facts(outcome),
    }


def _facts(outcome: Outcome) -> Mapping[str, Any]:
    assert isinstance(outcome.found, Reading)  # noqa: S101 - sorted by `add`
    facts = outcome.found.facts
    return {
        "filename": readable(outcome.work.file.name),
        "size_bytes": outcome.work.file.size_bytes,
        "mime": facts.mime,
        "container": facts.container,
        "codec": facts.codec,
        "duration_ms": facts.duration_ms,
        "bitrate_bps": facts.bitrate_bps,
        "sample_rate_hz": facts.sample_rate_hz,
        "channels": facts.channels,
    }


def _track(outcome: Outcome, item_id: int, *, is_new: bool) -> TrackWrite:
    assert isinstance(outcome.found, Reading)  # noqa: S101 - sorted by `add`
    place, name = outcome.work.place, readable(outcome.work.file.name)
    stem = name.rpartition(".")[0] or name
    draft = describe(outcome.found.tags, stem=stem, folder_name=place.name, folder_identity=place.uuid_text)
    cover = outcome.found.cover
    return TrackWrite(item_id, place.id, sort_key(name), "" if cover is None else cover.hash, draft, is_new)
