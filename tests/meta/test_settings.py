"""Every setting is documented, and read by the program or said not to be."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import tutti
from support.server import ROOT
from tutti.settings import PREFIX, names
from tutti.wiring.documents import settings_document

LATER = "Not in this version"


def reads() -> set[tuple[str, str]]:
    """Return every attribute that the code reads, with the last name before it."""
    return {pair for path in Path(tutti.__file__).parent.rglob("*.py") for pair in _reads_in(path)}


def _reads_in(path: Path) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute):
            yield getattr(node.value, "attr", getattr(node.value, "id", "")), node.attr


READS = reads()


@pytest.mark.parametrize("name", names())
def test_a_setting_is_read_or_said_not_to_be(name: str) -> None:
    _, about = names()[name]
    *parts, leaf = name.removeprefix(PREFIX).lower().split("__")
    owners = {*parts, "settings"} if parts else {"self", "settings", "found"}

    assert any((owner, leaf) in READS for owner in owners) or LATER in about.description


@pytest.mark.parametrize("name", names())
def test_a_setting_is_described_in_a_sentence(name: str) -> None:
    assert names()[name][1].description.endswith(".")


def test_the_list_of_settings_is_the_one_the_code_makes() -> None:
    assert (ROOT / "docs" / "configuration.md").read_text() == settings_document(), "run scripts/docs"


def test_settings_stay_few() -> None:
    assert len(names()) <= 60
