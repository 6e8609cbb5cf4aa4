"""`tutti source`: the folders that libraries read."""

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from tutti.cli import opening, output

if TYPE_CHECKING:
    from tutti.models import Source

app = typer.Typer(help="Folders that libraries read.", no_args_is_help=True)


@app.command("list")
def list_(user: output.User, *, as_json: output.JSON = False) -> None:
    """List the folders of the libraries an account may change."""
    with opening.opened() as core:
        found = core.sources.mine(core.accounts.named(user))
    output.rows(map(_row, found), as_json=as_json)


def _row(source: "Source") -> dict[str, object]:
    return {
        "id": source.uuid,
        "path": source.path.decode("utf-8", "replace"),
        "state": source.state,
        "message": source.state_message,
        "scanned_at": source.scanned_at,
    }


@app.command("add")
def add(
    folder: opening.Folder,
    user: output.User,
    *,
    library: output.Library = None,
    as_json: output.JSON = False,
) -> None:
    """Let a library read a folder; a running server scans it soon, `tutti scan` at once."""
    with opening.opened() as core:
        caller = core.accounts.named(user)
        source_id = core.sources.add(caller, folder, library_uuid=library)
        core.sources.rescan(source_id)
        source = next(one for one in core.sources.mine(caller) if one.id == source_id)
    output.done(f"added {folder}", _row(source), as_json=as_json)


@app.command("refused")
def refused(
    source: Annotated[UUID, typer.Argument(help="Id of the source, from `tutti source list`.")],
    user: output.User,
    *,
    as_json: output.JSON = False,
) -> None:
    """List the files of a folder that are no tracks, with the reason."""
    with opening.opened() as core:
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
