"""The sequence of changes: one number each, no gap, in the order of the commits."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import select

from support.databases import add_library, add_tracks, fresh_database, song
from tutti.db.engine import Database
from tutti.domain.values import ItemId, LibraryId
from tutti.models import Change

WRITERS = 8


def add_items(db: Database, library_id: LibraryId, count: int) -> Sequence[ItemId]:
    return add_tracks(db, library_id, [song(f"Song {number}") for number in range(count)])


def sequence(db: Database, library_id: LibraryId) -> list[int]:
    with db.engine.connect() as connection:
        return list(connection.scalars(select(Change.seq).where(Change.library_id == library_id).order_by(Change.id)))


def test_every_change_gets_the_next_number(db: Database) -> None:
    library_id = add_library(db)
    items = add_items(db, library_id, 3)

    with db.write() as tx:
        newest = [
            tx.libraries.note_changes(library_id, items, is_gone=False),
            tx.libraries.note_changes(library_id, items[:1], is_gone=True),
        ]

    assert (newest, sequence(db, library_id)) == ([3, 4], [1, 2, 3, 4])


def test_no_change_takes_no_number(db: Database) -> None:
    library_id = add_library(db)

    with db.write() as tx:
        assert tx.libraries.note_changes(library_id, [], is_gone=False) == 0


def test_libraries_count_for_themselves(db: Database) -> None:
    one, other = add_library(db, "One"), add_library(db, "Other")
    items, others = add_items(db, one, 2), add_items(db, other, 1)

    with db.write() as tx:
        tx.libraries.note_changes(one, items, is_gone=False)
        tx.libraries.note_changes(other, others, is_gone=False)

    assert (sequence(db, one), sequence(db, other)) == ([1, 2], [1])


def test_a_rollback_gives_its_numbers_back(db: Database) -> None:
    library_id = add_library(db)
    items = add_items(db, library_id, 2)
    with pytest.raises(RuntimeError):
        _note_and_fail(db, library_id, items)

    with db.write() as tx:
        tx.libraries.note_changes(library_id, items, is_gone=False)

    assert sequence(db, library_id) == [1, 2]


def test_many_writers_leave_no_gap_and_commit_in_the_order_of_their_numbers(tmp_path: Path, database_kind: str) -> None:
    db = fresh_database(tmp_path, database_kind)
    library_id = add_library(db)
    items = add_items(db, library_id, 3)
    start = Barrier(WRITERS)

    def note_often(writer: int) -> None:
        start.wait()
        for turn in range(10):
            with db.write() as tx:
                tx.libraries.note_changes(library_id, items[: 1 + (writer + turn) % 3], is_gone=False)

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(note_often, range(WRITERS)))

    numbers = sequence(db, library_id)
    assert numbers == list(range(1, len(numbers) + 1))
    db.close()


def _note_and_fail(db: Database, library_id: LibraryId, items: Sequence[ItemId]) -> None:
    with db.write() as tx:
        tx.libraries.note_changes(library_id, items, is_gone=False)
        raise RuntimeError("changed my mind")
