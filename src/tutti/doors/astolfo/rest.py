"""The HTTP that Astolfo's phones spoke before gRPC (docs/contracts/astolfo.md b.10)."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, TypeVar

from litestar import Request, Router, delete, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, JSONBody

from tutti.domain.caller import Caller
from tutti.doors.astolfo import shapes
from tutti.doors.astolfo.errors import STATUSES, render
from tutti.doors.astolfo.files import FILE, Files
from tutti.doors.astolfo.signing import POLICY, RULES
from tutti.doors.http.access import Gate
from tutti.doors.http.app import Door
from tutti.doors.http.forms import Fields, read_one_file
from tutti.doors.http.hop import Hop
from tutti.doors.http.requests import Policy, StrictRequest, require_token
from tutti.doors.http.shortcuts import Shortcut
from tutti.services.accounts import NewUser
from tutti.services.ingest import Accepted, Ingest
from tutti.services.listing import Listing, not_there
from tutti.services.registration import Registration
from tutti.services.sessions import Client, Sessions, SignedIn
from tutti.services.uploads import Upload

P = ParamSpec("P")
T = TypeVar("T")
AnyRequest = Request[Any, Any, Any]

_ANYONE = {"policy": Policy.ANYONE}
_SIGNED_IN = {"policy": Policy.SIGNED_IN}
_ID = re.compile(r"[0-9]{1,18}")
_BYTES = re.compile(r"/api/tracks/([0-9]{1,18})/(?:file|download)")
_PREFIXES = ("/api/auth/", "/api/tracks", "/api/sync/status")


@dataclass(frozen=True, slots=True)
class Desk:
    """The services that this door translates for, and the ways to them.

    Attributes:
        logins: The way for what hashes a password.
        bodies: The way for what is sent to us.
    """

    sessions: Sessions
    registration: Registration
    listing: Listing
    ingest: Ingest
    gate: Gate
    logins: Hop
    bodies: Hop

    async def call(
        self, request: AnyRequest, method: Callable[Concatenate[Caller, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run one use case for whoever sent the request; raises what `Gate.call` raises."""
        return await self.gate.call(request.scope["headers"], method, *args, **kwargs)


@post("/auth/register", status_code=201, opt=_ANYONE)
async def register(
    request: AnyRequest, desk: NamedDependency[Desk], data: JSONBody[shapes.Registration]
) -> shapes.Registered:
    """Make an account and sign in, where the server lets strangers or those with an invite do so."""
    client, invite = _client(request), data.invite or request.headers.get("x-invite")

    def registered() -> SignedIn:
        caller = desk.registration.register(NewUser(data.username, data.password), invite, RULES)
        return desk.sessions.open_for(caller, client, POLICY)

    return shapes.registered(await desk.logins(registered))


@post("/auth/login", status_code=200, opt=_ANYONE)
async def login(
    request: AnyRequest, desk: NamedDependency[Desk], data: JSONBody[shapes.Credentials]
) -> shapes.LoggedIn:
    """Sign in."""
    sign_in = desk.sessions.sign_in
    return shapes.logged_in(await desk.logins(sign_in, data.username, data.password, _client(request), POLICY))


@get("/sync/status", opt=_SIGNED_IN)
async def sync_status(request: AnyRequest, desk: NamedDependency[Desk]) -> list[shapes.Synced]:
    """List what phones should have."""
    return list(map(shapes.synced, await desk.call(request, desk.listing.legacy_files)))


@get("/tracks", opt=_SIGNED_IN)
async def list_tracks(request: AnyRequest, desk: NamedDependency[Desk]) -> list[shapes.Track]:
    """List the same files with all that is known of them."""
    return list(map(shapes.track, await desk.call(request, desk.listing.legacy_files)))


@get("/tracks/{track:str}", opt=_SIGNED_IN)
async def read_track(request: AnyRequest, desk: NamedDependency[Desk], track: FromPath[str]) -> shapes.Track:
    """Return one file."""
    return shapes.track(await desk.call(request, desk.listing.legacy_file, _id(track)))


@delete("/tracks/{track:str}", opt=_SIGNED_IN)
async def delete_track(request: AnyRequest, desk: NamedDependency[Desk], track: FromPath[str]) -> None:
    """Move a file to the trash."""
    await desk.call(request, desk.listing.delete_item, _id(track))
    desk.gate.forget()


@post("/tracks/upload", status_code=200, opt=_SIGNED_IN, request_max_body_size=None)
async def upload_track(request: AnyRequest, desk: NamedDependency[Desk]) -> shapes.Track:
    """Take the file of a form, with what the form says of it."""

    async def stage(filename: str) -> Upload:
        return await desk.gate.call_by(desk.bodies, request.scope["headers"], desk.ingest.stage, filename)

    def accept(upload: Upload, fields: Fields) -> Accepted:
        return desk.ingest.accept(upload, told=shapes.told(fields))

    kind = request.headers.get("content-type", "")
    accepted = await read_one_file(desk.bodies, request.receive, kind, stage=stage, accept=accept)
    return shapes.track(await desk.call(request, desk.listing.legacy_file, accepted.uuid))


ROUTES = (register, login, sync_status, list_tracks, read_track, delete_track, upload_track)


def open_door(desk: Desk, files: Files) -> Door:
    """Return the door to what the desk has."""
    return Door(
        name="astolfo",
        prefixes=_PREFIXES,
        routers=(router(desk),),
        statuses=STATUSES,
        render=render,
        shortcuts=(Shortcut(_BYTES, files, route=FILE),),
    )


def router(desk: Desk | None) -> Router:
    """Return the routes; without a desk they can be looked at but not called."""
    return Router(
        "/api",
        route_handlers=[*ROUTES],
        dependencies={"desk": Provide(lambda: desk, use_cache=True, sync_to_thread=False)},
        guards=[require_token],
        request_class=StrictRequest,
    )


def _id(text: str) -> int:
    if not _ID.fullmatch(text):
        raise not_there()
    return int(text)


def _client(request: AnyRequest) -> Client:
    address = request.scope["client"]
    return Client(request.headers.get("user-agent", ""), "" if address is None else address[0])
