"""Fixtures that several parts of the suite share, and how hypothesis works here."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import Engine, event

from support.clock import ManualClock
from support.core import clean_database
from tutti.backends.bus import LocalBus
from tutti.backends.keys import KeyRing, load_or_create_keys
from tutti.db import schema
from tutti.db.engine import Database

# A shared machine makes any deadline a coin toss; in CI the same examples are tried every time.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("default"), derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")  # noqa: TID251 - the suite's own switch


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def bus() -> LocalBus:
    return LocalBus()


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeyRing:
    """One key ring for all: making an RSA key takes longer than any test."""
    return load_or_create_keys(tmp_path_factory.mktemp("ring") / "keys")


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a database with every table and no row; tests copy it."""
    path = tmp_path_factory.mktemp("empty") / "tutti.db"
    db = Database(_url(path), clock=ManualClock(), bus=LocalBus())
    schema.upgrade(db.engine)
    db.close()
    return path


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """One engine for all tests, so that each statement is compiled once; they put their own file under it."""
    path = tmp_path_factory.mktemp("database") / "tutti.db"
    engine = Database(_url(path), clock=ManualClock(), bus=LocalBus()).engine
    # Nobody here pulls the plug, and waiting for the disk is a third of the time.
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
    return engine


@pytest.fixture
def db(empty_database: Path, engine: Engine, clock: ManualClock, bus: LocalBus) -> Iterator[Database]:
    with clean_database(empty_database, engine, clock=clock, bus=bus) as database:
        yield database


def _url(path: Path) -> str:
    return f"sqlite:///{path}"
