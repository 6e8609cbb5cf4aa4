"""Hangs the gRPC services of the phones into a serving process; imported only where they are wanted."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import grpc
import structlog

from tutti.doors.astolfo.calls import Pace, Visitors
from tutti.doors.astolfo.devices import DeviceService
from tutti.doors.astolfo.downloads import Downloads
from tutti.doors.astolfo.server import Listening, Servers, Service, read_tls
from tutti.doors.astolfo.services import AuthService, FileService, SyncService
from tutti.doors.http.meter import Meter, Route
from tutti.settings import Settings
from tutti.wiring.core import Core
from tutti.wiring.edge import Edge

_log = structlog.get_logger()


async def start(core: Core, edge: Edge) -> Servers:
    """Listen as the settings say, and say where.

    Raises:
        AppError: A sentence that says why not.
    """
    servers = Servers()
    tls = read_tls(core.settings.grpc.tls_cert, core.settings.grpc.tls_key)
    for ports, open_as in _listeners(core.settings):
        listening = Listening(
            core.settings.grpc.host or core.settings.http.host,
            ports,
            tls=tls,
            has_reflection=core.settings.grpc.reflection,
        )
        taken = await servers.start(listening, _services(core, edge, open_as), _note(edge.meter))
        _log.info("grpc.listens", host=listening.host, ports=taken, tls=tls is not None)
        if open_as is not None:
            _log.warning(
                "grpc.open",
                ports=taken,
                account=open_as,
                meaning="Whoever reaches these ports reads, uploads and deletes as this account, without a token.",
            )
    return servers


def _listeners(settings: Settings) -> Iterator[tuple[Sequence[int], str | None]]:
    """Yield ports with the account that is open on them, None where a token is needed."""
    everything, astolfo = settings.grpc.numbers, settings.astolfo
    opened = [int(port) for port in astolfo.open_ports or settings.grpc.ports] if astolfo.open_as else []
    closed = [port for port in everything if port not in opened]
    if closed:
        yield closed, None
    if opened:
        yield opened, astolfo.open_as


def _services(core: Core, edge: Edge, open_as: str | None) -> Mapping[str, Service]:
    settings = core.settings.grpc
    pace = Pace(stall_s=settings.stall_s, upload_s=settings.max_upload_minutes * 60.0)
    visitors = Visitors(core.accounts, edge.gate, edge.hop, open_as)
    downloads = Downloads(core.handing, edge.pages, edge.far, edge.holds, edge.stores, pace)
    return {
        "auth.AuthService": AuthService(core.registration, core.sessions, edge.logins),
        "file.FileService": FileService(visitors, core.ingest, core.listing, edge.bodies, downloads, pace),
        "sync.SyncService": SyncService(visitors, core.listing),
        "tutti.v1.SyncService": DeviceService(
            visitors, core.devices, core.sync, core.ingest, core.replacing, edge.bodies, downloads, pace
        ),
    }


_LIKE_HTTP = {grpc.StatusCode.OK: 200, grpc.StatusCode.INTERNAL: 500, grpc.StatusCode.UNKNOWN: 500}
"""As what calls are counted beside HTTP requests; all other codes are what a client did, or has to wait for."""


def _note(meter: Meter) -> Callable[[str, grpc.StatusCode, float], None]:
    def note(path: str, code: grpc.StatusCode, took_s: float) -> None:
        meter.note(Route("astolfo", path), _LIKE_HTTP.get(code, 400), 0, took_s)

    return note
