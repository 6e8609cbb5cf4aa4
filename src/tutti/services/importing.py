"""Brings an installation of an original server along: its people, its files, and what was deleted there."""

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from tutti.db.engine import Database, Tx, WriteTx
from tutti.domain.accounts import AccountRules
from tutti.domain.audit import Action
from tutti.domain.caller import Caller, Operator, Role
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.media import Told
from tutti.domain.originals import OriginalTrack, OriginalUser
from tutti.domain.values import HASH, ItemId, LibraryId, UserId
from tutti.kit.text import username_key
from tutti.models import Library, MediaItem, User
from tutti.ports.originals import Objects, OriginalObject
from tutti.services.accounts import caller_of, insert, tx_roles
from tutti.services.auditing import note
from tutti.services.ingest import Ingest, blank_item, clean_name
from tutti.services.libraries import check_editor, editable_library
from tutti.services.telling import tell_access

LIBRARY = "Astolfo"
"""The library that the original's one collection becomes."""

_BCRYPT = re.compile(r"\$2[aby]\$[0-9]{2}\$[./A-Za-z0-9]{53}")
_PIECE_BYTES = 1 << 20
_AT_A_TIME = 500
_ABOUT_ONE_FILE = {ErrorKind.INVALID, ErrorKind.UNSUPPORTED, ErrorKind.TOO_LARGE}
_RULES = AccountRules()

Progress = Callable[[int, int], None]
"""Is told how many rows of how many were looked at."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that was not brought along: the name of an account or the hash of a file, and a sentence."""

    what: str
    why: str


@dataclass(slots=True)
class ImportReport:
    """What an import did, or would do.

    Attributes:
        users, files, deleted: How many were new.
        known: Accounts, files and deletions that were here before.
        missing: Files whose bytes are not there; `damaged` ones have other bytes than they should.
        refused: Accounts and files that cannot be here.
        orphans: Objects that no row of the original names; they are left where they are.
    """

    users: int = 0
    files: int = 0
    deleted: int = 0
    known: int = 0
    missing: int = 0
    damaged: int = 0
    refused: int = 0
    orphans: int = 0
    problems: list[Problem] = field(default_factory=list)

    def refuse(self, what: str, why: str) -> None:
        """Count something that cannot be here."""
        self.refused += 1
        self.problems.append(Problem(what, why))


@dataclass(frozen=True, slots=True)
class Place:
    """Where files go: a library, and whose quota they are charged to."""

    caller: Caller
    library_uuid: UUID


