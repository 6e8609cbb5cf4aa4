"""A server with a track of every format, and data folders, for flows."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.api import PASSWORD, Api
from support.server import add_user, copied, data_dir, serving, template, wait_until
from support.tones import FORMATS, write_tone

__all__ = ["data_dir", "template"]  # fixtures

TONE_SECONDS = 12


@pytest.fixture(scope="session")
def addresses(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """An address for a track of each format, `TONE_SECONDS` long."""
    place = tmp_path_factory.mktemp("tones")
    folder = copied(template, place)
    add_user(folder, "ada", PASSWORD, "--admin")
    for suffix in FORMATS:
        write_tone(place / "music" / f"tone.{suffix}", seconds=TONE_SECONDS, tags={"title": suffix})
    with serving(folder, music=place / "music") as server, Api.sign_in(server.url, "ada") as ada:
        wait_until(lambda: len(ada.every("/tracks")) == len(FORMATS), what="every tone is listed")
        yield {suffix: ada.ticket(suffix) for suffix in FORMATS}
