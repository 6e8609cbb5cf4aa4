"""`tutti doctor`: looks at everything the server needs and says what is not as it should be."""

import os
import platform
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import typer

from tutti import settings
from tutti.cli import opening, output
from tutti.domain.errors import AppError

if TYPE_CHECKING:
    from tutti.wiring.core import Core


class Finding(NamedTuple):
    """One thing that was looked at."""

    check: str
    ok: bool
    detail: str


def doctor(*, as_json: output.JSON = False) -> None:
    """Check this machine and this server; status 1 when something must be mended."""
    found = list(_examine())
    output.rows((one._asdict() for one in found), as_json=as_json)
    if not all(one.ok for one in found):
        raise typer.Exit(1)


def _examine() -> Iterator[Finding]:
    yield Finding("python", ok=True, detail=f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    try:
        found = settings.load()
        yield Finding("settings", ok=True, detail=", ".join(found.without_effect()) or "all have an effect")
        with opening.opened() as core:
            yield from _examine_core(core)
    except (AppError, settings.BadSetting) as error:
        yield Finding("start", ok=False, detail=str(error))


def _examine_core(core: "Core") -> Iterator[Finding]:
    data = core.settings.data_dir.resolve()
    is_private = os.stat(data).st_mode & 0o077 == 0  # noqa: PTH116 - one bit field
    yield Finding("data folder", is_private, f"{data}{'' if is_private else ' is open to other accounts: chmod 700'}")
    free = shutil.disk_usage(data).free
    reserve = core.settings.blobs.reserve_mb << 20
    yield Finding("disk", free > reserve, f"{free >> 20} MB free, {reserve >> 20} MB are kept in reserve")
    report = core.health.report()
    yield Finding("database", report.database == "ok", f"{core.db.version()}, {report.database}")
    yield Finding(
        "claimed", ok=True, detail="yes" if core.accounts.is_claimed() else "no: start the server for the address"
    )
    layers = ", ".join(report.sandbox) or "none"
    yield Finding("sandbox", bool(report.sandbox) or core.settings.media.sandbox == "auto", layers)
    yield Finding(
        "sources", not report.unavailable_sources, f"{report.sources}, {report.unavailable_sources} unavailable"
    )
    yield _zero_copy()


def _zero_copy() -> Finding:
    from tutti.doors.http.protocol import check_protocol  # noqa: PLC0415 - costs the web server

    reason = check_protocol()
    return Finding("zero copy", ok=True, detail="on" if reason is None else f"off: {reason}")
