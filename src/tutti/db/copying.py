"""Moves a whole database into an empty one, of either kind, and proves that nothing was lost on the way (P61)."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, Select, Table, func, select
from sqlalchemy.orm import Session

from tutti.db import dialect
from tutti.db.bulk import insert_into_table
from tutti.db.search import ALBUMS, ARTISTS, TRACKS, Kind, put_texts
from tutti.domain.errors import AppError, ErrorKind
from tutti.models import Base

_BATCH = 1000
_TEXTS: dict[str, Kind] = {kind.text.__tablename__: kind for kind in (TRACKS, ALBUMS, ARTISTS)}


class Compared(NamedTuple):
    """One table in both databases: how many rows it has, and a hash over all of them in the order of their keys."""

    table: str
    rows: int
    rows_copied: int
    hash: str
    hash_copied: str

    @property
    def is_same(self) -> bool:
        """Whether nothing differs."""
        return (self.rows, self.hash) == (self.rows_copied, self.hash_copied)


Progress = Callable[[str, int], None]
"""Is told the table and how many of its rows are copied."""


def copy(source: Engine, target: Engine, *, progress: Progress = lambda _table, _rows: None) -> Sequence[Compared]:
    """Copy every row in one transaction, then compare; both databases have the newest schema.

    The source may be in use: its snapshot is copied.

    Raises:
        AppError: CONFLICT `target_not_empty`; as `Database.read` and `Database.write`.
    """
    with dialect.explained(), source.connect() as plain:
        reading = dialect.begin_reading(plain)
        with target.connect() as other, dialect.migrating_on(other) as writing:
            _check_empty(writing)
            for table in Base.metadata.sorted_tables:
                _copy_table(table, reading, writing, progress)
            dialect.move_sequences_on(writing, Base.metadata.sorted_tables)
            return [_compared(table, reading, writing) for table in Base.metadata.sorted_tables]


def _check_empty(writing: Connection) -> None:
    for table in Base.metadata.sorted_tables:
        if writing.execute(select(*table.primary_key).limit(1)).first() is not None:
            message = f"The database to copy into is not empty: {table.name} has rows."
            raise AppError(ErrorKind.CONFLICT, "target_not_empty", message)


def _copy_table(table: Table, reading: Connection, writing: Connection, progress: Progress) -> None:
    copied = 0
    for batch in _batches(reading, _in_order(table)):
        if table.name in _TEXTS:
            _copy_texts(_TEXTS[table.name], writing, batch)
        else:
            insert_into_table(writing, table, [dict(zip(table.c.keys(), row, strict=True)) for row in batch])
        copied += len(batch)
        progress(table.name, copied)


def _copy_texts(kind: Kind, writing: Connection, batch: Sequence[Any]) -> None:
    """Have the texts indexed by the database they come into."""
    with Session(writing, join_transaction_mode="rollback_only") as session:
        for scope in {row.scope for row in batch}:
            put_texts(session, kind, scope, {row.id: row.body[1:-1] for row in batch if row.scope == scope})
        session.flush()


def _compared(table: Table, reading: Connection, writing: Connection) -> Compared:
    rows, digest = _hashed(table, reading)
    rows_copied, digest_copied = _hashed(table, writing)
    return Compared(table.name, rows, rows_copied, digest, digest_copied)


def _hashed(table: Table, connection: Connection) -> tuple[int, str]:
    count, digest = 0, hashlib.sha256()
    for batch in _batches(connection, select(table).order_by(*table.primary_key)):
        count += len(batch)
        for row in batch:
            digest.update(repr(tuple(row)).encode("utf-8", "surrogatepass"))
    return count, digest.hexdigest()


def _batches(connection: Connection, query: Select[Any]) -> Iterator[Sequence[Any]]:
    result = connection.execution_options(yield_per=_BATCH).execute(query)
    yield from result.partitions()


def _in_order(table: Table) -> Select[Any]:
    """Return the rows of a table so that none refers to one that comes later: folders within folders."""
    if "parent_id" in table.c:
        return select(table).order_by(func.length(table.c.path), table.c.id)
    return select(table).order_by(*table.primary_key)
