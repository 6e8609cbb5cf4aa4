"""Routes about playlists."""

from typing import Any
from uuid import UUID

from litestar import Request, delete, get, patch, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from tutti.doors.native.catalog import Cursor, Limit
from tutti.doors.native.desk import Desk, Policy
from tutti.doors.native.shapes import catalog
from tutti.doors.native.shapes import playlists as shapes
from tutti.doors.native.shapes.common import Listing, listing
from tutti.services.catalog import PageWish

AnyRequest = Request[Any, Any, Any]
_SIGNED_IN = {"policy": Policy.SIGNED_IN}
_TAGS = ["playlists"]
_ONE = "/playlists/{playlist:uuid}"
_TRACKS = f"{_ONE}/tracks"


@get("/playlists", opt=_SIGNED_IN, summary="List playlists", tags=_TAGS)
async def list_playlists(
    request: AnyRequest, desk: NamedDependency[Desk], *, cursor: Cursor = None, limit: Limit = 50
) -> Listing[shapes.Playlist]:
    """Return one's own playlists and the public ones of others, by name."""
    page = await desk.call(request, desk.playlists.page, PageWish(cursor, limit))
    return listing(page, shapes.playlist)


@post("/playlists", status_code=201, opt=_SIGNED_IN, summary="Make a playlist", tags=_TAGS)
async def make_playlist(
    request: AnyRequest, desk: NamedDependency[Desk], data: JSONBody[shapes.NewPlaylist]
) -> shapes.Playlist:
    """Make a playlist, of tracks in their order when some are named."""
    return shapes.playlist(await desk.call(request, desk.playlists.create, shapes.wish(data), data.tracks))


@get(_ONE, opt=_SIGNED_IN, summary="Get a playlist", tags=_TAGS)
async def get_playlist(request: AnyRequest, desk: NamedDependency[Desk], playlist: FromPath[UUID]) -> shapes.Playlist:
    """Return one playlist; what is in it is `/playlists/{id}/tracks`."""
    return shapes.playlist(await desk.call(request, desk.playlists.one, playlist))


@patch(_ONE, opt=_SIGNED_IN, summary="Change a playlist", tags=_TAGS)
async def change_playlist(
    request: AnyRequest, desk: NamedDependency[Desk], playlist: FromPath[UUID], data: JSONBody[shapes.PlaylistChange]
) -> shapes.Playlist:
    """Give a playlist of one's own another name or description, or show it to everybody or not."""
    return shapes.playlist(await desk.call(request, desk.playlists.change, playlist, shapes.wish(data)))


@delete(_ONE, opt=_SIGNED_IN, summary="Delete a playlist", tags=_TAGS)
async def delete_playlist(request: AnyRequest, desk: NamedDependency[Desk], playlist: FromPath[UUID]) -> None:
    """Delete a playlist of one's own; its tracks stay what they are."""
    await desk.call(request, desk.playlists.delete, playlist)


@get(_TRACKS, opt=_SIGNED_IN, summary="List the tracks of a playlist", tags=_TAGS)
async def list_playlist_tracks(
    request: AnyRequest,
    desk: NamedDependency[Desk],
    *,
    playlist: FromPath[UUID],
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Listing[catalog.Track]:
    """Return what is in a playlist, in its order: the tracks that one can hear."""
    page = await desk.call(request, desk.playlists.tracks, playlist, PageWish(cursor, limit))
    return listing(page, catalog.track)


@post(_TRACKS, status_code=200, opt=_SIGNED_IN, summary="Add tracks to a playlist", tags=_TAGS)
async def add_playlist_tracks(
    request: AnyRequest, desk: NamedDependency[Desk], playlist: FromPath[UUID], data: JSONBody[shapes.MoreTracks]
) -> shapes.Playlist:
    """Put tracks into a playlist of one's own; one may be in it several times."""
    found = await desk.call(request, desk.playlists.add, playlist, data.tracks, position=data.position)
    return shapes.playlist(found)


@put(_TRACKS, opt=_SIGNED_IN, summary="Set the tracks of a playlist", tags=_TAGS)
async def put_playlist_tracks(
    request: AnyRequest, desk: NamedDependency[Desk], playlist: FromPath[UUID], data: JSONBody[shapes.OtherTracks]
) -> shapes.Playlist:
    """Let a playlist of one's own be these tracks in this order; 409 when it is not the revision that was named.

    What one cannot hear now, because it is in the trash, stays behind them.
    """
    found = await desk.call(request, desk.playlists.replace, playlist, data.tracks, revision=data.revision)
    return shapes.playlist(found)


@delete(f"{_TRACKS}/{{track:uuid}}", opt=_SIGNED_IN, summary="Take a track out of a playlist", tags=_TAGS)
async def remove_playlist_track(
    request: AnyRequest, desk: NamedDependency[Desk], playlist: FromPath[UUID], track: FromPath[UUID]
) -> None:
    """Take a track out of a playlist of one's own, wherever it is in it."""
    await desk.call(request, desk.playlists.take_out, playlist, track)


routes = (
    list_playlists,
    make_playlist,
    get_playlist,
    change_playlist,
    delete_playlist,
    list_playlist_tracks,
    add_playlist_tracks,
    put_playlist_tracks,
    remove_playlist_track,
)
