"""The commands, and the one place where a failure becomes a line and an exit status."""

import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from tutti.cli import (
    audit,
    backups,
    databases,
    doctor,
    importing,
    keys,
    libraries,
    scanning,
    serving,
    sources,
    syncing,
    users,
)
from tutti.cli.output import visible
from tutti.domain.errors import AppError
from tutti.settings import BadSetting

app = typer.Typer(
    name="tutti",
    help="Your music, on every device you own.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(users.app, name="user")
app.add_typer(libraries.app, name="library")
app.add_typer(sources.app, name="source")
app.add_typer(databases.app, name="db")
app.command("check")(backups.check)
app.command("backup")(backups.backup)
app.command("restore")(backups.restore)
app.command("migrate")(databases.migrate)
app.add_typer(importing.app, name="import")
app.add_typer(keys.app, name="keys")
app.add_typer(audit.app, name="audit")
app.command("serve")(serving.serve)
app.command("scan")(scanning.scan)
app.command("doctor")(doctor.doctor)
app.command("sync")(syncing.sync)


@app.command("openapi")
def openapi(
    out: Annotated[Path | None, typer.Option(help="Write to this file instead of printing.")] = None,
) -> None:
    """Print the description of the native API."""
    from tutti.wiring.documents import openapi_document  # noqa: PLC0415 - costs a framework

    document = openapi_document()
    if out is None:
        sys.stdout.buffer.write(document)
    else:
        out.write_bytes(document)


@app.command("settings")
def settings_() -> None:
    """Print every setting as Markdown."""
    from tutti.wiring.documents import settings_document  # noqa: PLC0415

    sys.stdout.write(settings_document())


def run() -> None:
    """Run the command line; a failure is one line on standard error and status 1."""
    try:
        app()
    except (AppError, BadSetting) as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"{error.filename or 'the system'}: {(error.strerror or 'it does not work').lower()}.")


def _fail(sentence: str) -> NoReturn:
    sys.stderr.write(f"tutti: {visible(sentence)}\n")
    sys.exit(1)
