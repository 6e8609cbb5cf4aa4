"""One core for every test of a use case."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.clock import ManualClock
from support.core import House
from tutti.backends.bus import LocalBus
from tutti.backends.keys import KeyRing
from tutti.db.engine import Database


@pytest.fixture
def house(tmp_path: Path, db: Database, bus: LocalBus, clock: ManualClock, keys: KeyRing) -> Iterator[House]:
    house = House(tmp_path, db, bus, clock, keys)
    yield house
    house.close()
