"""One core for every test of a use case."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from sqlalchemy import Engine

from support.clock import ManualClock
from support.core import House, clean_database
from support.databases import fresh_database
from tutti.backends.bus import LocalBus
from tutti.backends.keys import KeyRing
from tutti.db.engine import Database

NewHouse = Callable[[], AbstractContextManager[House]]


@pytest.fixture
def house(tmp_path: Path, db: Database, bus: LocalBus, clock: ManualClock, keys: KeyRing) -> Iterator[House]:
    house = House(tmp_path, db, bus, clock, keys)
    house.move_in()
    yield house
    house.close()


@pytest.fixture(scope="module")
def shared_house(tmp_path_factory: pytest.TempPathFactory, keys: KeyRing, database_kind: str) -> Iterator[House]:
    """One house for all tests of a module that only look at it."""
    place, bus, clock = tmp_path_factory.mktemp("shared"), LocalBus(), ManualClock()
    db = fresh_database(place, database_kind, clock=clock, bus=bus)
    house = House(place, db, bus, clock, keys)
    house.move_in()
    yield house
    house.close()
    db.close()


@pytest.fixture
def empty_house(tmp_path: Path, db: Database, bus: LocalBus, clock: ManualClock, keys: KeyRing) -> Iterator[House]:
    """A core that nobody has claimed yet."""
    house = House(tmp_path, db, bus, clock, keys)
    yield house
    house.close()


@pytest.fixture
def new_house(tmp_path: Path, keys: KeyRing, engine: Engine) -> NewHouse:
    """Makes houses one after the other, for properties that need a fresh one for every example."""

    @contextmanager
    def new() -> Iterator[House]:
        clock, bus = ManualClock(), LocalBus()
        with (
            TemporaryDirectory(dir=tmp_path) as place,
            clean_database(engine, clock=clock, bus=bus) as db,
        ):
            house = House(Path(place), db, bus, clock, keys)
            house.move_in()
            yield house
            house.close()

    return new
