"""Writes the catalog: tracks, and the artists, albums and genres they name."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar
from uuid import uuid4

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from tutti.db.bulk import insert_rows
from tutti.db.search import TRACKS, put_texts
from tutti.domain.catalog import AlbumDraft, ArtistDraft, GenreDraft, TrackDraft
from tutti.kit.text import sort_key
from tutti.models import Album, Artist, ArtistAlbum, Credit, Genre, Track, TrackGenre, TrackText

T = TypeVar("T")

_IN_LIMIT = 500
"""Values in one IN list: below every database's limit of parameters."""


class TrackWrite(NamedTuple):
    """One track to store under the id of its item."""

    item_id: int
    folder_id: int | None
    file_sort: str
    cover_hash: str
    draft: TrackDraft
    is_new: bool


@dataclass(slots=True)
class Touched:
    """Ids whose counts in a library may have changed."""

    albums: set[int] = field(default_factory=set)
    artists: set[int] = field(default_factory=set)
    genres: set[int] = field(default_factory=set)

    def add(self, other: "Touched") -> None:
        """Take in what another batch touched."""
        self.albums |= other.albums
        self.artists |= other.artists
        self.genres |= other.genres

    def parts(self, size: int) -> Iterable["Touched"]:
        """Cut into parts of at most `size` ids, each for one short transaction."""
        yield from (Touched(albums=set(chunk)) for chunk in chunks(sorted(self.albums), size))
        yield from (Touched(artists=set(chunk)) for chunk in chunks(sorted(self.artists), size))
        yield from (Touched(genres=set(chunk)) for chunk in chunks(sorted(self.genres), size))


