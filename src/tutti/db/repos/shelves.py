"""Keeps what each library shows of artists, albums and genres: the rows without which a name stays unseen."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from sqlalchemy import ColumnElement, delete, distinct, func, select, tuple_
from sqlalchemy.orm import Session

from tutti.db.dialect import insert_into
from tutti.db.repos.catalog import Touched, chunks, put_artist_albums
from tutti.db.search import ALBUMS, ARTISTS, Kind, put_texts
from tutti.kit.text import fold
from tutti.models import (
    Album,
    Artist,
    ArtistAlbum,
    Credit,
    Genre,
    LibraryAlbum,
    LibraryArtist,
    LibraryGenre,
    MediaItem,
    Track,
    TrackGenre,
)


class ShelfRepo:
    """Recounts shelves: a batch for what it touched, a repair for everything."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def everything(self, library_id: int) -> Touched:
        """Return all that a library shows or could show: what a repair recounts."""
        here = Track.library_id == library_id
        albums = set(self._session.scalars(select(Track.album_id).where(here).distinct()))
        albums.update(self._session.scalars(select(LibraryAlbum.album_id).where(LibraryAlbum.library_id == library_id)))
        credited = select(Credit.artist_id).where(Credit.library_id == library_id).distinct()
        artists = set(self._session.scalars(credited))
        shown = select(LibraryArtist.artist_id).where(LibraryArtist.library_id == library_id)
        artists.update(self._session.scalars(shown))
        tagged = select(TrackGenre.genre_id).where(TrackGenre.library_id == library_id).distinct()
        genres = set(self._session.scalars(tagged))
        genres.update(self._session.scalars(select(LibraryGenre.genre_id).where(LibraryGenre.library_id == library_id)))
        return Touched(albums, artists, genres)

    def recount(self, library_id: int, touched: Touched) -> None:
        """Bring the rows of these artists, albums and genres up to date; those without a listed track go."""
        for chunk in chunks(sorted(touched.albums)):
            self._albums(library_id, chunk)
        for chunk in chunks(sorted(touched.artists)):
            self._artists(library_id, chunk)
        for chunk in chunks(sorted(touched.genres)):
            self._genres(library_id, chunk)

    def show(self, library_id: int, touched: Touched) -> None:
        """Make new names visible at once; their counts follow with `recount`."""
        self._missing(LibraryAlbum, LibraryAlbum.album_id, library_id, touched.albums, self._albums)
        self._missing(LibraryArtist, LibraryArtist.artist_id, library_id, touched.artists, self._artists)
        self._missing(LibraryGenre, LibraryGenre.genre_id, library_id, touched.genres, self._genres)

    def _missing(
        self,
        table: Any,  # noqa: ANN401 - one of three tables of the same make
        column: Any,  # noqa: ANN401
        library_id: int,
        ids: Collection[int],
        count: Callable[[int, Sequence[int]], None],
    ) -> None:
        for chunk in chunks(sorted(ids)):
            known = set(self._session.scalars(select(column).where(table.library_id == library_id, column.in_(chunk))))
            fresh = [found for found in chunk if found not in known]
            if fresh:
                count(library_id, fresh)

    def _albums(self, library_id: int, ids: Sequence[int]) -> None:
        query = (
            select(
                Track.album_id,
                Album.sort_key,
                Album.title,
                Album.artist_name,
                func.count(Track.id),
                func.sum(MediaItem.duration_ms),
                func.min(Track.id).filter(Track.cover_hash != ""),
                func.min(Track.folder_id),
            )
            .join(Album, Album.id == Track.album_id)
            .join(MediaItem, MediaItem.id == Track.id)
            .where(Track.album_id.in_(ids), *_listed_in(library_id))
            .group_by(Track.album_id, Album.sort_key, Album.title, Album.artist_name)
        )
        rows, bodies = [], {}
        for album_id, key, title, by, tracks, duration_ms, cover_track, cover_folder in self._session.execute(query):
            rows.append(
                {
                    "library_id": library_id,
                    "album_id": album_id,
                    "sort_key": key,
                    "track_count": tracks,
                    "duration_ms": duration_ms,
                    "cover_track_id": cover_track,
                    "cover_folder_id": cover_folder,
                }
            )
            bodies[album_id] = f"{fold(title)}\n{fold(by)}"
        self._replace(LibraryAlbum, "album_id", library_id, ids, rows)
        self._describe(LibraryAlbum, LibraryAlbum.album_id, ALBUMS, library_id, bodies)

    def _artists(self, library_id: int, ids: Sequence[int]) -> None:
        query = (
            select(Credit.artist_id, Album.sort_key, Track.album_id, func.count(distinct(Track.id)))
            .join(Track, Track.id == Credit.track_id)
            .join(Album, Album.id == Track.album_id)
            .where(Credit.library_id == library_id, Credit.artist_id.in_(ids), Track.is_listed)
            .group_by(Credit.artist_id, Album.sort_key, Track.album_id)
        )
        counts = [(row[0], row[1], row[2], row[3]) for row in self._session.execute(query)]
        albums = Counter(artist_id for artist_id, *_ in counts)
        tracks: Counter[int] = Counter()
        for artist_id, _, _, count in counts:
            tracks[artist_id] += count
        rows, bodies = [], {}
        for artist in self._session.execute(
            select(Artist.id, Artist.sort_key, Artist.name).where(Artist.id.in_(albums))
        ):
            rows.append(
                {
                    "library_id": library_id,
                    "artist_id": artist.id,
                    "sort_key": artist.sort_key,
                    "album_count": albums[artist.id],
                    "track_count": tracks[artist.id],
                }
            )
            bodies[artist.id] = fold(artist.name)
        self._replace(LibraryArtist, "artist_id", library_id, ids, rows)
        self._describe(LibraryArtist, LibraryArtist.artist_id, ARTISTS, library_id, bodies)
        self._albums_of(library_id, ids, {(artist_id, key, album_id) for artist_id, key, album_id, _ in counts})

    def _albums_of(self, library_id: int, ids: Sequence[int], credited: AbstractSet[tuple[int, str, int]]) -> None:
        """Bring the pages of these artists up to date."""
        page = (ArtistAlbum.artist_id, ArtistAlbum.sort_key, ArtistAlbum.album_id)
        query = select(*page).where(ArtistAlbum.library_id == library_id, ArtistAlbum.artist_id.in_(ids))
        shown = {(row[0], row[1], row[2]) for row in self._session.execute(query)}
        for gone in chunks(sorted(shown - credited)):
            self._session.execute(
                delete(ArtistAlbum).where(ArtistAlbum.library_id == library_id, tuple_(*page).in_(gone))
            )
        put_artist_albums(self._session, library_id, credited - shown)

    def _genres(self, library_id: int, ids: Sequence[int]) -> None:
        query = (
            select(TrackGenre.genre_id, Genre.sort_key, func.count(Track.id))
            .join(Track, Track.id == TrackGenre.track_id)
            .join(Genre, Genre.id == TrackGenre.genre_id)
            .where(TrackGenre.library_id == library_id, TrackGenre.genre_id.in_(ids), Track.is_listed)
            .group_by(TrackGenre.genre_id, Genre.sort_key)
        )
        rows = [
            {"library_id": library_id, "genre_id": genre_id, "sort_key": key, "track_count": tracks}
            for genre_id, key, tracks in self._session.execute(query)
        ]
        self._replace(LibraryGenre, "genre_id", library_id, ids, rows)

    def _replace(
        self,
        table: Any,  # noqa: ANN401 - one of three tables of the same make
        key: str,
        library_id: int,
        ids: Sequence[int],
        rows: Sequence[Mapping[str, Any]],
    ) -> None:
        column = getattr(table, key)
        kept = {row[key] for row in rows}
        gone = [found for found in ids if found not in kept]
        if gone:
            self._session.execute(delete(table).where(table.library_id == library_id, column.in_(gone)))
        if not rows:
            return
        statement = insert_into(self._session, table)
        changed = {name: statement.excluded[name] for name in rows[0] if name not in {"library_id", key}}
        upsert = statement.on_conflict_do_update(index_elements=["library_id", key], set_=changed)
        self._session.execute(upsert, list(rows))

    def _describe(
        self,
        table: Any,  # noqa: ANN401 - the shelf and its key belong together
        column: Any,  # noqa: ANN401
        kind: Kind,
        library_id: int,
        bodies: Mapping[int, str],
    ) -> None:
        """Bring the searchable text of these rows up to date."""
        query = select(table.id, column, kind.text.body).outerjoin(kind.text, kind.text.id == table.id)
        rows = self._session.execute(query.where(table.library_id == library_id, column.in_(list(bodies)))).all()
        outdated = [(found, ref, body) for found, ref, body in rows if body is None or body.strip() != bodies[ref]]
        stale = [found for found, _, body in outdated if body is not None]
        self._session.execute(delete(kind.text).where(kind.text.id.in_(stale)))
        texts = {found: bodies[ref] for found, ref, _ in outdated}
        put_texts(self._session, kind, library_id, texts)


def _listed_in(library_id: int) -> Sequence[ColumnElement[bool]]:
    """Return the condition that a track is listed, put so that no index over whole libraries serves it.

    Without statistics the planner would otherwise read the library for every few albums.
    """
    return (Track.library_id + 0 == library_id, Track.is_listed.is_(True))
