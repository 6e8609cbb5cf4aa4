"""The server itself."""

from msgspec import Struct

from tutti.services.health import HealthReport


class Health(Struct, frozen=True, kw_only=True):
    """Whether the server answers."""

    status: str


class Readiness(Struct, frozen=True, kw_only=True):
    """The state of what the server needs; `sandbox` lists the layers around the children that open media."""

    database: str
    sandbox: list[str]
    sources: int
    unavailable_sources: int
    waiting_jobs: int


def readiness(report: HealthReport) -> Readiness:
    """Shape a health report."""
    return Readiness(
        database=report.database,
        sandbox=list(report.sandbox),
        sources=report.sources,
        unavailable_sources=report.unavailable_sources,
        waiting_jobs=report.waiting_jobs,
    )
