"""What devices are told that keep files by their content, and what they may do with it (contracts/astolfo.md)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tutti.db.engine import Database, Tx
from tutti.db.repos.listing import HashRow
from tutti.domain.caller import Caller, Permission
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.phone_names import PhoneNames
from tutti.domain.values import BlobHash, LibraryId
from tutti.services.libraries import EDITORS
from tutti.services.trash import put_away

_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class PhoneFile:
    """One file of the list; `hash` is the SHA-256 of its bytes in lower-case hex, `filename` the name on phones."""

    hash: str
    filename: str


@dataclass(frozen=True, slots=True)
class PhoneList:
    """The files, the oldest first, and the hashes of those that were there and were deleted."""

    files: Sequence[PhoneFile]
    gone: Sequence[str]


@dataclass(frozen=True, slots=True)
class LegacyFile:
    """One file of the list with all that is known of it; the texts are empty until its tags were read.

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

    def phone_list(self, caller: Caller) -> PhoneList:
        """Return the list in its short form, with what is gone.

        Raises:
            AppError: FORBIDDEN `not_allowed`.
        """
        with self._db.read() as tx:
            named = _named(tx, _libraries(tx, caller))
        files = [PhoneFile(content_hash, name) for content_hash, name in named.live.values()]
        there = {file.hash for file in files}
        return PhoneList(files, [one for one in named.gone if one not in there])

    def legacy_files(self, caller: Caller) -> Sequence[LegacyFile]:
        """Return the list, the oldest first.

        Raises:
            AppError: FORBIDDEN `not_allowed`.
        """
        with self._db.read() as tx:
            libraries = _libraries(tx, caller)
            named, rows = _named(tx, libraries), tx.listing.details(libraries)
        return [
            LegacyFile(
                *named.live[row.id],
                row.id,
                row.uuid,
                row.title or "",
                row.artist or "",
                row.album or "",
                row.duration_ms,
                row.size_bytes,
                row.mime,
                row.added_at,
                row.changed_at,
            )
            for row in rows
            if row.id in named.live
        ]

    def by_hash(self, caller: Caller, content_hash: str) -> UUID:
        """Return the item that has some content, in any library the caller may read, whatever its format.

        Raises:
            AppError: NOT_FOUND `track_not_found`, for what is no hash, too; FORBIDDEN `not_allowed`.
        """
        caller.require(Permission.LISTEN)
        with self._db.read() as tx:
            rows = _having(tx, caller, content_hash) if _HASH.fullmatch(content_hash) else []
            if not rows:
                raise AppError(ErrorKind.NOT_FOUND, "track_not_found", "There is no such track.")
            return rows[0].item.uuid

    def delete(self, caller: Caller, content_hash: str) -> None:
        """Move what has some content to the trash; what is nowhere is deleted already.

        It leaves every syncing library the caller may change, and the others he may change when it is in none of those.

        Raises:
            AppError: INVALID `bad_hash`; FORBIDDEN `not_an_editor` when he may only listen wherever it is,
                `not_allowed`.
        """
        caller.require(Permission.UPLOAD)
        if not _HASH.fullmatch(content_hash):
            raise AppError(ErrorKind.INVALID, "bad_hash", "A hash is 64 lower-case hexadecimal digits.")
        with self._db.write() as tx:
            rows = _having(tx, caller, content_hash)
            mine = [row for row in rows if row.role in EDITORS]
            if rows and not mine:
                message = "You may listen to this library but not change it."
                raise AppError(ErrorKind.FORBIDDEN, "not_an_editor", message)
            for row in [row for row in mine if row.syncs] or mine:
                put_away(tx, row.item)


@dataclass(frozen=True, slots=True)
class _Named:
    """Item id to hash and name of what is listed; hashes of what is gone."""

    live: dict[int, tuple[str, str]]
    gone: list[str]


def _libraries(tx: Tx, caller: Caller) -> Sequence[LibraryId]:
    caller.require(Permission.LISTEN)
    return tx.listing.libraries(caller.user_id, EDITORS)


def _having(tx: Tx, caller: Caller, content_hash: str) -> Sequence[HashRow]:
    return tx.listing.by_hash(caller.user_id, BlobHash(content_hash))


def _named(tx: Tx, libraries: Sequence[LibraryId]) -> _Named:
    """Name all files that ever were: one that was deleted keeps its name, for when it is sent again (e.14)."""
    names, by_hash, listed = PhoneNames(), dict[str, str | None](), set[str]()
    found = _Named({}, [])
    for row in tx.listing.known(libraries):
        name = by_hash.get(row.content_hash)
        if name is None:
            name = by_hash[row.content_hash] = names.give(row.filename, row.content_hash, row.container)
        if name is None or row.content_hash in listed:
            continue
        if row.is_live:
            found.live[row.id] = (row.content_hash, name)
            listed.add(row.content_hash)
        else:
            found.gone.append(row.content_hash)
    return found
