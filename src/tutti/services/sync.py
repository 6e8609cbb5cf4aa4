"""Keeps devices in step: what changed since a device asked last, in every library that it follows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from tutti.db.engine import Database, Tx
from tutti.db.repos.sync import FileRow, HeldRow, Rule, Standing
from tutti.domain.caller import Caller, Permission
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.sync import Keep, Line, Part, Position, keep_of, position_of, stamped
from tutti.domain.values import HASH, BlobHash, UserId
from tutti.kit.paging import BadCursor
from tutti.models import Device
from tutti.services.devices import found_device
from tutti.services.libraries import editable_library

MOST_CHANGES = 5000
MOST_HASHES = 1000
_SEEN = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class FileChange:
    """What has become of one file.

    Attributes:
        is_gone: Somebody deleted it; a device deletes it, too, if it has these bytes.
        hash: The SHA-256 of its bytes, or of those it had.
        folder: Where the device that sent it has it; never to be trusted as a path.
        audio_hash: The SHA-256 of `audio_bytes` bytes from `audio_offset` on, its sound without tags; None while that
            is not known, and where the sound is not in one piece.
        is_kept: What the device's rule says of it.
    """

    library_uuid: UUID
    item_uuid: UUID
    is_gone: bool
    hash: str
    size_bytes: int
    filename: str
    folder: str
    audio_hash: str | None
    audio_offset: int
    audio_bytes: int
    changed_at: datetime
    is_kept: bool


@dataclass(frozen=True, slots=True)
class Told:
    """What a device is told at once.

    Attributes:
        changes: One for each file, with its newest state.
        cursor: What it asks with the next time.
        has_more: Whether there is more to be told at once.
        reset: Libraries of which it must forget what it knows before it reads `changes`.
    """

    changes: Sequence[FileChange]
    cursor: str
    has_more: bool
    reset: Sequence[UUID]


class Sync:
    """Follows the libraries that are marked for it, and of those the files whose bytes are ours."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def changes(
        self, caller: Caller, *, cursor: str | None = None, device_uuid: UUID | None = None, limit: int = 1000
    ) -> Told:
        """Return what changed since the cursor was given; without one, all there is.

        When nothing changed, one row is read for each library, and the cursor stays as it is. Whatever happens between
        two pages, whoever asks on until there is no more knows every file as it is. A device whose rule has a limit
        hears of older files, too, when newer ones take their space, or leave it; one that keeps playlists hears of all
        files anew when one of those changed.

        Raises:
            AppError: INVALID `bad_cursor`, `bad_limit`; NOT_FOUND `device_not_found`; FORBIDDEN `not_allowed`.
        """
        caller.require(Permission.SYNC)
        if not 1 <= limit <= MOST_CHANGES:
            raise AppError(ErrorKind.INVALID, "bad_limit", f"The limit must be between 1 and {MOST_CHANGES}.")
        position = _position(cursor)
        with self._db.read() as tx:
            device = None if device_uuid is None else found_device(tx, caller, device_uuid)
            telling = _Telling(tx, caller.user_id, tx.sync.standing(caller.user_id), position, device, limit)
            told = telling.tell()
            is_due = device is not None and tx.now - device.seen_at >= _SEEN
        if device is not None and is_due:
            self._note_seen(caller, device.uuid)
        return told

    def have(self, caller: Caller, hashes: Sequence[str], *, library_uuid: UUID | None = None) -> Sequence[HeldRow]:
        """Return which of these bytes a library has that the caller may change, his own when none is named.

        Args:
            caller: Whoever asks.
            hashes: SHA-256 in lower-case hex, at most `MOST_HASHES`.
            library_uuid: The one library; nothing is said of others.

        Raises:
            AppError: INVALID `bad_hashes`; FORBIDDEN `not_allowed`; as `editable_library`.
        """
        caller.require(Permission.SYNC)
        if len(hashes) > MOST_HASHES or not all(map(HASH.fullmatch, hashes)):
            message = f"There may be {MOST_HASHES} hashes, each a SHA-256 in lower-case hex."
            raise AppError(ErrorKind.INVALID, "bad_hashes", message)
        with self._db.read() as tx:
            return tx.sync.held(editable_library(tx, caller, library_uuid), [BlobHash(one) for one in hashes])

    def _note_seen(self, caller: Caller, device_uuid: UUID) -> None:
        with self._db.write() as tx:
            device = tx.sync.device(caller.user_id, device_uuid)
            if device is not None:
                device.seen_at = tx.now


