"""`tutti.v1.SyncService`: devices that stay in step, told only what changed, sent only what is missing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from google.protobuf.empty_pb2 import Empty

from tutti.domain.caller import Caller
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.sync import Keep
from tutti.doors.astolfo.bodies import begun, receive
from tutti.doors.astolfo.calls import Context, Handler, Messages, Method, Pace, Policy, Visitors
from tutti.doors.astolfo.downloads import Downloads
from tutti.doors.astolfo.frames import Piecewise, read_piece
from tutti.doors.astolfo.gen import tutti_v1_pb2 as wire
from tutti.doors.http.hop import Hop
from tutti.services.devices import Devices, KnownDevice
from tutti.services.ingest import Ingest
from tutti.services.replacing import Replacing
from tutti.services.sync import FileChange, Sync, Told
from tutti.services.uploads import UploadState

_PIECE_BYTES = 1 << 20
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class DeviceService:
    """Answers for devices; bytes go the way that phones' bytes go."""

    visitors: Visitors
    devices: Devices
    sync: Sync
    ingest: Ingest
    replacing: Replacing
    bodies: Hop
    downloads: Downloads
    pace: Pace

    @property
    def methods(self) -> Mapping[str, Method]:
        """What it answers, by name."""
        answered: Mapping[str, Handler] = {
            "PutDevice": self.put_device,
            "ListDevices": self.list_devices,
            "DeleteDevice": self.delete_device,
            "SetKeep": self.set_keep,
            "Changes": self.changes,
            "Have": self.have,
            "BeginUpload": self.begin_upload,
            "FindUpload": self.find_upload,
            "SendUpload": self.send_upload,
            "CancelUpload": self.cancel_upload,
            "Replace": self.replace,
            "Download": self.download,
        }
        return {name: Method(Policy.SIGNED_IN, self.visitors.known(one)) for name, one in answered.items()}

    async def put_device(self, message: bytes, context: Context) -> bytes:
        """Make a device known, or give it another name."""
        request = wire.PutDeviceRequest.FromString(message)
        device_uuid = _uuid(request.id, "device")
        return _device(
            await self.visitors.call(context, self.devices.put, device_uuid, request.name)
        ).SerializeToString()

    async def list_devices(self, _message: bytes, context: Context) -> bytes:
        """List the devices of the account."""
        found = await self.visitors.call(context, self.devices.mine)
        return wire.ListDevicesResponse(devices=map(_device, found)).SerializeToString()

    async def delete_device(self, message: bytes, context: Context) -> bytes:
        """Forget a device."""
        request = wire.DeleteDeviceRequest.FromString(message)
        await self.visitors.call(context, self.devices.remove, _uuid(request.id, "device"))
        return Empty().SerializeToString()

    async def set_keep(self, message: bytes, context: Context) -> bytes:
        """Say what a device keeps."""
        request = wire.SetKeepRequest.FromString(message)
        device_uuid, keep = _uuid(request.id, "device"), _keep(request.keep)
        return _device(await self.visitors.call(context, self.devices.keep, device_uuid, keep)).SerializeToString()

    async def changes(self, message: bytes, context: Context) -> None:
        """Tell page after page, each in a hop of its own, until nothing is left to tell."""
        request = wire.ChangesRequest.FromString(message)
        device_uuid = _uuid(request.device_id, "device") if request.device_id else None
        cursor, limit, has_more = request.cursor, request.page or _PAGE, True

        def page(caller: Caller) -> tuple[bytes, str, bool]:
            told = self.sync.changes(caller, cursor=cursor, device_uuid=device_uuid, limit=limit)
            return _told(told).SerializeToString(), told.cursor, told.has_more

        while has_more:
            answer, cursor, has_more = await self.visitors.call(context, page)
            await self.pace.write(context, answer)

    async def have(self, message: bytes, context: Context) -> bytes:
        """Tell which bytes a library has already."""
        request = wire.HaveRequest.FromString(message)
        library_uuid = _uuid(request.library_id, "library") if request.library_id else None
        found = await self.visitors.call(context, self.sync.have, list(request.hashes), library_uuid=library_uuid)
        files = [wire.HaveResponse.File(hash=row.hash, item_id=str(row.uuid)) for row in found]
        return wire.HaveResponse(files=files).SerializeToString()

    async def begin_upload(self, message: bytes, context: Context) -> bytes:
        """Begin an upload that can be resumed."""
        request = wire.BeginUploadRequest.FromString(message)
        library_uuid = _uuid(request.library_id, "library") if request.library_id else None

        def begun(caller: Caller) -> UploadState:
            upload = self.ingest.create(
                caller,
                request.filename,
                library_uuid=library_uuid,
                folder=request.folder,
                length=request.length,
                described="",
            )
            return self.ingest.pause(upload)

        return _upload(await self.visitors.call_by(self.bodies, context, begun))

    async def find_upload(self, message: bytes, context: Context) -> bytes:
        """Tell how far an upload is."""
        upload_uuid = _uuid(wire.FindUploadRequest.FromString(message).id, "upload")
        return _upload(await self.visitors.call_by(self.bodies, context, self.ingest.find, upload_uuid))

    async def send_upload(self, messages: Messages, context: Context) -> bytes:
        """Append bytes to an upload; with the last one the file is there."""
        head = await _head(messages, wire.SendUploadRequest, self.pace)
        upload_uuid = _uuid(head.id, "upload")
        resuming = self.visitors.call_by(self.bodies, context, self.ingest.resume, upload_uuid, head.offset)
        async with begun(resuming, self.bodies) as upload:
            await receive(messages, wire.SendUploadRequest, upload, bodies=self.bodies, pace=self.pace)
            return _upload(await self.bodies(self.ingest.settle, upload))

    async def cancel_upload(self, message: bytes, context: Context) -> bytes:
        """Forget an upload."""
        upload_uuid = _uuid(wire.FindUploadRequest.FromString(message).id, "upload")
        await self.visitors.call_by(self.bodies, context, self.ingest.terminate, upload_uuid)
        return Empty().SerializeToString()

    async def replace(self, messages: Messages, context: Context) -> bytes:
        """Give a file other bytes."""
        head = await _head(messages, wire.ReplaceRequest, self.pace)
        beginning = self.visitors.call_by(
            self.bodies,
            context,
            self.replacing.begin,
            _uuid(head.item_id, "track"),
            replaces=head.replaces,
            sha256=head.hash,
            head_bytes=head.head_bytes if head.keeps_sound else None,
        )
        async with begun(beginning, self.bodies) as replacement:
            await receive(messages, wire.ReplaceRequest, replacement, bodies=self.bodies, pace=self.pace)
            accepted = await self.bodies(self.replacing.finish, replacement)
        self.visitors.gate.forget()
        return wire.ReplaceResponse(item_id=str(accepted.uuid), hash=accepted.blob_hash).SerializeToString()

    async def download(self, message: bytes, context: Context) -> None:
        """Give the bytes of a file, or a part of them."""
        request, caller = wire.DownloadRequest.FromString(message), await self.visitors.caller(context)
        count = request.count or None
        await self.downloads.send(
            caller, request.hash, context, piece_bytes=_PIECE_BYTES, offset=request.offset, count=count
        )


