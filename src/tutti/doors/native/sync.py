"""Routes that keep devices in step: which there are, what changed since one asked last, what is there already."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Request, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from tutti.domain.sync import CURSOR_MAX
from tutti.doors.http.uploads import content_length, held, pour
from tutti.doors.native.desk import Desk, Policy
from tutti.doors.native.shapes import sync as shapes
from tutti.doors.native.shapes.uploads import UploadedFile, uploaded
from tutti.services.sync import MOST_CHANGES

AnyRequest = Request[Any, Any, Any]
_SIGNED_IN = {"policy": Policy.SIGNED_IN}
_BODY = {"policy": Policy.SIGNED_IN, "body": "application/octet-stream"}
_HEX = "^[0-9a-f]{64}$"
_Replaces = Annotated[
    str, QueryParameter(name="replaces", pattern=_HEX, max_length=64, description="SHA-256 of the bytes it has.")
]
_Sha256 = Annotated[
    str, QueryParameter(name="sha256", pattern=_HEX, max_length=64, description="SHA-256 of the whole new file.")
]
_Head = Annotated[int | None, QueryParameter(name="head", ge=0, le=1 << 62, description="Bytes before the sound.")]
_TAGS = ["sync"]
_DEVICE = "/sync/devices/{device:uuid}"
_Cursor = Annotated[str | None, QueryParameter(name="cursor", max_length=CURSOR_MAX)]
_Limit = Annotated[int, QueryParameter(name="limit", description=f"Changes in one answer, 1 to {MOST_CHANGES}.")]


@get("/sync/devices", opt=_SIGNED_IN, summary="List devices", tags=_TAGS)
async def list_devices(request: AnyRequest, desk: NamedDependency[Desk]) -> shapes.SyncDevices:
    """Return the devices that one keeps in step, by name."""
    return shapes.SyncDevices(devices=list(map(shapes.device, await desk.call(request, desk.devices.mine))))


@put(_DEVICE, opt=_SIGNED_IN, summary="Make a device known", tags=_TAGS)
async def put_device(
    request: AnyRequest, desk: NamedDependency[Desk], device: FromPath[UUID], data: JSONBody[shapes.DeviceName]
) -> shapes.SyncDevice:
    """Make a device known under an id of its own choice, or give it another name; a new one keeps everything."""
    return shapes.device(await desk.call(request, desk.devices.put, device, data.name))


@delete(_DEVICE, opt=_SIGNED_IN, summary="Forget a device", tags=_TAGS)
async def remove_device(request: AnyRequest, desk: NamedDependency[Desk], device: FromPath[UUID]) -> None:
    """Forget a device; what it has it keeps."""
    await desk.call(request, desk.devices.remove, device)


@put(f"{_DEVICE}/keep", opt=_SIGNED_IN, summary="Say what a device keeps", tags=_TAGS)
async def put_keep(
    request: AnyRequest, desk: NamedDependency[Desk], device: FromPath[UUID], data: JSONBody[shapes.KeepRule]
) -> shapes.SyncDevice:
    """Say what a device keeps; asked with its old cursor, `/sync/changes` then tells of every file anew."""
    return shapes.device(await desk.call(request, desk.devices.keep, device, shapes.keep(data)))


@get("/sync/changes", opt=_SIGNED_IN, summary="List what changed for a device", tags=_TAGS)
async def list_sync_changes(
    request: AnyRequest,
    desk: NamedDependency[Desk],
    *,
    cursor: _Cursor = None,
    device: FromQuery[UUID | None] = None,
    limit: _Limit = 1000,
) -> shapes.SyncChanges:
    """Return each file that changed since the cursor was given, with its newest state; without a cursor, every file.

    Whoever asks on while `has_more` is true, with the cursor of the answer before, knows every file as it is.
    """
    return shapes.told(await desk.call(request, desk.sync.changes, cursor=cursor, device_uuid=device, limit=limit))


@post("/sync/have", status_code=200, opt=_SIGNED_IN, summary="Ask which files are there", tags=_TAGS)
async def have_files(
    request: AnyRequest, desk: NamedDependency[Desk], data: JSONBody[shapes.HashQuestion]
) -> shapes.HeldFiles:
    """Return which of these SHA-256 are files of one library that one may change; nothing is said of others."""
    found = await desk.call(request, desk.sync.have, data.hashes, library_uuid=data.library)
    return shapes.HeldFiles(have=list(map(shapes.held, found)))


@put("/sync/items/{item:uuid}/bytes", opt=_BODY, request_max_body_size=None, summary="Replace a file", tags=_TAGS)
async def replace_file(
    request: AnyRequest,
    desk: NamedDependency[Desk],
    *,
    item: FromPath[UUID],
    replaces: _Replaces,
    sha256: _Sha256,
    head: _Head = None,
) -> UploadedFile:
    """Let an item have other bytes if it still has those that are named: else 409 `bytes_changed`.

    The body is the whole file; or with `head`, where tags changed and the sound did not, what stands before the sound,
    so many bytes, and what stands behind it. When the library has the new bytes as another item it is 409
    `bytes_known`, and without a known sound 409 `no_sound`.
    """
    replacement = await desk.take(
        request,
        desk.replacing.begin,
        item,
        replaces=replaces,
        sha256=sha256,
        head_bytes=head,
        length=content_length(request.scope["headers"]),
    )
    async with held(desk.bodies, replacement):
        await pour(desk.bodies, request.receive, replacement)
        accepted = await desk.bodies(desk.replacing.finish, replacement)
    desk.gate.forget()
    return uploaded(accepted)


routes = (replace_file, list_devices, put_device, remove_device, put_keep, list_sync_changes, have_files)
