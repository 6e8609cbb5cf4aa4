"""What every route of the native door works with: the services, and the way to them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, TypeVar

from litestar import Request

from tutti.domain.accounts import AccountRules
from tutti.domain.caller import Caller
from tutti.domain.errors import AppError
from tutti.doors.http.access import Gate, bearer
from tutti.doors.http.feed import Feed
from tutti.doors.http.hop import Hop
from tutti.doors.http.requests import Policy, StrictRequest, require_token
from tutti.services.accounts import Accounts
from tutti.services.administration import Administration
from tutti.services.app_keys import AppKeys
from tutti.services.artwork import Artwork
from tutti.services.audit import Audit
from tutti.services.catalog import Catalog
from tutti.services.delivery import Deliveries
from tutti.services.devices import Devices
from tutti.services.health import Health
from tutti.services.ingest import Ingest
from tutti.services.jobs import Jobs
from tutti.services.libraries import Libraries
from tutti.services.members import Members
from tutti.services.playlists import Playlists
from tutti.services.profiles import Profiles
from tutti.services.quotas import Quotas
from tutti.services.registration import Registration
from tutti.services.replacing import Replacing
from tutti.services.sessions import Sessions
from tutti.services.sources import Sources
from tutti.services.sync import Sync
from tutti.services.trash import Trash

__all__ = ["RULES", "Desk", "Policy", "StrictRequest", "require_token"]

P = ParamSpec("P")
T = TypeVar("T")

RULES = AccountRules(min_password_chars=8)
"""What this door asks of new names and passwords."""


@dataclass(frozen=True, slots=True)
class Desk:
    """The services that this door translates for.

    Attributes:
        hop: The way to them.
        logins: The way for what hashes a password, which takes long: a flood of those keeps nobody else waiting.
        covers: The way for what draws pictures, which a page of albums asks for all at once.
        bodies: The way for what is sent to us, which waits for the disk.
    """

    accounts: Accounts
    administration: Administration
    registration: Registration
    profiles: Profiles
    app_keys: AppKeys
    sessions: Sessions
    libraries: Libraries
    sources: Sources
    catalog: Catalog
    deliveries: Deliveries
    artwork: Artwork
    ingest: Ingest
    health: Health
    members: Members
    trash: Trash
    quotas: Quotas
    jobs: Jobs
    audit: Audit
    playlists: Playlists
    devices: Devices
    sync: Sync
    replacing: Replacing
    feed: Feed
    jwks: Callable[[], Mapping[str, Sequence[Mapping[str, str]]]]
    gate: Gate
    hop: Hop
    logins: Hop
    covers: Hop
    bodies: Hop
    public_url: str

    async def call(
        self,
        request: Request[Any, Any, Any],
        method: Callable[Concatenate[Caller, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run one use case for whoever sent the request; raises what `Gate.call` raises.

        What only reads is tried once more when the database was lost on the way: it may be back, and nothing was done.
        """
        headers = request.scope["headers"]
        try:
            return await self.gate.call(headers, method, *args, **kwargs)
        except AppError as error:
            if request.scope["method"] != "GET" or error.code != "database_unavailable":
                raise
        return await self.gate.call(headers, method, *args, **kwargs)

    async def render(
        self,
        request: Request[Any, Any, Any],
        method: Callable[Concatenate[Caller, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """As `call`, for what may have to draw a picture first."""
        return await self.covers(method, await self.caller(request), *args, **kwargs)

    async def prove(
        self,
        request: Request[Any, Any, Any],
        method: Callable[Concatenate[Caller, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """As `call`, for what hashes a password first."""
        return await self.logins(method, await self.caller(request), *args, **kwargs)

    async def take(
        self,
        request: Request[Any, Any, Any],
        method: Callable[Concatenate[Caller, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """As `call`, for what is sent to us: a flood of it keeps nobody waiting who only wants to listen."""
        return await self.gate.call_by(self.bodies, request.scope["headers"], method, *args, **kwargs)

    async def caller(self, request: Request[Any, Any, Any]) -> Caller:
        """Return who sent the request; raises as `call`."""
        known = self.gate.remembered(bearer(request.scope["headers"]))
        return known if known is not None else await self.call(request, _itself)


def _itself(caller: Caller) -> Caller:
    return caller
