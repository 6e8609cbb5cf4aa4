"""Runs the doors of one process: HTTP and gRPC in this loop, the background in threads."""

import asyncio
import gc
import signal
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Event, Thread
from typing import TYPE_CHECKING

import structlog
import uvicorn

from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.events import Event as Happened
from tutti.doors.astolfo import rest
from tutti.doors.astolfo.files import Files
from tutti.doors.http.access import Gate
from tutti.doors.http.app import Door, assemble
from tutti.doors.http.delivery import FileDelivery
from tutti.doors.http.express import Express
from tutti.doors.http.far import FarBlobs
from tutti.doors.http.feed import Feed
from tutti.doors.http.holds import Holds
from tutti.doors.http.hop import Hop
from tutti.doors.http.meter import Meter
from tutti.doors.http.metrics import Metrics
from tutti.doors.http.outer import Outer
from tutti.doors.http.pages import FilePages
from tutti.doors.http.protocol import TuttiProtocol, check_protocol
from tutti.doors.http.shortcuts import finder
from tutti.doors.native.desk import Desk
from tutti.doors.native.door import open_door
from tutti.settings import DOORS, Settings, bare_remarks
from tutti.wiring import background
from tutti.wiring.core import Core, open_core
from tutti.wiring.edge import Edge

if TYPE_CHECKING:
    from tutti.doors.astolfo.server import Servers

_log = structlog.get_logger()

_IO_THREADS = 4
_FAR_THREADS = 16  # they wait for a blob store beyond the network, if there is one
_LOGIN_THREADS = 40  # they wait for the hasher, whose own queue is the limit
_BODY_THREADS = 4
_BODY_QUEUE = 1000  # batches, each of an upload that is held back until it is written
_DRAIN_S = 30

Announce = Callable[[str, str | None], None]
"""Is told where the server listens, and the claim address while nobody has claimed it."""


Beside = Callable[[Core, Event], None]
"""Runs in a thread once the server listens; ends when the event is set."""


def serve(settings: Settings, *, announce: Announce, beside: Beside) -> None:
    """Serve until a signal says stop; then let what is running finish.

    Raises:
        AppError: A sentence that says why the server cannot start.
    """
    if not set(settings.doors) & set(DOORS):
        raise AppError(
            ErrorKind.INVALID, "bad_setting", f"TUTTI_DOORS: the doors of this version are {', '.join(DOORS)}."
        )
    gc.disable()  # assembling makes much and drops nothing: collecting meanwhile costs a fifth of the start
    with ExitStack() as stack:
        core = stack.enter_context(open_core(settings))
        core.storage.prepare()
        if settings.is_embedded:
            _be_alone(core, stack)
        listener = stack.enter_context(_listen(settings))
        _run(core, listener, announce, beside)


def _be_alone(core: Core, stack: ExitStack) -> None:
    try:
        stack.enter_context(core.locks.hold("serve"))
    except AppError as error:
        if error.kind is not ErrorKind.CONFLICT:
            raise
        message = f"Another server is already at work on {core.settings.data_dir.resolve()}."
        raise AppError(error.kind, error.code, message) from error


def _listen(settings: Settings) -> socket.socket:
    host, port = settings.http.host, settings.http.port
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        reason = (error.strerror or "it cannot be used").lower()
        raise AppError(
            ErrorKind.UNAVAILABLE, "cannot_listen", f"{host} port {port} cannot be listened on: {reason}."
        ) from error
    listener.setblocking(False)  # noqa: FBT003 - the standard library's signature
    return listener


def _run(core: Core, listener: socket.socket, announce: Announce, beside: Beside) -> None:
    settings = core.settings
    with ExitStack() as stack:
        edge = _edge(core, stack)
        stall_s = settings.http.write_stall_s
        doors = _doors(core, edge, FileDelivery(edge.pages, edge.far, stall_s=stall_s))
        shortcuts = [shortcut for door in doors for shortcut in door.shortcuts]
        app, errors = assemble(doors)
        hops = {
            "use_cases": edge.hop,
            "stores": edge.stores,
            "logins": edge.logins,
            "covers": edge.covers,
            "bodies": edge.bodies,
        }
        metrics = Metrics(edge.meter, core.health, edge.holds, hop=edge.hop, hops=hops, token=settings.metrics.token)
        express = Express(finder(shortcuts), edge.pages, stall_s, edge.meter.note)
        server = uvicorn.Server(_config(settings, Outer(app, errors, shortcuts, metrics), express))
        _say_what_is_off(settings)
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve(core, edge, server, listener, announce=announce, beside=beside))


def _doors(core: Core, edge: Edge, delivery: FileDelivery) -> Sequence[Door]:
    native = open_door(_desk(core, edge), delivery, edge.holds, core.clock)
    if "astolfo" not in core.settings.doors:
        return [native]
    desk = rest.Desk(
        sessions=core.sessions,
        registration=core.registration,
        listing=core.listing,
        ingest=core.ingest,
        gate=edge.gate,
        logins=edge.logins,
        bodies=edge.bodies,
    )
    files = Files(core.listing, core.deliveries, delivery, gate=edge.gate, holds=edge.holds)
    return [native, rest.open_door(desk, files)]


