"""Routes about music: artists, albums, tracks, genres, folders, search, covers."""

import re
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, FromQuery, QueryParameter

from tutti.db.repos.browse import TrackFilter
from tutti.domain.errors import AppError, ErrorKind
from tutti.doors.http.conditions import Verdict, judge
from tutti.doors.native.desk import Desk, Policy
from tutti.doors.native.shapes import catalog as shapes
from tutti.doors.native.shapes.common import Listing, listing
from tutti.services.artwork import CoverImage
from tutti.services.catalog import PageWish

AnyRequest = Request[Any, Any, Any]
Cursor = Annotated[str | None, QueryParameter(description="`next_cursor` of the page before.", max_length=4096)]
Limit = Annotated[int, QueryParameter(description="Things on a page, 1 to 500.")]
Size = Annotated[int, QueryParameter(description="Longer edge in pixels: 64, 150, 300, 600 or 1200.")]
_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?")
_SIGNED_IN = {"policy": Policy.SIGNED_IN}
_TAGS = ["catalog"]
_PICTURE = "image/webp"
_KNOWN = {304: ResponseSpec(None, generate_examples=False, description="The client has it.")}


@get("/artists", opt=_SIGNED_IN, summary="List artists", tags=_TAGS)
async def list_artists(
    request: AnyRequest,
    desk: NamedDependency[Desk],
    *,
    library: FromQuery[UUID | None] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Listing[shapes.Artist]:
    """Return artists by name."""
    page = await desk.call(request, desk.catalog.artists, PageWish(cursor, limit), library=library)
    return listing(page, shapes.artist)


@get("/artists/{artist:uuid}", opt=_SIGNED_IN, summary="Get an artist", tags=_TAGS)
async def get_artist(request: AnyRequest, desk: NamedDependency[Desk], artist: FromPath[UUID]) -> shapes.Artist:
    """Return one artist."""
    return shapes.artist(await desk.call(request, desk.catalog.artist, artist))


@get("/albums", opt=_SIGNED_IN, summary="List albums", tags=_TAGS)
async def list_albums(
    request: AnyRequest,
    desk: NamedDependency[Desk],
    *,
    library: FromQuery[UUID | None] = None,
    artist: FromQuery[UUID | None] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Listing[shapes.Album]:
    """Return albums by title, those of one artist when it is named."""
    page = await desk.call(request, desk.catalog.albums, PageWish(cursor, limit), library=library, artist=artist)
    return listing(page, shapes.album)


@get("/albums/{album:uuid}", opt=_SIGNED_IN, summary="Get an album", tags=_TAGS)
async def get_album(request: AnyRequest, desk: NamedDependency[Desk], album: FromPath[UUID]) -> shapes.Album:
    """Return one album."""
    return shapes.album(await desk.call(request, desk.catalog.album, album))


@get(
    "/albums/{album:uuid}/cover",
    opt=_SIGNED_IN,
    summary="Get the cover of an album",
    tags=_TAGS,
    media_type=_PICTURE,
    responses=_KNOWN,
)
async def get_album_cover(
    request: AnyRequest, desk: NamedDependency[Desk], album: FromPath[UUID], size: Size = 300
) -> Response[bytes]:
    """Return the cover as WebP in one of the fixed sizes."""
    return _image(request, await desk.render(request, desk.artwork.of_album, album, size))


@get("/tracks", opt=_SIGNED_IN, summary="List tracks", tags=_TAGS)
async def list_tracks(
    request: AnyRequest,
    desk: NamedDependency[Desk],
    *,
    library: FromQuery[UUID | None] = None,
    album: FromQuery[UUID | None] = None,
    artist: FromQuery[UUID | None] = None,
    genre: FromQuery[UUID | None] = None,
    folder: FromQuery[UUID | None] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Listing[shapes.Track]:
    """Return tracks by title; those of an album by disc and number, those of a folder by file name."""
    narrowed = TrackFilter(album=album, artist=artist, genre=genre, folder=folder)
    page = await desk.call(request, desk.catalog.tracks, PageWish(cursor, limit), narrowed, library=library)
    return listing(page, shapes.track)


@get("/tracks/{track:uuid}", opt=_SIGNED_IN, summary="Get a track", tags=_TAGS)
async def get_track(request: AnyRequest, desk: NamedDependency[Desk], track: FromPath[UUID]) -> shapes.WholeTrack:
    """Return one track with everything its file says."""
    return shapes.whole_track(await desk.call(request, desk.catalog.track, track))


@get(
    "/tracks/{track:uuid}/cover",
    opt=_SIGNED_IN,
    summary="Get the cover of a track",
    tags=_TAGS,
    media_type=_PICTURE,
    responses=_KNOWN,
)
async def get_track_cover(
    request: AnyRequest, desk: NamedDependency[Desk], track: FromPath[UUID], size: Size = 300
) -> Response[bytes]:
    """Return the cover as WebP in one of the fixed sizes."""
    return _image(request, await desk.render(request, desk.artwork.of_track, track, size))


@post("/tracks/{track:uuid}/ticket", status_code=201, opt=_SIGNED_IN, summary="Get an address for a player", tags=_TAGS)
async def make_ticket(request: AnyRequest, desk: NamedDependency[Desk], track: FromPath[UUID]) -> shapes.Ticket:
    """Return an address of the track's bytes that works without a header, for a few hours and this session."""
    ticket = await desk.call(request, desk.deliveries.ticket, track)
    base = desk.public_url or _origin(request)
    url = f"{base}/api/v1/tracks/{track}/stream?ticket={ticket.text}"
    return shapes.Ticket(url=url, expires_at=ticket.expires_at)


def _origin(request: AnyRequest) -> str:
    host = request.headers.get("host", "")
    if not _HOST.fullmatch(host):
        raise AppError(ErrorKind.MALFORMED, "bad_host", "The request names no host that an address can be made of.")
    return f"{request.scope['scheme']}://{host}"


@get("/genres", opt=_SIGNED_IN, summary="List genres", tags=_TAGS)
async def list_genres(
    request: AnyRequest,
    desk: NamedDependency[Desk],
    *,
    library: FromQuery[UUID | None] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Listing[shapes.Genre]:
    """Return genres by name."""
    page = await desk.call(request, desk.catalog.genres, PageWish(cursor, limit), library=library)
    return listing(page, shapes.genre)


@get("/folders", opt=_SIGNED_IN, summary="List top folders", tags=_TAGS)
async def list_roots(request: AnyRequest, desk: NamedDependency[Desk]) -> list[shapes.Folder]:
    """Return the top folder of every source."""
    return [shapes.folder(row) for row in await desk.call(request, desk.catalog.roots)]


@get("/folders/{folder:uuid}", opt=_SIGNED_IN, summary="Get a folder", tags=_TAGS)
async def get_folder(request: AnyRequest, desk: NamedDependency[Desk], folder: FromPath[UUID]) -> shapes.Folder:
    """Return one folder; its tracks are `/tracks?folder=`."""
    return shapes.folder(await desk.call(request, desk.catalog.folder, folder))


@get("/folders/{folder:uuid}/folders", opt=_SIGNED_IN, summary="List the folders in a folder", tags=_TAGS)
async def list_subfolders(
    request: AnyRequest,
    desk: NamedDependency[Desk],
    folder: FromPath[UUID],
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Listing[shapes.Folder]:
    """Return the folders in a folder by name."""
    page = await desk.call(request, desk.catalog.subfolders, folder, PageWish(cursor, limit))
    return listing(page, shapes.folder)


@get("/search", opt=_SIGNED_IN, summary="Search", tags=_TAGS)
async def search(
    request: AnyRequest,
    desk: NamedDependency[Desk],
    q: Annotated[str, QueryParameter(description="Beginnings of words; accents do not matter.", max_length=500)],
    library: FromQuery[UUID | None] = None,
    limit: Limit = 20,
) -> shapes.SearchResult:
    """Return the best matches among artists, albums and tracks, as the words are typed."""
    return shapes.search_result(await desk.call(request, desk.catalog.search, q, limit=limit, library=library))


def _image(request: AnyRequest, cover: CoverImage) -> Response[bytes]:
    tag = f'"{cover.etag}"'
    headers = {"etag": tag, "cache-control": "private, max-age=86400"}
    known = {b"if-none-match": request.headers.get("if-none-match", "").encode("latin-1", "replace")}
    if judge(known, tag.encode(), b"") is Verdict.NOT_MODIFIED:
        return Response(b"", status_code=304, headers=headers)
    return Response(cover.data, media_type=_PICTURE, headers=headers)


routes = (
    list_artists,
    get_artist,
    list_albums,
    get_album,
    get_album_cover,
    list_tracks,
    get_track,
    get_track_cover,
    make_ticket,
    list_genres,
    list_roots,
    get_folder,
    list_subfolders,
    search,
)