async def _head(messages: Messages, kind: type[Piecewise], pace: Pace) -> Any:  # noqa: ANN401 - by kind
    """Return what the first message of a stream says.

    Raises:
        AppError: MALFORMED `no_head`; as `Pace.next_of`.
    """
    message = await pace.next_of(messages)
    head = None if message is None else read_piece(message, kind)
    if head is None or isinstance(head, memoryview):
        raise AppError(ErrorKind.MALFORMED, "no_head", "The first message must say what the bytes are for.")
    return head


def _uuid(text: str, thing: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise AppError(ErrorKind.NOT_FOUND, f"{thing}_not_found", f"There is no such {thing}.") from None


def _keep(said: wire.Keep) -> Keep:
    has_libraries = said.has_libraries or bool(said.libraries)
    return Keep(
        libraries=[_uuid(one, "library") for one in said.libraries] if has_libraries else None,
        artists=[_uuid(one, "artist") for one in said.artists],
        albums=[_uuid(one, "album") for one in said.albums],
        tracks=[_uuid(one, "track") for one in said.tracks],
        playlists=[_uuid(one, "playlist") for one in said.playlists],
        max_bytes=said.max_bytes if said.HasField("max_bytes") else None,
    )


def _device(known: KnownDevice) -> wire.Device:
    keep = wire.Keep(
        libraries=map(str, known.keep.libraries or ()),
        artists=map(str, known.keep.artists),
        albums=map(str, known.keep.albums),
        tracks=map(str, known.keep.tracks),
        playlists=map(str, known.keep.playlists),
        max_bytes=known.keep.max_bytes,
        has_libraries=known.keep.libraries is not None,
    )
    return wire.Device(
        id=str(known.uuid), name=known.name, created_ms=_ms(known.created_at), seen_ms=_ms(known.seen_at), keep=keep
    )


def _told(told: Told) -> wire.ChangesResponse:
    return wire.ChangesResponse(
        changes=map(_change, told.changes), cursor=told.cursor, reset=[str(one) for one in told.reset]
    )


def _change(one: FileChange) -> wire.Change:
    return wire.Change(
        library_id=str(one.library_uuid),
        item_id=str(one.item_uuid),
        is_gone=one.is_gone,
        hash=one.hash,
        size=one.size_bytes,
        filename=one.filename,
        folder=one.folder,
        audio_hash=one.audio_hash or "",
        audio_offset=one.audio_offset,
        audio_bytes=one.audio_bytes,
        changed_ms=_ms(one.changed_at),
        keep=one.is_kept,
    )


def _upload(state: UploadState) -> bytes:
    return wire.Upload(
        id=str(state.uuid),
        offset=state.offset,
        length=state.length or 0,
        expires_ms=_ms(state.expires_at),
        item_id=str(state.item_uuid or ""),
    ).SerializeToString()


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
