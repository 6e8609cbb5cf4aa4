"""`tutti migrate` and `tutti db copy`."""

from typing import Annotated

import typer

from tutti import settings
from tutti.cli import output

app = typer.Typer(help="The database.", no_args_is_help=True)


def migrate(*, as_json: output.JSON = False) -> None:
    """Bring the database to the schema of this version; a server does that by itself when it starts."""
    from tutti.wiring import databases  # noqa: PLC0415 - costs what a server costs

    done = databases.migrate(settings.load().db_url)
    is_new = done.before != done.after
    sentence = f"migrated from {done.before or 'nothing'} to {done.after}" if is_new else f"{done.after} is the newest"
    output.done(sentence, done._asdict(), as_json=as_json)


@app.command("copy")
def copy(
    source: Annotated[str, typer.Argument(help="URL of the database to copy; it may be in use.")],
    target: Annotated[
        str, typer.Argument(help="URL of an empty database; that of the settings when left out.", show_default=False)
    ] = "",
    *,
    as_json: output.JSON = False,
) -> None:
    """Copy a whole database, such as SQLite into PostgreSQL, and compare every table; status 1 when one differs."""
    from tutti.wiring import databases  # noqa: PLC0415

    with output.meter("copying", unit="rows", as_json=as_json) as meter:

        def show(table: str, rows: int) -> None:
            meter.show(rows, None, table)

        compared = databases.copy(source, target or settings.load().db_url, progress=show)
    shown = (
        {"table": one.table, "rows": one.rows, "copied": one.rows_copied, "same": one.is_same, "sha256": one.hash}
        for one in compared
    )
    output.rows(shown, as_json=as_json)
    if not all(one.is_same for one in compared):
        raise typer.Exit(1)
