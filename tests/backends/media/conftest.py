"""One reader for all tests of the media worker: its keeper imports for half a second."""

from collections.abc import Iterator

import pytest

from tutti.backends.media_worker.pool import PooledMediaReader


@pytest.fixture(scope="session")
def reader() -> Iterator[PooledMediaReader]:
    pool = PooledMediaReader(2)
    yield pool
    pool.close()
