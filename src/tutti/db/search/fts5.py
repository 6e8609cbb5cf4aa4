"""Search in SQLite: FTS5 tables whose rows are numbered by place, the library before the id.

So a search reads one library as a range of places.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection

from tutti.db.search.kinds import CANDIDATES, SPELLINGS, TRIGRAM, Kind
from tutti.kit.text import LAST

_INDEXED = 4
"""Beginnings of words up to this length have an index of their own."""
_ID_BITS = 40
_ID = (1 << _ID_BITS) - 1


class Index:
    """Asks the index of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def beginning_with(self, word: str, library: int) -> str:
        """Return what matches the words that begin with this one; nothing when the library has none."""
        if len(word) > _INDEXED:
            query = "SELECT text FROM word WHERE scope = ? AND text BETWEEN ? AND ? LIMIT ?"
            found = self._rows(query, (library, word, word + LAST, SPELLINGS + 1))
            if len(found) <= SPELLINGS:
                return _any_of(found)
        return f'"{word}"*'

    def containing(self, word: str, library: int) -> str:
        """Return what matches the shortest words that contain this one; what is too short for that must begin them."""
        if len(word) < TRIGRAM:
            return self.beginning_with(word, library)
        parts = {word[start : start + TRIGRAM] for start in range(len(word) - TRIGRAM + 1)}
        match = " AND ".join(f'"{part}"' for part in parts)
        return _any_of(self._rows(_SPELLING, (match, *_places(library), word)))

    def ranked(
        self, kind: Kind, library: int, spelled: Sequence[str], given: Mapping[str, Any]
    ) -> Sequence[tuple[int, int, int]]:
        """Return rank, length and id of the best candidates of one library."""
        first, last = _places(library)
        here = {"library": library, "first": first, "last": last, "match": " AND ".join(spelled)}
        return self._rows(_ranking(kind), {**given, **here})

    def _rows(self, query: str, given: Any) -> Sequence[Any]:  # noqa: ANN401 - parameters and rows of any shape
        return self._connection.exec_driver_sql(query, given).all()


def put(connection: Connection, kind: Kind, library_id: int, texts: Mapping[int, str]) -> None:
    """Add texts to the index.

    Not by a trigger: FTS5 writes a segment for each row then, which costs five times as much.
    """
    indexed = [(_place(library_id, found), body) for found, body in texts.items()]
    connection.exec_driver_sql(f"INSERT INTO {kind.name}_words(rowid, body) VALUES (?, ?)", indexed)  # noqa: S608


def learn(connection: Connection, library_id: int, words: Sequence[str]) -> None:
    """Add to the vocabulary of a library what is not there yet."""
    if not words:
        return
    newest = connection.exec_driver_sql("SELECT coalesce(max(id), 0) FROM word").scalar()
    rows = [(library_id, word) for word in words]
    connection.exec_driver_sql("INSERT INTO word(scope, text) VALUES (?, ?) ON CONFLICT DO NOTHING", rows)
    connection.exec_driver_sql(
        f"INSERT INTO word_parts(rowid, text) SELECT (scope << {_ID_BITS}) + id, text FROM word WHERE id > ?",  # noqa: S608
        (newest,),
    )


def forget(connection: Connection, library_id: int) -> None:
    """Drop the vocabulary of a library, out of the index first, which keeps no texts of its own."""
    connection.exec_driver_sql(
        f"INSERT INTO word_parts(word_parts, rowid, text) SELECT 'delete', (scope << {_ID_BITS}) + id, text"  # noqa: S608
        " FROM word WHERE scope = ?",
        (library_id,),
    )
    connection.exec_driver_sql("DELETE FROM word WHERE scope = ?", (library_id,))


@cache
def _ranking(kind: Kind) -> str:
    """Return the statement that ranks: the name itself, its beginning, that of another field, the rest; short first."""
    return f"""
        WITH hit(id, is_named) AS MATERIALIZED (
            SELECT rowid & {_ID}, 0 FROM (
                SELECT rowid FROM {kind.name}_words
                WHERE {kind.name}_words MATCH :match AND rowid BETWEEN :first AND :last LIMIT :matched
            )
            UNION ALL
            SELECT id, 1 FROM (SELECT id FROM {kind.by_name} BETWEEN :name AND :name_end LIMIT :named)
        )
        SELECT CASE instr(body, :begins) WHEN 0 THEN 3 WHEN 1 THEN instr(body, :whole) <> 1 ELSE 2 END AS rank,
            length(body) AS size, id
        FROM hit CROSS JOIN {kind.name}_text USING (id)
        WHERE NOT is_named OR instr(body, :begins) = 1
        ORDER BY rank, size, id LIMIT :limit
    """  # noqa: S608 - the names come from the table of kinds; all that a person typed is bound


_SPELLING = f"""
    WITH hit(place) AS MATERIALIZED (
        SELECT rowid FROM word_parts WHERE word_parts MATCH ? AND rowid BETWEEN ? AND ? LIMIT {CANDIDATES}
    )
    SELECT text FROM hit CROSS JOIN word ON id = place & {_ID} WHERE instr(text, ?)
    ORDER BY length(text), text LIMIT {SPELLINGS}
"""  # noqa: S608 - constants


def _place(library: int, found: int) -> int:
    return (library << _ID_BITS) + found


def _places(library: int) -> tuple[int, int]:
    """Return the first and the last place of a library."""
    return _place(library, 0), _place(library + 1, -1)


def _any_of(words: Iterable[tuple[str]]) -> str:
    either = " OR ".join(f'"{word}"' for (word,) in words)
    return f"({either})" if either else ""
