"""`tutti source`: the folders that libraries read."""

from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from tutti import settings
from tutti.cli import output
from tutti.wiring.core import open_core

app = typer.Typer(help="Folders that libraries read.", no_args_is_help=True)


@app.command("list")
def list_(user: output.User, *, as_json: output.JSON = False) -> None:
    """List the folders of the libraries an account may change."""
    with open_core(settings.load()) as core:
        found = core.sources.mine(core.accounts.named(user))
    output.rows(
        (
            {
                "id": one.uuid,
                "path": one.path.decode("utf-8", "replace"),
                "state": one.state,
                "message": one.state_message,
                "scanned_at": one.scanned_at,
            }
            for one in found
        ),
        as_json=as_json,
    )


@app.command("add")
def add(
    folder: Annotated[Path, typer.Argument(help="A folder with music; it is only ever read.")],
    user: output.User,
    library: Annotated[UUID | None, typer.Option(help="Id of the library; the personal one when left out.")] = None,
) -> None:
    """Let a library read a folder; a running server scans it soon, `tutti scan` at once."""
    with open_core(settings.load()) as core:
        source_id = core.sources.add(core.accounts.named(user), folder, library_uuid=library)
        core.sources.rescan(source_id)
    output.line(f"added {folder}")


@app.command("refused")
def refused(
    source: Annotated[UUID, typer.Argument(help="Id of the source, from `tutti source list`.")],
    user: output.User,
    *,
    as_json: output.JSON = False,
) -> None:
    """List the files of a folder that are no tracks, with the reason."""
    with open_core(settings.load()) as core:
        found = core.sources.refused(core.accounts.named(user), source)
    output.rows(
        (
            {
                "path": b"/".join(part for part in (one.folder, one.name) if part).decode("utf-8", "replace"),
                "reason": one.reason,
                "message": one.message,
            }
            for one in found
        ),
        as_json=as_json,
    )