def _edge(core: Core, stack: ExitStack) -> Edge:
    settings = core.settings

    def hop(threads: int, queue: int) -> Hop:
        made = Hop(threads=threads, queue=queue)
        stack.callback(made.close)
        return made

    use_cases = hop(settings.http.threads, settings.http.queue)
    stores = hop(_FAR_THREADS, settings.http.queue)
    io_pool = stack.enter_context(ThreadPoolExecutor(_IO_THREADS, thread_name_prefix="pages"))
    gate = Gate(core.accounts, use_cases, core.clock)
    return Edge(
        gate=gate,
        holds=Holds(core.deliveries.may_go_on, use_cases),
        pages=FilePages(io_pool),
        far=FarBlobs(core.deliveries, stores, redirects=settings.blobs.presign),
        feed=Feed(gate, core.libraries, per_account=settings.events.per_account),
        meter=Meter(),
        hop=use_cases,
        stores=stores,
        logins=hop(_LOGIN_THREADS, _LOGIN_THREADS),
        covers=hop(settings.scan.workers, settings.http.queue),
        bodies=hop(_BODY_THREADS, _BODY_QUEUE),
    )


async def _serve(
    core: Core, edge: Edge, server: uvicorn.Server, listener: socket.socket, *, announce: Announce, beside: Beside
) -> None:
    loop = asyncio.get_running_loop()
    stopping, hurrying = asyncio.Event(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, _stop, server, edge.feed, stopping, hurrying)

    def access_changed() -> None:
        loop.call_soon_threadsafe(edge.gate.forget)
        loop.call_soon_threadsafe(edge.feed.look_again)

    def happened(event: Happened | None) -> None:
        loop.call_soon_threadsafe(edge.feed.tell, event)

    phones = await _phones(core, edge)
    with background.running(core, access_changed=access_changed, happened=happened, beside=beside):
        announce(_address(core.settings, listener), core.accounts.open_claim())
        Thread(target=_warm_up, args=(core,), name="warm-up", daemon=True).start()
        gc.enable()
        gc.freeze()
        async with asyncio.TaskGroup() as group:
            watcher = group.create_task(edge.holds.watch(edge.gate.changed))
            group.create_task(_stop_phones(phones, stopping, hurrying))
            await server._serve(sockets=[listener])  # noqa: SLF001 - `serve` would take the signals for itself
            stopping.set()
            watcher.cancel()


async def _phones(core: Core, edge: Edge) -> "Servers | None":
    if "astolfo" not in core.settings.doors or not core.settings.grpc.ports:
        return None
    from tutti.wiring import phones  # noqa: PLC0415 - a tenth of a second and 11 MB for who does not want it

    return await phones.start(core, edge)


async def _stop_phones(phones: "Servers | None", stopping: asyncio.Event, hurrying: asyncio.Event) -> None:
    await stopping.wait()
    if phones is None:
        return
    async with asyncio.TaskGroup() as group:
        hurry = group.create_task(_hurry_phones(phones, hurrying))
        await phones.stop(_DRAIN_S)
        hurry.cancel()


async def _hurry_phones(phones: "Servers", hurrying: asyncio.Event) -> None:
    await hurrying.wait()
    await phones.stop(0)


def _warm_up(core: Core) -> None:
    """Do what the first to sign in would wait for."""
    core.tokens.warm_up()
    core.limiter.warm_up()


def _stop(server: uvicorn.Server, feed: Feed, stopping: asyncio.Event, hurrying: asyncio.Event) -> None:
    feed.close()
    if stopping.is_set():  # whoever asks twice does not want to wait
        hurrying.set()
    stopping.set()
    server.force_exit = server.should_exit
    server.should_exit = True


def _desk(core: Core, edge: Edge) -> Desk:
    return Desk(
        accounts=core.accounts,
        administration=core.administration,
        registration=core.registration,
        profiles=core.profiles,
        app_keys=core.app_keys,
        sessions=core.sessions,
        libraries=core.libraries,
        sources=core.sources,
        catalog=core.catalog,
        deliveries=core.deliveries,
        artwork=core.artwork,
        ingest=core.ingest,
        health=core.health,
        members=core.members,
        trash=core.trash,
        quotas=core.quotas,
        jobs=core.jobs,
        audit=core.audit,
        playlists=core.playlists,
        devices=core.devices,
        sync=core.sync,
        replacing=core.replacing,
        feed=edge.feed,
        jwks=core.tokens.jwks,
        gate=edge.gate,
        hop=edge.hop,
        logins=edge.logins,
        covers=edge.covers,
        bodies=edge.bodies,
        public_url=core.settings.http.public_url.rstrip("/"),
    )


def _config(settings: Settings, app: Outer, files: Express) -> uvicorn.Config:
    class Protocol(TuttiProtocol):
        express = files

    proxies = settings.http.trusted_proxies
    return uvicorn.Config(
        app,
        http=Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=list(proxies),
        timeout_graceful_shutdown=_DRAIN_S,
    )


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop  # noqa: PLC0415 - not to be had on every platform
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


def _address(settings: Settings, listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return settings.http.public_url.rstrip("/") or f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _say_what_is_off(settings: Settings) -> None:
    for name in settings.doors:
        if name not in DOORS:
            _log.warning("door.not_in_this_version", name=name)
    for name in settings.without_effect():
        _log.warning("setting.without_effect", name=name)
    bare = bare_remarks(settings)
    if bare.ignored:
        _log.warning("setting.bare_names_ignored", names=bare.ignored, read_by="TUTTI_COMPAT__ENV")
    for name in bare.idle:
        _log.warning("setting.without_effect", name=name)
    reason = check_protocol()
    if reason is not None:
        _log.warning("zero_copy.off", reason=reason)
