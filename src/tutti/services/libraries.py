"""Libraries: what there is, and for whom."""

from collections.abc import Sequence
from uuid import UUID, uuid4

from tutti.db.engine import Database, Tx
from tutti.db.repos.libraries import LibraryRow
from tutti.domain.caller import Caller, Permission
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.values import LibraryId
from tutti.kit.text import clean
from tutti.models import Library

NAME_MAX = 200
EDITORS = ("owner", "editor")


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
        wanted = clean(name, NAME_MAX)
        if not wanted:
            raise AppError(ErrorKind.INVALID, "bad_name", "A library needs a name.")
        with self._db.write() as tx:
            library = Library(
                uuid=uuid4(), name=wanted, is_personal=False, syncs=False, change_seq=0, created_at=tx.now
            )
            tx.libraries.add(library)
            tx.libraries.add_member(library.id, caller.user_id, "owner")
            return LibraryRow(library.id, library.uuid, library.name, is_personal=False, role="owner")

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
        return LibraryId(personal.id)
    row = next((row for row in tx.libraries.of_user(caller.user_id) if row.uuid == library_uuid), None)
    if row is None:
        raise AppError(ErrorKind.NOT_FOUND, "library_not_found", "There is no such library.")
    if row.role not in EDITORS:
        raise AppError(ErrorKind.FORBIDDEN, "not_an_editor", "You may listen to this library but not change it.")
    return LibraryId(row.id)
