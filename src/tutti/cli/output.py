"""How commands print: tables for people, JSON lines for scripts, progress where there is a terminal."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Protocol
from uuid import UUID

import typer

JSON = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]
Library = Annotated[UUID | None, typer.Option("--library", help="Id of the library; the personal one when left out.")]
User = Annotated[str, typer.Option("--user", help="The account to act for.")]


def rows(lines: Iterable[Mapping[str, object]], *, as_json: bool) -> None:
    """Print rows with the same keys."""
    found = list(lines)
    if as_json:
        for line in found:
            sys.stdout.write(json.dumps(line, default=str, ensure_ascii=False) + "\n")
        return
    if not found:
        sys.stdout.write("nothing\n")
        return
    _table(list(found[0]), [[_cell(value) for value in line.values()] for line in found])


def done(sentence: str, row: Mapping[str, object], *, as_json: bool) -> None:
    """Print what was made or changed: a line for people, all of it for scripts."""
    if as_json:
        rows([row], as_json=True)
    else:
        line(sentence)


def line(text: str) -> None:
    """Print one line, with what would steer a terminal spelled out: names come from anybody's disk."""
    sys.stdout.write(visible(text) + "\n")


def visible(text: str) -> str:
    """Return text without control characters, bidi overrides and the like; they are written as escapes."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def _table(titles: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    from rich.console import Console  # noqa: PLC0415 - only those who print tables pay for it
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False)
    for title in titles:
        table.add_column(title.replace("_", " "))
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else visible(str(value))


class Meter(Protocol):
    """Shows how far something is; `total` may become known later."""

    def show(self, done: int, total: int | None, note: str) -> None:
        """Take note of where things stand."""
        ...


@contextmanager
def meter(title: str, *, unit: str = "files", as_json: bool) -> Iterator[Meter]:
    """Show progress on standard error: a bar on a terminal, now and then a line elsewhere, nothing for scripts."""
    title = visible(title)
    if as_json:
        yield _Silent()
    elif sys.stderr.isatty():
        with _bar(title) as shown:
            yield shown
    else:
        yield _Lines(title, unit)


class _Silent:
    def show(self, done: int, total: int | None, note: str) -> None:
        pass


class _Lines:
    _EVERY = 5000

    def __init__(self, title: str, unit: str) -> None:
        self._title = title
        self._unit = unit
        self._next = self._EVERY

    def show(self, done: int, total: int | None, note: str) -> None:
        if done >= self._next:
            self._next = done + self._EVERY
            sys.stderr.write(f"{self._title}: {done}{f' of {total}' if total else ''} {self._unit}, {note}\n")


@contextmanager
def _bar(title: str) -> Iterator[Meter]:
    from rich.console import Console  # noqa: PLC0415 - only terminals pay for it
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    text = TextColumn("{task.description}", markup=False)
    columns = (text, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, TextColumn("{task.fields[note]}"), console=Console(stderr=True)) as progress:
        task = progress.add_task(title, total=None, note="")

        class _Bar:
            def show(self, done: int, total: int | None, note: str) -> None:
                progress.update(task, completed=done, total=total, note=note)

        yield _Bar()
