"""What a database is asked, and how it finds the answer."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import event

from tutti.db.engine import Database


@contextmanager
def counted(db: Database) -> Iterator[list[str]]:
    """The statements that run while the block lasts."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(db.engine, "before_cursor_execute", note)


def plan(db: Database, statement: str) -> list[str]:
    """Return the steps of a statement as SQLite plans them, with 1 for each value."""
    with db.engine.connect() as connection:
        given = tuple(1 for _ in range(statement.count("?")))
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given)
        return [str(row[-1]) for row in rows]
