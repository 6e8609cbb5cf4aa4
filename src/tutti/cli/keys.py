"""`tutti keys`: the keys that sign access tokens."""

from typing import Annotated

import typer

from tutti.cli import opening, output
from tutti.domain.caller import Operator

app = typer.Typer(help="Keys that sign access tokens.", no_args_is_help=True)


@app.command("list")
def list_(*, as_json: output.JSON = False) -> None:
    """List the keys; the last one signs, all verify."""
    with opening.opened() as core:
        kids = core.signing.kids(Operator())
    output.rows(({"kid": kid, "signs": kid == kids[-1]} for kid in kids), as_json=as_json)


@app.command("rotate")
def rotate(*, as_json: output.JSON = False) -> None:
    """Sign with a new key from now on; tokens of the others stay good until they expire."""
    with opening.opened() as core:
        kid = core.signing.rotate(Operator())
    output.done(f"{kid} signs from now on", {"kid": kid}, as_json=as_json)


@app.command("retire")
def retire(
    *,
    at_once: Annotated[
        bool, typer.Option("--at-once", help="Also those whose tokens are still good, as after a theft.")
    ] = False,
    as_json: output.JSON = False,
) -> None:
    """Delete the keys whose last token has expired."""
    with opening.opened() as core:
        retired = core.signing.retire(Operator(), at_once=at_once)
    output.rows(({"retired": kid} for kid in retired), as_json=as_json)
