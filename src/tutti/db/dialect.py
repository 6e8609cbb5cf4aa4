"""The only file that knows which database it is: how to open it, begin, insert-or-update, and read its complaints."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Dialect, Engine, Table, create_engine, event, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DatabaseError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from tutti.domain.errors import AppError, ErrorKind

_PRAGMAS = (
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


def file_identity(url: str) -> tuple[int, int] | None:
    """Return what tells the file of a database from another at the same path, None for a database without a file.

    Raises:
        AppError: UNAVAILABLE `database_unavailable` when it is not there.
    """
    path = sqlite_path(url)
    if path is None:
        return None
    try:
        found = path.stat()
    except OSError as error:
        raise AppError(ErrorKind.UNAVAILABLE, "database_unavailable", _GONE) from error
    return found.st_dev, found.st_ino


def check_file(url: str, known: tuple[int, int] | None) -> None:
    """See that the file is the one that was opened: whoever has it open goes on writing into what was deleted.

    Raises:
        AppError: UNAVAILABLE `database_unavailable` when it is not.
    """
    if known is not None and file_identity(url) != known:
        raise AppError(ErrorKind.UNAVAILABLE, "database_unavailable", _GONE)


def open_engine(url: str, *, pool_size: int) -> Engine:
    """Make an engine that begins transactions as `begin_writing` says; connects lazily.

    Raises:
        AppError: UNSUPPORTED `unknown_database`.
    """
    if sqlite_path(url) is None:
        raise AppError(ErrorKind.UNSUPPORTED, "unknown_database", "The database URL must begin with sqlite:///.")
    engine = create_engine(
        URL.create("sqlite", database=str(sqlite_path(url))),  # a path may hold what means something in a URL
        pool_size=pool_size,
        max_overflow=4,
        pool_timeout=10,
        connect_args={"check_same_thread": False},
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


def settle(engine: Engine) -> None:
    """Give a database of ours what stays with its file: readers that no writer holds up."""
    with engine.connect() as connection:
        if is_sqlite(connection.dialect):
            connection.connection.execute("PRAGMA journal_mode=WAL")


def tend(connection: Connection) -> None:
    """Refresh statistics and shorten the log; bounded, for the maintenance job."""
    # Statistics are read, then written: without the lock from the start, any writer in between makes that fail at once.
    writing = begin_writing(connection)
    with writing.begin():
        for pragma in ("analysis_limit=1000", "optimize"):
            writing.exec_driver_sql(f"PRAGMA {pragma}")
    writing.connection.execute("PRAGMA wal_checkpoint(PASSIVE)")


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


@contextmanager
def explained() -> Iterator[None]:
    """Turn what the driver says of the file, the disk or the others into an error that a stranger may read.

    What it says of our statements is a bug, and passes.

    Raises:
        AppError: BUSY `database_busy`, FULL `disk_full`, UNAVAILABLE `database_unavailable`.
    """
    try:
        yield
    except DatabaseError as error:
        reason = _REASONS.get(getattr(error.orig, "sqlite_errorcode", 0) & 0xFF)
        if reason is None:
            raise
        raise AppError(*reason) from error
    except PoolTimeout as error:
        raise AppError(*_BUSY) from error


_GONE = "The file of the database was removed or replaced; restore it and restart the server."
_BUSY = (ErrorKind.BUSY, "database_busy", "The database is busy; try again in a moment.")
_REASONS = {
    sqlite3.SQLITE_BUSY: _BUSY,
    sqlite3.SQLITE_LOCKED: _BUSY,
    sqlite3.SQLITE_FULL: (ErrorKind.FULL, "disk_full", "The disk that holds the database is full."),
    **{
        code: (ErrorKind.UNAVAILABLE, "database_unavailable", sentence)
        for code, sentence in (
            (sqlite3.SQLITE_CANTOPEN, "The file of the database cannot be opened."),
            (sqlite3.SQLITE_READONLY, "The file of the database cannot be written."),
            (sqlite3.SQLITE_PERM, "The file of the database cannot be written."),
            (sqlite3.SQLITE_NOTADB, "The file of the database is no database."),
            (sqlite3.SQLITE_CORRUPT, "The database is damaged; restore it from a backup."),
            (sqlite3.SQLITE_IOERR, "The disk that holds the database does not answer."),
            (sqlite3.SQLITE_PROTOCOL, "The database does not answer."),
        )
    },
}
"""What each primary result code means (sqlite.org/rescode.html); an extended one has it in its low byte."""
