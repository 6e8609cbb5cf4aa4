"""Where the sound of our files lies, and its hash, so that devices can change tags without sending the sound."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from tutti.db.engine import Database
from tutti.db.repos.media import BytesRow
from tutti.domain.errors import AppError
from tutti.domain.media import Reading, Refused
from tutti.domain.values import BlobHash, ItemId
from tutti.ports.blobs import BlobStore
from tutti.ports.media import MediaReader
from tutti.services.delivery import located

_BATCH = 50


class StoredSound(NamedTuple):
    """As an item keeps it: no bytes and no hash when it has none in one piece."""

    offset: int
    size_bytes: int
    hash: str | None


def sound_of(blobs: BlobStore, row: BytesRow, found: Reading | Refused) -> StoredSound:
    """Return the sound of a blob; what was read says where it lies, and here all of it is hashed.

    Hashing is not parsing, so it needs no sandbox, and no time limit.

    Raises:
        AppError: As `BlobStore.read`.
    """
    region = found.sound if isinstance(found, Reading) else None
    if region is None or row.blob_hash is None:
        return StoredSound(0, 0, None)
    digest = hashlib.sha256()
    for piece in blobs.read(BlobHash(row.blob_hash), offset=region.offset, count=region.size_bytes):
        digest.update(piece)
    return StoredSound(region.offset, region.size_bytes, digest.hexdigest())


class Sounds:
    """Looks into the files that came in before anybody looked for their sound."""

    def __init__(self, db: Database, blobs: BlobStore, media: MediaReader, *, round_bytes: int = 4 << 30) -> None:
        self._db = db
        self._blobs = blobs
        self._media = media
        self._round_bytes = round_bytes

    def fill(self) -> int:
        """Find the sound of such files, until enough bytes were read for one round; return of how many.

        Those whose bytes are damaged stay as they are, and are tried again when their turn comes.
        """
        count, left = 0, self._round_bytes
        with self._db.read() as tx:
            waiting = tx.media.unmeasured(10_000)
        for start in range(0, len(waiting), _BATCH):
            if left <= 0:
                break
            with self._db.read() as tx:
                rows = tx.media.bytes_by_ids(waiting[start : start + _BATCH])
            count += self._measure(rows)
            left -= sum(row.size_bytes for row in rows)
        return count

    def _measure(self, rows: Sequence[BytesRow]) -> int:
        found: list[tuple[BytesRow, StoredSound]] = []
        for row in rows:
            try:
                with located(row, self._blobs) as file:
                    reading = next(iter(self._media.read([replace(file, wants_sound=True)])))
                found.append((row, sound_of(self._blobs, row, reading)))
            except AppError as error:
                if error.code == "media_worker_unavailable":
                    raise
        with self._db.write() as tx:
            told: dict[int, list[ItemId]] = {}
            for row, sound in found:
                item = tx.media.by_id(row.item_id)
                if item is None or item.blob_hash != row.blob_hash or item.audio_bytes is not None:
                    continue
                item.audio_offset, item.audio_bytes, item.audio_hash = sound
                if sound.hash is not None:
                    told.setdefault(row.library_id, []).append(ItemId(row.item_id))
            for library_id, items in told.items():
                tx.libraries.note_changes(library_id, items, is_gone=False)
        return len(found)
