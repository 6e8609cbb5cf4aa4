"""`tutti scan`: reads a folder into a library, in the foreground."""

import signal
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Annotated

import typer

from tutti.cli import opening, output
from tutti.domain.formats import EXTENSIONS
from tutti.domain.scanning import ScanReport
from tutti.domain.values import SourceId

if TYPE_CHECKING:
    from tutti.wiring.core import Core

_PROBLEMS_SHOWN = 50


def scan(
    folder: opening.Folder,
    user: output.User,
    *,
    library: output.Library = None,
    believe_removals: Annotated[
        bool, typer.Option(help="Also remove when most files are gone, as after a big clean-up.")
    ] = False,
    as_json: output.JSON = False,
) -> None:
    """Read a folder into an account's library; stopped or killed, the next scan goes on from there."""
    with opening.opened() as core:
        source_id = core.sources.add(core.accounts.named(user), folder, library_uuid=library)
        report = run(core, source_id, folder, believe_removals=believe_removals, as_json=as_json)
    print_report(report, as_json=as_json)
    if not report.is_complete:
        raise typer.Exit(130)


def run(
    core: "Core", source_id: SourceId, folder: Path, *, believe_removals: bool = False, as_json: bool = False
) -> ScanReport:
    """Scan with a bar; the first interrupt ends the scan after the batch at hand."""
    stop = Event()
    before = signal.signal(signal.SIGINT, lambda *_: stop.set())
    try:
        return watched(core, source_id, folder, stop, believe_removals=believe_removals, as_json=as_json)
    finally:
        signal.signal(signal.SIGINT, before)


def watched(
    core: "Core",
    source_id: SourceId,
    folder: Path,
    stop: Event,
    *,
    believe_removals: bool = False,
    as_json: bool = False,
) -> ScanReport:
    """Scan with a bar whose length a second thread finds out by counting names."""
    total: list[int] = []
    suffixes = frozenset(f".{extension}".encode() for extension in EXTENSIONS)

    def count() -> None:
        total.append(core.folders.count(bytes(folder.resolve()), suffixes, stop))

    counting = Thread(target=count, daemon=True)
    counting.start()
    with output.meter(f"Scanning {folder.name}", as_json=as_json) as meter:

        def progress(report: ScanReport) -> bool:
            note = f"{report.added} new, {report.refused} refused"
            meter.show(report.seen, total[0] if total else None, note)
            return not stop.is_set()

        return core.scanner.scan(source_id, progress=progress, believe_removals=believe_removals)


def print_report(report: ScanReport, *, as_json: bool) -> None:
    """Print what a scan did, and each file that is no track with the reason."""
    problems = [
        {"path": one.path.decode("utf-8", "replace"), "reason": one.reason, "message": one.message}
        for one in report.problems
    ]
    counts = {
        name: getattr(report, name)
        for name in ("seen", "unchanged", "added", "updated", "moved", "refused", "removed", "is_complete")
    }
    unread = [path.decode("utf-8", "replace") for path in report.unread_folders]
    if as_json:
        output.rows([{**counts, "problems": problems, "unread_folders": unread}], as_json=True)
        return
    for problem in problems[:_PROBLEMS_SHOWN]:
        output.line(f"refused  {problem['path']}: {problem['message']}")
    if len(problems) > _PROBLEMS_SHOWN:
        output.line(f"         and {len(problems) - _PROBLEMS_SHOWN} more; `tutti source refused` lists them all")
    for path in unread:
        output.line(f"unread   {path or '.'}: the folder could not be listed; nothing below it was removed")
    output.line(
        f"{counts['seen']} files: {counts['added']} added, {counts['updated']} updated, {counts['moved']} moved, "
        f"{counts['unchanged']} unchanged, {counts['refused']} refused, {counts['removed']} removed"
        + ("" if report.is_complete else "; stopped before the end")
    )
