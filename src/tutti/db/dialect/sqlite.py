"""The embedded database: one file, one writer at a time, by its own lock."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from tutti.domain.errors import AppError, ErrorKind

Reason = tuple[ErrorKind, str, str]
"""What an AppError is made of."""

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
    """Make the engine of a file."""
    engine = create_engine(
        URL.create("sqlite", database=str(sqlite_path(url))),  # a path may hold what means something in a URL
        pool_size=pool_size,
        max_overflow=4,
        pool_timeout=10,
        connect_args={"check_same_thread": False},
    )
    event.listen(engine, "connect", _prepare)
    return engine


def _prepare(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    # The driver must not begin transactions of its own: its BEGIN is deferred, which loses read-then-write races.
    connection.isolation_level = None
    for pragma in _PRAGMAS:
        connection.execute(pragma)


def begin(connection: Connection) -> None:
    """Take the write lock at once, or none."""
    writing = connection.get_execution_options().get("writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


@contextmanager
def migration(connection: Connection) -> Iterator[None]:
    """Begin a transaction in which a table may be rebuilt: dropping the old one must not cascade."""
    # Only settable outside a transaction.
    connection.connection.execute("PRAGMA foreign_keys=OFF")
    with connection.begin():
        yield
    connection.connection.execute("PRAGMA foreign_keys=ON")


def settle(engine: Engine) -> None:
    """Give the file what stays with it: readers that no writer holds up."""
    with engine.connect() as connection:
        connection.connection.execute("PRAGMA journal_mode=WAL")


def tend(writing: Connection) -> None:
    """Refresh statistics and shorten the log."""
    # Statistics are read, then written: without the lock from the start, any writer in between makes that fail at once.
    with writing.begin():
        for pragma in ("analysis_limit=1000", "optimize"):
            writing.exec_driver_sql(f"PRAGMA {pragma}")
    writing.connection.execute("PRAGMA wal_checkpoint(PASSIVE)")


def reason(error: DBAPIError) -> Reason | None:
    """Return what the file or the disk is to blame for, None for anything else."""
    return _REASONS.get(getattr(error.orig, "sqlite_errorcode", 0) & 0xFF)


_GONE = "The file of the database was removed or replaced; restore it and restart the server."
BUSY: Reason = (ErrorKind.BUSY, "database_busy", "The database is busy; try again in a moment.")
_REASONS: dict[int, Reason] = {
    sqlite3.SQLITE_BUSY: BUSY,
    sqlite3.SQLITE_LOCKED: BUSY,
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
