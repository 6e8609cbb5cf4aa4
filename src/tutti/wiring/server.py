"""Runs the doors of one process: HTTP in this loop, the background in threads."""

import asyncio
import gc
import signal
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Event, Thread

import structlog
import uvicorn

from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.events import Event as Happened
from tutti.doors.http.access import Gate
from tutti.doors.http.app import assemble
from tutti.doors.http.delivery import FileDelivery
from tutti.doors.http.express import Express
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
from tutti.settings import DOORS, Settings
from tutti.wiring import background
from tutti.wiring.core import Core, open_core

_log = structlog.get_logger()

_IO_THREADS = 4
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
        raise AppError(ErrorKind.INVALID, "bad_setting", f"TUTTI_DOORS: this version has no door but {DOORS[0]}.")
    gc.disable()  # assembling makes much and drops nothing: collecting meanwhile costs a fifth of the start
    with ExitStack() as stack:
        core = stack.enter_context(open_core(settings))
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
        hop = Hop(threads=settings.http.threads, queue=settings.http.queue)
        stack.callback(hop.close)
        logins = Hop(threads=_LOGIN_THREADS, queue=_LOGIN_THREADS)
        stack.callback(logins.close)
        covers = Hop(threads=settings.scan.workers, queue=settings.http.queue)
        stack.callback(covers.close)
        bodies = Hop(threads=_BODY_THREADS, queue=_BODY_QUEUE)
        stack.callback(bodies.close)
        io_pool = stack.enter_context(ThreadPoolExecutor(_IO_THREADS, thread_name_prefix="pages"))
        gate, holds = Gate(core.accounts, hop, core.clock), Holds(core.deliveries.may_go_on, hop)
        pages, stall_s = FilePages(io_pool), settings.http.write_stall_s
        delivery = FileDelivery(pages, stall_s=stall_s)
        feed = Feed(gate, core.libraries, per_account=settings.events.per_account)
        desk = _desk(core, gate, feed, hop=hop, logins=logins, covers=covers, bodies=bodies)
        door = open_door(desk, delivery, holds, core.clock)
        app, errors = assemble([door])
        hops = {"use_cases": hop, "logins": logins, "covers": covers, "bodies": bodies}
        metrics = Metrics(Meter(), core.health, holds, hop=hop, hops=hops, token=settings.metrics.token)
        express = Express(finder(door.shortcuts), pages, stall_s, metrics.meter.note)
        server = uvicorn.Server(_config(settings, Outer(app, errors, door.shortcuts, metrics), express))
        _say_what_is_off(settings)
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(
                _serve(core, server, listener, gate=gate, holds=holds, feed=feed, announce=announce, beside=beside)
            )


async def _serve(
    core: Core,
    server: uvicorn.Server,
    listener: socket.socket,
    *,
    gate: Gate,
    holds: Holds,
    feed: Feed,
    announce: Announce,
    beside: Beside,
) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, _stop, server, feed)

    def access_changed() -> None:
        loop.call_soon_threadsafe(gate.forget)
        loop.call_soon_threadsafe(feed.look_again)

    def happened(event: Happened | None) -> None:
        loop.call_soon_threadsafe(feed.tell, event)

    with background.running(core, access_changed=access_changed, happened=happened, beside=beside):
        announce(_address(core.settings, listener), core.accounts.open_claim())
        Thread(target=_warm_up, args=(core,), name="warm-up", daemon=True).start()
        gc.enable()
        gc.freeze()
        async with asyncio.TaskGroup() as group:
            watcher = group.create_task(holds.watch(gate.changed))
            await server._serve(sockets=[listener])  # noqa: SLF001 - `serve` would take the signals for itself
            watcher.cancel()


def _warm_up(core: Core) -> None:
    """Do what the first to sign in would wait for."""
    core.tokens.warm_up()
    core.limiter.warm_up()


def _stop(server: uvicorn.Server, feed: Feed) -> None:
    feed.close()
    server.force_exit = server.should_exit
    server.should_exit = True


def _desk(core: Core, gate: Gate, feed: Feed, *, hop: Hop, logins: Hop, covers: Hop, bodies: Hop) -> Desk:
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
        devices=core.devices,
        sync=core.sync,
        replacing=core.replacing,
        feed=feed,
        jwks=core.tokens.jwks,
        gate=gate,
        hop=hop,
        logins=logins,
        covers=covers,
        bodies=bodies,
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
    reason = check_protocol()
    if reason is not None:
        _log.warning("zero_copy.off", reason=reason)
