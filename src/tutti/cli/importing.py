"""`tutti import`: brings an installation of an original server along."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from tutti.cli import opening, output
from tutti.domain.jobs import JobKind

if TYPE_CHECKING:
    from tutti.services.importing import ImportReport
    from tutti.wiring.core import Core

app = typer.Typer(help="Bring an installation of another server along.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep the name of the other server a word of its own while there is only one."""


@app.command("astolfo")
def astolfo(
    folder: Annotated[Path, typer.Argument(help="Folder with `auth.db`, `metadata.db` and a copy of the bucket.")],
    *,
    auth: Annotated[Path | None, typer.Option("--auth", help="The accounts; FOLDER/auth.db.")] = None,
    metadata: Annotated[Path | None, typer.Option("--metadata", help="The tracks; FOLDER/metadata.db.")] = None,
    objects: Annotated[Path | None, typer.Option("--objects", help="The bytes by hash; FOLDER/music.")] = None,
    owner: Annotated[
        str | None, typer.Option("--owner", help="Whose files they are; the oldest administrator when left out.")
    ] = None,
    library: Annotated[
        UUID | None,
        typer.Option("--library", help="Where they go; a shared library of all that come along when left out."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    as_json: output.JSON = False,
) -> None:
    """Bring accounts, files and deletions of an Astolfo server along, which is only read; status 1 when some are not.

    What is here already stays as it is, so an import can be broken off and repeated.
    """
    from tutti.wiring import importing  # noqa: PLC0415 - no other command imports

    places = importing.Places(
        auth or folder / "auth.db", metadata or folder / "metadata.db", objects or folder / "music"
    )
    with opening.opened() as core, output.meter("importing", unit="rows", as_json=as_json) as meter:
        report = importing.astolfo(
            core,
            places,
            owner=owner,
            library=library,
            is_dry=dry_run,
            progress=lambda done, total: meter.show(done, total, ""),
        )
        _read_tags(core, report, is_dry=dry_run)
    _show(report, is_dry=dry_run, as_json=as_json)
    if report.problems:
        raise typer.Exit(1)


def _read_tags(core: "Core", report: "ImportReport", *, is_dry: bool) -> None:
    from tutti.wiring import background  # noqa: PLC0415

    if report.files and not is_dry:
        background.runner_of(core, [JobKind.PROBE_ITEM]).run_due()


def _show(report: "ImportReport", *, is_dry: bool, as_json: bool) -> None:
    if as_json:
        output.rows([asdict(report) | {"dry_run": is_dry}], as_json=True)
        return
    for problem in report.problems:
        output.line(f"{problem.what}: {problem.why}")
    output.line(
        f"{'would bring' if is_dry else 'brought'} {report.users} accounts, {report.files} files and"
        f" {report.deleted} deletions along; {report.known} were here before"
    )
    output.line(
        f"{report.missing} files without bytes, {report.damaged} damaged, {report.refused} refused,"
        f" {report.orphans} objects that nothing names"
    )
