"""The route on which clients are told what happens, as it happens."""

from typing import Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.response import Stream

from tutti.doors.native.desk import Desk, Policy

AnyRequest = Request[Any, Any, Any]
_MEDIA_TYPE = "text/event-stream"
_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


@get(
    "/events",
    opt={"policy": Policy.SIGNED_IN},
    summary="Listen to what happens",
    tags=["events"],
    media_type=_MEDIA_TYPE,
)
async def listen(request: AnyRequest, desk: NamedDependency[Desk]) -> Response[Any]:
    """Send events as they happen (server-sent events) until the session ends, the token expires or the server stops.

    They are hints about libraries one may read: `library.changed`, `item.added`, `item.changed`, `item.gone`,
    `source.state` and, for administrators, `job.progress`. After `resync` some were lost: ask for everything anew.
    """
    headers = request.scope["headers"]
    if request.scope["state"].get("is_head"):
        await desk.call(request, desk.libraries.audience)
        return Response(b"", media_type=_MEDIA_TYPE, headers=_HEADERS)
    listener = await desk.feed.join(headers, request.headers.get("last-event-id", ""))
    return Stream(desk.feed.stream(listener), media_type=_MEDIA_TYPE, headers=_HEADERS)


routes = (listen,)
