"""`tutti user`: accounts."""

import getpass
import sys
from typing import Annotated

import typer

from tutti.cli import opening, output
from tutti.domain.caller import Operator
from tutti.services.accounts import NewUser

app = typer.Typer(help="Accounts.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="User name.")]


@app.command("add")
def add(
    name: Name,
    *,
    admin: Annotated[bool, typer.Option("--admin", help="May administer the server; closes the claim.")] = False,
    email: Annotated[str | None, typer.Option(help="E-mail address.")] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    as_json: output.JSON = False,
) -> None:
    """Add an account."""
    password = sys.stdin.readline().rstrip("\n") if password_stdin else _asked()
    with opening.opened() as core:
        added = core.accounts.add(Operator(), NewUser(name, password, email, is_admin=admin))
    row = {"uuid": added.user_uuid, "username": added.username, "is_admin": added.is_admin}
    output.done(f"added {added.username}{' (administrator)' if admin else ''}", row, as_json=as_json)


@app.command("list")
def list_(*, as_json: output.JSON = False) -> None:
    """List accounts."""
    with opening.opened() as core:
        output.rows((row._asdict() for row in core.accounts.everyone(Operator())), as_json=as_json)


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


def _asked() -> str:
    first = getpass.getpass("Password: ")
    if first != getpass.getpass("Again: "):
        raise typer.BadParameter("the two are not the same", param_hint="password")
    return first
