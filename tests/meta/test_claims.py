"""What the documents promise names the tests that hold it, and those exist."""

import ast
import re
import tomllib
from functools import cache
from pathlib import Path

from support.server import ROOT

CITED = re.compile(r"tests/[\w/]+\.py::\w+(?:::\w+)?")
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
CITATIONS = sorted({(path.name, cited) for path in DOCUMENTS for cited in CITED.findall(path.read_text())})
CLAIM = re.compile(r"<!-- test: (.+?) -->")


@cache
def names_in(path: Path) -> frozenset[str]:
    """Return the tests of a file, those in classes with their class."""
    names = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef):
            tests = (one for one in node.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef))
            names |= {f"{node.name}::{one.name}" for one in tests}
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
    return frozenset(names)


def test_every_test_that_a_document_names_exists() -> None:
    found = ((document, *cited.split("::", 1)) for document, cited in CITATIONS)

    assert [row for row in found if not (ROOT / row[1]).exists() or row[2] not in names_in(ROOT / row[1])] == []


def test_claims_of_the_readme_name_tests() -> None:
    claims = CLAIM.findall((ROOT / "README.md").read_text())

    assert [claim for claim in claims if not CITED.fullmatch(claim)] == []


def test_every_library_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    named = {re.split(r"[>=<]", need)[0] for need in project["project"]["dependencies"]}
    rows = re.findall(r"^\| ([\w\[\]-]+) \|", (ROOT / "docs" / "dependencies.md").read_text(), re.MULTILINE)

    assert named <= set(rows)
