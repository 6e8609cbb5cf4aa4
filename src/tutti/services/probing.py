"""Reads what came in: items that wait become tracks, or are refused with the reason; a job does it, many at once."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import NamedTuple

from tutti.db.engine import Database, WriteTx
from tutti.db.repos.catalog import TrackWrite
from tutti.db.repos.media import BytesRow
from tutti.domain.catalog import describe
from tutti.domain.media import Reading, Refused, Told
from tutti.domain.values import ItemId
from tutti.kit.text import sort_key
from tutti.models import MediaItem
from tutti.ports.blobs import BlobStore
from tutti.ports.media import MediaReader
from tutti.services.delivery import located
from tutti.services.sounds import StoredSound, sound_of


class _Probed(NamedTuple):
    """An item as it was, and what was found in its bytes."""

    row: BytesRow
    found: Reading | Refused
    sound: StoredSound


class Probing:
    """Looks into bytes that came in."""

    def __init__(self, db: Database, blobs: BlobStore, media: MediaReader) -> None:
        self._db = db
        self._blobs = blobs
        self._media = media

    def probe(self, item_ids: Sequence[ItemId]) -> None:
        """Read the tags of pending items and list them; an item that cannot be read is `failed` with its reason.

        Those of one library are read together and listed at once. Safe to repeat: the outcome depends on the bytes
        alone.

        Raises:
            AppError: As `located` and `MediaReader.read`; libraries before the one that failed are done.
        """
        with self._db.read() as tx:
            rows = tx.media.bytes_by_ids(item_ids)
        # What is gone is probed when it is restored, or when its bytes are brought again.
        pending = [row for row in rows if not row.is_gone]
        for library_id in dict.fromkeys(row.library_id for row in pending):
            self._probe(library_id, [row for row in pending if row.library_id == library_id])

    def _probe(self, library_id: int, rows: Sequence[BytesRow]) -> None:
        with ExitStack() as stack:
            files = [replace(stack.enter_context(located(row, self._blobs)), wants_sound=True) for row in rows]
            found = list(self._media.read(files))
        probed = [_Probed(row, one, sound_of(self._blobs, row, one)) for row, one in zip(rows, found, strict=True)]
        with self._db.write() as tx:
            _note(tx, library_id, probed)


def _note(tx: WriteTx, library_id: int, probed: Sequence[_Probed]) -> None:
    """Write down what was found; other bytes that came meanwhile have another probe."""
    writes, failed = [], []
    items = tx.media.by_ids([ItemId(one.row.item_id) for one in probed])
    for row, found, sound in probed:
        item = items.get(row.item_id)
        if item is None or item.status != "pending" or item.deleted_at is not None or item.blob_hash != row.blob_hash:
            continue
        item.audio_offset, item.audio_bytes, item.audio_hash = sound
        item.changed_at = tx.now
        if isinstance(found, Refused):
            item.status, item.refusal = "failed", found.reason
            failed.append(ItemId(item.id))
        else:
            writes.append(_track(item, row, found))
    tx.flush()
    touched = tx.catalog.put_tracks(library_id, writes)
    if failed:
        tx.media.unlist(failed)  # their former bytes may have been tracks
        touched.add(tx.catalog.touched_by(failed))
    tx.shelves.recount(library_id, touched)
    tx.libraries.note_changes(library_id, failed, is_gone=True)  # they were announced when they came in
    tx.libraries.note_changes(library_id, [ItemId(write.item_id) for write in writes], is_gone=False)


def _track(item: MediaItem, row: BytesRow, found: Reading) -> TrackWrite:
    """Have an item be ready, and return the track that it is."""
    facts, told = found.facts, Told(**(item.told or {}))
    item.status, item.refusal = "ready", None
    item.mime, item.container, item.codec = facts.mime, facts.container, facts.codec
    item.duration_ms, item.bitrate_bps = facts.duration_ms or told.duration_ms, facts.bitrate_bps
    item.sample_rate_hz, item.channels = facts.sample_rate_hz, facts.channels
    draft = describe(
        told.filling(found.tags),
        stem=row.filename.rpartition(".")[0] or row.filename,
        folder_name="Unknown album",
        folder_identity=f"library-{row.library_id}",
    )
    cover = "" if found.cover is None else found.cover.hash
    return TrackWrite(ItemId(item.id), None, sort_key(row.filename), cover, draft, is_new=False)
