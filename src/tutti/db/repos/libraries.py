"""Libraries, their members, and the sequence of what changed in them."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Select, bindparam, func, select, update
from sqlalchemy.orm import Session

from tutti.db.bulk import insert_rows
from tutti.domain.values import ItemId, LibraryId, UserId
from tutti.models import Change, Library, LibraryMember, Track


class LibraryRow(NamedTuple):
    """A library as one caller sees it; `role` is his own, `track_count` is counted only where it is shown."""

    id: int
    uuid: UUID
    name: str
    is_personal: bool
    role: str
    track_count: int = 0


class LibraryRepo:
    """Questions about libraries."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, library: Library) -> None:
        """Insert a library; its id is known afterwards."""
        self._session.add(library)
        self._session.flush()

    def add_member(self, library_id: int, user_id: int, role: str) -> None:
        """Let an account into a library."""
        self._session.add(LibraryMember(library_id=library_id, user_id=user_id, role=role))
        self._session.flush()

    def readable(self, user_id: UserId) -> Sequence[LibraryId]:
        """Return the ids of the libraries that an account may read, in order."""
        rows = self._session.connection().execute(_readable(), {"user": user_id})
        return [LibraryId(found) for (found,) in rows]

    def of_user(self, user_id: UserId) -> Sequence[LibraryRow]:
        """Return the libraries of an account by name; their tracks are not counted."""
        query = (
            select(Library.id, Library.uuid, Library.name, Library.is_personal, LibraryMember.role)
            .join(LibraryMember, LibraryMember.library_id == Library.id)
            .where(LibraryMember.user_id == user_id)
            .order_by(Library.name, Library.id)
        )
        return [LibraryRow(*row) for row in self._session.execute(query)]

    def track_count(self, library_id: int) -> int:
        """Return how many tracks a library lists."""
        query = select(func.count()).select_from(Track).where(Track.library_id == library_id, Track.is_listed)
        return self._session.scalar(query) or 0

    def personal(self, user_id: UserId) -> Library | None:
        """Return the personal library of an account."""
        query = select(Library).join(LibraryMember, LibraryMember.library_id == Library.id)
        return self._session.scalar(query.where(LibraryMember.user_id == user_id, Library.is_personal))

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
        return self._session.scalars(select(Library).where(Library.id.not_in(owned))).all()

    def role_of(self, library_id: int, user_id: UserId) -> str | None:
        """Return the role of an account in a library, None for a stranger."""
        query = select(LibraryMember.role)
        return self._session.scalar(
            query.where(LibraryMember.library_id == library_id, LibraryMember.user_id == user_id)
        )

    def note_changes(self, library_id: int, item_ids: Iterable[ItemId], *, is_gone: bool) -> int:
        """Give each change the next number of its library; return the newest number.

        The library's row is updated first: its lock makes the order of numbers the order of commits.
        """
        ids = list(item_ids)
        grown = update(Library).where(Library.id == library_id).values(change_seq=Library.change_seq + len(ids))
        newest = self._session.scalar(grown.returning(Library.change_seq)) or 0
        first = newest - len(ids) + 1
        rows = [
            {"library_id": library_id, "seq": seq, "item_id": item_id, "is_gone": is_gone}
            for seq, item_id in enumerate(ids, first)
        ]
        insert_rows(self._session, Change, rows)
        return newest


@cache
def _readable() -> Select[int]:
    """Return the statement that every request runs; building it anew would cost more than running it."""
    query = select(LibraryMember.library_id).where(LibraryMember.user_id == bindparam("user"))
    return query.order_by(LibraryMember.library_id)
