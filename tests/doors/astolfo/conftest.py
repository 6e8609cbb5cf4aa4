"""A server with the phones' ports on each database, its people, and one whose ports are open."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from support.api import PASSWORD, Api
from support.databases import fresh_url
from support.phone import Phone, foreign_modules, ports_of
from support.server import Server, add_user, copied, serving, template
from support.tones import write_tone

__all__ = ["foreign_modules", "template"]  # fixtures

KEY = "a security key of their own"
UNLIMITED = {
    "TUTTI_LIMITS__PASSWORDS_PER_MINUTE": "9999",
    "TUTTI_LIMITS__PASSWORDS_PER_HOUR": "9999",
    "TUTTI_LIMITS__TOKENS_PER_MINUTE": "9999",
}
"""All tests share one address."""
GRPC = {"TUTTI_GRPC__PORTS": "0,0,0", "TUTTI_AUTH__SECURITY_KEY": KEY, **UNLIMITED}
_NUMBERS = count(1)


def tone(place: Path, suffix: str = "flac", **tags: str) -> bytes:
    """Return the bytes of a file that is unlike any other."""
    number = next(_NUMBERS)
    return write_tone(
        place / f"tone-{number}.{suffix}", seconds=0.2, tags={"title": f"Tone {number}", **tags}
    ).read_bytes()


@dataclass(frozen=True, slots=True)
class House:
    """A server and whoever comes in.

    Attributes:
        ports: Of the three services, as the app has them compiled in.
        settings: What it was started with.
    """

    server: Server
    ports: list[int]
    settings: dict[str, str]

    def newcomer(self) -> str:
        """Make an account; return its name."""
        name = f"phone-{next(_NUMBERS)}"
        with self.stranger() as stranger:
            assert stranger.register(name, PASSWORD, KEY)
        return name

    def phone(self, name: str | None = None) -> Phone:
        """Return a phone that is signed in, as somebody new unless named."""
        with self.stranger() as stranger:
            return Phone(self.ports[1], stranger.login(name or self.newcomer(), PASSWORD))

    def stranger(self) -> Phone:
        """Return a phone without a token."""
        return Phone(self.ports[1])

    def api(self, name: str) -> Api:
        """Return a client of the native door."""
        return Api.sign_in(self.server.url, name)


@pytest.fixture(scope="session")
def house(template: Path, tmp_path_factory: pytest.TempPathFactory, database_kind: str) -> Iterator[House]:
    place = tmp_path_factory.mktemp("phones")
    data_dir = copied(template, place)
    settings = GRPC if database_kind == "sqlite" else GRPC | {"TUTTI_DB__URL": fresh_url(place, database_kind)}
    with serving(data_dir, settings=settings) as server:
        yield House(server, ports_of(server), settings)


@pytest.fixture
def phone(house: House) -> Iterator[Phone]:
    """Somebody new with a token."""
    with house.phone() as one:
        yield one


@pytest.fixture
def stranger(house: House) -> Iterator[Phone]:
    with house.stranger() as one:
        yield one


@pytest.fixture(scope="session")
def open_house(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A server as the original was: nobody needs a token, everybody acts as Ada; clients may ask what there is."""
    data_dir = copied(template, tmp_path_factory.mktemp("open"))
    add_user(data_dir, "ada", PASSWORD)
    settings = GRPC | {"TUTTI_ASTOLFO__OPEN_AS": "ada", "TUTTI_GRPC__REFLECTION": "true"}
    with serving(data_dir, settings=settings) as server:
        yield House(server, ports_of(server, is_open=True), settings)
