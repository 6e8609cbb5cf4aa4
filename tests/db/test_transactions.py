"""What a transaction promises: whole or not at all, one snapshot, one writer at a time, trouble said in a sentence."""

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Barrier, Event

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from support.clock import START, ManualClock
from support.databases import add_library, add_tracks, fresh_database, song
from tutti.backends.bus import LocalBus
from tutti.db.engine import Database, WriteTx
from tutti.domain import events
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.jobs import JobKind
from tutti.domain.values import LibraryId

WRITERS = 8


def file_of(db: Database) -> Path:
    return Path(str(db.engine.url.database))


@contextmanager
def held_by_another(db: Database) -> Iterator[None]:
    """Hold the write lock as another process would."""
    with closing(sqlite3.connect(file_of(db), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def impatient(db: Database) -> Database:
    """Let a database give up at once instead of waiting for others."""
    event.listen(db.engine, "connect", lambda connection, _: connection.execute("PRAGMA busy_timeout=1"))
    return db


def failure(act: Callable[[], object]) -> AppError:
    with pytest.raises(AppError) as raised:
        act()
    return raised.value


def write(db: Database) -> None:
    with db.write() as tx:
        tx.server.raise_epoch()


def epoch(db: Database) -> int:
    with db.read() as tx:
        return tx.server.epoch()


class TestRollback:
    def test_what_failed_left_nothing(self, db: Database) -> None:
        with pytest.raises(RuntimeError):
            _fail_after(db, lambda tx: tx.server.raise_epoch())

        assert epoch(db) == 0

    def test_its_events_are_dropped(self, db: Database, bus: LocalBus) -> None:
        with bus.subscribe() as heard:
            with pytest.raises(RuntimeError):
                _fail_after(db, lambda tx: tx.enqueue(JobKind.MAINTAIN, "all"))

            assert heard.get(0) is None

    def test_the_next_one_may_write(self, db: Database) -> None:
        with pytest.raises(RuntimeError):
            _fail_after(db, lambda tx: tx.server.raise_epoch())

        write(db)

        assert epoch(db) == 1

    def test_a_broken_rule_is_a_bug_and_no_trouble_of_the_database(self, db: Database) -> None:
        with pytest.raises(IntegrityError):
            _fail_after(db, lambda tx: tx.libraries.add_member(1, 1, "owner"))

    def test_a_wrong_statement_is_a_bug_and_no_trouble_of_the_database(self, db: Database) -> None:
        with pytest.raises(DBAPIError, match="nowhere"), db.read() as tx:
            tx.server._session.execute(text("SELECT 1 FROM nowhere"))


class TestEvents:
    def test_they_leave_after_the_commit_in_their_order(self, db: Database, bus: LocalBus) -> None:
        first, second = events.Event("first"), events.Event("second")
        with bus.subscribe() as heard:
            with db.write() as tx:
                tx.emit(first)
                tx.emit(second)
                before = heard.get(0)

            assert (before, heard.get(0), heard.get(0), heard.get(0)) == (None, first, second, None)

    def test_work_that_is_enqueued_wakes_the_runner_after_the_commit(self, db: Database, bus: LocalBus) -> None:
        with bus.subscribe("job.due") as woken:
            with db.write() as tx:
                tx.enqueue(JobKind.SCAN_SOURCE, "7")

            assert woken.get(0) == events.Event("job.due", "7")


class TestSnapshots:
    def test_a_reader_sees_what_was_there_when_it_began(self, db: Database) -> None:
        with db.read() as tx:
            before = tx.server.epoch()
            write(db)

            assert tx.server.epoch() == before
        assert epoch(db) == before + 1

    def test_a_reader_does_not_hold_a_writer_up(self, tmp_path: Path) -> None:
        db = impatient(fresh_database(tmp_path))
        with db.read() as tx:
            tx.server.epoch()
            write(db)
        db.close()

    def test_a_reader_sees_nothing_of_a_writer_that_is_not_done(self, db: Database) -> None:
        with db.write() as tx:
            tx.server.raise_epoch()

            assert epoch(db) == 0

    def test_one_transaction_has_one_moment(self, tmp_path: Path) -> None:
        clock = ManualClock()
        db = fresh_database(tmp_path, clock=clock)
        with db.read() as tx:
            clock.advance(timedelta(minutes=1))

            assert tx.now == START
        db.close()


class TestWriters:
    def test_writers_that_read_first_lose_no_update(self, db: Database) -> None:
        """A deferred BEGIN lost 166 of 200 such updates (performance.md 1.7)."""
        rounds = 25
        start = Barrier(WRITERS)

        def raise_often(_: int) -> None:
            start.wait()
            for _ in range(rounds):
                with db.write() as tx:
                    seen = tx.server.epoch()
                    tx.server.raise_epoch()
                    assert tx.server.epoch() == seen + 1

        with ThreadPoolExecutor(WRITERS) as pool:
            list(pool.map(raise_often, range(WRITERS)))

        assert epoch(db) == WRITERS * rounds

    def test_writers_of_several_processes_wait_for_each_other(self, tmp_path: Path) -> None:
        """Each database object has a lock of its own, as each process has: only SQLite's lock is shared."""
        url_owner = fresh_database(tmp_path)
        processes = [
            Database(str(url_owner.engine.url), clock=ManualClock(), bus=LocalBus(), pool_size=1) for _ in range(4)
        ]
        start = Barrier(len(processes))

        def raise_often(one: Database) -> None:
            start.wait()
            for _ in range(25):
                write(one)

        with ThreadPoolExecutor(len(processes)) as pool:
            list(pool.map(raise_often, processes))

        assert epoch(url_owner) == len(processes) * 25
        for one in (*processes, url_owner):
            one.close()

    def test_readers_go_on_while_one_writes(self, db: Database) -> None:
        is_writing, may_end = Event(), Event()

        def write_long() -> None:
            with db.write() as tx:
                tx.server.raise_epoch()
                is_writing.set()
                assert may_end.wait(30)

        with ThreadPoolExecutor(1) as pool:
            writer = pool.submit(write_long)
            assert is_writing.wait(30)
            seen = epoch(db)
            may_end.set()
            writer.result(30)

        assert (seen, epoch(db)) == (0, 1)


class TestTrouble:
    def test_a_lock_that_another_process_holds_is_busy(self, tmp_path: Path) -> None:
        db = impatient(fresh_database(tmp_path))
        with held_by_another(db):
            error = failure(lambda: write(db))
        db.close()

        assert (error.kind, error.code) == (ErrorKind.BUSY, "database_busy")
        assert error.message == "The database is busy; try again in a moment."

    def test_reading_goes_on_while_another_process_writes(self, tmp_path: Path) -> None:
        db = impatient(fresh_database(tmp_path))
        with held_by_another(db):
            assert epoch(db) == 0
        db.close()

    def test_a_full_disk_is_full_and_reading_goes_on(self, tmp_path: Path) -> None:
        db = fresh_database(tmp_path)
        library_id = add_library(db)
        event.listen(db.engine, "connect", _no_room)
        db.engine.dispose()

        error = failure(lambda: add_tracks(db, library_id, [song(f"Song {number}") for number in range(500)]))

        assert (error.kind, error.code) == (ErrorKind.FULL, "disk_full")
        assert _tracks(db, library_id) == 0
        db.close()

    def test_there_is_room_again_without_a_restart(self, tmp_path: Path) -> None:
        db = fresh_database(tmp_path)
        library_id = add_library(db)
        event.listen(db.engine, "connect", _no_room)
        db.engine.dispose()
        failure(lambda: add_tracks(db, library_id, [song(f"Song {number}") for number in range(500)]))

        event.remove(db.engine, "connect", _no_room)
        db.engine.dispose()
        add_tracks(db, library_id, [song("Song")])

        assert _tracks(db, library_id) == 1
        db.close()

    def test_a_damaged_file_is_unavailable(self, tmp_path: Path) -> None:
        db = fresh_database(tmp_path)
        db.engine.dispose()
        path = file_of(db)
        path.write_bytes(path.read_bytes()[:4096] + b"\xff" * 200_000)

        error = failure(lambda: epoch(db))

        assert (error.kind, error.code) == (ErrorKind.UNAVAILABLE, "database_unavailable")
        db.close()

    def test_a_file_that_went_away_is_unavailable(self, tmp_path: Path) -> None:
        db = fresh_database(tmp_path)
        db.engine.dispose()
        file_of(db).rename(tmp_path / "elsewhere")
        file_of(db).mkdir()

        error = failure(db.ping)

        assert (error.kind, error.code) == (ErrorKind.UNAVAILABLE, "database_unavailable")
        db.close()

    def test_more_transactions_than_connections_are_busy(self, tmp_path: Path) -> None:
        db = fresh_database(tmp_path)
        db.engine.pool._timeout = 0.01  # type: ignore[attr-defined]  # ten seconds are for people, not for a test
        with _all_connections(db):
            error = failure(lambda: epoch(db))
        db.close()

        assert (error.kind, error.code) == (ErrorKind.BUSY, "database_busy")


def _fail_after(db: Database, act: Callable[[WriteTx], None]) -> None:
    with db.write() as tx:
        act(tx)
        raise RuntimeError("changed my mind")


def _tracks(db: Database, library_id: LibraryId) -> int:
    with db.read() as tx:
        return tx.libraries.track_count(library_id)


def _no_room(connection: sqlite3.Connection, _: object) -> None:
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count={pages + 5}")


@contextmanager
def _all_connections(db: Database) -> Iterator[None]:
    held = [db.engine.connect() for _ in range(12)]
    yield
    for one in held:
        one.close()
