"""A whole database in one SQLite file, as it was at one moment, whichever kind it came from."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import cast

from sqlalchemy import Engine

from tutti.db import copying, dialect, schema
from tutti.db.repos.integrity import BlobRow
from tutti.domain.errors import AppError, ErrorKind


def take(engine: Engine, path: Path) -> None:
    """Write a database that may be in use into a new, private file, durable when this returns.

    Raises:
        AppError: As `copying.copy`; UNAVAILABLE `backup_failed` when the file cannot be written.
    """
    with _explained():
        path.touch(mode=0o600, exist_ok=False)
        if dialect.is_sqlite(engine.dialect):
            _take_sqlite(engine, path)
        else:
            with _opened(path) as target:
                schema.upgrade(target)
                copying.copy(engine, target)
        with closing(sqlite3.connect(path)) as own:
            own.execute("PRAGMA journal_mode = DELETE")
        with path.open("rb+") as file:
            os.fsync(file.fileno())


def check(path: Path) -> None:
    """See that a file is a database of ours, whole, and not newer than this program.

    Raises:
        AppError: CONFLICT `backup_damaged`; as `schema.upgrade`.
    """
    try:
        with closing(_read_only(path)) as own:
            said = [row[0] for row in own.execute("PRAGMA integrity_check(1)")]
    except sqlite3.DatabaseError as error:
        said = [str(error)]
    if said != ["ok"]:
        raise AppError(ErrorKind.CONFLICT, "backup_damaged", f"{path.name} is damaged: {said[0]}.")


def put(path: Path, engine: Engine) -> None:
    """Copy what a snapshot holds into an empty database; the file itself is brought to the newest schema before.

    Raises:
        AppError: As `schema.upgrade` and `copying.copy`; CONFLICT `copy_differs`.
    """
    with _opened(path) as source:
        schema.upgrade(source)
        schema.upgrade(engine)
        different = [one.table for one in copying.copy(source, engine) if not one.is_same]
    if different:
        raise AppError(
            ErrorKind.CONFLICT, "copy_differs", f"These tables differ after copying: {', '.join(different)}."
        )


def blobs_of(path: Path) -> Iterator[BlobRow]:
    """Yield the blobs that the rows of a snapshot name, in the order of their hashes."""
    with closing(_read_only(path)) as own:
        yield from (BlobRow(*row) for row in own.execute("SELECT hash, size_bytes FROM blob ORDER BY hash"))


def _take_sqlite(engine: Engine, path: Path) -> None:
    with closing(engine.raw_connection()) as pooled, closing(sqlite3.connect(path)) as own:
        cast("sqlite3.Connection", pooled.driver_connection).backup(own)


def _read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)


@contextmanager
def _opened(path: Path) -> Iterator[Engine]:
    engine = dialect.open_engine(f"sqlite:///{path}", pool_size=1)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        message = f"The copy of the database cannot be written: {error}."
        raise AppError(ErrorKind.UNAVAILABLE, "backup_failed", message) from error