class CatalogRepo:
    """Changes of the catalog; always within one library."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def put_tracks(self, library_id: int, writes: Sequence[TrackWrite]) -> Touched:
        """Store tracks, replacing those that exist; return whose counts changed, the replaced ones included."""
        replaced = [write.item_id for write in writes if not write.is_new]
        touched = self.touched_by(replaced)
        self._clear(replaced)
        retagged = [write.draft for write in writes if not write.is_new]
        artists = self._artist_ids(one for write in writes for one in _artists_of(write.draft))
        self._rename(Artist, artists, _artist_rows(one for draft in retagged for one in _artists_of(draft)))
        albums = self._album_ids((write.draft.album for write in writes), artists)
        self._rename(Album, albums, _album_rows((draft.album for draft in retagged), artists))
        genres = self._genre_ids(one for write in writes for one in write.draft.genres)
        insert_rows(self._session, Track, [_track_row(library_id, write, artists, albums) for write in writes])
        credits_ = [row for write in writes for row in _credit_rows(library_id, write, artists)]
        insert_rows(self._session, Credit, credits_)
        genre_rows = [row for write in writes for row in _genre_rows(library_id, write, genres)]
        insert_rows(self._session, TrackGenre, genre_rows)
        self._put_artist_albums(library_id, writes, artists, albums)
        put_texts(self._session, TRACKS, library_id, {one.item_id: one.draft.body for one in writes})
        touched.add(Touched(set(albums.values()), set(artists.values()), set(genres.values())))
        return touched

    def _put_artist_albums(
        self, library_id: int, writes: Sequence[TrackWrite], artists: Mapping[str, int], albums: Mapping[str, int]
    ) -> None:
        """Put the albums on the pages of those they credit; a recount takes off what is true no more."""
        credited = {
            (artists[one.identity], albums[write.draft.album.identity])
            for write in writes
            for _, one in write.draft.credits
        }
        keys: dict[int, str] = {}
        for chunk in chunks(list(albums.values())):
            rows = self._session.execute(select(Album.id, Album.sort_key).where(Album.id.in_(chunk)))
            keys.update((row[0], row[1]) for row in rows)
        put_artist_albums(self._session, library_id, [(artist, keys[album], album) for artist, album in credited])

    def touched_by(self, track_ids: Sequence[int]) -> Touched:
        """Return what these tracks name now."""
        touched = Touched()
        for chunk in chunks(track_ids):
            touched.albums.update(self._session.scalars(select(Track.album_id).where(Track.id.in_(chunk))))
            touched.artists.update(self._session.scalars(select(Credit.artist_id).where(Credit.track_id.in_(chunk))))
            genre_ids = select(TrackGenre.genre_id).where(TrackGenre.track_id.in_(chunk))
            touched.genres.update(self._session.scalars(genre_ids))
        return touched

    def _clear(self, track_ids: Sequence[int]) -> None:
        for chunk in chunks(track_ids):
            for table, column in (
                (Credit, Credit.track_id),
                (TrackGenre, TrackGenre.track_id),
                (TrackText, TrackText.id),
                (Track, Track.id),
            ):
                self._session.execute(delete(table).where(column.in_(chunk)))

    def _artist_ids(self, drafts: Iterable[ArtistDraft]) -> dict[str, int]:
        return self._ids(Artist, _artist_rows(drafts))

    def _album_ids(self, drafts: Iterable[AlbumDraft], artists: Mapping[str, int]) -> dict[str, int]:
        return self._ids(Album, _album_rows(drafts, artists))

    def _rename(self, table: Any, ids: Mapping[str, int], rows: Mapping[str, Mapping[str, Any]]) -> None:  # noqa: ANN401
        """Let what a retagged file says replace how an artist or album is written, and when it came out."""
        changed = [{"id": ids[identity], **row} for identity, row in rows.items()]
        if changed:
            self._session.execute(update(table), changed)

    def _genre_ids(self, drafts: Iterable[GenreDraft]) -> dict[str, int]:
        wanted = {draft.identity: draft for draft in drafts}
        rows = {key: {"name": one.name[:200], "sort_key": sort_key(one.name)[:300]} for key, one in wanted.items()}
        return self._ids(Genre, rows)

    def _ids(self, table: Any, wanted: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:  # noqa: ANN401
        """Return identity to id, inserting the rows that are not there yet."""
        found = self._known(table, wanted)
        missing = [
            {"uuid": uuid4(), "identity": identity, **row} for identity, row in wanted.items() if identity not in found
        ]
        if missing:
            insert_rows(self._session, table, missing, skip_known=True)
            found |= self._known(table, [row["identity"] for row in missing])
        return found

    def _known(self, table: Any, identities: Iterable[str]) -> dict[str, int]:  # noqa: ANN401
        found: dict[str, int] = {}
        for chunk in chunks(list(identities)):
            query = select(table.identity, table.id).where(table.identity.in_(chunk))
            found.update((row[0], row[1]) for row in self._session.execute(query))
        return found


def _artist_rows(drafts: Iterable[ArtistDraft]) -> dict[str, Mapping[str, Any]]:
    return {one.identity: {"name": one.name, "sort_key": one.sort_key, "mbid": one.mbid} for one in drafts}


def _album_rows(drafts: Iterable[AlbumDraft], artists: Mapping[str, int]) -> dict[str, Mapping[str, Any]]:
    return {
        one.identity: {
            "title": one.title,
            "sort_key": one.sort_key,
            "artist_id": artists[one.artist.identity],
            "artist_name": one.artist.name,
            "date": one.date,
            "is_compilation": one.is_compilation,
            "mbid": one.mbid,
        }
        for one in drafts
    }


def put_artist_albums(session: Session, library_id: int, pairs: Iterable[tuple[int, str, int]]) -> None:
    """Insert what is not there yet: artist, sort key and id of an album."""
    rows = [
        {"library_id": library_id, "artist_id": artist_id, "sort_key": key, "album_id": album_id}
        for artist_id, key, album_id in sorted(pairs)
    ]
    insert_rows(session, ArtistAlbum, rows, skip_known=True)


def chunks(values: Sequence[T], size: int = _IN_LIMIT) -> Iterable[Sequence[T]]:
    """Cut values into IN lists."""
    return (values[start : start + size] for start in range(0, len(values), size))


def _artists_of(draft: TrackDraft) -> Iterable[ArtistDraft]:
    yield draft.album.artist
    for _, one in draft.credits:
        yield one


def _track_row(
    library_id: int, write: TrackWrite, artists: Mapping[str, int], albums: Mapping[str, int]
) -> Mapping[str, Any]:
    draft, tags = write.draft, write.draft.tags
    return {
        "id": write.item_id,
        "library_id": library_id,
        "folder_id": write.folder_id,
        "is_listed": True,
        "title": draft.title,
        "title_sort": draft.title_sort,
        "file_sort": write.file_sort,
        "artist_id": artists[draft.credits[0][1].identity],
        "artist_name": draft.artist_name,
        "album_id": albums[draft.album.identity],
        "disc": tags.disc,
        "number": tags.track,
        "date": tags.date,
        "genre_name": ", ".join(one.name for one in draft.genres)[:500],
        "cover_hash": write.cover_hash,
        "lyrics": tags.lyrics,
        "comment": tags.comment,
        "mbid": tags.mb_recording,
        "gain_track_db": tags.gain_track_db,
        "gain_album_db": tags.gain_album_db,
        "peak_track": tags.peak_track,
        "peak_album": tags.peak_album,
        "tags": {key: list(values) for key, values in tags.raw.items()},
    }


def _credit_rows(library_id: int, write: TrackWrite, artists: Mapping[str, int]) -> Iterable[Mapping[str, Any]]:
    unique = dict.fromkeys((role, artists[one.identity]) for role, one in write.draft.credits)
    for position, (role, artist_id) in enumerate(unique):
        yield {
            "library_id": library_id,
            "artist_id": artist_id,
            "title_sort": write.draft.title_sort,
            "track_id": write.item_id,
            "role": role,
            "position": position,
        }


def _genre_rows(library_id: int, write: TrackWrite, genres: Mapping[str, int]) -> Iterable[Mapping[str, Any]]:
    for one in write.draft.genres:
        yield {
            "library_id": library_id,
            "genre_id": genres[one.identity],
            "title_sort": write.draft.title_sort,
            "track_id": write.item_id,
        }
