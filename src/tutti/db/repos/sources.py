"""Folders that are read, and the files that were seen in them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import Session

from tutti.db.bulk import insert_rows, reserve_ids
from tutti.domain.values import LibraryId, SourceId
from tutti.models import Folder, LibraryMember, Source, SourceObject


class SeenFile(NamedTuple):
    """A file as last seen."""

    id: int
    name: bytes
    size_bytes: int
    mtime_ns: int
    item_id: int | None
    is_missing: bool


class RefusedFile(NamedTuple):
    """A file that is no item, and why."""

    folder: bytes
    name: bytes
    reason: str
    message: str


class MovedFile(NamedTuple):
    """A file seen before that may be the same as a new one."""

    id: int
    folder: bytes
    name: bytes
    item_id: int
    device: str
    inode: str
    size_bytes: int
    fingerprint: str


class SourceRepo:
    """Questions about sources."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, source: Source) -> None:
        """Insert a source; its id is known afterwards."""
        self._session.add(source)
        self._session.flush()

    def by_id(self, source_id: SourceId) -> Source | None:
        """Return the source, None when absent."""
        return self._session.get(Source, source_id)

    def get(self, source_id: SourceId) -> Source:
        """Return the source, which is there."""
        return self._session.get_one(Source, source_id, populate_existing=True)

    def by_path(self, library_id: LibraryId, path: bytes) -> Source | None:
        """Return the source of a library that reads this folder."""
        return self._session.scalar(select(Source).where(Source.library_id == library_id, Source.path == path))

    def all_sources(self) -> Sequence[Source]:
        """Return every source, without those that were removed."""
        return self._session.scalars(select(Source).where(_is_kept()).order_by(Source.id)).all()

    def in_library(self, library_id: int) -> Sequence[Source]:
        """Return the sources of a library, removed ones included."""
        return self._session.scalars(select(Source).where(Source.library_id == library_id).order_by(Source.id)).all()

    def leaving(self) -> Sequence[int]:
        """Return the sources that are being removed."""
        return self._session.scalars(select(Source.id).where(Source.state == "removing").order_by(Source.id)).all()

    def of_user(self, user_id: int) -> Sequence[Source]:
        """Return the sources of the libraries an account owns or edits."""
        query = select(Source).join(LibraryMember, LibraryMember.library_id == Source.library_id)
        mine = query.where(LibraryMember.user_id == user_id, LibraryMember.role.in_(["owner", "editor"]))
        return self._session.scalars(mine.where(_is_kept()).order_by(Source.id)).all()

    def set_state(self, source_id: SourceId, state: str, message: str = "", *, at: datetime | None = None) -> None:
        """Note what became of a source, unless it is being removed; `at` is when it was scanned to the end."""
        values: dict[str, Any] = {"state": state, "state_message": message[:500]}
        if at is not None:
            values["scanned_at"] = at
        self._session.execute(update(Source).where(Source.id == source_id, _is_kept()).values(**values))

    def remove(self, source_id: SourceId, *, is_done: bool) -> None:
        """Note that a source is being removed, or has been; it comes back by `revive` only."""
        values = {"state": "removed" if is_done else "removing", "state_message": ""}
        self._session.execute(update(Source).where(Source.id == source_id).values(**values))

    def revive(self, source_id: SourceId) -> None:
        """Begin anew with a source that was removed."""
        self._session.execute(update(Source).where(Source.id == source_id).values(state="new", state_message=""))

    def present(self, source_id: SourceId, limit: int) -> Sequence[int]:
        """Return ids of files of a source that are thought to be there."""
        query = select(SourceObject.id).where(SourceObject.source_id == source_id, SourceObject.missing_at.is_(None))
        return self._session.scalars(query.order_by(SourceObject.id).limit(limit)).all()

    def has_files(self, source_id: SourceId) -> bool:
        """Return whether any file of a source was ever seen."""
        query = select(SourceObject.id).where(SourceObject.source_id == source_id).limit(1)
        return self._session.scalar(query) is not None

    def missing_folders(self, source_id: SourceId) -> set[int]:
        """Return the folders of a source that were found gone."""
        query = select(Folder.id).where(Folder.source_id == source_id, Folder.missing_at.is_not(None))
        return set(self._session.scalars(query))

    def set_folders_missing(self, folder_ids: Sequence[int], missing_at: datetime | None) -> None:
        """Note that these folders are gone, or there again."""
        self._session.execute(update(Folder).where(Folder.id.in_(folder_ids)).values(missing_at=missing_at))

    def hide_folders(self, source_id: SourceId, now: datetime) -> None:
        """Note that no folder of a source is there."""
        self._session.execute(update(Folder).where(Folder.source_id == source_id).values(missing_at=now))

    def folders(self, source_id: SourceId) -> dict[bytes, tuple[int, str]]:
        """Return the known folders of a source: relative path to id and uuid."""
        query = select(Folder.path, Folder.id, Folder.uuid).where(Folder.source_id == source_id)
        return {row.path: (row.id, str(row.uuid)) for row in self._session.execute(query)}

    def folder_covers(self, source_id: SourceId) -> dict[int, str]:
        """Return the stamp of each folder's picture: folder id to stamp, without the folders that have none."""
        query = select(Folder.id, Folder.cover_stamp).where(Folder.source_id == source_id, Folder.cover_stamp != "")
        return {row[0]: row[1] for row in self._session.execute(query)}

    def folder_ids(self, count: int) -> Sequence[int]:
        """Return ids for folders that `add_folders` will insert."""
        return reserve_ids(self._session, Folder, count)

    def add_folders(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert folders, each after its parent."""
        insert_rows(self._session, Folder, rows)

    def set_cover(self, folder_id: int, name: bytes | None, stamp: str) -> None:
        """Note the picture of a folder."""
        values = {"cover_name": name, "cover_stamp": stamp}
        self._session.execute(update(Folder).where(Folder.id == folder_id).values(**values))

    def files_in(self, folder_ids: Sequence[int]) -> dict[int, dict[bytes, SeenFile]]:
        """Return what was seen in these folders: folder id to name to file."""
        columns = (
            SourceObject.folder_id,
            SourceObject.id,
            SourceObject.name,
            SourceObject.size_bytes,
            SourceObject.mtime_ns,
            SourceObject.item_id,
            SourceObject.missing_at.is_not(None),
        )
        found: dict[int, dict[bytes, SeenFile]] = {folder_id: {} for folder_id in folder_ids}
        for row in self._session.execute(select(*columns).where(SourceObject.folder_id.in_(folder_ids))):
            seen = SeenFile._make(row[1:])
            found[row[0]][seen.name] = seen
        return found

    def add_files(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert files seen for the first time."""
        insert_rows(self._session, SourceObject, rows)

    def change_files(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Update files by primary key; every row has `id` and the same columns."""
        if rows:
            self._session.execute(update(SourceObject), rows)

    def remove_files(self, object_ids: Sequence[int]) -> None:
        """Forget these files."""
        if object_ids:
            self._session.execute(delete(SourceObject).where(SourceObject.id.in_(object_ids)))

    def candidates(
        self, source_id: SourceId, *, inodes: Sequence[str], fingerprints: Sequence[str]
    ) -> Sequence[MovedFile]:
        """Return the files with an item that a new file may once have been."""
        columns = (
            SourceObject.id,
            Folder.path,
            SourceObject.name,
            SourceObject.item_id,
            SourceObject.device,
            SourceObject.inode,
            SourceObject.size_bytes,
            SourceObject.fingerprint,
        )
        base = (
            select(*columns)
            .join(Folder, Folder.id == SourceObject.folder_id)
            .where(SourceObject.source_id == source_id, SourceObject.item_id.is_not(None))
        )
        by_inode = self._session.execute(base.where(SourceObject.inode.in_(inodes)))
        by_print = self._session.execute(base.where(SourceObject.fingerprint.in_(fingerprints)))
        return list({row.id: MovedFile._make(row) for rows in (by_inode, by_print) for row in rows}.values())

    def item_ids(self, object_ids: Iterable[int]) -> Sequence[int]:
        """Return the items of these files."""
        query = select(SourceObject.item_id).where(SourceObject.id.in_(list(object_ids)))
        return [item_id for item_id in self._session.scalars(query) if item_id is not None]

    def mark_missing(self, object_ids: Sequence[int], now: datetime) -> None:
        """Note that these files vanished."""
        self._session.execute(update(SourceObject).where(SourceObject.id.in_(object_ids)).values(missing_at=now))

    def present_in(self, folder_ids: Sequence[int]) -> Sequence[int]:
        """Return the ids of the files that are still thought to be in these folders."""
        query = select(SourceObject.id).where(SourceObject.folder_id.in_(folder_ids))
        return self._session.scalars(query.where(SourceObject.missing_at.is_(None))).all()

    def count_present(self, source_id: SourceId) -> int:
        """Return how many files of a source are thought to be there."""
        query = select(func.count()).select_from(SourceObject)
        return (
            self._session.scalar(query.where(SourceObject.source_id == source_id, SourceObject.missing_at.is_(None)))
            or 0
        )

    def refused(self, source_id: SourceId, limit: int) -> Sequence[RefusedFile]:
        """Return files that are no items, by folder and name."""
        query = (
            select(Folder.path, SourceObject.name, SourceObject.refusal, SourceObject.message)
            .join(Folder, Folder.id == SourceObject.folder_id)
            .where(
                SourceObject.source_id == source_id,
                SourceObject.refusal.is_not(None),
                SourceObject.missing_at.is_(None),
            )
            .order_by(Folder.path, SourceObject.name)
            .limit(limit)
        )
        return [RefusedFile._make(row) for row in self._session.execute(query)]


def _is_kept() -> ColumnElement[bool]:
    return Source.state.not_in(["removing", "removed"])
