"""`tutti serve`: the server."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Annotated

import typer

from tutti import settings
from tutti.cli.opening import folder
from tutti.domain.errors import AppError


def serve(
    music: Annotated[
        Path | None, typer.Option(help="Also read this folder, into the shared library `Music`.", parser=folder)
    ] = None,
) -> None:
    """Serve until stopped; `tutti settings` lists the environment it reads."""
    with _without_rich():
        import structlog  # noqa: PLC0415

    from tutti.cli import scanning  # noqa: PLC0415 - only a first start scans
    from tutti.wiring import logs, server  # noqa: PLC0415 - costs the framework, which no other command needs
    from tutti.wiring.core import Core  # noqa: PLC0415

    found = settings.load()
    logs.set_up(found.log)

    def read_music(core: Core, stop: Event) -> None:
        if music is None:
            return
        try:
            source_id = core.sources.add_to(core.libraries.open_shared("Music"), music)
            scanning.print_report(scanning.watched(core, source_id, music, stop), as_json=False)
        except AppError as error:
            structlog.get_logger().error("music.not_read", reason=error.message)

    server.serve(found, announce=_announce, beside=read_music)


@contextmanager
def _without_rich() -> Iterator[None]:
    """Hide rich, which structlog takes along where it is: a third of its import and 5 MB, for tracebacks in colour."""
    sys.modules["rich"] = None  # type: ignore[assignment]  # how Python spells "there is none"
    try:
        yield
    finally:
        del sys.modules["rich"]


def _announce(address: str, claim_token: str | None) -> None:
    sys.stderr.write(f"Tutti listens on {address}\n")
    if claim_token is not None:
        sys.stderr.write(
            f"Nobody owns this server yet. Claim it once, here:\n\n  {address}/claim?token={claim_token}\n\n"
        )
    sys.stderr.flush()
