"""Puts the native door together."""

import re

from litestar import Router
from litestar.di import Provide

from tutti.doors.http.app import Door
from tutti.doors.http.delivery import FileDelivery
from tutti.doors.http.shortcuts import Shortcut
from tutti.doors.native import catalog, identity, libraries, system, tus, uploads
from tutti.doors.native.desk import Desk, StrictRequest, require_token
from tutti.doors.native.errors import STATUSES, render
from tutti.doors.native.stream import Streams
from tutti.kit.clock import Clock

_STREAM = re.compile(r"/api/v1/tracks/([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})/stream")


def open_door(desk: Desk, delivery: FileDelivery, clock: Clock) -> Door:
    """Return the door to what the desk has."""
    streams = Streams(desk.accounts, desk.deliveries, delivery, gate=desk.gate, hop=desk.hop, clock=clock)
    return Door(
        name="native",
        prefixes=("/",),
        routers=(router(desk),),
        statuses=STATUSES,
        render=render,
        shortcuts=(Shortcut(_STREAM, streams, streams.reach),),
    )


def router(desk: Desk | None) -> Router:
    """Return the routes; without a desk they can be described but not called."""
    api = Router(
        "/api/v1", route_handlers=[*identity.routes, *libraries.routes, *catalog.routes, *uploads.routes, *tus.routes]
    )
    return Router(
        "/",
        route_handlers=[api, *system.routes],
        dependencies={"desk": Provide(lambda: desk, use_cache=True, sync_to_thread=False)},
        guards=[require_token],
        request_class=StrictRequest,
    )
