"""The only place that knows which database it is: how to open it, begin, insert-or-update, and read its complaints."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Dialect, Engine, Table, func, select
from sqlalchemy import event as events
from sqlalchemy.dialects import postgresql as postgresql_dialect
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from tutti.db.dialect import postgresql, sqlite
from tutti.db.dialect.sqlite import check_file, file_identity, sqlite_path
from tutti.domain.errors import AppError, ErrorKind

__all__ = [
    "begin_reading",
    "begin_writing",
    "check_file",
    "explained",
    "file_identity",
    "insert_into",
    "insert_statement",
    "is_sqlite",
    "migrating",
    "migrating_on",
    "move_sequences_on",
    "open_engine",
    "reserve_ids",
    "settle",
    "sqlite_path",
    "tend",
]


def open_engine(url: str, *, pool_size: int) -> Engine:
    """Make an engine that begins transactions as `begin_reading` and `begin_writing` say; connects lazily.

    Raises:
        AppError: UNSUPPORTED `unknown_database`, `driver_missing`; INVALID `bad_database_url`.
    """
    if sqlite_path(url) is not None:
        engine = sqlite.open_engine(url, pool_size=pool_size)
    elif postgresql.is_ours(url):
        engine = postgresql.open_engine(url, pool_size=pool_size)
    else:
        raise AppError(
            ErrorKind.UNSUPPORTED, "unknown_database", "The database URL must begin with sqlite:/// or postgresql://."
        )
    events.listen(engine, "begin", sqlite.begin if is_sqlite(engine.dialect) else postgresql.begin)
    return engine


def begin_reading(connection: Connection) -> Connection:
    """Mark a connection so that its next transaction sees one snapshot."""
    return connection if is_sqlite(connection.dialect) else postgresql.begin_reading(connection)


def begin_writing(connection: Connection) -> Connection:
    """Mark a connection so that its next transaction is the only one that writes, from its first statement on."""
    return connection.execution_options(writing=True)


@contextmanager
def migrating(engine: Engine) -> Iterator[Connection]:
    """Open one transaction for all migrations, in which tables may be rebuilt and nothing is in a hurry."""
    with engine.connect() as plain, migrating_on(plain) as connection:
        yield connection


@contextmanager
def migrating_on(plain: Connection) -> Iterator[Connection]:
    """As `migrating`, on a connection that is open."""
    connection = begin_writing(plain)
    migration = sqlite.migration if is_sqlite(connection.dialect) else postgresql.migration
    with migration(connection):
        yield connection


def move_sequences_on(connection: Connection, tables: Sequence[Table]) -> None:
    """Let new rows get ids behind those that were inserted with their own."""
    if not is_sqlite(connection.dialect):
        postgresql.move_sequences_on(connection, tables)


def settle(engine: Engine) -> None:
    """Give a database of ours what stays with it."""
    if is_sqlite(engine.dialect):
        sqlite.settle(engine)


def tend(connection: Connection) -> None:
    """Refresh statistics and shorten the log; bounded, for the maintenance job. PostgreSQL looks after itself."""
    if is_sqlite(connection.dialect):
        sqlite.tend(begin_writing(connection))


def insert_into(session: Session, table: Any) -> Any:  # noqa: ANN401 - the two inserts share no public type
    """Return the insert of this database, which has `on_conflict_do_nothing` and `on_conflict_do_update`."""
    return insert_statement(table, session.get_bind().dialect)


def insert_statement(table: Any, dialect: Dialect) -> Any:  # noqa: ANN401 - the two inserts share no public type
    """As `insert_into`, without a session."""
    return sqlite_dialect.insert(table) if is_sqlite(dialect) else postgresql_dialect.insert(table)


def reserve_ids(connection: Connection, table: Table, count: int) -> Sequence[int]:
    """Return ids for rows that this transaction will insert."""
    if not is_sqlite(connection.dialect):
        return postgresql.reserve_ids(connection, table, count)
    last = connection.execute(select(func.max(table.c.id))).scalar() or 0
    return range(last + 1, last + 1 + count)


def is_sqlite(dialect: Dialect) -> bool:
    """Tell the embedded database from the server."""
    return dialect.name == "sqlite"


@contextmanager
def explained() -> Iterator[None]:
    """Turn what the driver says of the server, the disk or the others into an error that a stranger may read.

    What it says of our statements is a bug, and passes.

    Raises:
        AppError: BUSY `database_busy`, FULL `disk_full`, UNAVAILABLE `database_unavailable`.
    """
    try:
        yield
    except DBAPIError as error:
        is_of_file = hasattr(error.orig, "sqlite_errorcode")
        reason = sqlite.reason(error) if is_of_file else postgresql.reason(error)
        if reason is None:
            raise
        raise AppError(*reason) from error
    except PoolTimeout as error:
        raise AppError(*sqlite.BUSY) from error
