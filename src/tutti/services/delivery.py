"""Which bytes a caller gets: finds the item, asks whether he may read it, opens it."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from tutti.db.engine import Database, Tx
from tutti.db.repos.media import BytesRow
from tutti.domain.caller import Caller, Permission
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.files import OpenedFile, RemoteFile
from tutti.domain.values import BlobHash, ItemUUID
from tutti.kit.clock import Clock
from tutti.kit.ranges import Window
from tutti.ports.blobs import BlobStore, RemoteBlobs
from tutti.ports.files import FileOpener
from tutti.ports.identity import StreamTicket, TicketSigner
from tutti.ports.media import MediaFile
from tutti.services.accounts import alive
from tutti.services.libraries import readable

_LAST_SECOND = 253_402_300_799
"""Of the year 9999."""
_ADDRESS_LIFE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Delivery:
    """An item opened for one caller.

    Attributes:
        file: Open, or a blob of a remote store: what `Deliveries.read` takes.
        etag: A strong validator, without its quotes: the hash of a blob, size and time of a file that is not ours.
        modified_at: Aware UTC.
    """

    file: OpenedFile | RemoteFile
    etag: str
    modified_at: datetime
    mime: str
    filename: str


@dataclass(frozen=True, slots=True)
class TicketPolicy:
    """How long a stream address works."""

    lifetime: timedelta = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class SignedTicket:
    """A ticket and its end."""

    text: str
    expires_at: datetime


class Deliveries:
    """Opens items for callers."""

    def __init__(
        self,
        db: Database,
        blobs: BlobStore,
        files: FileOpener,
        tickets: TicketSigner,
        *,
        clock: Clock,
        policy: TicketPolicy,
        remote: RemoteBlobs | None = None,
    ) -> None:
        self._db = db
        self._blobs = blobs
        self._files = files
        self._tickets = tickets
        self._clock = clock
        self._policy = policy
        self._remote = remote

    def open(self, caller: Caller, item_uuid: UUID) -> Delivery:
        """Open the bytes of an item.

        Raises:
            AppError: NOT_FOUND `track_not_found`; GONE `file_missing`; UNAVAILABLE `source_unavailable` while the
                source is down, `blob_damaged` when the stored bytes are not as many as they should be.
        """
        with self._db.read() as tx:
            row = tx.media.bytes_of(item_uuid, readable(tx, caller))
        if row is None or row.is_gone:
            raise AppError(ErrorKind.NOT_FOUND, "track_not_found", "There is no such track.")
        if row.blob_hash is not None and self._remote is not None:
            remote = RemoteFile(BlobHash(row.blob_hash), row.size_bytes)
            return Delivery(remote, row.blob_hash, row.changed_at, row.mime, row.filename)
        try:
            file = self._opened(row)
        except AppError as error:
            if row.source_state == "unavailable":
                raise AppError(ErrorKind.UNAVAILABLE, "source_unavailable", "The folder is not reachable.") from error
            raise
        modified_at = _instant(file.mtime_ns)
        if row.blob_hash is None:
            etag = f"{file.size_bytes:x}-{file.mtime_ns:x}"
            return Delivery(file, etag, modified_at, row.mime, row.filename)
        return Delivery(file, row.blob_hash, row.changed_at, row.mime, row.filename)

    def _opened(self, row: BytesRow) -> OpenedFile:
        with located(row, self._blobs) as file:
            return self._files.open(file)

    def read(self, file: RemoteFile, window: Window) -> AsyncIterator[bytes]:
        """Begin to read a stretch of a remote file, of at least one byte; see `RemoteBlobs.open`."""
        return self._far().open(file.hash, size_bytes=file.size_bytes, offset=window.offset, count=window.length)

    def check(self, file: RemoteFile) -> None:
        """Raise what `read` would."""
        self._far().check(file.hash, size_bytes=file.size_bytes)

    def address(self, file: RemoteFile) -> str:
        """Return where the store itself gives the bytes, for some minutes, to whoever has the address."""
        return self._far().address(file.hash, lifetime=_ADDRESS_LIFE)

    def _far(self) -> RemoteBlobs:
        if self._remote is None:
            raise ValueError("there is no remote store")
        return self._remote

    def may_go_on(self, sends: Sequence[tuple[Caller, UUID]]) -> Sequence[bool]:
        """Tell of each caller and item whether he would still be given it: his session, his account, his membership.

        That a token has expired meanwhile does not count: it was good when the answer began.
        """
        with self._db.read() as tx:
            return [_may_go_on(tx, caller, item_uuid) for caller, item_uuid in sends]

    def ticket(self, caller: Caller, item_uuid: UUID) -> SignedTicket:
        """Return what lets a player that cannot send a header fetch one item; dead with the session.

        Raises:
            AppError: NOT_FOUND `track_not_found`; FORBIDDEN `session_needed` for a caller without a session.
        """
        if caller.session_uuid is None:
            raise AppError(ErrorKind.FORBIDDEN, "session_needed", "Only a signed-in session can make addresses.")
        with self._db.read() as tx:
            if tx.media.bytes_of(item_uuid, readable(tx, caller)) is None:
                raise AppError(ErrorKind.NOT_FOUND, "track_not_found", "There is no such track.")
        expires_at = (self._clock() + self._policy.lifetime).replace(microsecond=0)
        ticket = StreamTicket(ItemUUID(item_uuid), caller.user_uuid, caller.session_uuid, expires_at)
        return SignedTicket(self._tickets.mint(ticket), expires_at)


def _may_go_on(tx: Tx, caller: Caller, item_uuid: UUID) -> bool:
    now = alive(tx, caller)
    if now is None or not now.may(Permission.LISTEN):
        return False
    row = tx.media.bytes_of(item_uuid, tx.libraries.readable(now.user_id))
    return row is not None and not row.is_gone


def _instant(mtime_ns: int) -> datetime:
    """Return a file's time as far as a datetime can tell it: file systems hold more years than a calendar."""
    return datetime.fromtimestamp(min(max(mtime_ns // 1_000_000_000, 0), _LAST_SECOND), UTC)


@contextmanager
def located(row: BytesRow, blobs: BlobStore) -> Iterator[MediaFile]:
    """Give a file with the bytes of an item while the block lasts; a remote store fetches it for that.

    Raises:
        AppError: UNAVAILABLE `blob_damaged` when the store does not have the bytes it should have; GONE `file_missing`
            for an item that has neither; as `BlobStore.at_hand`.
    """
    if row.blob_hash is not None:
        blob = blobs.find(BlobHash(row.blob_hash))
        if blob is None or blob.size_bytes != row.size_bytes:
            raise AppError(ErrorKind.UNAVAILABLE, "blob_damaged", "The stored bytes are damaged or missing.")
        with blobs.at_hand(blob.hash) as path:
            yield MediaFile(path)
        return
    if row.root is None or row.folder is None or row.name is None:
        raise AppError(ErrorKind.GONE, "file_missing", "The file is gone.")
    yield MediaFile(b"/".join(part for part in (row.root, row.folder, row.name) if part), row.root)
