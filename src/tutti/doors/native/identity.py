"""Routes of those who come and go: the claim, registering, signing in and out."""

from typing import Any

from litestar import Request, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from tutti.doors.native.desk import RULES, Desk, Policy
from tutti.doors.native.shapes import accounts as shapes
from tutti.services.sessions import Client, SignedIn

AnyRequest = Request[Any, Any, Any]
_ANYONE = {"policy": Policy.ANYONE}
_SIGNED_IN = {"policy": Policy.SIGNED_IN}
_TAGS = ["accounts"]


@post("/claim", status_code=201, opt=_ANYONE, summary="Claim the server", tags=_TAGS)
async def claim(request: AnyRequest, desk: NamedDependency[Desk], data: JSONBody[shapes.Claim]) -> shapes.Tokens:
    """Make the first administrator and sign him in; the token was printed when the server started."""
    client = _client(request, "")

    def claimed() -> SignedIn:
        return desk.sessions.open_for(desk.accounts.claim(data.token, shapes.wanted(data), RULES), client)

    return shapes.tokens(await desk.logins(claimed))


@post("/register", status_code=201, opt=_ANYONE, summary="Make an account", tags=_TAGS)
async def register(
    request: AnyRequest, desk: NamedDependency[Desk], data: JSONBody[shapes.Registration]
) -> shapes.Tokens:
    """Make an account for oneself and sign in, where the server lets strangers or those with an invite do so."""
    client, invite = _client(request, ""), data.invite or request.headers.get("x-invite")

    def registered() -> SignedIn:
        return desk.sessions.open_for(desk.registration.register(shapes.wanted(data), invite, RULES), client)

    return shapes.tokens(await desk.logins(registered))


@post("/auth/login", status_code=200, opt=_ANYONE, summary="Sign in", tags=_TAGS)
async def login(request: AnyRequest, desk: NamedDependency[Desk], data: JSONBody[shapes.Login]) -> shapes.Tokens:
    """Trade a user name and its password for a session."""
    client = _client(request, data.client)
    return shapes.tokens(await desk.logins(desk.sessions.sign_in, data.username, data.password, client))


@post("/auth/refresh", status_code=200, opt=_ANYONE, summary="Stay signed in", tags=_TAGS)
async def refresh(desk: NamedDependency[Desk], data: JSONBody[shapes.Refresh]) -> shapes.Tokens:
    """Trade a refresh token for the next pair; using one twice ends its session."""
    return shapes.tokens(await desk.hop(desk.sessions.refresh, data.refresh_token))


@post("/auth/logout", status_code=204, opt=_SIGNED_IN, summary="Sign out", tags=_TAGS)
async def logout(request: AnyRequest, desk: NamedDependency[Desk]) -> None:
    """End this session: its tokens and stream addresses stop working everywhere."""
    await desk.call(request, desk.sessions.sign_out)
    desk.gate.forget()


@post("/auth/logout-everywhere", status_code=204, opt=_SIGNED_IN, summary="Sign out everywhere", tags=_TAGS)
async def logout_everywhere(request: AnyRequest, desk: NamedDependency[Desk]) -> None:
    """End all sessions of one's account at every door, this one included; app keys stay."""
    await desk.call(request, desk.sessions.sign_out_everywhere)
    desk.gate.forget()


def _client(request: AnyRequest, label: str) -> Client:
    address = request.scope["client"]
    return Client(label or request.headers.get("user-agent", ""), "" if address is None else address[0])


routes = (claim, register, login, refresh, logout, logout_everywhere)