def _position(cursor: str | None) -> Position:
    if not cursor:
        return Position()
    try:
        return position_of(cursor)
    except BadCursor as error:
        raise AppError(ErrorKind.INVALID, "bad_cursor", "The cursor is not one of this list.") from error


@dataclass(slots=True)
class _Telling:
    """One answer in the making.

    The line of a limit moves only after all changes were told, so that at every moment what a device believes of the
    files it knows is: kept is what the rule chooses, from the line in its cursor on.
    """

    tx: Tx
    user_id: UserId
    libraries: Sequence[Standing]
    position: Position
    device: Device | None
    limit: int
    rows: list[FileRow] = field(default_factory=list)
    parts: dict[UUID, Part] = field(default_factory=dict)
    has_more: bool = False

    def tell(self) -> Told:
        keep_tag, keep = self._wanted()
        is_same = keep_tag == self.position.keep_tag
        known = {library.uuid: self._known(library) for library in self.libraries}
        reset = [uuid for uuid in self.position.parts if known.get(uuid) is None]
        line = self._line(keep, is_same=is_same)
        for library in self.libraries:
            after = known[library.uuid] if is_same else 0
            self._add(library, self._rule(keep, line), after or 0)
        is_settled = is_same and self.position.is_settled and not reset and self.parts == dict(self.position.parts)
        if line is not None and not is_settled:
            line, is_settled = self._moved(self._rule(keep, line), line)
        uuids = {library.id: library.uuid for library in self.libraries}
        told = Position(keep_tag, line, line is None or is_settled, self.parts)
        changes = [_change(row, uuids) for row in self.rows]
        return Told(changes, told.to_text(), self.has_more, reset)

    def _wanted(self) -> tuple[int, Keep]:
        if self.device is None:
            return 0, Keep()
        keep = keep_of(self.device.keep)
        if not keep.playlists:
            return self.device.keep_tag, keep
        return stamped(self.device.keep_tag, self.tx.playlists.stamps(self.user_id, keep.playlists)), keep

    def _rule(self, keep: Keep, line: Line | None = None) -> Rule:
        return Rule(self.user_id, keep, self.libraries, line)

    def _known(self, library: Standing) -> int | None:
        """Return the change up to which the device was told by this very membership, None when by none or another.

        A number that was not given yet comes from a database that was put back.
        """
        part = self.position.parts.get(library.uuid)
        return part.seq if part and part.epoch == library.epoch and part.seq <= library.change_seq else None

    def _line(self, keep: Keep, *, is_same: bool) -> Line | None:
        if keep.max_bytes is None:
            return None
        return (self.position.line if is_same else None) or self.tx.sync.line(self._rule(keep))

    def _add(self, library: Standing, rule: Rule, after: int) -> None:
        room, until = self.limit - len(self.rows), library.change_seq
        if after < until and not room:
            until = after
            self.has_more = True
        elif after < until:
            found = self.tx.sync.page(library.id, rule, after=after, limit=room + 1)
            if len(found) > room:
                until = found[room - 1].seq
                self.has_more = True
            self.rows += found[:room]
        self.parts[library.uuid] = Part(library.epoch, until)

    def _moved(self, rule: Rule, line: Line) -> tuple[Line, bool]:
        """Move the line as far as there is room to tell of it; return where it is, and whether it must go on."""
        room = self.limit - len(self.rows)
        if self.has_more or not room:
            self.has_more = True
            return line, False
        goal = self.tx.sync.line(rule)
        if goal == line:
            return goal, True
        found = self.tx.sync.between(rule, line, goal, room + 1)
        self.rows += found[:room]
        if len(found) <= room:
            return goal, True
        self.has_more = True
        last = self.tx.sync.line_of(found[room - 1].item_id)
        return Line(last.added_at, last.item_id + (goal > line)), False


def _change(row: FileRow, uuids: Mapping[int, UUID]) -> FileChange:
    is_gone = row.blob_hash is None or row.is_deleted
    return FileChange(
        library_uuid=uuids[row.library_id],
        item_uuid=row.uuid,
        is_gone=is_gone,
        hash=row.blob_hash or row.content_hash or "",
        size_bytes=row.size_bytes,
        filename=row.filename,
        folder=row.folder,
        audio_hash=row.audio_hash,
        audio_offset=row.audio_offset,
        audio_bytes=row.audio_bytes or 0,
        changed_at=row.changed_at,
        is_kept=bool(row.is_kept) and not is_gone,
    )
