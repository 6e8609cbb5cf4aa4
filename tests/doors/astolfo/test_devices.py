"""`tutti.v1.SyncService`: devices that are told what changed, and send and fetch what is missing."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from mutagen.flac import FLAC

from doors.astolfo.conftest import House, tone
from support.phone import Phone, Refused, chunks
from support.server import wait_until
from tutti.doors.astolfo.gen import tutti_v1_pb2 as wire

SERVICE = "/tutti.v1.SyncService/"
_DEADLINE_S = 60


class Device:
    """A device over the connection of a phone."""

    def __init__(self, phone: Phone) -> None:
        self.phone = phone
        self.id = str(uuid4())
        self.cursor = ""

    def ask(self, method: str, request: Any, answer: Any) -> Any:
        return self.phone.raw(SERVICE + method, request.SerializeToString(), answer)

    def put(self, name: str) -> Any:
        return self.ask("PutDevice", wire.PutDeviceRequest(id=self.id, name=name), wire.Device)

    def stream(self, method: str, request: Any, answer: Any) -> list[Any]:
        call: Any = self.phone.channel.unary_stream(SERVICE + method, response_deserializer=answer.FromString)
        try:
            return list(call(request.SerializeToString(), metadata=self.phone.metadata, timeout=_DEADLINE_S))
        except grpc.RpcError as error:
            raise Refused(error) from error

    def send_stream(self, method: str, messages: Iterable[Any], answer: Any) -> Any:
        call: Any = self.phone.channel.stream_unary(SERVICE + method, response_deserializer=answer.FromString)
        sent = (message.SerializeToString() for message in messages)
        try:
            return call(sent, metadata=self.phone.metadata, timeout=_DEADLINE_S)
        except grpc.RpcError as error:
            raise Refused(error) from error

    def changes(self, *, page: int = 0, device: str = "") -> list[Any]:
        """Ask what changed since this was asked last."""
        request = wire.ChangesRequest(cursor=self.cursor, page=page, device_id=device)
        pages = self.stream("Changes", request, wire.ChangesResponse)
        self.cursor = pages[-1].cursor
        return [change for one in pages for change in one.changes]

    def begin(self, name: str, length: int, folder: str = "") -> Any:
        request = wire.BeginUploadRequest(filename=name, folder=folder, length=length)
        return self.ask("BeginUpload", request, wire.Upload)

    def send(self, upload: str, offset: int, data: bytes) -> Any:
        return self.send_stream("SendUpload", sending(upload, offset, data), wire.Upload)

    def download(self, content_hash: str, offset: int = 0, count: int = 0) -> list[bytes]:
        request = wire.DownloadRequest(hash=content_hash, offset=offset, count=count)
        return [answer.chunk for answer in self.stream("Download", request, wire.DownloadResponse)]


def sending(upload: str, offset: int, data: bytes) -> Iterator[wire.SendUploadRequest]:
    yield wire.SendUploadRequest(head=wire.SendUploadRequest.Head(id=upload, offset=offset))
    for one in chunks(data, 1 << 16):
        yield wire.SendUploadRequest(chunk=one.chunk)


@pytest.fixture
def device(phone: Phone) -> Device:
    return Device(phone)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class TestDevices:
    def test_a_device_is_made_named_listed_and_forgotten(self, device: Device) -> None:
        device.put("Phone")
        made = device.put("My phone")

        listed = device.ask("ListDevices", Empty(), wire.ListDevicesResponse).devices
        assert [(one.id, one.name) for one in listed] == [(device.id, "My phone")]
        assert made.created_ms <= made.seen_ms
        device.ask("DeleteDevice", wire.DeleteDeviceRequest(id=device.id), Empty)
        with pytest.raises(Refused) as refused:
            device.ask("DeleteDevice", wire.DeleteDeviceRequest(id=device.id), Empty)
        assert refused.value.code is grpc.StatusCode.NOT_FOUND

    def test_its_rule_says_what_it_keeps(self, device: Device, tmp_path: Path) -> None:
        device.put("Small")
        first, second = (device.phone.send(f"{number}.flac", tone(tmp_path)) for number in range(2))
        items = {change.hash: change.item_id for change in device.changes()}

        kept = wire.Keep(tracks=[items[second]], has_libraries=True)
        answer = device.ask("SetKeep", wire.SetKeepRequest(id=device.id, keep=kept), wire.Device)

        assert answer.keep == kept
        device.cursor = ""
        assert {one.hash: one.keep for one in device.changes(device=device.id)} == {first: False, second: True}

    def test_it_may_keep_what_is_in_a_playlist(self, device: Device, tmp_path: Path) -> None:
        device.put("Small")
        device.phone.send("song.flac", tone(tmp_path))
        kept = wire.Keep(playlists=["9ffc4990-186b-43c6-811e-54cac17d1c98"])

        answer = device.ask("SetKeep", wire.SetKeepRequest(id=device.id, keep=kept), wire.Device)

        assert answer.keep == kept
        device.cursor = ""
        assert [one.keep for one in device.changes(device=device.id)] == [False]  # no such playlist is seen

    def test_no_limit_and_a_limit_of_nothing_are_two_things(self, device: Device, tmp_path: Path) -> None:
        device.put("Full")
        device.phone.send("song.flac", tone(tmp_path))
        for keep, is_kept in ((wire.Keep(), True), (wire.Keep(max_bytes=0), False)):
            answer = device.ask("SetKeep", wire.SetKeepRequest(id=device.id, keep=keep), wire.Device)
            device.cursor = ""

            assert answer.keep == keep
            assert [one.keep for one in device.changes(device=device.id)] == [is_kept]

    @pytest.mark.parametrize("device_id", ["", "x", "9ffc4990-186b-43c6-811e-54cac17d1c98"])
    def test_one_that_is_not_there_is_not_found(self, device: Device, device_id: str) -> None:
        with pytest.raises(Refused) as refused:
            device.ask("SetKeep", wire.SetKeepRequest(id=device_id), wire.Device)

        assert refused.value.code is grpc.StatusCode.NOT_FOUND


class TestChanges:
    def test_only_what_changed_since_is_told_deletions_too(self, device: Device, tmp_path: Path) -> None:
        sent = [device.phone.send(f"{number}.flac", tone(tmp_path)) for number in range(5)]
        assert {one.hash for one in device.changes(page=2)} == set(sent)  # one that was just read comes once more

        settle(device)
        assert device.changes() == []
        device.phone.delete(sent[0])
        told = device.changes()

        assert [(one.hash, one.is_gone) for one in told] == [(sent[0], True)]
        assert device.changes() == []

    def test_a_format_that_phones_are_not_told_of_is_told_here(self, device: Device, tmp_path: Path) -> None:
        content_hash = device.phone.send("song.opus", tone(tmp_path, "opus"))

        assert [(one.hash, one.filename) for one in device.changes()] == [(content_hash, "song.opus")]

    def test_a_cursor_that_is_none_is_refused(self, device: Device) -> None:
        device.cursor = "nonsense"

        with pytest.raises(Refused) as refused:
            device.changes()

        assert refused.value.code is grpc.StatusCode.INVALID_ARGUMENT


def settle(device: Device) -> None:
    """Ask until every file was read, and the device was told all there is."""

    def is_read() -> bool:
        device.cursor = ""
        return all(change.audio_hash for change in device.changes())

    wait_until(is_read, what="every file was read")


class TestHave:
    def test_bytes_that_are_there_need_not_be_sent(self, device: Device, house: House, tmp_path: Path) -> None:
        content_hash = device.phone.send("song.flac", tone(tmp_path))
        with house.phone() as other:
            hidden = other.send("other.flac", tone(tmp_path))

        answer = device.ask("Have", wire.HaveRequest(hashes=[content_hash, hidden, "0" * 64]), wire.HaveResponse)

        assert [one.hash for one in answer.files] == [content_hash]

    @pytest.mark.parametrize("hashes", [["x"], ["0" * 64] * 1001])
    def test_what_are_no_hashes_are_refused(self, device: Device, hashes: list[str]) -> None:
        with pytest.raises(Refused) as refused:
            device.ask("Have", wire.HaveRequest(hashes=hashes), wire.HaveResponse)

        assert refused.value.code is grpc.StatusCode.INVALID_ARGUMENT


class TestUpload:
    def test_it_goes_on_where_it_was(self, device: Device, tmp_path: Path) -> None:
        data = tone(tmp_path, "wav") + bytes(100_000)
        upload = device.begin("long.wav", len(data), "Artist/Album")

        first = device.send(upload.id, 0, data[:50_000])
        found = device.ask("FindUpload", wire.FindUploadRequest(id=upload.id), wire.Upload)
        with pytest.raises(Refused) as wrong:
            device.send(upload.id, 10, data[10:])
        last = device.send(upload.id, 50_000, data[50_000:])

        assert (upload.offset, first.offset, found.offset, last.offset) == (0, 50_000, 50_000, len(data))
        assert (wrong.value.code, wrong.value.word) == (grpc.StatusCode.FAILED_PRECONDITION, "wrong_offset")
        told = device.changes()[0]
        assert (told.item_id, told.hash, told.folder) == (last.item_id, sha256(data), "Artist/Album")
        assert device.ask("FindUpload", wire.FindUploadRequest(id=upload.id), wire.Upload).item_id == last.item_id

    def test_it_can_be_given_up(self, device: Device) -> None:
        upload = device.begin("long.wav", 1000)
        device.ask("CancelUpload", wire.FindUploadRequest(id=upload.id), Empty)

        with pytest.raises(Refused) as refused:
            device.send(upload.id, 0, b"x")

        assert refused.value.code is grpc.StatusCode.NOT_FOUND

    def test_one_of_another_is_not_found(self, device: Device, house: House) -> None:
        upload = device.begin("long.wav", 1000)
        with house.phone() as other, pytest.raises(Refused) as refused:
            Device(other).send(upload.id, 0, b"x")

        assert refused.value.code is grpc.StatusCode.NOT_FOUND

    def test_bytes_without_a_head_are_refused(self, device: Device) -> None:
        for messages in ([], [wire.SendUploadRequest(chunk=b"x")], [wire.SendUploadRequest()]):
            with pytest.raises(Refused) as refused:
                device.send_stream("SendUpload", messages, wire.Upload)

            assert refused.value.code is grpc.StatusCode.INVALID_ARGUMENT


class TestDownload:
    def test_a_part_is_what_was_asked_for(self, device: Device, tmp_path: Path) -> None:
        data = tone(tmp_path, "wav") + bytes(range(256)) * (3 << 12)
        content_hash = device.phone.send("long.wav", data)

        pieces = device.download(content_hash)

        assert b"".join(pieces) == data
        assert max(map(len, pieces)) == 1 << 20
        assert b"".join(device.download(content_hash, 1000, 5000)) == data[1000:6000]
        assert b"".join(device.download(content_hash, len(data) - 10, 5000)) == data[-10:]
        assert device.download(content_hash, len(data)) == []

    def test_what_lies_behind_the_end_is_out_of_range(self, device: Device, tmp_path: Path) -> None:
        content_hash = device.phone.send("song.flac", tone(tmp_path))
        for offset in (1 << 40, -1):
            with pytest.raises(Refused) as refused:
                device.download(content_hash, offset)

            assert refused.value.code is grpc.StatusCode.OUT_OF_RANGE


class TestReplace:
    def test_of_a_file_that_was_tagged_anew_only_the_tags_travel(self, device: Device, tmp_path: Path) -> None:
        place = tmp_path / "song.flac"
        place.write_bytes(tone(tmp_path))
        old = place.read_bytes()
        device.phone.send("song.flac", old)
        settle(device)
        first = Device(device.phone)
        known = first.changes()[0]
        tags = FLAC(place)  # type: ignore[no-untyped-call]  # it brings no types
        tags["title"] = "Another title " * 1000
        tags.save()
        new = place.read_bytes()
        head = new[: new.index(old[known.audio_offset : known.audio_offset + known.audio_bytes])]

        def replacing() -> Iterator[wire.ReplaceRequest]:
            said = wire.ReplaceRequest.Head(
                item_id=known.item_id,
                replaces=known.hash,
                hash=sha256(new),
                keeps_sound=True,
                head_bytes=len(head),
            )
            yield wire.ReplaceRequest(head=said)
            yield wire.ReplaceRequest(chunk=head)

        answer = device.send_stream("Replace", replacing(), wire.ReplaceResponse)

        assert (answer.item_id, answer.hash) == (known.item_id, sha256(new))
        assert b"".join(device.download(sha256(new))) == new
        told = device.changes()
        assert {(one.item_id, one.hash, one.audio_hash) for one in told} == {
            (known.item_id, sha256(new), known.audio_hash)
        }
        with pytest.raises(Refused) as refused:
            device.send_stream("Replace", replacing(), wire.ReplaceResponse)
        assert refused.value.word == "bytes_changed"
