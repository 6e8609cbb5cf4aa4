"""`tutti user`: accounts."""

import getpass
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from tutti.cli import opening, output
from tutti.domain.caller import Operator, Role

if TYPE_CHECKING:
    from tutti.wiring.core import Core

app = typer.Typer(help="Accounts.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="User name.")]
FromStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]


@app.command("add")
def add(
    name: Name,
    *,
    admin: Annotated[bool, typer.Option("--admin", help="May administer the server; closes the claim.")] = False,
    guest: Annotated[bool, typer.Option("--guest", help="May listen, and nothing else.")] = False,
    email: Annotated[str | None, typer.Option(help="E-mail address.")] = None,
    password_stdin: FromStdin = False,
    as_json: output.JSON = False,
) -> None:
    """Add an account."""
    from tutti.services.accounts import NewUser  # noqa: PLC0415

    password = _password(from_stdin=password_stdin)
    with opening.opened() as core:
        added = core.accounts.add(Operator(), NewUser(name, password, email, is_admin=admin, is_guest=guest))
    row = {"uuid": added.user_uuid, "username": added.username, "is_admin": added.is_admin}
    output.done(f"added {added.username}{' (administrator)' if admin else ''}", row, as_json=as_json)


@app.command("list")
def list_(*, as_json: output.JSON = False) -> None:
    """List accounts."""
    with opening.opened() as core:
        rows = [row._asdict() for row in core.accounts.everyone(Operator())]
    output.rows((row | {"roles": " ".join(row["roles"])} for row in rows), as_json=as_json)


@app.command("disable")
def disable(name: Name, *, as_json: output.JSON = False) -> None:
    """Keep an account out; its sessions end within a second on every door."""
    with opening.opened() as core:
        core.accounts.set_active(Operator(), name, is_active=False)
    output.done(f"disabled {name}", {"username": name, "is_active": False}, as_json=as_json)


@app.command("enable")
def enable(name: Name, *, as_json: output.JSON = False) -> None:
    """Let an account in again."""
    with opening.opened() as core:
        core.accounts.set_active(Operator(), name, is_active=True)
    output.done(f"enabled {name}", {"username": name, "is_active": True}, as_json=as_json)


@app.command("password")
def password(name: Name, *, password_stdin: FromStdin = False, as_json: output.JSON = False) -> None:
    """Give an account a new password; its sessions and app keys end."""
    wanted = _password(from_stdin=password_stdin)
    with opening.opened() as core:
        core.administration.set_password(Operator(), core.accounts.named(name).user_uuid, wanted)
    output.done(f"{name} has a new password", {"username": name}, as_json=as_json)


@app.command("role")
def role(
    name: Name,
    wanted: Annotated[Role, typer.Argument(metavar="ROLE", help="admin, user or guest.")],
    *,
    as_json: output.JSON = False,
) -> None:
    """Make an account an administrator, a user, or a guest who may only listen."""
    from tutti.services.administration import UserChange  # noqa: PLC0415

    roles = {Role.USER, Role.ADMIN} if wanted is Role.ADMIN else {wanted}
    with opening.opened() as core:
        core.administration.change(Operator(), core.accounts.named(name).user_uuid, UserChange(roles=roles))
    output.done(f"{name} is {wanted}", {"username": name, "roles": " ".join(sorted(roles))}, as_json=as_json)


@app.command("delete")
def delete(name: Name, *, as_json: output.JSON = False) -> None:
    """Delete an account whose personal library is empty, with its sessions and app keys."""
    with opening.opened() as core:
        core.administration.delete(Operator(), core.accounts.named(name).user_uuid)
    output.done(f"deleted {name}", {"username": name}, as_json=as_json)


@app.command("sessions")
def sessions(
    name: Name,
    *,
    end: Annotated[bool, typer.Option("--end", help="End all of them.")] = False,
    as_json: output.JSON = False,
) -> None:
    """List where somebody is signed in, or sign him out everywhere."""
    with opening.opened() as core:
        uuid = core.accounts.named(name).user_uuid
        if not end:
            output.rows((one._asdict() for one in core.administration.sessions_of(Operator(), uuid)), as_json=as_json)
            return
        ended = core.administration.end_sessions(Operator(), uuid)
    output.done(f"ended {ended} sessions of {name}", {"username": name, "ended": ended}, as_json=as_json)


@app.command("invite")
def invite(
    *, days: Annotated[int, typer.Option(help="How long the invite is good.")] = 7, as_json: output.JSON = False
) -> None:
    """Print a code with which one account can be registered, where the server takes invites."""
    with opening.opened() as core:
        made = core.registration.invite(Operator(), days=days)
        _warn_unless_invited(core)
    output.done(made.code, {"code": made.code, "expires_at": made.expires_at}, as_json=as_json)


def _warn_unless_invited(core: "Core") -> None:
    admission = core.settings.auth.registration
    if admission != "invite":
        sys.stderr.write(f"tutti: registration is {admission}; TUTTI_AUTH__REGISTRATION=invite makes the code good.\n")


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    first = getpass.getpass("Password: ")
    if first != getpass.getpass("Again: "):
        raise typer.BadParameter("the two are not the same", param_hint="password")
    return first
