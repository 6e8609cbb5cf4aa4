"""Files of a folder that change under a running server (N50, N72, N73)."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.api import PASSWORD, Api, code_of
from support.server import Server, add_user, copied, serving, wait_until
from support.tones import write_tone

# Here a test says when the folder is scanned.
QUIET = {"TUTTI_SCAN__WATCH": "false", "TUTTI_SCAN__EVERY_MINUTES": "0"}


@dataclass(frozen=True, slots=True)
class Folder:
    """A served folder that tests may change."""

    server: Server
    root: Path
    api: Api

    def anew(self) -> Api:
        """Return a client with a session of its own, for which nothing is remembered."""
        return Api.sign_in(self.server.url, "ada")

    def scan(self, state: str = "ok") -> None:
        """Have the folder scanned and wait for the end."""
        before = self.source()
        assert self.api.post(f"/sources/{before['id']}/scan").status_code == 202

        def is_over() -> bool:
            now = self.source()
            return now["state"] == state and now != before

        wait_until(is_over, what=f"the folder is {state}")

    def source(self) -> dict[str, object]:
        """Return the one source."""
        return dict(self.api.read("/sources")[0])

    def stream(self, title: str) -> str:
        """Return where a track is."""
        return f"/tracks/{self.api.track(title)['id']}/stream"


@pytest.fixture(scope="module")
def folder(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Folder]:
    place = tmp_path_factory.mktemp("changing")
    data_dir = copied(template, place)
    add_user(data_dir, "ada", PASSWORD, "--admin")
    for title in ("Replaced", "Removed", "Staying"):
        write_tone(place / "music" / f"{title}.wav", tags={"title": title})
    with serving(data_dir, music=place / "music", settings=QUIET) as server, Api.sign_in(server.url, "ada") as api:
        changing = Folder(server, place / "music", api)
        wait_until(lambda: changing.source()["state"] == "ok", what="the first scan is over")
        yield changing


def test_a_file_that_was_replaced_has_another_tag(folder: Folder) -> None:
    path, file = folder.stream("Replaced"), folder.root / "Replaced.wav"
    before = folder.api.get(path)
    write_tone(folder.root / "next.wav", hz=220, seconds=2, tags={"title": "Replaced"}).replace(file)

    with folder.anew() as api:
        after = api.get(path)

    assert after.content == file.read_bytes() != before.content
    assert after.headers["etag"] != before.headers["etag"]
    wait_until(lambda: folder.api.get(path).headers["etag"] == after.headers["etag"], what="everybody gets the new one")


def test_a_file_that_is_gone_is_410_and_404_after_the_next_scan(folder: Folder) -> None:
    path = folder.stream("Removed")
    (folder.root / "Removed.wav").unlink()

    with folder.anew() as api:
        assert code_of(api.get(path)) == (410, "file_missing")
        folder.scan()
        assert code_of(api.get(path)) == (404, "track_not_found")
    assert "Removed" not in [one["title"] for one in folder.api.every("/tracks")]


def test_a_folder_that_is_away_loses_nothing(folder: Folder) -> None:
    path, away = folder.stream("Staying"), folder.root.with_name("away")
    known = folder.api.track("Staying")

    folder.root.rename(away)
    folder.scan("unavailable")
    with folder.anew() as api:
        assert code_of(api.get(path)) == (503, "source_unavailable")
        assert api.track("Staying") == known
    away.rename(folder.root)
    folder.scan()

    with folder.anew() as api:
        assert api.get(path).status_code == 200
        assert api.track("Staying") == known
