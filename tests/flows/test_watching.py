"""A folder changes while the server runs, and the lists follow."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.api import PASSWORD, Api
from support.server import add_user, copied, serving, wait_until
from support.tones import write_tone


@dataclass(frozen=True, slots=True)
class Watched:
    """A folder that a server watches."""

    root: Path
    api: Api

    def write(self, name: str, title: str, hz: float) -> Path:
        """Put a file there, whole at once, as copying programs do."""
        ready = write_tone(self.root.with_name("ready") / Path(name).name, hz=hz, tags={"title": title})
        target = self.root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        return ready.replace(target)

    def has(self, *titles: str) -> None:
        """Wait until exactly these titles are listed."""
        wait_until(lambda: self.titles() == list(titles), what=f"{titles} are listed", every_s=0.1)

    def titles(self) -> list[str]:
        """Return what is listed."""
        return [one["title"] for one in self.api.every("/tracks")]


@pytest.fixture(scope="module")
def watched(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    place = tmp_path_factory.mktemp("watched")
    data_dir = copied(template, place)
    add_user(data_dir, "ada", PASSWORD, "--admin")
    write_tone(place / "music" / "first.mp3", tags={"title": "First"})
    with serving(data_dir, music=place / "music") as server, Api.sign_in(server.url, "ada") as api:
        folder = Watched(place / "music", api)
        folder.has("First")
        yield folder


def test_what_happens_in_the_folder_happens_in_the_lists(watched: Watched) -> None:
    second = watched.write("deep/er/second.mp3", "Second", 500)
    watched.has("First", "Second")
    known = watched.api.track("Second")

    moved = second.rename(watched.root / "elsewhere.mp3")
    wait_until(lambda: watched.api.track("Second")["filename"] == "elsewhere.mp3", what="the move is seen")
    assert watched.api.track("Second")["id"] == known["id"]

    watched.write("elsewhere.mp3", "Second, again", 500)
    watched.has("First", "Second, again")
    assert watched.api.track("Second, again")["id"] == known["id"]

    moved.unlink()
    watched.has("First")
