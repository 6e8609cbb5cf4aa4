"""Libraries: what there is, and for whom."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from tutti.db.engine import Database, Tx
from tutti.db.repos.libraries import ChangeRow, LibraryRow
from tutti.domain.audit import Action
from tutti.domain.caller import Caller, Permission
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.jobs import JobKind
from tutti.domain.values import LibraryId, SourceId
from tutti.kit.text import clean
from tutti.models import Library
from tutti.services.auditing import note
from tutti.services.telling import tell_access

NAME_MAX = 200
EDITORS = ("owner", "editor")


_MAX_CHANGES = 1000


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed in a library after a number, in order; `latest` is the number of its newest change."""

    latest: int
    rows: Sequence[ChangeRow]


@dataclass(frozen=True, slots=True)
class Audience:
    """What somebody may hear of: id to row of each library he is a member of, and whether he administers the server."""

    libraries: Mapping[int, LibraryRow]
    is_admin: bool


class Libraries:
    """Access is membership; there is no other rule."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def mine(self, caller: Caller) -> Sequence[LibraryRow]:
        """Return the libraries the caller may read, by name.

        Raises:
            AppError: FORBIDDEN `not_allowed`.
        """
        caller.require(Permission.LISTEN)
        with self._db.read() as tx:
            rows = tx.libraries.of_user(caller.user_id)
            return [row._replace(track_count=tx.libraries.track_count(row.id)) for row in rows]

    def create(self, caller: Caller, name: str) -> LibraryRow:
        """Make a shared library that the caller owns.

        Raises:
            AppError: INVALID `bad_name`; FORBIDDEN `not_allowed`.
        """
        caller.require(Permission.CURATE)
        wanted = _named(name)
        with self._db.write() as tx:
            library = Library(
                uuid=uuid4(), name=wanted, is_personal=False, syncs=False, change_seq=0, created_at=tx.now
            )
            tx.libraries.add(library)
            tx.libraries.add_member(library.id, caller.user_id, "owner")
            tell_access(tx, library.id)
            note(tx, Action.LIBRARY_MAKE, caller, wanted)
            return LibraryRow(library.id, library.uuid, library.name, is_personal=False, syncs=False, role="owner")

    def one(self, caller: Caller, library_uuid: UUID) -> LibraryRow:
        """Return one library.

        Raises:
            AppError: NOT_FOUND `library_not_found`.
        """
        with self._db.read() as tx:
            row = readable_library(tx, caller, library_uuid)
            return row._replace(track_count=tx.libraries.track_count(row.id))

    def change(
        self, caller: Caller, library_uuid: UUID, *, name: str | None = None, syncs: bool | None = None
    ) -> LibraryRow:
        """Give a library another name, or have the devices of its members follow it or not; None leaves as it is.

        What devices have of a library that they no longer follow stays on them.

        Raises:
            AppError: NOT_FOUND `library_not_found`; FORBIDDEN `not_an_owner`; INVALID `bad_name`; CONFLICT
                `personal_library` for one that devices always follow.
        """
        wanted = None if name is None else _named(name)
        with self._db.write() as tx:
            row = owned_library(tx, caller, library_uuid)
            if syncs is False and row.is_personal:
                raise AppError(ErrorKind.CONFLICT, "personal_library", "Devices always follow a personal library.")
            if wanted is not None:
                tx.libraries.rename(row.id, wanted)
                note(tx, Action.LIBRARY_RENAME, caller, f"{row.name} {wanted}")
            if syncs is not None and syncs != row.syncs:
                tx.libraries.set_syncs(row.id, syncs=syncs)
                note(tx, Action.LIBRARY_SYNC, caller, f"{wanted or row.name} {'on' if syncs else 'off'}")
            tell_access(tx, row.id)
            changed = row._replace(name=wanted or row.name, syncs=row.syncs if syncs is None else syncs)
            return changed._replace(track_count=tx.libraries.track_count(row.id))

    def delete(self, caller: Caller, library_uuid: UUID) -> None:
        """Let a shared library be gone for everybody at once; a job takes away what was in it.

        The files of its sources stay as they are.

        Raises:
            AppError: NOT_FOUND `library_not_found`; FORBIDDEN `not_an_owner`; CONFLICT `personal_library`.
        """
        with self._db.write() as tx:
            row = owned_library(tx, caller, library_uuid)
            if row.is_personal:
                raise AppError(ErrorKind.CONFLICT, "personal_library", "A personal library cannot be deleted.")
            tx.libraries.remove_members(row.id)
            tx.libraries.rename(row.id, "")
            for source in tx.sources.in_library(row.id):
                tx.sources.remove(SourceId(source.id), is_done=True)
            tell_access(tx, row.id)
            tx.enqueue(JobKind.REMOVE_LIBRARY, str(row.id))
            note(tx, Action.LIBRARY_DELETE, caller, row.name)

    def changes(self, caller: Caller, library_uuid: UUID, *, after: int, limit: int) -> Changes:
        """Return what changed after a number, items that went included.

        Whoever asks again with the last number he was given never misses a change: numbers are given in the order of
        the commits, and without gaps.

        Raises:
            AppError: NOT_FOUND `library_not_found`; INVALID `bad_limit`, `bad_position`.
        """
        if not 1 <= limit <= _MAX_CHANGES:
            raise AppError(ErrorKind.INVALID, "bad_limit", f"The limit must be between 1 and {_MAX_CHANGES}.")
        if not 0 <= after < 1 << 62:
            raise AppError(ErrorKind.INVALID, "bad_position", "The position is the number of a change, 0 or more.")
        with self._db.read() as tx:
            row = readable_library(tx, caller, library_uuid)
            rows = tx.libraries.changes(row.id, after=after, limit=limit)
            return Changes(tx.libraries.newest_change(row.id), rows)

    def audience(self, caller: Caller) -> Audience:
        """Return what the caller may hear of.

        Raises:
            AppError: FORBIDDEN `not_allowed`.
        """
        caller.require(Permission.LISTEN)
        with self._db.read() as tx:
            rows = tx.libraries.of_user(caller.user_id)
            return Audience({row.id: row for row in rows}, caller.is_admin)

    def open_shared(self, name: str) -> LibraryId:
        """Return the shared library of that name, made when it is not there.

        For a server that is started with a folder. The oldest administrator owns it; before there is one nobody does,
        and whoever claims the server becomes the owner.
        """
        with self._db.write() as tx:
            known = tx.libraries.shared(name)
            if known is not None:
                return LibraryId(known.id)
            library = Library(uuid=uuid4(), name=name, is_personal=False, syncs=False, change_seq=0, created_at=tx.now)
            tx.libraries.add(library)
            for owner in tx.accounts.active_admins()[:1]:
                tx.libraries.add_member(library.id, owner, "owner")
            return LibraryId(library.id)


def readable(tx: Tx, caller: Caller) -> Sequence[LibraryId]:
    """Return the ids of the libraries the caller may read, in order.

    Raises:
        AppError: FORBIDDEN `not_allowed` when his credential is not for listening.
    """
    caller.require(Permission.LISTEN)
    return tx.libraries.readable(caller.user_id)


def editable_library(tx: Tx, caller: Caller, library_uuid: UUID | None) -> LibraryId:
    """Return the library to change: the named one, or the caller's own when none is named.

    Raises:
        AppError: NOT_FOUND `library_not_found` when the caller may not read it, FORBIDDEN `not_an_editor` when he may
            only listen.
    """
    if library_uuid is None:
        personal = tx.libraries.personal(caller.user_id)
        if personal is None:
            raise AppError(ErrorKind.NOT_FOUND, "library_not_found", "There is no such library.")
        return personal
    row = readable_library(tx, caller, library_uuid)
    check_editor(tx, caller, row.id)
    return LibraryId(row.id)


def readable_library(tx: Tx, caller: Caller, library_uuid: UUID) -> LibraryRow:
    """Return a library the caller is a member of.

    Raises:
        AppError: NOT_FOUND `library_not_found`; FORBIDDEN `not_allowed`.
    """
    caller.require(Permission.LISTEN)
    row = next((row for row in tx.libraries.of_user(caller.user_id) if row.uuid == library_uuid), None)
    if row is None:
        raise AppError(ErrorKind.NOT_FOUND, "library_not_found", "There is no such library.")
    return row


def check_editor(tx: Tx, caller: Caller, library_id: int) -> None:
    """See that the caller may change a library.

    Raises:
        AppError: NOT_FOUND `library_not_found` when he may not read it, FORBIDDEN `not_an_editor` when he may only
            listen.
    """
    role = tx.libraries.role_of(library_id, caller.user_id)
    if role is None:
        raise AppError(ErrorKind.NOT_FOUND, "library_not_found", "There is no such library.")
    if role not in EDITORS:
        raise AppError(ErrorKind.FORBIDDEN, "not_an_editor", "You may listen to this library but not change it.")


def owned_library(tx: Tx, caller: Caller, library_uuid: UUID) -> LibraryRow:
    """Return a library the caller owns.

    Raises:
        AppError: NOT_FOUND `library_not_found` for a stranger; FORBIDDEN `not_an_owner` for a member, `not_allowed`.
    """
    caller.require(Permission.CURATE)
    row = readable_library(tx, caller, library_uuid)
    if row.role != "owner":
        raise AppError(ErrorKind.FORBIDDEN, "not_an_owner", "Only an owner of the library may do that.")
    return row


def _named(name: str) -> str:
    wanted = clean(name, NAME_MAX)
    if not wanted:
        raise AppError(ErrorKind.INVALID, "bad_name", "A library needs a name.")
    return wanted
