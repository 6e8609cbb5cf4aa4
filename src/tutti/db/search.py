"""Finds tracks, albums and artists by words: takes a bounded number of candidates, then ranks those.

A typed word is first spelled out by the vocabulary of a library: the words that begin with it, or else contain it. Then
the texts that hold those whole words are looked up, which costs the same whether ten or a million of them match.

Every index numbers its rows by place, the library before the id, so a search reads one library as a range of places:
it neither sees nor counts what is outside. Texts are folded, and each field stands between line breaks.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache
from heapq import merge
from typing import Any, NamedTuple

from sqlalchemy import update
from sqlalchemy.orm import Session

from tutti.db.bulk import insert_rows
from tutti.kit.text import LAST, sort_key
from tutti.models import AlbumText, ArtistText, TrackText

CANDIDATES = 2000
"""How many matches are ranked, whatever the number that match."""

_NAMED = 200
"""How many of them come from the list by name, where an exact name is never beyond the cap."""
_SPELLINGS = 32
"""In how many words a typed word is spelled out."""
_INDEXED = 4
"""Beginnings of words up to this length have an index of their own."""
_TRIGRAM = 3
_ID_BITS = 40
_ID = (1 << _ID_BITS) - 1
_NOBODY = 0
"""The library of what is not to be found."""

_Spell = Callable[[str, int], str]


class Kind(NamedTuple):
    """One kind of thing that is found."""

    name: str
    text: type[TrackText | AlbumText | ArtistText]
    by_name: str
    """Where the rows of one library stand in the order of their names."""


TRACKS = Kind("track", TrackText, "track WHERE library_id = :library AND is_listed = 1 AND title_sort")
ALBUMS = Kind("album", AlbumText, "library_album WHERE library_id = :library AND sort_key")
ARTISTS = Kind("artist", ArtistText, "library_artist WHERE library_id = :library AND sort_key")


class Search:
    """Searches in what a caller may read; words are folded, as `kit.text.words` gives them."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def tracks(self, libraries: Sequence[int], words: Sequence[str], limit: int) -> Sequence[int]:
        """Return ids of tracks, the best first."""
        return self._find(TRACKS, libraries, words, limit)

    def albums(self, libraries: Sequence[int], words: Sequence[str], limit: int) -> Sequence[int]:
        """Return ids of `library_album` rows, the best first."""
        return self._find(ALBUMS, libraries, words, limit)

    def artists(self, libraries: Sequence[int], words: Sequence[str], limit: int) -> Sequence[int]:
        """Return ids of `library_artist` rows, the best first."""
        return self._find(ARTISTS, libraries, words, limit)

    def _find(self, kind: Kind, libraries: Sequence[int], words: Sequence[str], limit: int) -> Sequence[int]:
        if not words or not libraries:
            return []
        found = self._best(kind, libraries, words, limit, self._beginning_with)
        if len(found) < limit and max(map(len, words)) >= _TRIGRAM:
            found = [*found, *self._best(kind, libraries, words, limit, self._containing)]
        return list(dict.fromkeys(found))[:limit]

    def _best(
        self, kind: Kind, libraries: Sequence[int], words: Sequence[str], limit: int, spell: _Spell
    ) -> Sequence[int]:
        """Return the best of every library; all of them together rank no more than the candidates."""
        phrase, share = " ".join(words), len(libraries)
        given = {
            "begins": f"\n{phrase}",
            "whole": f"\n{phrase}\n",
            "name": sort_key(phrase),
            "name_end": sort_key(phrase) + LAST,
            "named": max(1, _NAMED // share),
            "matched": max(1, (CANDIDATES - _NAMED) // share),
            "limit": 2 * limit,  # a thing may be found by its name and by its words
        }
        each = [self._ranked(kind, library, [spell(word, library) for word in words], given) for library in libraries]
        return [found for _, _, found in merge(*each)]

    def _ranked(
        self, kind: Kind, library: int, spelled: Sequence[str], given: Mapping[str, Any]
    ) -> Sequence[tuple[int, int, int]]:
        """Return rank, length and id of the best candidates of one library."""
        if not all(spelled):
            return []
        first, last = _places(library)
        here = {"library": library, "first": first, "last": last, "match": " AND ".join(spelled)}
        return self._rows(_ranking(kind), {**given, **here})

    def _beginning_with(self, word: str, library: int) -> str:
        """Return what matches the words that begin with this one; nothing when the library has none."""
        if len(word) > _INDEXED:
            query = "SELECT text FROM word WHERE scope = ? AND text BETWEEN ? AND ? LIMIT ?"
            found = self._rows(query, (library, word, word + LAST, _SPELLINGS + 1))
            if len(found) <= _SPELLINGS:
                return _any_of(found)
        return f'"{word}"*'

    def _containing(self, word: str, library: int) -> str:
        """Return what matches the shortest words that contain this one; what is too short for that must begin them."""
        if len(word) < _TRIGRAM:
            return self._beginning_with(word, library)
        parts = {word[start : start + _TRIGRAM] for start in range(len(word) - _TRIGRAM + 1)}
        match = " AND ".join(f'"{part}"' for part in parts)
        return _any_of(self._rows(_SPELLING, (match, *_places(library), word)))

    def _rows(self, query: str, given: Any) -> Sequence[Any]:  # noqa: ANN401 - parameters and rows of any shape
        return self._session.connection().exec_driver_sql(query, given).all()


def put_texts(session: Session, kind: Kind, library_id: int, bodies: Mapping[int, str]) -> None:
    """Let things of a library be found.

    Args:
        session: Within its transaction.
        kind: What they are.
        library_id: Where they are found.
        bodies: Id to folded text, one line for each field; none of them has a text yet.
    """
    if not bodies:
        return
    texts = {found: f"\n{body}\n" for found, body in bodies.items()}
    rows = [{"id": found, "scope": library_id, "body": body} for found, body in texts.items()]
    insert_rows(session, kind.text, rows)
    # Not by a trigger: FTS5 writes a segment for each row then, which costs five times as much.
    indexed = [(_place(library_id, found), body) for found, body in texts.items()]
    session.connection().exec_driver_sql(f"INSERT INTO {kind.name}_words(rowid, body) VALUES (?, ?)", indexed)  # noqa: S608
    _learn(session, library_id, {word for body in bodies.values() for word in body.split()})


def hide_texts(session: Session, kind: Kind, ids: Sequence[int]) -> None:
    """Let nobody find these things until they get new texts; a trigger takes them out of the index."""
    session.execute(update(kind.text).where(kind.text.id.in_(ids)).values(scope=_NOBODY))


def _learn(session: Session, library_id: int, words: Collection[str]) -> None:
    """Add to the vocabulary of a library what is not there yet."""
    if not words:
        return
    connection = session.connection()
    newest = connection.exec_driver_sql("SELECT coalesce(max(id), 0) FROM word").scalar()
    rows = [(library_id, word) for word in sorted(words)]
    connection.exec_driver_sql("INSERT INTO word(scope, text) VALUES (?, ?) ON CONFLICT DO NOTHING", rows)
    connection.exec_driver_sql(
        f"INSERT INTO word_parts(rowid, text) SELECT (scope << {_ID_BITS}) + id, text FROM word WHERE id > ?",  # noqa: S608
        (newest,),
    )


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
    """  # noqa: S608 - the names come from the table above; all that a person typed is bound


_SPELLING = f"""
    WITH hit(place) AS MATERIALIZED (
        SELECT rowid FROM word_parts WHERE word_parts MATCH ? AND rowid BETWEEN ? AND ? LIMIT {CANDIDATES}
    )
    SELECT text FROM hit CROSS JOIN word ON id = place & {_ID} WHERE instr(text, ?)
    ORDER BY length(text), text LIMIT {_SPELLINGS}
"""  # noqa: S608 - constants


def _place(library: int, found: int) -> int:
    return (library << _ID_BITS) + found


def _places(library: int) -> tuple[int, int]:
    """Return the first and the last place of a library."""
    return _place(library, 0), _place(library + 1, -1)


def _any_of(words: Iterable[tuple[str]]) -> str:
    either = " OR ".join(f'"{word}"' for (word,) in words)
    return f"({either})" if either else ""
