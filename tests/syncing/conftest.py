"""A folder that is kept in step, and an index."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tutti.syncing.index import Index
from tutti.syncing.tree import Tree


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
