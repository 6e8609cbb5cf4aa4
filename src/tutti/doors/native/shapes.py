"""The wire shapes of the native door; sizes are bytes, durations milliseconds, instants RFC 3339 in UTC."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Annotated, Generic, TypeVar
from uuid import UUID

from msgspec import Meta, Struct

from tutti.db.repos.accounts import UserRow
from tutti.db.repos.browse import AlbumRow, ArtistRow, FolderRow, GenreRow, TrackRow
from tutti.db.repos.libraries import LibraryRow
from tutti.db.repos.sources import RefusedFile
from tutti.domain.caller import Caller
from tutti.kit.paging import Page
from tutti.models import Source
from tutti.models import Track as TrackEntity
from tutti.services.accounts import Me as MeValue
from tutti.services.catalog import Found
from tutti.services.health import HealthReport
from tutti.services.sessions import SignedIn

T = TypeVar("T")
Row = TypeVar("Row")

Name = Annotated[str, Meta(min_length=1, max_length=200)]
Secret = Annotated[str, Meta(min_length=1, max_length=1024)]
Token = Annotated[str, Meta(min_length=1, max_length=8192)]


class Listing(Struct, Generic[T], frozen=True, kw_only=True):
    """One page of a list.

    Hand `next_cursor` back as `cursor` for the page after it; it is null on the last page.
    """

    items: list[T]
    next_cursor: str | None


class Claim(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Makes the first administrator, with the token that the server printed when it started."""

    token: Token
    username: Name
    password: Secret
    email: Annotated[str, Meta(max_length=254)] | None = None


class Login(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A user name and its password; `client` names the device in the list of sessions."""

    username: Name
    password: Secret
    client: Annotated[str, Meta(max_length=200)] = ""


class Refresh(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A refresh token, which is good once."""

    refresh_token: Token


class NewUser(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An account to be made."""

    username: Name
    password: Secret
    email: Annotated[str, Meta(max_length=254)] | None = None
    is_admin: bool = False


class NewLibrary(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A shared library to be made; whoever makes it owns it."""

    name: Name


class User(Struct, frozen=True, kw_only=True):
    """An account as an administrator sees it."""

    id: UUID
    username: str
    email: str | None
    is_active: bool
    created_at: datetime


class Me(Struct, frozen=True, kw_only=True):
    """One's own account."""

    id: UUID
    username: str
    email: str | None
    roles: list[str]


class Tokens(Struct, frozen=True, kw_only=True):
    """What a sign-in gives: an access token for `Authorization: Bearer`, and a refresh token for the next pair."""

    access_token: str
    token_type: str = "Bearer"  # noqa: S105 - the name of a scheme
    expires_in: int
    refresh_token: str
    user: Me


class Library(Struct, frozen=True, kw_only=True):
    """A library; `role` is the caller's own: owner, editor or listener."""

    id: UUID
    name: str
    is_personal: bool
    role: str
    track_count: int


class SourceFolder(Struct, frozen=True, kw_only=True):
    """A folder that a library reads; `state` is new, scanning, ok or unavailable."""

    id: UUID
    path: str
    state: str
    message: str
    scanned_at: datetime | None


class RefusedPath(Struct, frozen=True, kw_only=True):
    """A file that is no track: `reason` is a stable word, `message` a sentence."""

    path: str
    reason: str
    message: str


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


class Health(Struct, frozen=True, kw_only=True):
    """Whether the server answers."""

    status: str


class Readiness(Struct, frozen=True, kw_only=True):
    """The state of what the server needs; `sandbox` lists the layers around the children that open media."""

    database: str
    sandbox: list[str]
    sources: int
    unavailable_sources: int
    waiting_jobs: int


def readiness(report: HealthReport) -> Readiness:
    """Shape a health report."""
    return Readiness(
        database=report.database,
        sandbox=list(report.sandbox),
        sources=report.sources,
        unavailable_sources=report.unavailable_sources,
        waiting_jobs=report.waiting_jobs,
    )


def listing(page: Page[Row], shape: Callable[[Row], T]) -> Listing[T]:
    """Shape a page."""
    return Listing(items=list(map(shape, page.items)), next_cursor=page.next_cursor)


def user(row: UserRow) -> User:
    """Shape an account."""
    return User(id=row.uuid, username=row.username, email=row.email, is_active=row.is_active, created_at=row.created_at)


def me(value: MeValue) -> Me:
    """Shape one's own account."""
    return account(value.caller, value.email)


def account(caller: Caller, email: str | None) -> Me:
    """Shape an account with its roles."""
    return Me(id=caller.user_uuid, username=caller.username, email=email, roles=sorted(caller.roles))


def tokens(signed_in: SignedIn) -> Tokens:
    """Shape a sign-in."""
    return Tokens(
        access_token=signed_in.access_token,
        expires_in=signed_in.expires_in_s,
        refresh_token=signed_in.refresh_token,
        user=account(signed_in.caller, signed_in.email),
    )


def library(row: LibraryRow) -> Library:
    """Shape a library."""
    return Library(id=row.uuid, name=row.name, is_personal=row.is_personal, role=row.role, track_count=row.track_count)


def source(entity: Source) -> SourceFolder:
    """Shape a source."""
    return SourceFolder(
        id=entity.uuid,
        path=readable(entity.path),
        state=entity.state,
        message=entity.state_message,
        scanned_at=entity.scanned_at,
    )


def refused(row: RefusedFile) -> RefusedPath:
    """Shape a file that is no track."""
    path = row.folder + b"/" + row.name if row.folder else row.name
    return RefusedPath(path=readable(path), reason=row.reason, message=row.message)


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


def readable(path: bytes) -> str:
    """Return a path as text that JSON can carry."""
    return path.decode("utf-8", "replace")


def _each(shape: Callable[[Row], T], rows: Iterable[Row]) -> list[T]:
    return list(map(shape, rows))
