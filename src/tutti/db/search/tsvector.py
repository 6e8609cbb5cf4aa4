"""Search in PostgreSQL: a GIN index over the words of each text and the number of its library.

The words are what stands between blanks; the text parsers of PostgreSQL know other boundaries and are not asked. No
extension is needed: the middle of a word is looked for in the vocabulary of a library, which is read from end to end.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, text

from tutti.db.search.kinds import SPELLINGS, TRIGRAM, Kind
from tutti.kit.text import LAST


class Index:
    """Asks the index of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def beginning_with(self, word: str, library: int) -> str:
        """Return what matches the words that begin with this one; nothing when the library has none."""
        found = self._words(_BEGINNING, library, word=word, end=word + LAST, limit=SPELLINGS + 1)
        return _any_of(found) if len(found) <= SPELLINGS else f"{_quoted(word)}:*"

    def containing(self, word: str, library: int) -> str:
        """Return what matches the shortest words that contain this one; what is too short for that must begin them."""
        if len(word) < TRIGRAM:
            return self.beginning_with(word, library)
        return _any_of(self._words(_CONTAINING, library, word=word, limit=SPELLINGS))

    def ranked(
        self, kind: Kind, library: int, spelled: Sequence[str], given: Mapping[str, Any]
    ) -> Sequence[tuple[int, int, int]]:
        """Return rank, length and id of the best candidates of one library."""
        match = " & ".join([_quoted(f"#{library}"), *spelled])
        rows = self._connection.execute(text(_ranking(kind)), {**given, "library": library, "match": match})
        return [(rank, size, found) for rank, size, found in rows]

    def _words(self, query: str, library: int, **given: str | int) -> Sequence[str]:
        return self._connection.execute(text(query), {"library": library, **given}).scalars().all()


def learn(connection: Connection, library_id: int, words: Sequence[str]) -> None:
    """Add to the vocabulary of a library what is not there yet."""
    if words:
        given = {"library": library_id, "words": list(words)}
        connection.execute(text(_LEARN), given)


def forget(connection: Connection, library_id: int) -> None:
    """Drop the vocabulary of a library."""
    connection.execute(text("DELETE FROM word WHERE scope = :library"), {"library": library_id})


_LEARN = "INSERT INTO word(scope, text) SELECT :library, unnest(CAST(:words AS text[])) ON CONFLICT DO NOTHING"
_BEGINNING = "SELECT text FROM word WHERE scope = :library AND text BETWEEN :word AND :end LIMIT :limit"
_CONTAINING = """
    SELECT text FROM word WHERE scope = :library AND strpos(text, :word) > 0 ORDER BY length(text), text LIMIT :limit
"""


@cache
def _ranking(kind: Kind) -> str:
    """Return the statement that ranks: the name itself, its beginning, that of another field, the rest; short first."""
    return f"""
        WITH hit(id, is_named) AS MATERIALIZED (
            (SELECT id, false FROM {kind.name}_text WHERE words @@ CAST(:match AS tsquery) LIMIT :matched)
            UNION ALL
            (SELECT id, true FROM {kind.by_name} BETWEEN :name AND :name_end LIMIT :named)
        )
        SELECT CASE strpos(body, :begins) WHEN 0 THEN 3 WHEN 1 THEN (strpos(body, :whole) <> 1)::int ELSE 2 END AS rank,
            length(body) AS size, id
        FROM hit JOIN {kind.name}_text USING (id)
        WHERE NOT is_named OR strpos(body, :begins) = 1
        ORDER BY rank, size, id LIMIT :limit
    """  # noqa: S608 - the names come from the table of kinds; all that a person typed is bound


def _quoted(word: str) -> str:
    """Return a word as a lexeme of a tsquery (PostgreSQL 8.11.2)."""
    return "'" + word.replace("\\", "\\\\").replace("'", "''") + "'"


def _any_of(words: Iterable[str]) -> str:
    either = " | ".join(map(_quoted, words))
    return f"({either})" if either else ""