class Importing:
    """Imports, which may be broken off anywhere and repeated: what is here already is left as it is.

    A dry run looks at everything, reads every byte, and changes nothing.
    """

    def __init__(self, db: Database, ingest: Ingest) -> None:
        self._db = db
        self._ingest = ingest

    def people(self, users: Sequence[OriginalUser], report: ImportReport, *, is_dry: bool = False) -> Sequence[str]:
        """Make the accounts that are not here yet, with the passwords they have; return the names of all.

        A name that is taken here is taken to be the same person, whose password stays.

        Raises:
            AppError: As `Database.write`.
        """
        seen: dict[str, str] = {}
        for user in users:
            key = username_key(user.username)
            problem = _RULES.username_problem(user.username)
            if problem is None and key in seen:
                problem = f"It is the same as {seen[key]} here, where capital letters make no difference."
            if problem is not None:
                report.refuse(user.username, problem)
                continue
            seen[key] = user.username
            self._person(user, report, is_dry=is_dry)
        return list(seen.values())

    def _person(self, user: OriginalUser, report: ImportReport, *, is_dry: bool) -> None:
        with self._db.read() as reading:
            is_known = reading.accounts.by_username(username_key(user.username)) is not None
        if is_known:
            report.known += 1
            return
        report.users += 1
        if not _BCRYPT.fullmatch(user.password):
            report.problems.append(Problem(user.username, "The password is no bcrypt hash; set a new one."))
        if not is_dry:
            with self._db.write() as tx:
                _add_account(tx, user)

    def place(self, owner: str | None, library_uuid: UUID | None, members: Sequence[str]) -> Place:
        """Return where files go: the library that is named, or the shared one that the original's collection becomes.

        That one is made when it is not there. It syncs, its owner is the account that is named or the oldest
        administrator, and all members of the original may change it, as they could before.

        Raises:
            AppError: NOT_FOUND `user_not_found`; CONFLICT `library_not_syncing` for one that phones do not see; as
                `editable_library`.
        """
        with self._db.write() as tx:
            user = _owner(tx, owner)
            caller = caller_of(user, tx_roles(tx, user), None)
            if library_uuid is not None:
                editable_library(tx, caller, library_uuid)
                return Place(caller, library_uuid)
            library = tx.libraries.shared(LIBRARY) or _new_library(tx, user)
            if not library.syncs:
                message = f"There is a library {LIBRARY} that does not sync; say which one to use."
                raise AppError(ErrorKind.CONFLICT, "library_not_syncing", message)
            check_editor(tx, caller, library.id)
            for name in members:
                member = tx.accounts.by_username(username_key(name))
                if member is not None and tx.libraries.role_of(library.id, UserId(member.id)) is None:
                    tx.libraries.add_member(library.id, member.id, "editor")
                    tell_access(tx, library.id)
            return Place(caller, library.uuid)

    def find_place(self, owner: str | None, library_uuid: UUID | None) -> Place | None:
        """Return what `place` would without making anything, None where it would have to."""
        with self._db.read() as tx:
            try:
                user = _owner(tx, owner)
            except AppError:
                return None
            caller = caller_of(user, tx_roles(tx, user), None)
            library = tx.libraries.shared(LIBRARY)
            found = library_uuid or (None if library is None else library.uuid)
            return None if found is None else Place(caller, found)

    def files(
        self,
        tracks: Sequence[OriginalTrack],
        objects: Objects,
        place: Place | None,
        report: ImportReport,
        *,
        is_dry: bool = False,
        progress: Progress = lambda _done, _total: None,
    ) -> None:
        """Take in the files that a library does not have yet, and note the deletions.

        A file comes with its name and date, and with what the original says of it, where its tags are silent. What was
        deleted there comes last, so that it takes no name away from what lives.

        Args:
            tracks: Rows of the original.
            objects: Their bytes, by hash.
            place: Where to; None, in a dry run, is a library that is still to be made.
            report: Is added to.
            is_dry: Change nothing.
            progress: Is told how far it is.

        Raises:
            AppError: What is not about one file: as `editable_library`; FULL `quota_exceeded`, `disk_full`; UNAVAILABLE
                `objects_unavailable`. What came in before stays, and a second run goes on.
        """
        named = {row.hash for row in tracks}
        report.orphans += sum(name not in named for name in objects.names())
        rows = sorted(_sound(tracks, report), key=lambda row: row.is_deleted)
        for start in range(0, len(rows), _AT_A_TIME):
            some = rows[start : start + _AT_A_TIME]
            unknown = some if place is None else self._unknown(place, some)
            report.known += len(some) - len(unknown)
            for row in unknown:
                if not row.is_deleted:
                    self._take(row, objects, None if is_dry else place, report)
            gone = [row for row in unknown if row.is_deleted]
            report.deleted += len(gone)
            if place is not None and gone and not is_dry:
                self._bury(place, gone)
            progress(start + len(some), len(rows))

    def _unknown(self, place: Place, rows: Sequence[OriginalTrack]) -> Sequence[OriginalTrack]:
        with self._db.read() as tx:
            library_id = editable_library(tx, place.caller, place.library_uuid)
            known = tx.listing.having(library_id, [row.hash for row in rows])
        return [row for row in rows if row.hash not in known]

    def _bury(self, place: Place, rows: Sequence[OriginalTrack]) -> None:
        """Note files that were deleted in the original: whoever brings the same bytes again restores them."""
        with self._db.write() as tx:
            library_id = editable_library(tx, place.caller, place.library_uuid)
            items = [_gone(tx, library_id, row) for row in rows]
            for item in items:
                tx.media.add(item)
            tx.libraries.note_changes(library_id, [ItemId(item.id) for item in items], is_gone=True)

    def _take(self, row: OriginalTrack, objects: Objects, place: Place | None, report: ImportReport) -> None:
        """Take one file in, or look at it alone when there is no place."""
        called = row.filename or "The file"
        with objects.open(row.hash) as found:
            if found is None:
                report.missing += 1
                report.problems.append(Problem(row.hash, f"{called}: its bytes are not there."))
                return
            try:
                if place is None:
                    _compare(row, found)
                else:
                    self._accept(row, found, place)
                report.files += 1
            except AppError as error:
                if error.kind not in _ABOUT_ONE_FILE:
                    raise
                is_damaged = error.code in {"digest_mismatch", "length_mismatch"}
                report.damaged += is_damaged
                report.refused += not is_damaged
                report.problems.append(Problem(row.hash, f"{called}: {error.message}"))

    def _accept(self, row: OriginalTrack, found: OriginalObject, place: Place) -> None:
        told = Told(row.title, row.artist, row.album, row.duration * 1000)
        size_bytes, library_uuid = found.size_bytes, place.library_uuid
        upload = self._ingest.stage(place.caller, row.filename, library_uuid=library_uuid, length=size_bytes)
        try:
            while data := found.file.read(_PIECE_BYTES):
                upload.append(data)
        except BaseException:
            upload.abandon()
            raise
        self._ingest.accept(upload, sha256=row.hash, told=told, added_at=row.created_at)


