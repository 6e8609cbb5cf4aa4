"""Routes about oneself: the profile, the password, where one is signed in, app keys."""

from typing import Any
from uuid import UUID

from litestar import Request, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from tutti.domain.caller import Caller
from tutti.doors.native.desk import RULES, Desk, Policy
from tutti.doors.native.shapes import access as access_shapes
from tutti.doors.native.shapes import accounts as shapes

AnyRequest = Request[Any, Any, Any]
_SIGNED_IN = {"policy": Policy.SIGNED_IN}
_TAGS = ["me"]


@get("/me", opt=_SIGNED_IN, summary="Who am I", tags=_TAGS)
async def me(request: AnyRequest, desk: NamedDependency[Desk]) -> shapes.Account:
    """Return one's own account."""
    return shapes.account(await desk.call(request, desk.profiles.mine))


@patch("/me", opt=_SIGNED_IN, summary="Change what one says of oneself", tags=_TAGS)
async def change_me(
    request: AnyRequest, desk: NamedDependency[Desk], data: JSONBody[shapes.ProfileChange]
) -> shapes.Account:
    """Change names, birth date and e-mail address."""
    return shapes.account(await desk.call(request, desk.profiles.change, shapes.profile_change(data)))


@post("/me/password", status_code=204, opt=_SIGNED_IN, summary="Change one's password", tags=_TAGS)
async def change_password(
    request: AnyRequest, desk: NamedDependency[Desk], data: JSONBody[shapes.PasswordChange]
) -> None:
    """Replace the password; all other sessions end, app keys stay."""
    await desk.prove(request, desk.profiles.change_password, data.current, data.new, RULES)
    desk.gate.forget()


@get("/me/sessions", opt=_SIGNED_IN, summary="List where one is signed in", tags=_TAGS)
async def list_sessions(request: AnyRequest, desk: NamedDependency[Desk]) -> list[access_shapes.Session]:
    """Return one's living sessions at every door, what was used last first."""

    def mine(caller: Caller) -> list[access_shapes.Session]:
        return [access_shapes.session(row, caller.session_uuid) for row in desk.sessions.mine(caller)]

    return await desk.call(request, mine)


@delete("/me/sessions/{session:uuid}", status_code=204, opt=_SIGNED_IN, summary="End a session", tags=_TAGS)
async def end_session(request: AnyRequest, desk: NamedDependency[Desk], session: FromPath[UUID]) -> None:
    """Sign one of one's clients out."""
    await desk.call(request, desk.sessions.end, session)
    desk.gate.forget()


@get("/me/app-keys", opt=_SIGNED_IN, summary="List app keys", tags=_TAGS)
async def list_app_keys(request: AnyRequest, desk: NamedDependency[Desk]) -> list[access_shapes.AppKey]:
    """Return one's app keys that were not revoked, in the order they were made."""
    return [access_shapes.app_key(known) for known in await desk.call(request, desk.app_keys.mine)]


@post("/me/app-keys", status_code=201, opt=_SIGNED_IN, summary="Make an app key", tags=_TAGS)
async def make_app_key(
    request: AnyRequest, desk: NamedDependency[Desk], data: JSONBody[access_shapes.NewAppKey]
) -> access_shapes.MadeAppKey:
    """Make a key for a client that cannot sign in; it is shown once."""
    made = await desk.call(request, desk.app_keys.create, data.name, data.scopes, expires_at=data.expires_at)
    return access_shapes.made_app_key(made)


@delete("/me/app-keys/{key:uuid}", status_code=204, opt=_SIGNED_IN, summary="Revoke an app key", tags=_TAGS)
async def revoke_app_key(request: AnyRequest, desk: NamedDependency[Desk], key: FromPath[UUID]) -> None:
    """End an app key everywhere."""
    await desk.call(request, desk.app_keys.revoke, key)
    desk.gate.forget()


routes = (
    me,
    change_me,
    change_password,
    list_sessions,
    end_session,
    list_app_keys,
    make_app_key,
    revoke_app_key,
)
