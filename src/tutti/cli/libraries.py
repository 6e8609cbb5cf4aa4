"""`tutti library`: libraries, and bringing files into them."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from tutti.cli import opening, output
from tutti.domain.caller import Caller
from tutti.domain.errors import AppError
from tutti.domain.jobs import JobKind

if TYPE_CHECKING:
    from tutti.db.repos.libraries import LibraryRow
    from tutti.services.ingest import Accepted
    from tutti.wiring.core import Core

app = typer.Typer(help="Libraries.", no_args_is_help=True)

_PIECE = 1 << 20


@app.command("list")
def list_(user: output.User, *, as_json: output.JSON = False) -> None:
    """List the libraries of an account."""
    with opening.opened() as core:
        rows = core.libraries.mine(core.accounts.named(user))
    output.rows(map(_row, rows), as_json=as_json)


def _row(row: "LibraryRow") -> dict[str, object]:
    return {"id": row.uuid, "name": row.name, "role": row.role, "personal": row.is_personal, "tracks": row.track_count}


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="Name of the library.")],
    user: output.User,
    *,
    as_json: output.JSON = False,
) -> None:
    """Make a shared library that the account owns."""
    with opening.opened() as core:
        row = core.libraries.create(core.accounts.named(user), name)
    output.done(f"added {row.name} ({row.uuid})", _row(row), as_json=as_json)


@app.command("import")
def import_(
    files: Annotated[list[Path], typer.Argument(help="Audio files; they are copied.")],
    user: output.User,
    *,
    library: output.Library = None,
    as_json: output.JSON = False,
) -> None:
    """Copy files into the store, durably; the same bytes are kept once."""
    from tutti.wiring import background  # noqa: PLC0415 - no other command runs jobs

    with opening.opened() as core:
        caller = core.accounts.named(user)
        lines = [_imported(core, caller, file, library) for file in files]
        background.runner_of(core, [JobKind.PROBE_ITEM]).run_due()
    output.rows(lines, as_json=as_json)
    if any(line["problem"] for line in lines):
        raise typer.Exit(1)


def _imported(core: "Core", caller: Caller, file: Path, library: UUID | None) -> dict[str, object]:
    try:
        accepted = _accept(core, caller, file, library)
    except (AppError, OSError) as error:
        problem = error.message if isinstance(error, AppError) else error.strerror
        return {"file": str(file), "id": None, "sha256": None, "new": False, "problem": problem}
    return {
        "file": str(file),
        "id": accepted.uuid,
        "sha256": accepted.blob_hash,
        "new": accepted.is_new,
        "problem": None,
    }


def _accept(core: "Core", caller: Caller, file: Path, library: UUID | None) -> "Accepted":
    with file.open("rb") as opened:
        length = os.fstat(opened.fileno()).st_size
        upload = core.ingest.stage(caller, file.name, library_uuid=library, length=length)
        try:
            while data := opened.read(_PIECE):
                upload.append(data)
        except BaseException:
            upload.abandon()
            raise
        return core.ingest.accept(upload)
