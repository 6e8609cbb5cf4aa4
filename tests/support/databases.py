"""Migrated databases for tests: copies of one file that is prepared once, and what tests put into them."""

import atexit
import os
import shutil
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import count
from pathlib import Path
from tempfile import mkdtemp
from typing import NamedTuple
from uuid import UUID, uuid4

import pytest

from support import postgresql
from support.clock import START, ManualClock
from tutti.backends.bus import LocalBus
from tutti.db import schema
from tutti.db.engine import Database
from tutti.db.repos.catalog import TrackWrite
from tutti.domain.catalog import describe
from tutti.domain.media import MediaKind, Tags
from tutti.domain.values import ItemId, LibraryId
from tutti.kit.clock import Clock
from tutti.kit.text import sort_key
from tutti.models import Library, Source
from tutti.ports.bus import Bus

KINDS: Sequence[str] = os.environ.get("TUTTI_TEST_DB", "sqlite,postgresql").split(",")  # noqa: TID251 - a switch
"""Which databases the tests of the core run on."""

ON_SQLITE = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True, scope="session")
"""Marks tests of what only the embedded database has: a file, its lock, its indexes."""
ON_POSTGRESQL = pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True, scope="session")

_folders = count(1)


AUDIT_KEY = bytes(range(32))


class Place(NamedTuple):
    """A folder of a source."""

    id: int
    uuid: UUID


def fresh_database(
    folder: Path, kind: str = "sqlite", *, clock: Clock | None = None, bus: Bus | None = None
) -> Database:
    """Return a database of its own with every table and no row; whoever asked closes it.

    Args:
        folder: Where it may keep files; a second call there gives a second database.
        kind: One of `KINDS`.
        clock: Stands still when not given.
        bus: Nobody listens when not given.
    """
    return Database(fresh_url(folder, kind), clock=clock or ManualClock(), bus=bus or LocalBus(), audit_key=AUDIT_KEY)


def fresh_url(folder: Path, kind: str = "sqlite") -> str:
    """As `fresh_database`, but not opened yet."""
    if kind == "postgresql":
        return postgresql.fresh_url()
    path = folder / f"fresh-{next(_folders)}.db"
    shutil.copyfile(_prepared(), path)
    return f"sqlite:///{path}"


@cache
def _prepared() -> Path:
    folder = Path(mkdtemp(prefix="tutti-database-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    db = Database(f"sqlite:///{folder / 'empty.db'}", clock=ManualClock(), bus=LocalBus())
    schema.upgrade(db.engine)
    db.close()
    return folder / "empty.db"


def add_library(db: Database, name: str = "Music") -> LibraryId:
    """Insert a library that nobody may read."""
    library = Library(uuid=uuid4(), name=name, is_personal=False, syncs=False, created_at=START)
    with db.write() as tx:
        tx.libraries.add(library)
    return LibraryId(library.id)


def add_folder(db: Database, library_id: LibraryId) -> Place:
    """Insert a source of a library with its root folder; return that folder."""
    number = next(_folders)
    source = Source(uuid=uuid4(), library_id=library_id, path=b"/music/%d" % number, state="ok", created_at=START)
    with db.write() as tx:
        tx.sources.add(source)
        place = Place(tx.sources.folder_ids(1)[0], uuid4())
        tx.sources.add_folders([_folder(place, source.id)])
    return place


def song(
    title: str,
    artist: str = "Ann",
    album: str = "First",
    *,
    disc: int = 1,
    track: int = 1,
    genre: str = "Pop",
) -> Tags:
    """Return the tags of a track."""
    return Tags(
        title=title,
        artists=(artist,),
        album=album,
        album_artists=(artist,),
        disc=disc,
        track=track,
        genres=(genre,),
    )


def add_tracks(
    db: Database, library_id: LibraryId, songs: Iterable[Tags], *, folder_id: int | None = None
) -> Sequence[ItemId]:
    """Insert tracks as a scan does, shelves included; return their ids in the order given."""
    tags = list(songs)
    with db.write() as tx:
        ids = tx.media.add_many([_item(library_id) for _ in tags])
        writes = [_write(item_id, one, folder_id) for item_id, one in zip(ids, tags, strict=True)]
        touched = tx.catalog.put_tracks(library_id, writes)
        tx.shelves.recount(library_id, touched)
    return ids


def _folder(place: Place, source_id: int) -> dict[str, object]:
    return {
        "id": place.id,
        "uuid": place.uuid,
        "source_id": source_id,
        "parent_id": None,
        "path": b"",
        "name": "music",
        "name_sort": "music",
        "cover_name": None,
        "cover_stamp": "",
    }


def _item(library_id: LibraryId) -> dict[str, object]:
    return {
        "uuid": uuid4(),
        "library_id": library_id,
        "owner_id": None,
        "kind": MediaKind.AUDIO,
        "status": "ready",
        "blob_hash": None,
        "content_hash": None,
        "added_at": START,
        "changed_at": START,
        "filename": "song.mp3",
        "size_bytes": 1000,
        "mime": "audio/mpeg",
        "container": "mp3",
        "codec": "mp3",
        "duration_ms": 1000,
        "bitrate_bps": 128_000,
        "sample_rate_hz": 44_100,
        "channels": 2,
    }


def _write(item_id: ItemId, tags: Tags, folder_id: int | None) -> TrackWrite:
    draft = describe(tags, stem=tags.title, folder_name="Folder", folder_identity="folder")
    return TrackWrite(item_id, folder_id, sort_key(tags.title), "", draft, is_new=True)
