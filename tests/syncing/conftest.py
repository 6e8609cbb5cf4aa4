"""A folder that is kept in step, an index, and a server with accounts that have devices."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from support.api import PASSWORD, Api
from support.devices import Device
from support.server import Server, add_user, copied, data_dir, serving, template
from tutti.syncing.index import Index
from tutti.syncing.tree import Tree

__all__ = ["data_dir", "template"]  # fixtures

SCOPES = ["listen", "upload", "sync"]
Owner = Callable[[Server, str], str]

_numbers = count()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "music"
    path.mkdir()
    return path


@pytest.fixture
def tree(folder: Path) -> Iterator[Tree]:
    opened = Tree(folder)
    yield opened
    opened.close()


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    opened = Index.open(tmp_path / "index.db")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def server(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose administrator is Ada."""
    data_dir = copied(template, tmp_path_factory.mktemp("sync"))
    add_user(data_dir, "ada", PASSWORD, "--admin")
    with serving(data_dir) as server:
        yield server


@pytest.fixture(scope="module")
def ada(server: Server) -> Iterator[Api]:
    with Api.sign_in(server.url, "ada") as ada:
        yield ada


@pytest.fixture
def owner(server: Server, ada: Api) -> Iterator[Api]:
    """Somebody who has nothing yet."""
    name = f"owner{next(_numbers)}"
    assert ada.post("/users", {"username": name, "password": PASSWORD}).is_success
    with Api.sign_in(server.url, name) as owner:
        yield owner


@pytest.fixture
def three(owner: Api, tmp_path: Path) -> list[Device]:
    """Three devices of one account, with a key each."""
    me = owner.read("/me")["username"]
    keys = [
        owner.post("/me/app-keys", {"name": name, "scopes": SCOPES}).json()["key"] for name in ("one", "two", "three")
    ]
    return [
        Device(tmp_path / name, owner.url, name, me, key)
        for name, key in zip(("one", "two", "three"), keys, strict=True)
    ]


@pytest.fixture
def devices(three: list[Device]) -> tuple[Device, Device]:
    """Two of them."""
    return three[0], three[1]
