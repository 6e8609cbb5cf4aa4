from pathlib import Path

import pytest

from support.blob_places import PLACES, Place, ShiftedClock
from tutti.ports.blobs import BlobStore


@pytest.fixture(params=PLACES, ids=lambda make: make.__name__)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    place: Place = request.param(tmp_path / "store")
    return place


@pytest.fixture
def clock() -> ShiftedClock:
    return ShiftedClock()


@pytest.fixture
def store(place: Place, clock: ShiftedClock) -> BlobStore:
    return place.open(clock)
