"""Writes many rows of one table at the speed of the driver; the ORM and the Core insert cost two to nine times that."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Dialect, Table
from sqlalchemy.orm import Session

from tutti.db import dialect
from tutti.models import Base

Row = Mapping[str, Any]
Processor = Callable[[Any], Any]


def insert_rows(session: Session, model: type[Base], rows: Sequence[Row], *, skip_known: bool = False) -> None:
    """Insert rows that all have the same keys.

    Args:
        session: Within its transaction.
        model: The entity whose table it is; no default of a column applies.
        rows: Column names to values.
        skip_known: Leave out rows that break a unique constraint.
    """
    insert_into_table(session.connection(), _table(model), rows, skip_known=skip_known)


def insert_into_table(connection: Connection, table: Table, rows: Sequence[Row], *, skip_known: bool = False) -> None:
    """As `insert_rows`, for any table."""
    if rows:
        prepared = _prepared(table, tuple(rows[0]), connection.dialect, skip_known)
        connection.exec_driver_sql(prepared.statement, list(map(prepared.values, rows)))


def reserve_ids(session: Session, model: type[Base], count: int) -> Sequence[int]:
    """Return ids for rows that this transaction will insert."""
    return dialect.reserve_ids(session.connection(), _table(model), count)


def _table(model: type[Base]) -> Table:
    table = model.__table__
    assert isinstance(table, Table)  # noqa: S101 - entities are tables here, never joins
    return table


@dataclass(frozen=True, slots=True)
class _Prepared:
    """An insert statement, and how a row becomes its parameters."""

    statement: str
    pick: Callable[[Row], tuple[Any, ...]]
    processors: Sequence[tuple[int, Processor]]

    def values(self, row: Row) -> tuple[Any, ...]:
        """Return the parameters of a row, each as its column's type wants it."""
        values = list(self.pick(row))
        for place, processor in self.processors:
            values[place] = processor(values[place])
        return tuple(values)


@lru_cache(maxsize=64)
def _prepared(table: Table, columns: tuple[str, ...], of: Dialect, skip_known: bool) -> _Prepared:  # noqa: FBT001
    statement = dialect.insert_statement(table, of).values(dict.fromkeys(columns))
    if skip_known:
        statement = statement.on_conflict_do_nothing()
    compiled = statement.compile(dialect=_positional(of), column_keys=columns)
    order = compiled.positiontup
    assert order is not None  # noqa: S101 - that is what positional means
    found = ((place, table.c[name].type.dialect_impl(of).bind_processor(of)) for place, name in enumerate(order))
    pick = itemgetter(*order) if len(order) > 1 else lambda row: (row[order[0]],)
    return _Prepared(str(compiled), pick, [(place, one) for place, one in found if one is not None])


@lru_cache(maxsize=8)
def _positional(of: Dialect) -> Dialect:
    """Return the dialect as it is when parameters go by place, which drivers take as they are."""
    return of if of.positional else type(of)(paramstyle="format")  # type: ignore[call-arg]  # all dialects take it
