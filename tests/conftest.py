"""Fixtures that several parts of the suite share, and how hypothesis works here."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import Engine, event

from support.clock import ManualClock
from support.core import clean_database
from support.databases import KINDS, fresh_database
from support.tiers import is_deep
from tutti.backends.bus import LocalBus
from tutti.backends.keys import KeyRing, load_or_create_keys
from tutti.db.engine import Database

# A shared machine makes any deadline a coin toss; in CI the same examples are tried every time.
settings.register_profile(
    "default",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    max_examples=100 if is_deep() else 30,
)
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


@pytest.fixture(scope="session", params=KINDS)
def database_kind(request: pytest.FixtureRequest) -> str:
    """The database that a test runs on; whoever asks for one runs on each."""
    kind: str = request.param
    return kind


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory, database_kind: str) -> Iterator[Engine]:
    """One engine for all tests, so that each statement is compiled once; they put their own rows under it."""
    engine = fresh_database(tmp_path_factory.mktemp("database"), database_kind).engine
    if database_kind == "sqlite":
        # Nobody here pulls the plug, and waiting for the disk is a third of the time.
        event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
    yield engine
    engine.dispose()


@pytest.fixture
def db(engine: Engine, clock: ManualClock, bus: LocalBus) -> Iterator[Database]:
    with clean_database(engine, clock=clock, bus=bus) as database:
        yield database
