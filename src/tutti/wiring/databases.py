"""Opens databases that no server works on: to bring one up to date, to move one into another."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from tutti.backends.bus import LocalBus
from tutti.db import copying, schema
from tutti.db.copying import Compared, Progress
from tutti.db.engine import Database
from tutti.kit.clock import system_clock


class Migrated(NamedTuple):
    """From which migration to which; None for a database that was empty."""

    before: str | None
    after: str


@contextmanager
def opened(url: str) -> Iterator[Database]:
    """Open a database as it is; raises as `open_engine`."""
    db = Database(url, clock=system_clock, bus=LocalBus())
    try:
        yield db
    finally:
        db.close()


def migrate(url: str) -> Migrated:
    """Bring a database to the schema of this version; raises as `schema.upgrade`."""
    with opened(url) as db:
        before = schema.revision(db.engine)
        schema.upgrade(db.engine)
        return Migrated(before, schema.HEAD)


def copy(source_url: str, target_url: str, *, progress: Progress) -> Sequence[Compared]:
    """Copy one database into another, empty one, and compare them; both are brought up to date first.

    Raises:
        AppError: As `schema.upgrade` and `copying.copy`.
    """
    with opened(source_url) as source, opened(target_url) as target:
        schema.upgrade(source.engine)
        schema.upgrade(target.engine)
        return copying.copy(source.engine, target.engine, progress=progress)
