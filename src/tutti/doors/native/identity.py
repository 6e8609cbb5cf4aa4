"""Routes about people: the claim, signing in and out, accounts."""

from typing import Any

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from tutti.domain.caller import Caller
from tutti.doors.native.desk import Desk, Policy
from tutti.doors.native.shapes import accounts as shapes
from tutti.services.accounts import NewUser
from tutti.services.sessions import Client, SignedIn

AnyRequest = Request[Any, Any, Any]


@post("/claim", status_code=201, opt={"policy": Policy.ANYONE}, summary="Claim the server", tags=["accounts"])
async def claim(request: AnyRequest, desk: NamedDependency[Desk], data: JSONBody[shapes.Claim]) -> shapes.Tokens:
    """Make the first administrator and sign him in; the token was printed when the server started."""
    wanted = NewUser(data.username, data.password, data.email)
    client = _client(request, "")

    def claimed() -> SignedIn:
        return desk.sessions.open_for(desk.accounts.claim(data.token, wanted), client)

    return shapes.tokens(await desk.logins(claimed))


@post("/auth/login", status_code=200, opt={"policy": Policy.ANYONE}, summary="Sign in", tags=["accounts"])
async def login(request: AnyRequest, desk: NamedDependency[Desk], data: JSONBody[shapes.Login]) -> shapes.Tokens:
    """Trade a user name and its password for a session."""
    client = _client(request, data.client)
    return shapes.tokens(await desk.logins(desk.sessions.sign_in, data.username, data.password, client))


@post("/auth/refresh", status_code=200, opt={"policy": Policy.ANYONE}, summary="Stay signed in", tags=["accounts"])
async def refresh(desk: NamedDependency[Desk], data: JSONBody[shapes.Refresh]) -> shapes.Tokens:
    """Trade a refresh token for the next pair; using one twice ends its session."""
    return shapes.tokens(await desk.hop(desk.sessions.refresh, data.refresh_token))


@post("/auth/logout", status_code=204, opt={"policy": Policy.SIGNED_IN}, summary="Sign out", tags=["accounts"])
async def logout(request: AnyRequest, desk: NamedDependency[Desk]) -> None:
    """End this session: its tokens and stream addresses stop working everywhere."""
    await desk.call(request, desk.sessions.sign_out)
    desk.gate.forget()


@get("/me", opt={"policy": Policy.SIGNED_IN}, summary="Who am I", tags=["accounts"])
async def me(request: AnyRequest, desk: NamedDependency[Desk]) -> shapes.Me:
    """Return one's own account."""
    return shapes.me(await desk.call(request, desk.accounts.me))


@get("/users", opt={"policy": Policy.ADMIN}, summary="List accounts", tags=["accounts"])
async def list_users(request: AnyRequest, desk: NamedDependency[Desk]) -> list[shapes.User]:
    """Return all accounts by name."""
    return [shapes.user(row) for row in await desk.call(request, desk.accounts.everyone)]


@post("/users", status_code=201, opt={"policy": Policy.ADMIN}, summary="Add an account", tags=["accounts"])
async def add_user(request: AnyRequest, desk: NamedDependency[Desk], data: JSONBody[shapes.NewUser]) -> shapes.Me:
    """Make an account with its personal library."""
    wanted = NewUser(data.username, data.password, data.email, data.is_admin)

    def added(caller: Caller) -> shapes.Me:
        return shapes.account(desk.accounts.add(caller, wanted), wanted.email)

    return await desk.call(request, added)


def _client(request: AnyRequest, label: str) -> Client:
    address = request.scope["client"]
    return Client(label or request.headers.get("user-agent", ""), "" if address is None else address[0])


routes = (claim, login, refresh, logout, me, list_users, add_user)
