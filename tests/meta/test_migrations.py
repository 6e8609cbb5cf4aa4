"""One line of migrations, which ends where the program believes it ends."""

import ast
from pathlib import Path

import pytest

from tutti.db import schema

FILES = sorted((Path(schema.__file__).parent / "migrations" / "versions").glob("*.py"))


def facts(path: Path) -> dict[str, object]:
    """Return the constants of a migration."""
    tree = ast.parse(path.read_text())
    return {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Constant)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }


def test_the_newest_migration_is_the_one_a_start_looks_for() -> None:
    assert facts(FILES[-1])["revision"] == schema.HEAD


def test_migrations_are_one_line() -> None:
    revisions = [facts(path)["revision"] for path in FILES]

    assert [facts(path)["down_revision"] for path in FILES] == [None, *revisions[:-1]]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_migration_is_named_by_its_moment(path: Path) -> None:
    assert path.stem.split("_")[0] == facts(path)["revision"]
