"""Routes of administrators: accounts and invites."""

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
_ADMIN = {"policy": Policy.ADMIN}
_TAGS = ["users"]


@get("/users", opt=_ADMIN, summary="List accounts", tags=_TAGS)
async def list_users(request: AnyRequest, desk: NamedDependency[Desk]) -> list[shapes.User]:
    """Return all accounts by name."""
    return [shapes.user(row) for row in await desk.call(request, desk.accounts.everyone)]


@post("/users", status_code=201, opt=_ADMIN, summary="Add an account", tags=_TAGS)
async def add_user(request: AnyRequest, desk: NamedDependency[Desk], data: JSONBody[shapes.NewUser]) -> shapes.Me:
    """Make an account with its personal library."""

    def added(caller: Caller) -> shapes.Me:
        return shapes.me(desk.accounts.add(caller, shapes.wanted(data), RULES), data.email)

    return await desk.prove(request, added)


@get("/users/{user:uuid}", opt=_ADMIN, summary="Get an account", tags=_TAGS)
async def get_user(request: AnyRequest, desk: NamedDependency[Desk], user: FromPath[UUID]) -> shapes.User:
    """Return an account."""
    return shapes.user(await desk.call(request, desk.administration.user, user))


@patch("/users/{user:uuid}", opt=_ADMIN, summary="Change an account", tags=_TAGS)
async def change_user(
    request: AnyRequest, desk: NamedDependency[Desk], user: FromPath[UUID], data: JSONBody[shapes.UserChange]
) -> shapes.User:
    """Let an account in or keep it out, change its roles, its quota, its address."""
    row = await desk.call(request, desk.administration.change, user, shapes.user_change(data))
    desk.gate.forget()
    return shapes.user(row)


@delete("/users/{user:uuid}", status_code=204, opt=_ADMIN, summary="Delete an account", tags=_TAGS)
async def delete_user(request: AnyRequest, desk: NamedDependency[Desk], user: FromPath[UUID]) -> None:
    """Delete an account with its sessions, app keys and personal library, which must be empty."""
    await desk.call(request, desk.administration.delete, user)
    desk.gate.forget()


@post("/users/{user:uuid}/password", status_code=204, opt=_ADMIN, summary="Give a new password", tags=_TAGS)
async def set_password(
    request: AnyRequest, desk: NamedDependency[Desk], user: FromPath[UUID], data: JSONBody[shapes.NewPassword]
) -> None:
    """Replace somebody's password; his sessions and app keys end."""
    await desk.prove(request, desk.administration.set_password, user, data.password, RULES)
    desk.gate.forget()


@get("/invites", opt=_ADMIN, summary="List invites", tags=_TAGS)
async def list_invites(request: AnyRequest, desk: NamedDependency[Desk]) -> list[access_shapes.Invite]:
    """Return all invites, the newest first."""
    return [access_shapes.invite(row) for row in await desk.call(request, desk.registration.invites)]


@post("/invites", status_code=201, opt=_ADMIN, summary="Invite somebody", tags=_TAGS)
async def make_invite(
    request: AnyRequest, desk: NamedDependency[Desk], data: JSONBody[access_shapes.NewInvite]
) -> access_shapes.MadeInviteCode:
    """Make a code with which one account can be registered; it is shown once."""
    return access_shapes.made_invite(await desk.call(request, desk.registration.invite, days=data.days))


@delete("/invites/{invite:uuid}", status_code=204, opt=_ADMIN, summary="Withdraw an invite", tags=_TAGS)
async def withdraw_invite(request: AnyRequest, desk: NamedDependency[Desk], invite: FromPath[UUID]) -> None:
    """Delete an invite; whom it let in stays."""
    await desk.call(request, desk.registration.withdraw, invite)


routes = (
    list_users,
    add_user,
    get_user,
    change_user,
    delete_user,
    set_password,
    list_invites,
    make_invite,
    withdraw_invite,
)