def _owner(tx: Tx, owner: str | None) -> User:
    if owner is not None:
        user = tx.accounts.by_username(username_key(owner))
        missing = f"There is no account {owner}."
    else:
        user = next((tx.accounts.by_id(UserId(found)) for found in tx.accounts.active_admins()), None)
        missing = "There is no administrator yet; say who is to own the files."
    if user is None:
        raise AppError(ErrorKind.NOT_FOUND, "user_not_found", missing)
    return user


def _new_library(tx: WriteTx, owner: User) -> Library:
    library = Library(uuid=uuid4(), name=LIBRARY, is_personal=False, syncs=True, change_seq=0, created_at=tx.now)
    tx.libraries.add(library)
    tx.libraries.add_member(library.id, owner.id, "owner")
    tell_access(tx, library.id)
    return library


def _add_account(tx: WriteTx, user: OriginalUser) -> None:
    account = User(
        uuid=uuid4(),
        username=user.username,
        username_key=username_key(user.username),
        password_hash=user.password if _BCRYPT.fullmatch(user.password) else None,
        is_active=True,
    )
    insert(tx, account, frozenset({Role.USER}))
    account.created_at = user.created_at or tx.now
    note(tx, Action.ACCOUNT_ADD, Operator(), f"{account.username} {Role.USER}")


def _sound(tracks: Iterable[OriginalTrack], report: ImportReport) -> Sequence[OriginalTrack]:
    """Return the rows whose hash is one, each once: a row that lives wins over a deleted one."""
    found: dict[str, OriginalTrack] = {}
    for row in tracks:
        if not HASH.fullmatch(row.hash):
            report.refuse(row.hash[:100], "This is no hash.")
        elif row.hash not in found or found[row.hash].is_deleted:
            found[row.hash] = row
    return list(found.values())


def _gone(tx: WriteTx, library_id: LibraryId, row: OriginalTrack) -> MediaItem:
    item = blank_item(tx, library_id, clean_name(row.filename), added_at=row.created_at)
    item.content_hash, item.size_bytes, item.deleted_at = row.hash, 0, row.deleted_at or tx.now
    return item


def _compare(row: OriginalTrack, found: OriginalObject) -> None:
    digest = hashlib.sha256()
    while data := found.file.read(_PIECE_BYTES):
        digest.update(data)
    if digest.hexdigest() != row.hash:
        raise AppError(ErrorKind.INVALID, "digest_mismatch", "The bytes are not those they should be.")
