"""Whether the server and what it needs are well."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tutti.db.engine import Database
from tutti.domain.errors import AppError
from tutti.models import Source
from tutti.ports.media import MediaReader


@dataclass(frozen=True, slots=True)
class HealthReport:
    """The state of everything the server needs.

    Attributes:
        database: `ok`, or one sentence.
        sandbox: The layers that hold around the children that open media.
        unavailable_sources: How many sources are down.
    """

    database: str
    sandbox: Sequence[str]
    sources: int
    unavailable_sources: int
    waiting_jobs: int


@dataclass(frozen=True, slots=True)
class Figures:
    """What is counted of the whole server, and of the connections of this process that are in use.

    Attributes:
        jobs: State to how many.
        uploads: Those that are not complete.
    """

    jobs: Mapping[str, int]
    uploads: int
    connections: int


class Health:
    """Looks after the parts."""

    def __init__(self, db: Database, media: MediaReader) -> None:
        self._db = db
        self._media = media

    def ping(self) -> None:
        """Ask the database for an answer.

        Raises:
            AppError: BUSY or UNAVAILABLE when it has none.
        """
        self._db.ping()

    def figures(self) -> Figures | None:
        """Count, None while the database has no answer."""
        try:
            with self._db.read() as tx:
                return Figures(tx.jobs.by_state(), tx.uploads.count(), self._db.connections_in_use())
        except AppError:
            return None

    def report(self) -> HealthReport:
        """Ask everything."""
        sources: Sequence[Source] = ()
        jobs, database = 0, "ok"
        try:
            self._db.ping()
            with self._db.read() as tx:
                sources, jobs = tx.sources.all_sources(), tx.jobs.count()
        except AppError as error:
            database = error.message
        down = sum(source.state == "unavailable" for source in sources)
        return HealthReport(database, self._media.layers(), len(sources), down, jobs)
