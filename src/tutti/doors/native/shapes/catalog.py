"""Music: tracks, albums, artists, genres, folders."""

from collections.abc import Callable, Iterable
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from tutti.db.repos.browse import AlbumRow, ArtistRow, FolderRow, GenreRow, TrackRow
from tutti.doors.native.shapes.common import Row, T
from tutti.models import Track as TrackEntity
from tutti.services.catalog import Found


class Artist(Struct, frozen=True, kw_only=True):
    """An artist."""

    id: UUID
    name: str
    musicbrainz_id: str | None
    album_count: int
    track_count: int


class Album(Struct, frozen=True, kw_only=True):
    """An album; `date` is as exact as the tags are: 2004, 2004-05 or 2004-05-17."""

    id: UUID
    title: str
    artist: str
    artist_id: UUID
    date: str | None
    is_compilation: bool
    musicbrainz_id: str | None
    track_count: int
    duration_ms: int


class Genre(Struct, frozen=True, kw_only=True):
    """A genre."""

    id: UUID
    name: str
    track_count: int


class Folder(Struct, frozen=True, kw_only=True):
    """A real folder of the file system; `parent_id` is null for the top of a source."""

    id: UUID
    name: str
    parent_id: UUID | None


class Track(Struct, frozen=True, kw_only=True):
    """A track; `disc` and `number` are null when the tags do not say."""

    id: UUID
    title: str
    artist: str
    artist_id: UUID
    album: str
    album_id: UUID
    album_artist: str
    disc: int | None
    number: int | None
    date: str | None
    genre: str | None
    duration_ms: int
    size_bytes: int
    content_type: str
    container: str
    codec: str
    bitrate_bps: int
    sample_rate_hz: int
    channels: int
    filename: str
    added_at: datetime
    library_id: UUID


class WholeTrack(Struct, frozen=True, kw_only=True):
    """A track with all that its file says of itself; gains in decibel, `tags` as the format names them."""

    track: Track
    lyrics: str | None
    comment: str | None
    musicbrainz_id: str | None
    replaygain_track_db: float | None
    replaygain_album_db: float | None
    replaygain_track_peak: float | None
    replaygain_album_peak: float | None
    tags: dict[str, list[str]]


class SearchResult(Struct, frozen=True, kw_only=True):
    """The best matches, the best first."""

    artists: list[Artist]
    albums: list[Album]
    tracks: list[Track]


class Ticket(Struct, frozen=True, kw_only=True):
    """An address that needs no header, for players; it ends with the session or at `expires_at`."""

    url: str
    expires_at: datetime


def artist(row: ArtistRow) -> Artist:
    """Shape an artist."""
    return Artist(
        id=row.uuid,
        name=row.name,
        musicbrainz_id=row.mbid or None,
        album_count=row.album_count,
        track_count=row.track_count,
    )


def album(row: AlbumRow) -> Album:
    """Shape an album."""
    return Album(
        id=row.uuid,
        title=row.title,
        artist=row.artist_name,
        artist_id=row.artist_uuid,
        date=row.date or None,
        is_compilation=row.is_compilation,
        musicbrainz_id=row.mbid or None,
        track_count=row.track_count,
        duration_ms=row.duration_ms,
    )


def genre(row: GenreRow) -> Genre:
    """Shape a genre."""
    return Genre(id=row.uuid, name=row.name, track_count=row.track_count)


def folder(row: FolderRow) -> Folder:
    """Shape a folder."""
    return Folder(id=row.uuid, name=row.name, parent_id=row.parent_uuid)


def track(row: TrackRow) -> Track:
    """Shape a track."""
    return Track(
        id=row.uuid,
        title=row.title,
        artist=row.artist_name,
        artist_id=row.artist_uuid,
        album=row.album_title,
        album_id=row.album_uuid,
        album_artist=row.album_artist_name,
        disc=row.disc or None,
        number=row.number or None,
        date=row.date or None,
        genre=row.genre_name or None,
        duration_ms=row.duration_ms,
        size_bytes=row.size_bytes,
        content_type=row.mime,
        container=row.container,
        codec=row.codec,
        bitrate_bps=row.bitrate_bps,
        sample_rate_hz=row.sample_rate_hz,
        channels=row.channels,
        filename=row.filename,
        added_at=row.added_at,
        library_id=row.library_uuid,
    )


def whole_track(found: tuple[TrackRow, TrackEntity]) -> WholeTrack:
    """Shape a track with everything."""
    row, entity = found
    return WholeTrack(
        track=track(row),
        lyrics=entity.lyrics or None,
        comment=entity.comment or None,
        musicbrainz_id=entity.mbid or None,
        replaygain_track_db=entity.gain_track_db,
        replaygain_album_db=entity.gain_album_db,
        replaygain_track_peak=entity.peak_track,
        replaygain_album_peak=entity.peak_album,
        tags=entity.tags,
    )


def search_result(found: Found) -> SearchResult:
    """Shape what a search found."""
    return SearchResult(
        artists=_each(artist, found.artists), albums=_each(album, found.albums), tracks=_each(track, found.tracks)
    )


def _each(shape: Callable[[Row], T], rows: Iterable[Row]) -> list[T]:
    return list(map(shape, rows))
