"""Finds tracks, albums and artists by words: takes a bounded number of candidates, then ranks those."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from tutti.db.repos.catalog import scope_of

CANDIDATES = 2000
"""How many matches are ranked, whatever the number that match."""


class _Index(NamedTuple):
    """The tables of one kind of thing."""

    words: str
    substrings: str
    texts: str


_TRACKS = _Index("track_words", "track_substrings", "track_text")
_ALBUMS = _Index("album_words", "album_substrings", "album_text")
_ARTISTS = _Index("artist_words", "artist_substrings", "artist_text")


class Search:
    """Searches in what a caller may read: the libraries are part of the match."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def tracks(self, libraries: Sequence[int], words: Sequence[str], limit: int) -> Sequence[int]:
        """Return ids of tracks, the best first."""
        return self._find(_TRACKS, libraries, words, limit)

    def albums(self, libraries: Sequence[int], words: Sequence[str], limit: int) -> Sequence[int]:
        """Return ids of `library_album` rows, the best first."""
        return self._find(_ALBUMS, libraries, words, limit)

    def artists(self, libraries: Sequence[int], words: Sequence[str], limit: int) -> Sequence[int]:
        """Return ids of `library_artist` rows, the best first."""
        return self._find(_ARTISTS, libraries, words, limit)

    def _find(self, index: _Index, libraries: Sequence[int], words: Sequence[str], limit: int) -> Sequence[int]:
        if not words or not libraries:
            return []
        scopes = " OR ".join(scope_of(library) for library in libraries)
        prefixes = " AND ".join(f'"{word}"*' for word in words)
        found = self._ranked(index, index.words, f"scope:({scopes}) AND body:({prefixes})", words, limit)
        longest = max(words, key=len)
        if len(found) >= limit or len(longest) < 3:  # noqa: PLR2004 - a trigram has three characters
            return found
        parts = " AND ".join(f'"{word}"' for word in words if len(word) >= 3)  # noqa: PLR2004
        more = self._ranked(index, index.substrings, parts, words, limit, scopes=[scope_of(one) for one in libraries])
        return list(dict.fromkeys([*found, *more]))[:limit]

    def _ranked(
        self,
        index: _Index,
        fts: str,
        match: str,
        words: Sequence[str],
        limit: int,
        *,
        scopes: Sequence[str] | None = None,
    ) -> Sequence[int]:
        phrase = " ".join(words)
        inside = "" if scopes is None else "AND t.scope IN (" + ", ".join(f"'{one}'" for one in scopes) + ")"
        # The names come from the table above and from integers; all that a person typed is bound.
        query = f"""
            WITH hit(id) AS MATERIALIZED (SELECT rowid FROM {fts} WHERE {fts} MATCH :match LIMIT {CANDIDATES})
            SELECT t.id FROM hit JOIN {index.texts} t ON t.id = hit.id WHERE 1 {inside}
            ORDER BY CASE
                WHEN substr(t.body, 1, length(:phrase) + 1) = :phrase || char(10) OR t.body = :phrase THEN 0
                WHEN substr(t.body, 1, length(:phrase)) = :phrase THEN 1
                WHEN instr(t.body, char(10) || :phrase) > 0 THEN 2
                ELSE 3 END, length(t.body), t.id
            LIMIT :limit
        """  # noqa: S608
        rows = self._session.execute(text(query), {"match": match, "phrase": phrase, "limit": limit})
        return [row[0] for row in rows]
