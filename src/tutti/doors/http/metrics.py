"""`GET /metrics` in Prometheus' text format, for this machine and whoever has the token; else there is no such path."""

import hmac
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import accumulate
from typing import TYPE_CHECKING

from litestar.types import HTTPScope

from tutti.domain.errors import AppError
from tutti.doors.http.access import bearer, is_local
from tutti.doors.http.holds import Holds
from tutti.doors.http.hop import Hop
from tutti.doors.http.meter import BOUNDS_S, Counted, Meter, Route
from tutti.services.health import Figures, Health

if TYPE_CHECKING:
    from prometheus_client import Metric

PATH = "/metrics"
MEDIA_TYPE = b"text/plain; version=0.0.4; charset=utf-8"

Gauges = Mapping[str, int]


class Metrics:
    """What a process tells of itself; lives on the event loop.

    Attributes:
        meter: Where answers are counted.
    """

    def __init__(
        self, meter: Meter, health: Health, holds: Holds, *, hop: Hop, hops: Mapping[str, Hop], token: str
    ) -> None:
        """Keep what is asked.

        Args:
            meter: Counts of answers.
            health: Tells of database, jobs and uploads.
            holds: What is being sent.
            hop: The way to `health`.
            hops: All pools of threads by name.
            token: What opens the path to other machines; nothing does when it is empty.
        """
        self.meter = meter
        self._health = health
        self._holds = holds
        self._hop = hop
        self._hops = hops
        self._token = token

    def may_read(self, scope: HTTPScope) -> bool:
        """Whether a request reads, and comes from this machine itself or shows the token."""
        return scope["method"] in {"GET", "HEAD"} and (is_local(scope) or self._has_token(scope))

    async def text(self) -> bytes:
        """Return all of it; what only the database knows is left out while it has no answer."""
        routes, streams = list(self.meter.snapshot()), self._holds.answers
        pools = {name: hop.busy for name, hop in self._hops.items()}
        return await self._hop(self._rendered, routes, streams, pools)

    def _has_token(self, scope: HTTPScope) -> bool:
        with suppress(AppError):
            shown = bearer(scope["headers"])
            return bool(self._token) and hmac.compare_digest(shown.encode(), self._token.encode())
        return False

    def _rendered(self, routes: Sequence[tuple[Route, Counted]], streams: int, pools: Gauges) -> bytes:
        from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415 - only who is scraped pays
        from prometheus_client.registry import Collector  # noqa: PLC0415

        figures = self._health.figures()

        class Now(Collector):
            def collect(self) -> Iterable["Metric"]:
                yield from _of_routes(routes)
                yield from _of_process(streams, pools, figures)

        registry = CollectorRegistry(auto_describe=False)
        registry.register(Now())
        return generate_latest(registry)


def _of_routes(routes: Sequence[tuple[Route, Counted]]) -> Iterator["Metric"]:
    from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily  # noqa: PLC0415

    requests = CounterMetricFamily("tutti_http_requests", "Answers by status.", labels=("door", "route", "status"))
    sent = CounterMetricFamily("tutti_http_sent_bytes", "Bytes of bodies that were begun.", labels=("door", "route"))
    took = HistogramMetricFamily("tutti_http_request_seconds", "Until the last byte.", labels=("door", "route"))
    for route, counted in routes:
        for digit, number in counted.statuses.items():
            requests.add_metric((*route, f"{digit}xx" if digit else "none"), number)
        sent.add_metric(route, counted.sent_bytes)
        bounds = [*map(str, BOUNDS_S), "+Inf"]
        took.add_metric(route, list(zip(bounds, accumulate(counted.buckets), strict=True)), counted.took_s)
    yield from (requests, sent, took)


def _of_process(streams: int, pools: Gauges, figures: Figures | None) -> Iterator["Metric"]:
    from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415

    yield GaugeMetricFamily("tutti_streams_open", "Files that are being sent.", streams)
    busy = GaugeMetricFamily("tutti_hop_busy", "Use cases that run or wait for a thread.", labels=("pool",))
    for name, number in pools.items():
        busy.add_metric((name,), number)
    yield busy
    if figures is None:
        return
    jobs = GaugeMetricFamily("tutti_jobs", "Work that is not done yet.", labels=("state",))
    for state, number in figures.jobs.items():
        jobs.add_metric((state,), number)
    yield jobs
    yield GaugeMetricFamily("tutti_uploads_open", "Uploads that are not complete.", figures.uploads)
    yield GaugeMetricFamily("tutti_db_connections", "Connections in use.", figures.connections)
