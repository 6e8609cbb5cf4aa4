"""A database that is copied into another one is the same there, row by row, and goes on working."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from support.databases import KINDS, add_folder, add_library, add_tracks, fresh_database, song
from support.errors import raised
from support.shelves import search_is_in_step
from tutti.db import copying
from tutti.db.engine import Database
from tutti.domain.errors import ErrorKind
from tutti.domain.values import LibraryId
from tutti.kit.text import words
from tutti.models import Base


@pytest.fixture(params=KINDS)
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    db = fresh_database(tmp_path, request.param)
    yield db
    db.close()


@pytest.fixture
def library(db: Database) -> LibraryId:
    """A library with tracks, one of which is gone, in folders within folders."""
    found = add_library(db)
    add_folder(db, found)
    tracks = add_tracks(db, found, [song("Überfall"), song("O'Brien \\ Söhne"), song("Gone")])
    with db.write() as tx:
        tx.media.mark_missing(tracks[2:], tx.now)
        tx.libraries.note_changes(found, tracks, is_gone=False)
    return found


def titles(db: Database, library: LibraryId, query: str) -> list[str]:
    with db.read() as tx:
        return [row.title for row in tx.browse.tracks_by_id(tx.search.tracks([library], words(query, 8), 10))]


@pytest.mark.usefixtures("library")
def test_every_table_has_the_same_rows(db: Database, target: Database) -> None:
    compared = copying.copy(db.engine, target.engine)

    assert all(one.is_same for one in compared)
    assert {one.table: one.rows for one in compared}["track"] == 3


@pytest.mark.usefixtures("library")
def test_what_differs_is_told(db: Database, target: Database) -> None:
    copying.copy(db.engine, target.engine)
    with target.engine.begin() as connection:
        connection.execute(text("UPDATE track SET title = 'altered' WHERE title = 'Gone'"))

    with db.engine.connect() as ours, target.engine.connect() as theirs:
        compared = [copying._compared(table, ours, theirs) for table in Base.metadata.sorted_tables]
    assert [one.table for one in compared if not one.is_same] == ["track"]


def test_what_is_listed_is_found(db: Database, target: Database, library: LibraryId) -> None:
    copying.copy(db.engine, target.engine)

    assert titles(target, library, "uber") == ["Überfall"]
    assert titles(target, library, "brien") == ["O'Brien \\ Söhne"]
    assert titles(target, library, "gone") == []
    assert search_is_in_step(target)


def test_new_rows_get_new_ids(db: Database, target: Database, library: LibraryId) -> None:
    copying.copy(db.engine, target.engine)

    add_library(target)
    add_tracks(target, library, [song("New")])
    assert titles(target, library, "new") == ["New"]


@pytest.mark.usefixtures("library")
def test_a_database_with_rows_is_no_target(db: Database, target: Database) -> None:
    add_library(target)

    assert raised(lambda: copying.copy(db.engine, target.engine)) == (ErrorKind.CONFLICT, "target_not_empty")
