"""What devices are told that keep files by their content, and what they may do with it (contracts/astolfo.md)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tutti.db.engine import Database, Tx, WriteTx
from tutti.db.repos.listing import DetailRow, HashRow
from tutti.domain.caller import Caller, Permission
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.media import Told
from tutti.domain.phone_names import PhoneNames
from tutti.domain.values import HASH, BlobHash, LibraryId
from tutti.services.libraries import EDITORS, readable
from tutti.services.trash import put_away


@dataclass(frozen=True, slots=True)
class PhoneFile:
    """One file of the list; `hash` is the SHA-256 of its bytes in lower-case hex, `filename` the name on phones."""

    hash: str
    filename: str


@dataclass(frozen=True, slots=True)
class LegacyFile:
    """One file of the list with all that is known of it; until its tags were read, the texts are what was said of it.

    `id` and `uuid` name the item, times are aware and UTC.
    """

    hash: str
    filename: str
    id: int
    uuid: UUID
    title: str
    artist: str
    album: str
    duration_ms: int
    size_bytes: int
    mime: str
    added_at: datetime
    changed_at: datetime


class Listing:
    """The files of ours in the libraries that a caller may change and that are marked for syncing.

    Each content once, also when it is in several of them; whether it was read already, or could be read at all, does
    not matter: the phone that just sent it looks for it at once (A34).
    """

    def __init__(self, db: Database) -> None:
        self._db = db

    def phone_list(self, caller: Caller) -> Sequence[PhoneFile]:
        """Return the list in its short form, the oldest first.

        Raises:
            AppError: FORBIDDEN `not_allowed`.
        """
        with self._db.read() as tx:
            live = _named(tx, _libraries(tx, caller))
        return [PhoneFile(content_hash, name) for content_hash, name in live.values()]

    def legacy_files(self, caller: Caller) -> Sequence[LegacyFile]:
        """Return the list, the oldest first.

        Raises:
            AppError: FORBIDDEN `not_allowed`.
        """
        with self._db.read() as tx:
            libraries = _libraries(tx, caller)
            live, rows = _named(tx, libraries), tx.listing.details(libraries)
        return [_legacy(row, live[row.id][1]) for row in rows if row.id in live]

    def legacy_file(self, caller: Caller, which: int | UUID) -> LegacyFile:
        """Return one file of any library the caller may read, whatever its format, by the id or UUID of its item.

        Raises:
            AppError: NOT_FOUND `track_not_found`, also for a file of a folder that is only read; FORBIDDEN
                `not_allowed`.
        """
        with self._db.read() as tx:
            row = _detail(tx, caller, which)
            live = _named(tx, _libraries(tx, caller))
        return _legacy(row, live[row.id][1] if row.id in live else row.filename)

    def uuid_of(self, caller: Caller, item_id: int) -> UUID:
        """Return the UUID of an item, for whoever asks for its bytes; raises as `legacy_file`."""
        with self._db.read() as tx:
            return _detail(tx, caller, item_id).uuid

    def by_hash(self, caller: Caller, content_hash: str) -> UUID:
        """Return the item that has some content, in any library the caller may read, whatever its format.

        Raises:
            AppError: NOT_FOUND `track_not_found`, for what is no hash, too; FORBIDDEN `not_allowed`.
        """
        caller.require(Permission.LISTEN)
        with self._db.read() as tx:
            rows = _having(tx, caller, content_hash) if HASH.fullmatch(content_hash) else []
            if not rows:
                raise not_there()
            return rows[0].item.uuid

    def delete(self, caller: Caller, content_hash: str) -> None:
        """Move what has some content to the trash; what is nowhere is deleted already.

        It leaves every syncing library the caller may change, and the others he may change when it is in none of those.

        Raises:
            AppError: INVALID `bad_hash`; FORBIDDEN `not_an_editor` when he may only listen wherever it is,
                `not_allowed`.
        """
        caller.require(Permission.UPLOAD)
        if not HASH.fullmatch(content_hash):
            raise AppError(ErrorKind.INVALID, "bad_hash", "A hash is 64 lower-case hexadecimal digits.")
        with self._db.write() as tx:
            _delete(tx, caller, content_hash)

    def delete_item(self, caller: Caller, item_id: int) -> None:
        """Move the content of an item to the trash, wherever `delete` would.

        Raises:
            AppError: As `legacy_file` and `delete`.
        """
        caller.require(Permission.UPLOAD)
        with self._db.write() as tx:
            _delete(tx, caller, _detail(tx, caller, item_id).content_hash)


def _delete(tx: WriteTx, caller: Caller, content_hash: str) -> None:
    rows = _having(tx, caller, content_hash)
    mine = [row for row in rows if row.role in EDITORS]
    if rows and not mine:
        raise AppError(ErrorKind.FORBIDDEN, "not_an_editor", "You may listen to this library but not change it.")
    for row in [row for row in mine if row.syncs] or mine:
        put_away(tx, row.item)


def _detail(tx: Tx, caller: Caller, which: int | UUID) -> DetailRow:
    row = tx.listing.detail(readable(tx, caller), which)
    if row is None:
        raise not_there()
    return row


def not_there() -> AppError:
    """Say that there is no such file, or none that the caller may know of."""
    return AppError(ErrorKind.NOT_FOUND, "track_not_found", "There is no such track.")


def _legacy(row: DetailRow, filename: str) -> LegacyFile:
    told = Told(**(row.told or {}))
    return LegacyFile(
        hash=row.content_hash,
        filename=filename,
        id=row.id,
        uuid=row.uuid,
        title=row.title or told.title,
        artist=row.artist or told.artist,
        album=row.album or told.album,
        duration_ms=row.duration_ms or told.duration_ms,
        size_bytes=row.size_bytes,
        mime=row.mime,
        added_at=row.added_at,
        changed_at=row.changed_at,
    )


def _libraries(tx: Tx, caller: Caller) -> Sequence[LibraryId]:
    caller.require(Permission.LISTEN)
    return tx.listing.libraries(caller.user_id, EDITORS)


def _having(tx: Tx, caller: Caller, content_hash: str) -> Sequence[HashRow]:
    return tx.listing.by_hash(caller.user_id, BlobHash(content_hash))


def _named(tx: Tx, libraries: Sequence[LibraryId]) -> dict[int, tuple[str, str]]:
    """Return hash and name of what is listed, by the id of the item.

    All files that ever were are named: one that was deleted keeps its name, for when it is sent again (e.14).
    """
    names, by_hash = PhoneNames(), dict[str, str | None]()
    live: dict[int, tuple[str, str]] = {}
    listed = set[str]()
    for row in tx.listing.known(libraries):
        name = by_hash.get(row.content_hash)
        if name is None:
            name = by_hash[row.content_hash] = names.give(row.filename, row.content_hash, row.container)
        if name is not None and row.is_live and row.content_hash not in listed:
            live[row.id] = (row.content_hash, name)
            listed.add(row.content_hash)
    return live
