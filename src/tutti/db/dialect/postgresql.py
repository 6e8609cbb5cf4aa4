"""The database as a server: many processes, still one writer at a time (docs/adr/0022)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, Table, create_engine, func, make_url, select
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError

from tutti.db.dialect.sqlite import BUSY, Reason
from tutti.domain.errors import AppError, ErrorKind

_SCHEMES = ("postgresql://", "postgresql+psycopg://")
_WRITER = 7_046_029_254
"""The advisory lock of whoever writes."""

_CONNECT_S = 5
_LIMITS_MS = {
    "statement_timeout": 30_000,
    "lock_timeout": 10_000,
    # A server that was frozen in the middle of a transaction must not keep the others from writing for ever.
    "idle_in_transaction_session_timeout": 30_000,
}


def is_ours(url: str) -> bool:
    """Return whether a URL names a PostgreSQL server."""
    return url.startswith(_SCHEMES)


def open_engine(url: str, *, pool_size: int) -> Engine:
    """Make the engine of a server; a connection that was lost while it was idle is replaced when it is wanted.

    Raises:
        AppError: UNSUPPORTED `driver_missing`; INVALID `bad_database_url`.
    """
    options = " ".join(f"-c {name}={limit}" for name, limit in _LIMITS_MS.items())
    try:
        return create_engine(
            make_url(url).set(drivername="postgresql+psycopg"),
            pool_size=pool_size,
            max_overflow=4,
            pool_timeout=10,
            pool_pre_ping=True,
            pool_recycle=1800,
            connect_args={
                "connect_timeout": _CONNECT_S,
                "application_name": "tutti",
                "options": f"{options} -c timezone=UTC",
            },
        )
    except ModuleNotFoundError as error:
        raise AppError(
            ErrorKind.UNSUPPORTED, "driver_missing", "PostgreSQL needs a driver: install tutti[postgres]."
        ) from error
    except ArgumentError as error:
        raise AppError(ErrorKind.INVALID, "bad_database_url", "The database URL cannot be understood.") from error


def begin(connection: Connection) -> None:
    """Wait for the other writers; whoever only reads waits for nobody."""
    if connection.get_execution_options().get("writing", False):
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITER})")


def begin_reading(connection: Connection) -> Connection:
    """Mark a connection so that its next transaction sees one snapshot and can change nothing."""
    return connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


@contextmanager
def migration(connection: Connection) -> Iterator[None]:
    """Begin a transaction that may take as long as it needs."""
    with connection.begin():
        for name in _LIMITS_MS:
            connection.exec_driver_sql(f"SET LOCAL {name} = 0")
        yield


def reserve_ids(connection: Connection, table: Table, count: int) -> Sequence[int]:
    """Take ids from the sequence of a table."""
    taken = "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)"
    return [found for (found,) in connection.exec_driver_sql(taken, (table.name, count))]


def move_sequences_on(connection: Connection, tables: Sequence[Table]) -> None:
    """Set the sequence of each table behind its greatest id."""
    for table in (table for table in tables if "id" in table.c):
        sequence = connection.exec_driver_sql("SELECT pg_get_serial_sequence(%s, 'id')", (table.name,)).scalar()
        last = None if sequence is None else connection.execute(select(func.max(table.c.id))).scalar()
        if last is not None:
            connection.exec_driver_sql("SELECT setval(%s, %s)", (sequence, last))


def reason(error: DBAPIError) -> Reason | None:
    """Return what the server, its disk or the way to it is to blame for, None for anything else."""
    state = getattr(error.orig, "sqlstate", None)
    if state is None:
        # The driver itself gave up: nobody listens, or the connection broke.
        return _AWAY if error.connection_invalidated or isinstance(error, OperationalError) else None
    return _REASONS.get(state) or _CLASSES.get(state[:2])


_AWAY: Reason = (ErrorKind.UNAVAILABLE, "database_unavailable", "The database cannot be reached.")
_REASONS: dict[str, Reason] = {
    "53100": (ErrorKind.FULL, "disk_full", "The disk that holds the database is full."),
    "53300": BUSY,  # too many connections
    "55P03": BUSY,  # lock_timeout
    "57014": BUSY,  # statement_timeout
    "40001": BUSY,
    "40P01": BUSY,
    "25P03": BUSY,  # idle_in_transaction_session_timeout
    "25006": (ErrorKind.UNAVAILABLE, "database_unavailable", "The database only lets itself be read."),
    "28000": (ErrorKind.UNAVAILABLE, "database_unavailable", "The database refuses the account it is asked with."),
    "28P01": (ErrorKind.UNAVAILABLE, "database_unavailable", "The database refuses the password it is asked with."),
    "3D000": (ErrorKind.UNAVAILABLE, "database_unavailable", "There is no database of that name."),
}
_CLASSES: dict[str, Reason] = {
    "08": _AWAY,
    "53": BUSY,
    "57": _AWAY,
    "58": (ErrorKind.UNAVAILABLE, "database_unavailable", "The disk that holds the database does not answer."),
    "XX": (ErrorKind.UNAVAILABLE, "database_unavailable", "The database is damaged; restore it from a backup."),
}
"""What a SQLSTATE, or its class, means (PostgreSQL, appendix A)."""
