"""Routes about libraries and the folders they read."""

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from tutti.doors.native.desk import Desk, Policy
from tutti.doors.native.shapes import libraries as shapes

AnyRequest = Request[Any, Any, Any]
_SIGNED_IN = {"policy": Policy.SIGNED_IN}
_TAGS = ["libraries"]


@get("/libraries", opt=_SIGNED_IN, summary="List libraries", tags=_TAGS)
async def list_libraries(request: AnyRequest, desk: NamedDependency[Desk]) -> list[shapes.Library]:
    """Return the libraries one may read, by name."""
    return [shapes.library(row) for row in await desk.call(request, desk.libraries.mine)]


@post("/libraries", status_code=201, opt=_SIGNED_IN, summary="Make a library", tags=_TAGS)
async def make_library(
    request: AnyRequest, desk: NamedDependency[Desk], data: JSONBody[shapes.NewLibrary]
) -> shapes.Library:
    """Make a shared library; whoever makes it owns it."""
    return shapes.library(await desk.call(request, desk.libraries.create, data.name))


@get("/sources", opt=_SIGNED_IN, summary="List sources", tags=_TAGS)
async def list_sources(request: AnyRequest, desk: NamedDependency[Desk]) -> list[shapes.SourceFolder]:
    """Return the folders that the libraries one may change read."""
    return [shapes.source(entity) for entity in await desk.call(request, desk.sources.mine)]


@get("/sources/{source:uuid}/refused", opt=_SIGNED_IN, summary="List files that are no tracks", tags=_TAGS)
async def list_refused(
    request: AnyRequest, desk: NamedDependency[Desk], source: FromPath[UUID]
) -> list[shapes.RefusedPath]:
    """Return the files of a source that could not be read, each with its reason; at most 10,000."""
    return [shapes.refused(row) for row in await desk.call(request, desk.sources.refused, source)]


@post("/sources/{source:uuid}/scan", status_code=202, opt=_SIGNED_IN, summary="Scan a source", tags=_TAGS)
async def scan_source(request: AnyRequest, desk: NamedDependency[Desk], source: FromPath[UUID]) -> None:
    """Have a source scanned soon."""
    await desk.call(request, desk.sources.rescan_mine, source)


routes = (list_libraries, make_library, list_sources, list_refused, scan_source)
