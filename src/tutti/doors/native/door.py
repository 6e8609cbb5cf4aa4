"""Puts the native door together."""

import re

from litestar import Router
from litestar.di import Provide

from tutti.doors.http.app import Door
from tutti.doors.http.delivery import FileDelivery
from tutti.doors.http.holds import Holds
from tutti.doors.http.shortcuts import Shortcut
from tutti.doors.native import (
    account,
    administration,
    catalog,
    events,
    identity,
    libraries,
    playlists,
    sync,
    system,
    trash,
    tus,
    uploads,
    users,
)
from tutti.doors.native.desk import Desk, StrictRequest, require_token
from tutti.doors.native.errors import STATUSES, render
from tutti.doors.native.stream import STREAM, Streams
from tutti.kit.clock import Clock

_CHAPTERS = (identity, account, users, libraries, catalog, playlists, uploads, tus, trash, sync, administration, events)
_STREAM = re.compile(r"/api/v1/tracks/([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})/stream")


def open_door(desk: Desk, delivery: FileDelivery, holds: Holds, clock: Clock) -> Door:
    """Return the door to what the desk has."""
    streams = Streams(desk.accounts, desk.deliveries, delivery, gate=desk.gate, holds=holds, hop=desk.hop, clock=clock)
    return Door(
        name="native",
        prefixes=("/",),
        routers=(router(desk),),
        statuses=STATUSES,
        render=render,
        shortcuts=(Shortcut(_STREAM, streams, streams.reach, STREAM),),
    )


def router(desk: Desk | None) -> Router:
    """Return the routes; without a desk they can be described but not called."""
    chapters = [one for chapter in _CHAPTERS for one in chapter.routes]
    api = Router("/api/v1", route_handlers=[*chapters])
    return Router(
        "/",
        route_handlers=[api, *system.routes],
        dependencies={"desk": Provide(lambda: desk, use_cache=True, sync_to_thread=False)},
        guards=[require_token],
        request_class=StrictRequest,
    )
