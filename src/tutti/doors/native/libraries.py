"""Routes about libraries and the folders they read."""

from typing import Any
from uuid import UUID

from litestar import Request, delete, get, patch, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from tutti.doors.native.desk import Desk, Policy
from tutti.doors.native.shapes import libraries as shapes

AnyRequest = Request[Any, Any, Any]
_SIGNED_IN = {"policy": Policy.SIGNED_IN}
_ADMIN = {"policy": Policy.ADMIN}
_TAGS = ["libraries"]
_MEMBER = "/libraries/{library:uuid}/members/{user:str}"


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


@get("/libraries/{library:uuid}", opt=_SIGNED_IN, summary="Get a library", tags=_TAGS)
async def get_library(request: AnyRequest, desk: NamedDependency[Desk], library: FromPath[UUID]) -> shapes.Library:
    """Return one library."""
    return shapes.library(await desk.call(request, desk.libraries.one, library))


@patch("/libraries/{library:uuid}", opt=_SIGNED_IN, summary="Change a library", tags=_TAGS)
async def change_library(
    request: AnyRequest, desk: NamedDependency[Desk], library: FromPath[UUID], data: JSONBody[shapes.LibraryChange]
) -> shapes.Library:
    """Give a library that one owns another name, or have its members' devices follow it or not."""
    found = await desk.call(request, desk.libraries.change, library, name=data.name, syncs=data.syncs)
    return shapes.library(found)


@delete("/libraries/{library:uuid}", opt=_SIGNED_IN, summary="Delete a library", tags=_TAGS)
async def delete_library(request: AnyRequest, desk: NamedDependency[Desk], library: FromPath[UUID]) -> None:
    """Delete a shared library that one owns, with all that was brought into it; folders it reads stay as they are."""
    await desk.call(request, desk.libraries.delete, library)


@get("/libraries/{library:uuid}/changes", opt=_SIGNED_IN, summary="List what changed", tags=_TAGS)
async def list_changes(
    request: AnyRequest,
    desk: NamedDependency[Desk],
    library: FromPath[UUID],
    after: FromQuery[int] = 0,
    limit: FromQuery[int] = 500,
) -> shapes.LibraryChanges:
    """Return the changes after a number, in order; whoever asks on with the last number he saw misses none."""
    return shapes.changes(await desk.call(request, desk.libraries.changes, library, after=after, limit=limit))


@get("/libraries/{library:uuid}/members", opt=_SIGNED_IN, summary="List members", tags=_TAGS)
async def list_members(
    request: AnyRequest, desk: NamedDependency[Desk], library: FromPath[UUID]
) -> list[shapes.Member]:
    """Return who may use a library, by name."""
    return [shapes.member(row) for row in await desk.call(request, desk.members.of, library)]


@put(_MEMBER, opt=_SIGNED_IN, summary="Let somebody in", tags=_TAGS)
async def put_member(
    request: AnyRequest,
    desk: NamedDependency[Desk],
    library: FromPath[UUID],
    user: FromPath[str],
    data: JSONBody[shapes.NewRole],
) -> shapes.Member:
    """Let an account, by its id or name, use a library that one owns, or change its role.

    To hand a library over, make somebody its owner and leave.
    """
    return shapes.member(await desk.call(request, desk.members.put, library, user, data.role))


@delete(_MEMBER, opt=_SIGNED_IN, summary="Put somebody out, or leave", tags=_TAGS)
async def remove_member(
    request: AnyRequest, desk: NamedDependency[Desk], library: FromPath[UUID], user: FromPath[str]
) -> None:
    """Put an account out of a library that one owns, or leave it oneself; the last owner stays."""
    await desk.call(request, desk.members.remove, library, user)
    desk.gate.forget()


@post("/sources", status_code=201, opt=_ADMIN, summary="Add a source", tags=_TAGS)
async def add_source(
    request: AnyRequest, desk: NamedDependency[Desk], data: JSONBody[shapes.NewSource]
) -> shapes.SourceFolder:
    """Let a library read a folder of the server, which is scanned soon; for administrators."""
    return shapes.source(await desk.call(request, desk.sources.add_named, data.path, data.library))


@delete("/sources/{source:uuid}", status_code=202, opt=_SIGNED_IN, summary="Remove a source", tags=_TAGS)
async def remove_source(request: AnyRequest, desk: NamedDependency[Desk], source: FromPath[UUID]) -> None:
    """Let a library read a folder no more: its tracks leave the lists soon, its files stay as they are."""
    await desk.call(request, desk.sources.remove, source)


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


routes = (
    list_libraries,
    make_library,
    get_library,
    change_library,
    delete_library,
    list_changes,
    list_members,
    put_member,
    remove_member,
    list_sources,
    add_source,
    remove_source,
    list_refused,
    scan_source,
)
