"""The only file that knows which database it is: how to open it, begin, insert-or-update, and read its complaints."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Dialect, Engine, Table, create_engine, event, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from tutti.domain.errors import AppError, ErrorKind

_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA busy_timeout=10000",
    "PRAGMA cache_size=-32768",
    "PRAGMA mmap_size=268435456",
    "PRAGMA temp_store=MEMORY",
)


def sqlite_path(url: str) -> Path | None:
    """Return the file of an SQLite URL, None for another database."""
    return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else None


def open_engine(url: str, *, pool_size: int) -> Engine:
    """Make an engine that begins transactions as `begin_writing` says; connects lazily.

    Raises:
        AppError: UNSUPPORTED `unknown_database`.
    """
    if sqlite_path(url) is None:
        raise AppError(ErrorKind.UNSUPPORTED, "unknown_database", "The database URL must begin with sqlite:///.")
    engine = create_engine(
        url, pool_size=pool_size, max_overflow=4, pool_timeout=10, connect_args={"check_same_thread": False}
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    # The driver must not begin transactions of its own: its BEGIN is deferred, which loses read-then-write races.
    connection.isolation_level = None
    for pragma in _PRAGMAS:
        connection.execute(pragma)


def _begin_sqlite(connection: Connection) -> None:
    writing = connection.get_execution_options().get("writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def begin_writing(connection: Connection) -> Connection:
    """Mark a connection so that its next transaction takes the write lock at once."""
    return connection.execution_options(writing=True)


@contextmanager
def migrating(engine: Engine) -> Iterator[Connection]:
    """Open one transaction for all migrations, in which tables may be rebuilt."""
    with engine.connect() as plain, begin_writing(plain) as connection:
        if is_sqlite(connection.dialect):
            # Rebuilding a table drops the old one, which must not cascade; only settable outside a transaction.
            connection.connection.execute("PRAGMA foreign_keys=OFF")
        with connection.begin():
            yield connection
        if is_sqlite(connection.dialect):
            connection.connection.execute("PRAGMA foreign_keys=ON")


def tend(connection: Connection) -> None:
    """Refresh statistics and shorten the log; bounded, for the maintenance job."""
    driver = connection.connection.cursor()
    for pragma in ("analysis_limit=1000", "optimize", "wal_checkpoint(PASSIVE)"):
        driver.execute(f"PRAGMA {pragma}")
    driver.close()


def insert_into(session: Session, table: Any) -> Any:  # noqa: ANN401 - the two inserts share no public type
    """Return the insert of this database, which has `on_conflict_do_nothing` and `on_conflict_do_update`."""
    return insert_statement(table, session.get_bind().dialect)


def insert_statement(table: Any, dialect: Dialect) -> Any:  # noqa: ANN401 - the two inserts share no public type
    """As `insert_into`, without a session."""
    return sqlite.insert(table) if is_sqlite(dialect) else postgresql.insert(table)


def reserve_ids(connection: Connection, table: Table, count: int) -> Sequence[int]:
    """Return ids for rows that this transaction will insert: the one writer may take what follows the last."""
    last = connection.execute(select(func.max(table.c.id))).scalar() or 0
    return range(last + 1, last + 1 + count)


def is_sqlite(dialect: Dialect) -> bool:
    """Tell the embedded database from the server."""
    return dialect.name == "sqlite"


def explain(error: DBAPIError) -> AppError:
    """Turn what the driver said into an error that a stranger may read."""
    said = str(error.orig).lower()
    if "full" in said:
        return AppError(ErrorKind.FULL, "disk_full", "The disk that holds the database is full.")
    if "locked" in said or "busy" in said:
        return AppError(ErrorKind.BUSY, "database_busy", "The database is busy; try again in a moment.")
    return AppError(ErrorKind.UNAVAILABLE, "database_unavailable", "The database does not answer.")
