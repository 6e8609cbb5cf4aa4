"""A server that tests of the native door may change, each in libraries and with people of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import NamedTuple

from support.api import PASSWORD, Api
from support.server import Server, add_user, copied, serving, wait_until
from support.tones import write_tone
from tutti.backends.bus import LocalBus
from tutti.db.engine import Database
from tutti.kit.clock import system_clock

PER_ACCOUNT = 3
"""Streams of events that an account may hold there."""


class Sent(NamedTuple):
    """A track that was sent."""

    id: str
    filename: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Annex:
    """The server, its administrator Ada, and whoever is let in.

    Attributes:
        place: A folder for files to send and to be read.
    """

    server: Server
    ada: Api
    place: Path
    numbers: Iterator[int]

    @contextmanager
    def somebody(self) -> Iterator[tuple[str, Api]]:
        """A new account's name, and a client of it."""
        name = f"guest-{next(self.numbers)}"
        assert self.ada.post("/users", {"username": name, "password": PASSWORD}).is_success
        with Api.sign_in(self.server.url, name) as api:
            yield name, api

    def library(self, owner: Api) -> str:
        """Return the id of a new shared library."""
        return str(owner.post("/libraries", {"name": f"Library {next(self.numbers)}"}).json()["id"])

    def send(self, sender: Api, title: str, library: str) -> Sent:
        """Send a file that is unlike any other, and wait until it is a track."""
        tone = write_tone(self.place / f"{next(self.numbers)}.flac", tags={"title": title, "artist": title})
        sent = sender.request("PUT", f"/files/{tone.name}", params={"library": library}, content=tone.read_bytes())
        assert sent.is_success, sent.text
        track = str(sent.json()["id"])
        wait_until(lambda: sender.get(f"/tracks/{track}").is_success, what="what was sent is a track")
        return Sent(track, tone.name, tone.read_bytes())

    def folder(self, titles: int) -> Path:
        """Return a new folder with so many files."""
        root = self.place / f"folder-{next(self.numbers)}"
        for number in range(titles):
            write_tone(root / f"{number}.flac", tags={"title": f"{root.name} {number}"})
        return root

    @contextmanager
    def database(self) -> Iterator[Database]:
        """The server's own, for what no request brings about."""
        database = Database(f"sqlite:///{self.server.data_dir / 'tutti.db'}", clock=system_clock, bus=LocalBus())
        try:
            yield database
        finally:
            database.close()


@contextmanager
def annexed(template: Path, place: Path) -> Iterator[Annex]:
    """Serve such a server while the block lasts."""
    data_dir = copied(template, place)
    add_user(data_dir, "ada", PASSWORD, "--admin")
    settings = {"TUTTI_EVENTS__PER_ACCOUNT": str(PER_ACCOUNT)}
    with serving(data_dir, settings=settings) as server, Api.sign_in(server.url, "ada") as ada:
        yield Annex(server, ada, place, count(1))
