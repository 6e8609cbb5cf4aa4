"""What every command begins with: settings, the log, the core; and folders as people write them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tutti import settings

if TYPE_CHECKING:
    from tutti.wiring.core import Core


@contextmanager
def opened() -> Iterator["Core"]:
    """Open the core by the settings of the environment, with warnings on standard error.

    Raises:
        AppError, BadSetting: As `open_core` and `settings.load`.
    """
    # `tutti sync` and `--help` do without the core, and a server without rich, which the log takes along.
    from tutti.wiring import logs  # noqa: PLC0415
    from tutti.wiring.core import open_core  # noqa: PLC0415

    found = settings.load()
    logs.set_up(found.log)
    with open_core(found) as core:
        yield core


def folder(text: str) -> Path:
    """Return a path with `~` spelled out: not every shell does so in `--music=~/Music` or in `make run MUSIC=~/Music`.

    Raises:
        BadParameter: There is no such account.
    """
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise typer.BadParameter(f"{text}: there is no such account.") from error


Folder = Annotated[Path, typer.Argument(help="A folder with music; it is only ever read.", parser=folder)]
