"""`tutti audit`: who did what, and the proof that nobody has altered it."""

from typing import Annotated

import typer

from tutti.cli import opening, output
from tutti.domain.caller import Operator

app = typer.Typer(help="The audit log.", no_args_is_help=True)


@app.command("list")
def list_(
    *,
    action: Annotated[str | None, typer.Option(help="Only this action, such as sign_in.")] = None,
    actor: Annotated[str | None, typer.Option(help="Only by this account.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many.")] = 50,
    as_json: output.JSON = False,
) -> None:
    """Print the newest entries, the newest first."""
    from tutti.services.catalog import PageWish  # noqa: PLC0415

    with opening.opened() as core:
        page = core.audit.page(Operator(), PageWish(limit=limit), action=action, by=actor)
    names = ("id", "at", "action", "outcome", "actor", "target", "door", "address", "request_id")
    output.rows(({name: getattr(entry, name) for name in names} for entry in page.items), as_json=as_json)


@app.command("verify")
def verify(*, as_json: output.JSON = False) -> None:
    """Look at every entry; status 1 when one was altered or is missing, which names the first."""
    with opening.opened() as core:
        found = core.audit.verify(Operator())
    rest = "nothing is wrong" if found.wrong is None else f"number {found.wrong} is wrong: {found.reason}"
    row = {"entries": found.entries, "wrong": found.wrong, "reason": found.reason}
    output.done(f"{found.entries} entries fit; {rest}", row, as_json=as_json)
    if found.wrong is not None:
        raise typer.Exit(1)
