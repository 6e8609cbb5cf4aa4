"""What a database must be before it is used: migrated by us, no further than this program, and nobody else's."""

import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from support.clock import ManualClock
from support.databases import add_library, fresh_url
from tutti.backends.bus import LocalBus
from tutti.db import dialect, schema
from tutti.db.engine import Database
from tutti.domain.errors import AppError, ErrorKind
from tutti.models import Base


def opened(url: str) -> Database:
    return Database(url, clock=ManualClock(), bus=LocalBus())


def refusal(url: str) -> AppError:
    """Return what `upgrade` says of a database it does not want."""
    db = opened(url)
    with pytest.raises(AppError) as raised:
        schema.upgrade(db.engine)
    db.close()
    return raised.value


def is_of_both(_object: object, name: str | None, _kind: str, reflected: bool, _other: object) -> bool:  # noqa: FBT001
    """Leave out what one of the databases has for itself: the tables, columns and indexes of the search."""
    return not (reflected and name is not None and not {"word", "words"}.isdisjoint(name.split("_")))


def is_of_postgresql(thing: object, name: str | None, kind: str, reflected: bool, other: object) -> bool:  # noqa: FBT001
    """Leave out what makes paths unique, too, which is a constraint of one and an index of the other."""
    is_path = name is not None and name.endswith("_path_hash" if reflected else "_id_path")
    return not is_path and is_of_both(thing, name, kind, reflected, other)


def break_off_halfway(db: Database) -> None:
    with dialect.migrating(db.engine) as connection:
        connection.execute(text("CREATE TABLE half (id INTEGER)"))
        raise RuntimeError("the power went")


class TestUpgrade:
    def test_an_empty_file_gets_every_table(self, tmp_path: Path) -> None:
        db = opened(f"sqlite:///{tmp_path / 'new.db'}")

        assert schema.upgrade(db.engine)

        with db.read() as tx:
            assert not tx.accounts.has_users()
        db.close()

    def test_a_second_time_does_nothing(self, tmp_path: Path) -> None:
        db = opened(fresh_url(tmp_path))

        assert not schema.upgrade(db.engine)
        db.close()

    def test_models_and_migrations_say_the_same(self, db: Database) -> None:
        alike = is_of_both if dialect.is_sqlite(db.engine.dialect) else is_of_postgresql
        with db.engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True, "include_object": alike})
            assert compare_metadata(context, Base.metadata) == []

    def test_a_failed_migration_leaves_the_file_as_it_was(self, tmp_path: Path) -> None:
        path = tmp_path / "half.db"
        db = opened(f"sqlite:///{path}")

        with pytest.raises(RuntimeError):
            break_off_halfway(db)
        db.close()

        with sqlite3.connect(path) as left:
            assert left.execute("SELECT name FROM sqlite_master").fetchall() == []
        left.close()

    def test_foreign_keys_hold_after_a_migration(self, tmp_path: Path) -> None:
        db = opened(f"sqlite:///{tmp_path / 'new.db'}")
        schema.upgrade(db.engine)

        with db.engine.connect() as connection:
            assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1
        db.close()


class TestRefusals:
    def test_a_foreign_database_is_refused_and_names_the_way_in(self, tmp_path: Path) -> None:
        path = tmp_path / "theirs.db"
        with sqlite3.connect(path) as theirs:
            theirs.execute("CREATE TABLE media_file (id TEXT)")
        theirs.close()

        error = refusal(f"sqlite:///{path}")

        assert (error.kind, error.code) == (ErrorKind.CONFLICT, "foreign_database")
        assert "`tutti import`" in error.message

    def test_the_stamp_of_another_program_is_not_ours(self, tmp_path: Path) -> None:
        path = tmp_path / "theirs.db"
        with sqlite3.connect(path) as theirs:
            theirs.execute("CREATE TABLE alembic_version (version_num VARCHAR(32))")
            theirs.execute("INSERT INTO alembic_version VALUES ('a1b2c3d4e5f6')")
        theirs.close()

        error = refusal(f"sqlite:///{path}")

        assert (error.kind, error.code) == (ErrorKind.CONFLICT, "foreign_database")

    def test_a_database_of_a_newer_program_is_refused(self, tmp_path: Path) -> None:
        url = fresh_url(tmp_path)
        db = opened(url)
        with db.engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '209901010000'"))
        db.close()

        error = refusal(url)

        assert (error.kind, error.code) == (ErrorKind.CONFLICT, "newer_database")

    def test_a_refused_database_is_left_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "theirs.db"
        with sqlite3.connect(path) as theirs:
            theirs.execute("CREATE TABLE media_file (id TEXT)")
        theirs.close()
        before = path.read_bytes()

        refusal(f"sqlite:///{path}")

        assert path.read_bytes() == before

    @pytest.mark.parametrize("content", [b"not a database, but long enough to be read as one" * 100, b"\0" * 5000])
    def test_a_file_that_is_no_database_is_unavailable(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "noise.db"
        path.write_bytes(content)

        error = refusal(f"sqlite:///{path}")

        assert (error.kind, error.code) == (ErrorKind.UNAVAILABLE, "database_unavailable")
        assert path.read_bytes() == content

    def test_a_folder_that_is_not_there_is_unavailable(self, tmp_path: Path) -> None:
        error = refusal(f"sqlite:///{tmp_path / 'missing' / 'tutti.db'}")

        assert (error.kind, error.code) == (ErrorKind.UNAVAILABLE, "database_unavailable")

    @pytest.mark.parametrize("url", ["mysql://localhost", "postgres://localhost", "tutti.db", ""])
    def test_an_unknown_engine_is_refused_before_anything_is_opened(self, url: str) -> None:
        with pytest.raises(AppError) as raised:
            opened(url)

        assert (raised.value.kind, raised.value.code) == (ErrorKind.UNSUPPORTED, "unknown_database")


def test_a_copy_of_the_prepared_file_takes_rows(db: Database) -> None:
    assert add_library(db)
