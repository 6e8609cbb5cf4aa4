"""Files and functions stay small enough to be read at once."""

import ast
from collections.abc import Iterator
from pathlib import Path

from support.server import ROOT

MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 60
MAX_PORT_LINES = 60


def sources() -> list[Path]:
    """Return every Python file of ours; migrations are written once and never read as a whole."""
    found = (path for top in ("src", "tests", "bench") for path in (ROOT / top).rglob("*.py"))
    return sorted(path.relative_to(ROOT) for path in found if "versions" not in path.parts)


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield the functions of a file."""
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def length(node: ast.stmt) -> int:
    """Return the lines of a definition, without those of its docstring, which says the contract and not the work."""
    assert node.end_lineno is not None
    lines = node.end_lineno - node.lineno + 1
    first = getattr(node, "body", [None])[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        assert first.end_lineno is not None
        lines -= first.end_lineno - first.lineno + 1
    return lines


def test_files_are_short() -> None:
    lines = {str(path): len((ROOT / path).read_text().splitlines()) for path in sources()}

    assert {path: count for path, count in lines.items() if count > MAX_FILE_LINES} == {}


def test_functions_are_short() -> None:
    # What assembles the core names every part once, in order.
    limits = {Path("src/tutti/wiring/core.py"): 90}

    assert [
        f"{path}: {node.name}"
        for path in sources()
        for node in functions(path)
        if length(node) > limits.get(path, MAX_FUNCTION_LINES)
    ] == []


def test_a_port_is_one_screen() -> None:
    ports = [path for path in sources() if path.match("src/tutti/ports/*.py")]
    nodes = [(path, node) for path in ports for node in ast.walk(ast.parse((ROOT / path).read_text()))]

    assert ports
    assert [
        f"{path}: {node.name}"
        for path, node in nodes
        if isinstance(node, ast.ClassDef) and length(node) > MAX_PORT_LINES
    ] == []
