"""One server for all tests that only look: Ada's music, Bob's single, and three clients."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.annex import Annex, annexed
from support.api import PASSWORD, Api
from support.server import Server, copied, data_dir, run, serving, template, wait_until
from support.tones import FORMATS, picture, write_tone

__all__ = ["data_dir", "template"]  # fixtures

UNLIMITED = {
    "TUTTI_LIMITS__PASSWORDS_PER_MINUTE": "9999",
    "TUTTI_LIMITS__PASSWORDS_PER_HOUR": "9999",
    "TUTTI_AUTH__ACCESS_MINUTES": "60",
}
"""All tests share one address, and the token of one sign-in, however long they take."""
HOSTILE_NAME = 'a"b;c\r\nSet-Cookie: d=e\t\u202egpj.mp3'


@dataclass(frozen=True, slots=True)
class Served:
    """A server that has been claimed.

    Attributes:
        ada: The administrator, who owns the folder `music`.
        bob: Another account, whose personal library reads a folder of his own.
        nobody: A client that is not signed in.
    """

    server: Server
    music: Path
    ada: Api
    bob: Api
    nobody: Api

    def ask(self, name: str) -> Api:
        """Return a client by name, for tests that are parametrized by who is asking."""
        return {"ada": self.ada, "bob": self.bob, "nobody": self.nobody}[name]


@pytest.fixture(scope="session")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ada's folder."""
    root = tmp_path_factory.mktemp("ada") / "Music"
    _albums(root)
    for suffix in FORMATS:
        tags = {"title": f"Tone {suffix}", "artist": "Formats", "album": "Formats"}
        write_tone(root / "Formats" / f"tone.{suffix}", tags=tags)
    write_tone(root / "Long" / "long.wav", seconds=30, tags={"title": "Long", "artist": "Formats"})
    write_tone(root / "Hostile" / HOSTILE_NAME, tags={"title": "Hostile", "artist": "Formats"})
    broken = root / "Broken"
    broken.mkdir()
    broken.joinpath("empty.mp3").touch()
    broken.joinpath("text.flac").write_text("This is no music at all.\n" * 100)
    return root


def _albums(root: Path) -> None:
    zebras = {
        "artist": "The Zebras",
        "album_artist": "The Zebras",
        "album": "Alpha",
        "genre": "Rock",
        "date": "2004-05",
    }
    more = {"lyrics": "An apple\na day", "replaygain_track_gain": "-7.25 dB", "comment": "green"}
    alpha = root / "The Zebras" / "Alpha"
    write_tone(alpha / "a.flac", tags={**zebras, **more, "title": "Apple", "disc": "1", "track": "1"})
    write_tone(alpha / "z.flac", tags={**zebras, "title": "Cherry", "disc": "1", "track": "2"})
    write_tone(alpha / "b.flac", tags={**zebras, "title": "Banana", "disc": "2", "track": "1"})
    alpha.joinpath("cover.png").write_bytes(picture("red"))
    emilie = {"artist": "Émilie", "album": "Végétal", "genre": "Chanson"}
    flower = {**emilie, "title": "Fleur de saison", "track": "1"}
    write_tone(root / "Émilie" / "1.mp3", cover=picture("blue", width=100, height=80), tags=flower)
    write_tone(root / "Émilie" / "2.mp3", tags={**emilie, "title": "Été", "track": "2"})
    for title, artist in (("Moon", "Night"), ("Moonlight", "Night"), ("Blue Moon", "Night"), ("Sun", "Moon Duo")):
        write_tone(root / "Night" / f"{title}.mp3", tags={"title": title, "artist": artist, "album": "Nocturnes"})
    for number in (1, 2, 10):
        tags = {"title": f"Part {number}", "artist": "Night", "album": "Parts", "genre": "Jazz"}
        write_tone(root / "Night" / "Parts" / f"{number}.mp3", tags=tags)


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory, template: Path, music: Path) -> Iterator[Served]:
    """The server; tests must leave it as they found it."""
    data_dir = copied(template, tmp_path_factory.mktemp("served"))
    single = {"title": "Hush", "artist": "Bobby Hidden", "album": "Concealed", "genre": "Secretcore"}
    hidden = write_tone(tmp_path_factory.mktemp("bob") / "hush.mp3", tags=single, cover=picture("black"))
    with serving(data_dir, music=music, settings=UNLIMITED) as server, Api(server.url) as nobody:
        claim = {"token": server.claim_token, "username": "ada", "password": PASSWORD}
        with Api(server.url, nobody.post("/claim", claim).json()["access_token"]) as ada:
            ada.post("/users", {"username": "bob", "password": PASSWORD, "email": "bob@example.org"})
            scanned = run(data_dir, "scan", hidden.parent, "--user", "bob")
            assert scanned.returncode == 0, scanned.stderr
            wait_until(lambda: ada.read("/sources")[0]["state"] == "ok", what="the first scan is over")
            with Api.sign_in(server.url, "bob") as bob:
                yield Served(server, music, ada, bob, nobody)


@pytest.fixture(scope="session")
def annex(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Iterator[Annex]:
    """A server for tests that change things; what is not their own they leave alone."""
    with annexed(template, tmp_path_factory.mktemp("annex")) as annex:
        yield annex
