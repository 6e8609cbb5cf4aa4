"""Who may use a library: members with roles, let in and put out by its owners."""

from collections.abc import Sequence
from uuid import UUID

from tutti.db.engine import Database, Tx
from tutti.db.repos.libraries import LibraryRow, MemberRow
from tutti.domain.audit import Action
from tutti.domain.caller import Caller, Permission
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.values import UserId
from tutti.kit.text import username_key
from tutti.models import User
from tutti.services.auditing import note
from tutti.services.libraries import owned_library, readable_library
from tutti.services.telling import tell_access

ROLES = ("owner", "editor", "listener")


class Members:
    """Membership, which is all there is to access."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def of(self, caller: Caller, library_uuid: UUID) -> Sequence[MemberRow]:
        """Return who may use a library, by name; every member may know.

        Raises:
            AppError: NOT_FOUND `library_not_found`.
        """
        with self._db.read() as tx:
            return tx.libraries.members(readable_library(tx, caller, library_uuid).id)

    def put(self, caller: Caller, library_uuid: UUID, user: str, role: str) -> MemberRow:
        """Let somebody in, or change his role; to hand a library over, make somebody its owner and leave.

        Args:
            caller: An owner of the library.
            library_uuid: Which library.
            user: The id of an account, or its name.
            role: One of `ROLES`.

        Raises:
            AppError: NOT_FOUND `library_not_found`, `user_not_found`; FORBIDDEN `not_an_owner`; INVALID `bad_role`;
                CONFLICT `last_owner`, and `personal_library` where the owner cannot be another.
        """
        if role not in ROLES:
            raise AppError(ErrorKind.INVALID, "bad_role", f"A role is one of {', '.join(ROLES)}.")
        with self._db.write() as tx:
            library = owned_library(tx, caller, library_uuid)
            account = _account(tx, user)
            before = tx.libraries.role_of(library.id, UserId(account.id))
            if library.is_personal and "owner" in {role, before} and role != before:
                raise AppError(ErrorKind.CONFLICT, "personal_library", "A personal library keeps its one owner.")
            if before == "owner" and role != "owner":
                _check_not_last(tx, library, account.id)
            if before is None:
                tx.libraries.add_member(library.id, account.id, role)
            elif before != role:
                tx.libraries.set_role(library.id, account.id, role)
            if before != role:
                tell_access(tx, library.id)
                note(tx, Action.MEMBER_PUT, caller, f"{account.username} {role} {library.name}")
            return MemberRow(account.uuid, account.username, role)

    def remove(self, caller: Caller, library_uuid: UUID, user: str) -> None:
        """Put somebody out, which an owner may do, or leave, which everybody may but guests and the last owner.

        What he has of the library stops working within a second, in every process.

        Raises:
            AppError: NOT_FOUND `library_not_found`, `member_not_found`; FORBIDDEN `not_an_owner`, `not_allowed`;
                CONFLICT `last_owner`.
        """
        caller.require(Permission.CURATE)
        with self._db.write() as tx:
            library = readable_library(tx, caller, library_uuid)
            member = next((one for one in tx.libraries.members(library.id) if _is(one, user)), None)
            if library.role != "owner" and (member is None or member.uuid != caller.user_uuid):
                raise _not_an_owner()
            if member is None:
                raise AppError(ErrorKind.NOT_FOUND, "member_not_found", "There is no such member.")
            account = _account(tx, str(member.uuid))
            _check_not_last(tx, library, account.id)
            tx.libraries.remove_member(library.id, account.id)
            tell_access(tx, library.id)
            note(tx, Action.MEMBER_REMOVE, caller, f"{account.username} {library.name}")


def _not_an_owner() -> AppError:
    return AppError(ErrorKind.FORBIDDEN, "not_an_owner", "Only an owner of the library may do that.")


def _check_not_last(tx: Tx, library: LibraryRow, user_id: int) -> None:
    if list(tx.libraries.owners(library.id)) == [user_id]:
        raise AppError(ErrorKind.CONFLICT, "last_owner", "A library needs an owner; make somebody else one first.")


def _is(member: MemberRow, user: str) -> bool:
    known = _as_uuid(user)
    return member.uuid == known or (known is None and username_key(member.username) == username_key(user))


def _account(tx: Tx, user: str) -> User:
    known = _as_uuid(user)
    account = tx.accounts.by_username(username_key(user)) if known is None else tx.accounts.by_uuid(known)
    if account is None:
        raise AppError(ErrorKind.NOT_FOUND, "user_not_found", "There is no such account.")
    return account


def _as_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
