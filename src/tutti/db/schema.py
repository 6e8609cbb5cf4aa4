"""Brings a database to the schema of this program, and refuses one that is not ours."""

import re
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from tutti.db import dialect
from tutti.domain.errors import AppError, ErrorKind

HEAD = "202611261410"
"""The newest migration; `tests/meta` compares it with the migrations themselves."""

_STAMP = "alembic_version"
_OURS = re.compile(r"20\d{10}")
"""How our migrations are named: by the minute they were written in. Other programs stamp with the same table."""


def upgrade(engine: Engine) -> bool:
    """Migrate when the schema is behind; return whether anything was done.

    What is refused is left as it was, to the byte.

    Raises:
        AppError: CONFLICT `foreign_database` when the tables are somebody else's, CONFLICT `newer_database` when a
            newer program made them; UNAVAILABLE `database_unavailable` when the file is no database or cannot be
            opened, BUSY `database_busy`, FULL `disk_full`.
    """
    with dialect.explained():
        with engine.connect() as connection:
            is_behind = _revision(connection) != HEAD
        if is_behind:
            with dialect.migrating(engine) as connection:
                _migrate(connection)
        dialect.settle(engine)
    return is_behind


def revision(engine: Engine) -> str | None:
    """Return the newest migration that a database has seen, None when it is empty; raises as `upgrade`."""
    with dialect.explained(), engine.connect() as connection:
        return _revision(connection)


def _revision(connection: Connection) -> str | None:
    tables = set(inspect(connection).get_table_names())
    if not tables:
        return None
    found = connection.scalar(text(f"SELECT version_num FROM {_STAMP}")) if _STAMP in tables else None  # noqa: S608
    if found is None or not _OURS.fullmatch(found):
        raise AppError(
            ErrorKind.CONFLICT,
            "foreign_database",
            "The database belongs to another program; `tutti import` brings its data over.",
        )
    return str(found)


def _migrate(connection: Connection) -> None:
    # Imported here because a start with a current schema must not pay for it (0.2 s, 9 MB).
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise AppError(
            ErrorKind.CONFLICT, "newer_database", "The database was made by a newer version of Tutti."
        ) from error
