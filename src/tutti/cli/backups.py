"""`tutti check`, `tutti backup` and `tutti restore`."""

from pathlib import Path
from typing import Annotated

import typer
from msgspec.structs import replace

from tutti import settings
from tutti.cli import opening, output
from tutti.domain.backups import BlobsIn
from tutti.domain.caller import Operator
from tutti.domain.checking import CheckReport, Share


def check(
    *,
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Derive anew what can be derived, and put damaged bytes aside."),
    ] = False,
    read_data: Annotated[
        bool, typer.Option("--read-data", help="Read all bytes, too, and compare them with their hashes.")
    ] = False,
    read_data_subset: Annotated[
        str,
        typer.Option(
            "--read-data-subset",
            metavar="SHARE",
            help="Read so much of them, such as 5%, 1/30 or 2G; the longest unread comes first.",
        ),
    ] = "",
    as_json: output.JSON = False,
) -> None:
    """Compare rows with bytes, and what is derived with its source; status 1 when something is wrong."""
    try:
        share = Share.parse(read_data_subset) if read_data_subset else Share(1.0) if read_data else None
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    with opening.opened() as core, output.meter("checking", unit="blobs", as_json=as_json) as meter:
        report = core.checking.check(
            repair=repair, read=share, progress=lambda found, doing: meter.show(found.blobs, None, doing)
        )
    _show(report, as_json=as_json)
    if not report.is_well:
        raise typer.Exit(1)


def backup(
    folder: Annotated[Path, typer.Argument(help="Where to; a backup that is there is brought up to date.")],
    *,
    keys: Annotated[
        bool, typer.Option("--keys", help="Take the secrets of the server along; keep such a backup as safe as them.")
    ] = False,
    blobs: Annotated[
        BlobsIn, typer.Option("--blobs", help="`reference` leaves the bytes where they are, for others to keep.")
    ] = BlobsIn.COPY,
    as_json: output.JSON = False,
) -> None:
    """Copy a server, which may be in use, as it is at one moment; status 1 when bytes of it were missing or damaged."""
    from tutti.backends.backup_folder import BackupFolder  # noqa: PLC0415 - only those who make backups pay for it

    with opening.opened() as core, output.meter("copying", unit="blobs", as_json=as_json) as meter:
        place = BackupFolder(folder, keys=core.settings.data_dir / "keys" if keys else None)
        manifest, copied = core.backups.make(
            Operator(),
            place,
            blobs_in=blobs,
            has_keys=keys,
            progress=lambda done, total: meter.show(done, total, ""),
        )
    row = {"folder": folder, "blobs": manifest.blobs, "copied": copied.blobs, "bytes": copied.bytes}
    output.done(
        f"{folder} is a backup: {manifest.blobs} files, {copied.blobs} of them new",
        {**row, "lost": copied.lost},
        as_json=as_json,
    )
    if copied.lost:
        raise typer.Exit(1)


def restore(
    folder: Annotated[Path, typer.Argument(help="A backup.")],
    *,
    data_dir: Annotated[
        Path | None,
        typer.Option("--data-dir", help="An empty folder to become the server's; that of the settings when left out."),
    ] = None,
    as_json: output.JSON = False,
) -> None:
    """Make a server out of a backup; status 1 when it is not whole. Everybody has to sign in anew."""
    from tutti.wiring import logs, restoring  # noqa: PLC0415 - costs what a server costs

    found = settings.load()
    if data_dir is not None:
        found = replace(found, data_dir=data_dir)
    logs.set_up(found.log)
    with output.meter("copying", unit="blobs", as_json=as_json) as meter:
        done = restoring.restore(folder, found, progress=lambda count, total: meter.show(count, total, ""))
    row = {"data_dir": found.data_dir, "made_at": done.manifest.made_at, **done.ended._asdict()}
    sentence = f"{found.data_dir} is the server of {done.manifest.made_at:%Y-%m-%d %H:%M} UTC; everybody signs in anew"
    if as_json or done.report.is_well:
        output.done(sentence, {**row, "is_well": done.report.is_well}, as_json=as_json)
    if not done.report.is_well:
        _show(done.report, as_json=as_json)
        raise typer.Exit(1)


def _show(report: CheckReport, *, as_json: bool) -> None:
    for one in report.findings:
        state = "repaired" if one.is_repaired else "wrong"
        output.done(
            f"{state}: {one.fault} {one.ref} {one.detail}",
            {"fault": one.fault, "ref": one.ref, "detail": one.detail, "is_repaired": one.is_repaired},
            as_json=as_json,
        )
    counts = {"blobs": report.blobs, "orphans": report.orphans}
    counts |= {"read": report.read_blobs, "read_bytes": report.read_bytes}
    sentence = f"{report.blobs} files looked at, {report.read_blobs} read, {len(report.findings)} findings"
    output.done(sentence, {**counts, "findings": len(report.findings), "is_well": report.is_well}, as_json=as_json)
