"""What every command begins with: settings, the log, the core; and folders as people write them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from tutti import settings
from tutti.wiring.core import Core, open_core


@contextmanager
def opened() -> Iterator[Core]:
    """Open the core by the settings of the environment, with warnings on standard error.

    Raises:
        AppError, BadSetting: As `open_core` and `settings.load`.
    """
    from tutti.wiring import logs  # noqa: PLC0415 - takes rich along, which a server does without

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
