"""Compares what a walk finds with what was seen before, a group of folders at a time."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from tutti.db.engine import Database, WriteTx
from tutti.db.repos.sources import SeenFile
from tutti.domain.formats import EXTENSIONS
from tutti.domain.media import Refusal
from tutti.domain.scanning import ScanReport, folder_picture
from tutti.domain.values import SourceId
from tutti.kit.text import clean, sort_key
from tutti.ports.folders import FileEntry, Listing

_SUFFIXES = frozenset(f".{extension}".encode() for extension in EXTENSIONS)

_GROUP_FOLDERS = 256
_GROUP_FILES = 2000
_REFUSED_KNOWN = 100_000
_PASSING = frozenset({Refusal.UNREADABLE, Refusal.TOO_SLOW})
"""Refusals that time or a change of permission may cure, which no size or time of the file tells."""


@dataclass(frozen=True, slots=True)
class Place:
    """A folder and its row."""

    id: int
    uuid_text: str
    path: bytes
    name: str


@dataclass(frozen=True, slots=True)
class Work:
    """A file that must be read, and what was known of it.

    Attributes:
        was_refused: It was read before and was no track, so no list has it.
    """

    place: Place
    file: FileEntry
    seen: SeenFile | None
    was_refused: bool

    @property
    def path(self) -> bytes:
        """Path below the source."""
        return self.place.path + b"/" + self.file.name if self.place.path else self.file.name


@dataclass(slots=True)
class Comparison:
    """One scan's running comparison.

    Attributes:
        progress: Is told after every group of folders; False ends the comparison there.
        is_stopped: Whether it ended so.
        vanished: Ids of files that were known in folders that were read, and are not there now.
        visited: Ids of the folders the walk came by.
    """

    db: Database
    source_id: SourceId
    root_name: str
    report: ScanReport
    progress: Callable[[ScanReport], bool]
    is_stopped: bool = False
    vanished: set[int] = field(default_factory=set)
    visited: set[int] = field(default_factory=set)
    _places: dict[bytes, tuple[int, str]] = field(default_factory=dict)
    _covers: dict[int, str] = field(default_factory=dict)
    _missing: set[int] = field(default_factory=set)
    _refused: dict[tuple[bytes, bytes], str] = field(default_factory=dict)

    def begin(self) -> None:
        """Load the folders that are known, and the files that were refused."""
        with self.db.read() as tx:
            self._places = tx.sources.folders(self.source_id)
            self._covers = tx.sources.folder_covers(self.source_id)
            self._missing = tx.sources.missing_folders(self.source_id)
            refused = tx.sources.refused(self.source_id, _REFUSED_KNOWN)
            self._refused = {(one.folder, one.name): one.reason for one in refused}

    def changed(self, listings: Iterator[Listing]) -> Iterator[Work]:
        """Yield what must be read, in the order of the walk."""
        for group in _groups(listings):
            places = self._placed(group)
            with self.db.read() as tx:
                seen = tx.sources.files_in([place.id for place in places])
            for place, listing in zip(places, group, strict=True):
                if listing.problem:
                    self.report.unread_folders.append(listing.path)
                else:
                    yield from self._compare(place, listing, seen[place.id])
            if not self.progress(self.report):
                self.is_stopped = True
                return

    def unvisited(self) -> Sequence[int]:
        """Return known folders that the walk did not meet, without those below a folder that could not be read.

        Those that were missing before are among them, because a scan that broke off may have left files in them.
        """
        blind = [path + b"/" if path else b"" for path in self.report.unread_folders]
        return [
            folder_id
            for path, (folder_id, _) in self._places.items()
            if folder_id not in self.visited and not any(path.startswith(one) for one in blind)
        ]

    def _compare(self, place: Place, listing: Listing, seen: dict[bytes, SeenFile]) -> Iterator[Work]:
        present = {file.name: file for file in listing.files}
        self.vanished.update(known.id for name, known in seen.items() if name not in present and not known.is_missing)
        for name, file in present.items():
            if suffix_of(name) not in _SUFFIXES:
                continue
            self.report.seen += 1
            known = seen.get(name)
            refusal = self._refused.get((place.path, name))
            if known is not None and _is_same(known, file) and refusal not in _PASSING:
                self.report.unchanged += 1
            else:
                yield Work(place, file, known, was_refused=refusal is not None)

    def _placed(self, group: Sequence[Listing]) -> Sequence[Place]:
        """Give every folder a row, and every folder with a new picture its name."""
        fresh = [listing.path for listing in group if listing.path not in self._places]
        pictured = [listing for listing in group if not listing.problem and self._picture_changed(listing)]
        back = [self._places[one.path][0] for one in group if self._is_back(one.path)]
        if fresh or pictured or back:
            with self.db.write() as tx:
                self._add(tx, fresh)
                tx.sources.set_folders_missing(back, None)
                for listing in pictured:
                    self._set_picture(tx, listing)
        places = [self._place(listing.path) for listing in group]
        self.visited.update(place.id for place in places)
        return places

    def _is_back(self, path: bytes) -> bool:
        return path in self._places and self._places[path][0] in self._missing

    def _place(self, path: bytes) -> Place:
        folder_id, uuid_text = self._places[path]
        return Place(folder_id, uuid_text, path, self._name(path))

    def _name(self, path: bytes) -> str:
        return readable(path.rpartition(b"/")[2]) if path else self.root_name

    def _add(self, tx: WriteTx, paths: Sequence[bytes]) -> None:
        rows: list[Mapping[str, Any]] = []
        for folder_id, path in zip(tx.sources.folder_ids(len(paths)), paths, strict=True):
            name, uuid = self._name(path), uuid4()
            parent = self._places[path.rpartition(b"/")[0]][0] if path else None
            self._places[path] = (folder_id, str(uuid))
            rows.append(
                {
                    "id": folder_id,
                    "uuid": uuid,
                    "source_id": self.source_id,
                    "parent_id": parent,
                    "path": path,
                    "name": name,
                    "name_sort": sort_key(name),
                    "cover_name": None,
                    "cover_stamp": "",
                }
            )
        tx.sources.add_folders(rows)

    def _picture_changed(self, listing: Listing) -> bool:
        known = self._places.get(listing.path)
        before = "" if known is None else self._covers.get(known[0], "")
        return _picture(listing)[1] != before

    def _set_picture(self, tx: WriteTx, listing: Listing) -> None:
        folder_id = self._places[listing.path][0]
        name, stamp = _picture(listing)
        tx.sources.set_cover(folder_id, name, stamp)
        self._covers[folder_id] = stamp


def readable(name: bytes) -> str:
    """Return a file name as text that can be stored and shown; bytes that are no UTF-8 become replacement signs."""
    return clean(name.decode("utf-8", "replace"), 1000) or "?"


def suffix_of(name: bytes) -> bytes:
    """Return the lower-case ending of a name with its dot."""
    stem, dot, end = name.rpartition(b".")
    return dot + end.lower() if stem else b""


def _picture(listing: Listing) -> tuple[bytes | None, str]:
    """Return a folder's picture and what tells one version of it from another."""
    name = folder_picture([file.name for file in listing.files])
    if name is None:
        return None, ""
    file = next(file for file in listing.files if file.name == name)
    return name, f"{file.size_bytes:x}-{file.mtime_ns:x}-{name.hex()}"[:64]


def _is_same(known: SeenFile, file: FileEntry) -> bool:
    return known.mtime_ns == file.mtime_ns and known.size_bytes == file.size_bytes and not known.is_missing


def _groups(listings: Iterator[Listing]) -> Iterator[Sequence[Listing]]:
    """Gather folders until there is enough to make one question to the database worth it."""
    group: list[Listing] = []
    files = 0
    for listing in listings:
        group.append(listing)
        files += len(listing.files)
        if len(group) >= _GROUP_FOLDERS or files >= _GROUP_FILES:
            yield group
            group, files = [], 0
    if group:
        yield group
