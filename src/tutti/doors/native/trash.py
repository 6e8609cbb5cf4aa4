"""Routes about deleting, taking back, and how much there may be."""

from typing import Any
from uuid import UUID

from litestar import Request, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from tutti.doors.native.catalog import Cursor, Limit
from tutti.doors.native.desk import Desk, Policy
from tutti.doors.native.shapes import trash as shapes
from tutti.doors.native.shapes.common import Listing, listing
from tutti.services.catalog import PageWish

AnyRequest = Request[Any, Any, Any]
_SIGNED_IN = {"policy": Policy.SIGNED_IN}
_TAGS = ["trash"]


@delete("/tracks/{track:uuid}", opt=_SIGNED_IN, summary="Delete a track", tags=_TAGS)
async def delete_track(request: AnyRequest, desk: NamedDependency[Desk], track: FromPath[UUID]) -> None:
    """Move a track that was uploaded to the trash; a file of a folder that is only read is 409 `read_only_origin`."""
    await desk.call(request, desk.trash.delete, track)
    desk.gate.forget()


@get("/trash", opt=_SIGNED_IN, summary="List the trash", tags=_TAGS)
async def list_trash(
    request: AnyRequest, desk: NamedDependency[Desk], *, cursor: Cursor = None, limit: Limit = 50
) -> Listing[shapes.Trashed]:
    """Return what was deleted in libraries one may change and can be restored, the last deleted first."""
    page = await desk.call(request, desk.trash.page, PageWish(cursor, limit))
    return listing(page, lambda row: shapes.trashed(row, desk.trash.policy.keep))


@post("/trash/{track:uuid}/restore", status_code=204, opt=_SIGNED_IN, summary="Restore a track", tags=_TAGS)
async def restore_track(request: AnyRequest, desk: NamedDependency[Desk], track: FromPath[UUID]) -> None:
    """Take a deleted track back as it was."""
    await desk.call(request, desk.trash.restore, track)


@delete("/trash/{track:uuid}", opt=_SIGNED_IN, summary="Remove a track for good", tags=_TAGS)
async def purge_track(request: AnyRequest, desk: NamedDependency[Desk], track: FromPath[UUID]) -> None:
    """Remove the bytes of a deleted track now; when they are brought again, it is the same track."""
    await desk.call(request, desk.trash.purge, track)


@delete("/trash", status_code=202, opt=_SIGNED_IN, summary="Empty the trash", tags=_TAGS)
async def empty_trash(request: AnyRequest, desk: NamedDependency[Desk]) -> None:
    """Have everything removed for good that lies in the trash of libraries one may change."""
    await desk.call(request, desk.trash.empty)


@get("/me/quota", opt=_SIGNED_IN, summary="How much may I keep", tags=["accounts"])
async def my_quota(request: AnyRequest, desk: NamedDependency[Desk]) -> shapes.Quota:
    """Return how much one keeps here and may keep."""
    return shapes.quota(await desk.call(request, desk.quotas.usage))


routes = (delete_track, list_trash, restore_track, purge_track, empty_trash, my_quota)
