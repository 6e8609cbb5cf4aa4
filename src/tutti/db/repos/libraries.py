"""Libraries, their members, and the sequence of what changed in them."""

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from secrets import randbelow
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Select, bindparam, delete, func, select, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningUpdate

from tutti.db.bulk import insert_rows
from tutti.domain.values import ItemId, LibraryId, UserId
from tutti.models import Change, Library, LibraryMember, MediaItem, Track, User


class LibraryRow(NamedTuple):
    """A library as one caller sees it; `role` is his own, `track_count` is counted only where it is shown."""

    id: int
    uuid: UUID
    name: str
    is_personal: bool
    syncs: bool
    role: str
    track_count: int = 0


class MemberRow(NamedTuple):
    """Somebody who may use a library."""

    uuid: UUID
    username: str
    role: str


class ChangeRow(NamedTuple):
    """One change of one item, by its number within the library."""

    seq: int
    item_uuid: UUID
    is_gone: bool


class Noted(NamedTuple):
    """Changes that were just numbered; `newest` is the number of the last of `number`."""

    library_id: int
    newest: int
    number: int
    is_gone: bool
    is_new: bool


class LibraryRepo:
    """Questions about libraries; one without a name is being removed and is nobody's."""

    def __init__(self, session: Session, *, noted: Callable[[Noted], None] = lambda _: None) -> None:
        self._session = session
        self._noted = noted

    def add(self, library: Library) -> None:
        """Insert a library; its id is known afterwards."""
        self._session.add(library)
        self._session.flush()

    def add_member(self, library_id: int, user_id: int, role: str) -> None:
        """Let an account into a library; what its devices know of an earlier membership does not count."""
        epoch = _new_epoch()
        self._session.add(LibraryMember(library_id=library_id, user_id=user_id, role=role, epoch=epoch))
        self._session.flush()

    def readable(self, user_id: UserId) -> Sequence[LibraryId]:
        """Return the ids of the libraries that an account may read, in order."""
        rows = self._session.connection().execute(_readable(), {"user": user_id})
        return [LibraryId(found) for (found,) in rows]

    def of_user(self, user_id: UserId) -> Sequence[LibraryRow]:
        """Return the libraries of an account by name; their tracks are not counted."""
        query = (
            select(Library.id, Library.uuid, Library.name, Library.is_personal, Library.syncs, LibraryMember.role)
            .join(LibraryMember, LibraryMember.library_id == Library.id)
            .where(LibraryMember.user_id == user_id)
            .order_by(Library.name, Library.id)
        )
        return [LibraryRow(*row) for row in self._session.execute(query)]

    def track_count(self, library_id: int) -> int:
        """Return how many tracks a library lists."""
        query = select(func.count()).select_from(Track).where(Track.library_id == library_id, Track.is_listed)
        return self._session.scalar(query) or 0

    def track_count_everywhere(self) -> int:
        """Return how many tracks all libraries list."""
        return self._session.scalar(select(func.count()).select_from(Track).where(Track.is_listed)) or 0

    def count(self) -> int:
        """Return the number of libraries."""
        return self._session.scalar(select(func.count()).select_from(Library).where(Library.name != "")) or 0

    def personal(self, user_id: UserId) -> LibraryId | None:
        """Return the id of the personal library of an account."""
        found = self._session.connection().execute(_personal(), {"user": user_id}).scalar()
        return None if found is None else LibraryId(found)

    def by_id(self, library_id: int) -> Library | None:
        """Return the library, None when absent."""
        return self._session.get(Library, library_id)

    def shared(self, name: str) -> Library | None:
        """Return the oldest shared library of that name."""
        query = select(Library).where(Library.name == name, Library.is_personal.is_(False))
        return self._session.scalar(query.order_by(Library.id).limit(1))

    def without_owner(self) -> Sequence[Library]:
        """Return the libraries nobody owns: made at first start, before the server was claimed."""
        owned = select(LibraryMember.library_id).where(LibraryMember.role == "owner")
        return self._session.scalars(select(Library).where(Library.id.not_in(owned), Library.name != "")).all()

    def nameless(self) -> Sequence[int]:
        """Return the libraries that are being removed."""
        return self._session.scalars(select(Library.id).where(Library.name == "")).all()

    def members(self, library_id: int) -> Sequence[MemberRow]:
        """Return who may use a library, by name."""
        query = select(User.uuid, User.username, LibraryMember.role).join(LibraryMember)
        mine = query.where(LibraryMember.library_id == library_id).order_by(User.username_key)
        return [MemberRow._make(row) for row in self._session.execute(mine)]

    def owners(self, library_id: int) -> Sequence[int]:
        """Return the accounts that own a library."""
        query = select(LibraryMember.user_id).where(LibraryMember.library_id == library_id)
        return self._session.scalars(query.where(LibraryMember.role == "owner")).all()

    def set_role(self, library_id: int, user_id: int, role: str) -> None:
        """Change what a member may do."""
        mine = update(LibraryMember).where(LibraryMember.library_id == library_id, LibraryMember.user_id == user_id)
        self._session.execute(mine.values(role=role))

    def renew_members(self) -> None:
        """Let every membership be another than the devices know."""
        self._session.execute(update(LibraryMember).values(epoch=_new_epoch()))

    def remove_member(self, library_id: int, user_id: int) -> None:
        """Keep an account out of a library."""
        mine = delete(LibraryMember).where(LibraryMember.library_id == library_id, LibraryMember.user_id == user_id)
        self._session.execute(mine)

    def remove_members(self, library_id: int) -> None:
        """Keep everybody out of a library."""
        self._session.execute(delete(LibraryMember).where(LibraryMember.library_id == library_id))

    def rename(self, library_id: int, name: str) -> None:
        """Give a library another name; an empty one marks it as being removed."""
        self._session.execute(update(Library).where(Library.id == library_id).values(name=name))

    def set_syncs(self, library_id: int, *, syncs: bool) -> None:
        """Say whether devices follow a library."""
        self._session.execute(update(Library).where(Library.id == library_id).values(syncs=syncs))

    def newest_change(self, library_id: int) -> int:
        """Return the number of the newest change of a library, 0 before the first."""
        return self._session.scalar(select(Library.change_seq).where(Library.id == library_id)) or 0

    def changes(self, library_id: int, *, after: int, limit: int) -> Sequence[ChangeRow]:
        """Return what changed after a number, in order, items that went included."""
        query = select(Change.seq, MediaItem.uuid, Change.is_gone).join(MediaItem, MediaItem.id == Change.item_id)
        later = query.where(Change.library_id == library_id, Change.seq > after).order_by(Change.seq).limit(limit)
        return [ChangeRow._make(row) for row in self._session.execute(later)]

    def role_of(self, library_id: int, user_id: UserId) -> str | None:
        """Return the role of an account in a library, None for a stranger."""
        found = self._session.connection().execute(_role(), {"library": library_id, "user": user_id}).scalar()
        return None if found is None else str(found)

    def note_changes(self, library_id: int, item_ids: Iterable[ItemId], *, is_gone: bool, is_new: bool = False) -> int:
        """Give each change the next number of its library; return the newest number.

        The library's row is updated first: its lock makes the order of numbers the order of commits.
        """
        ids = list(item_ids)
        given = {"library": library_id, "count": len(ids)}
        newest = self._session.connection().execute(_grown(), given).scalar() or 0
        first = newest - len(ids) + 1
        rows = [
            {"library_id": library_id, "seq": seq, "item_id": item_id, "is_gone": is_gone}
            for seq, item_id in enumerate(ids, first)
        ]
        insert_rows(self._session, Change, rows)
        if ids:
            self._noted(Noted(library_id, newest, len(ids), is_gone, is_new))
        return newest


def _new_epoch() -> int:
    return 1 + randbelow((1 << 31) - 1)


# What every request or upload runs: building such a statement anew costs more than running it.


@cache
def _role() -> Select[str]:
    mine = LibraryMember.library_id == bindparam("library"), LibraryMember.user_id == bindparam("user")
    return select(LibraryMember.role).where(*mine)


@cache
def _personal() -> Select[int]:
    query = select(Library.id).join(LibraryMember, LibraryMember.library_id == Library.id)
    owned = query.where(LibraryMember.user_id == bindparam("user"), LibraryMember.role == "owner")
    return owned.where(Library.is_personal)


@cache
def _grown() -> ReturningUpdate[int]:
    more = update(Library).where(Library.id == bindparam("library"))
    return more.values(change_seq=Library.change_seq + bindparam("count")).returning(Library.change_seq)


@cache
def _readable() -> Select[int]:
    query = select(LibraryMember.library_id).where(LibraryMember.user_id == bindparam("user"))
    return query.order_by(LibraryMember.library_id)
