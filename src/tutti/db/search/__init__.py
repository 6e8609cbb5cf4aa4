"""Finds tracks, albums and artists by words: takes a bounded number of candidates, then ranks those.

A typed word is first spelled out by the vocabulary of a library: the words that begin with it, or else contain it. Then
the texts that hold those whole words are looked up, which costs the same whether ten or a million of them match.

Texts are folded, each field stands between line breaks, and a word is what stands between blanks. `fts5` and `tsvector`
say how each database does it; both see one library only, and neither counts what is outside.
"""

from collections.abc import Callable, Mapping, Sequence
from heapq import merge
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from tutti.db import dialect
from tutti.db.bulk import insert_rows
from tutti.db.search import fts5, tsvector
from tutti.db.search.kinds import ALBUMS, ARTISTS, CANDIDATES, NAMED, TRACKS, TRIGRAM, Kind
from tutti.kit.text import LAST, sort_key

__all__ = [
    "ALBUMS",
    "ARTISTS",
    "CANDIDATES",
    "TRACKS",
    "Kind",
    "Search",
    "forget_words",
    "hide_texts",
    "put_texts",
    "show_texts",
]

_NOBODY = 0
"""The library of what is not to be found."""

_Spell = Callable[[str, int], str]


class Search:
    """Searches in what a caller may read; words are folded, as `kit.text.words` gives them."""

    def __init__(self, session: Session) -> None:
        connection = session.connection()
        self._index = fts5.Index(connection) if dialect.is_sqlite(connection.dialect) else tsvector.Index(connection)

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
        found = self._best(kind, libraries, words, limit, self._index.beginning_with)
        if len(found) < limit and max(map(len, words)) >= TRIGRAM:
            found = [*found, *self._best(kind, libraries, words, limit, self._index.containing)]
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
            "named": max(1, NAMED // share),
            "matched": max(1, (CANDIDATES - NAMED) // share),
            "limit": 2 * limit,  # a thing may be found by its name and by its words
        }
        each = [self._ranked(kind, library, [spell(word, library) for word in words], given) for library in libraries]
        return [found for _, _, found in merge(*each)]

    def _ranked(
        self, kind: Kind, library: int, spelled: Sequence[str], given: Mapping[str, Any]
    ) -> Sequence[tuple[int, int, int]]:
        """Return rank, length and id of the best candidates of one library."""
        return self._index.ranked(kind, library, spelled, given) if all(spelled) else []


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
    insert_rows(session, kind.text, [{"id": one, "scope": library_id, "body": body} for one, body in texts.items()])
    words = sorted({word for body in bodies.values() for word in body.split()})
    connection = session.connection()
    if dialect.is_sqlite(connection.dialect):
        fts5.put(connection, kind, library_id, texts)
        fts5.learn(connection, library_id, words)
    else:
        tsvector.learn(connection, library_id, words)


def hide_texts(session: Session, kind: Kind, ids: Sequence[int]) -> None:
    """Let nobody find these things until they get new texts; the index follows by itself."""
    session.execute(update(kind.text).where(kind.text.id.in_(ids)).values(scope=_NOBODY))


def show_texts(session: Session, kind: Kind, library_id: int, ids: Sequence[int]) -> None:
    """Let things that were hidden be found again by the texts they had."""
    session.execute(update(kind.text).where(kind.text.id.in_(ids)).values(scope=library_id))


def forget_words(session: Session, library_id: int) -> None:
    """Drop the vocabulary of a library that is no more."""
    connection = session.connection()
    (fts5 if dialect.is_sqlite(connection.dialect) else tsvector).forget(connection, library_id)
