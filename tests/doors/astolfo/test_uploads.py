"""`file.FileService/Upload`: whatever comes in whatever order, whole or not at all."""

import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest

from doors.astolfo.conftest import GRPC, House, tone
from support.api import PASSWORD, Api
from support.phone import CHUNK_BYTES, Phone, Refused, chunks, messages_of, metadata, ports_of
from support.server import add_user, copied, serving, wait_until
from support.tones import FORMATS
from tutti.doors.astolfo.gen import file_pb2

NOTHING = file_pb2.UploadRequest()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class TestOrder:
    def test_metadata_and_then_the_bytes(self, phone: Phone, tmp_path: Path) -> None:
        data = tone(tmp_path)

        assert phone.upload(messages_of("song.flac", data)) == sha256(data)
        assert phone.names()[sha256(data)] == "song.flac"

    def test_the_last_metadata_counts_wherever_it_comes(self, phone: Phone, tmp_path: Path) -> None:
        data = tone(tmp_path)
        parts = list(chunks(data, 1000))

        phone.upload([metadata("first.flac"), *parts[:3], metadata("second.flac"), *parts[3:], metadata("last.flac")])

        assert phone.names()[sha256(data)] == "last.flac"

    def test_nothing_between_the_bytes_is_nothing(self, phone: Phone, tmp_path: Path) -> None:
        data = tone(tmp_path)
        empty = file_pb2.UploadRequest(chunk=b"")

        sent = [
            NOTHING,
            empty,
            metadata("a.flac"),
            NOTHING,
            *chunks(data[:500], 100),
            empty,
            *chunks(data[500:]),
            NOTHING,
        ]

        assert phone.upload(sent) == sha256(data)

    def test_without_metadata_it_is_listed_under_its_hash(self, phone: Phone, tmp_path: Path) -> None:
        data = tone(tmp_path)

        assert phone.upload(chunks(data)) == sha256(data)
        assert phone.names()[sha256(data)] == f"{sha256(data)}.flac"

    def test_bytes_that_are_known_keep_the_name_they_have(self, phone: Phone, tmp_path: Path) -> None:
        data = tone(tmp_path)
        phone.send("song.flac", data)

        assert phone.upload(chunks(data)) == sha256(data)
        assert phone.send("another.flac", data) == sha256(data)

        assert phone.names() == {sha256(data): "song.flac"}


class TestFormats:
    @pytest.mark.parametrize("suffix", [*FORMATS, "FLAC"])
    def test_every_format_is_taken_and_comes_back(self, phone: Phone, tmp_path: Path, suffix: str) -> None:
        data = tone(tmp_path, suffix.lower())

        content_hash = phone.send(f"song.{suffix}", data)

        assert b"".join(phone.download(content_hash)) == data
        assert (content_hash in phone.names()) == (suffix.lower() in {"mp3", "flac", "wav", "ogg", "m4a"})


class TestNames:
    @pytest.mark.parametrize(
        ("sent", "listed"),
        [
            ("../../etc/passwd.flac", "passwd.flac"),
            ("C:\\Music\\song.flac", "song.flac"),
            ("a\x00b\r\nc\x7f.flac", "ab  c.flac"),
            ("Überraschung ☃.flac", "Überraschung ☃.flac"),
            ("..flac", None),
            ("/", None),
        ],
    )
    def test_a_name_is_a_base_name_without_what_cannot_be_seen(
        self, phone: Phone, tmp_path: Path, sent: str, listed: str | None
    ) -> None:
        content_hash = phone.send(sent, tone(tmp_path))

        assert phone.names()[content_hash] == (listed or f"{content_hash}.flac")

    def test_a_long_name_keeps_its_end(self, phone: Phone, tmp_path: Path) -> None:
        content_hash = phone.send("é" * 5000 + ".flac", tone(tmp_path))

        name = phone.names()[content_hash]
        assert name.startswith("é")
        assert len(name.encode()) <= 255


class TestRefusals:
    def test_no_bytes_are_no_file(self, phone: Phone) -> None:
        for messages in ([], [metadata("empty.flac")], [NOTHING]):
            with pytest.raises(Refused) as refused:
                phone.upload(messages)

            assert refused.value.code is grpc.StatusCode.INVALID_ARGUMENT
            assert refused.value.details == "The file is empty."
        assert phone.names() == {}

    @pytest.mark.parametrize("data", [b"<html><script>alert(1)</script>" * 50, b"MZ" + bytes(5000), b"PK\x03\x04" * 99])
    def test_what_is_no_audio_is_refused_whatever_it_is_called(self, phone: Phone, data: bytes) -> None:
        with pytest.raises(Refused) as refused:
            phone.send("song.flac", data)

        assert refused.value.code is grpc.StatusCode.INVALID_ARGUMENT
        assert "no audio file" in refused.value.details
        assert phone.names() == {}

    def test_a_message_over_4_mib_is_refused(self, phone: Phone) -> None:
        with pytest.raises(Refused) as refused:
            phone.upload(chunks(bytes(5 << 20), 5 << 20))

        assert refused.value.code is grpc.StatusCode.RESOURCE_EXHAUSTED

    @pytest.mark.parametrize("message", [b"\xff\xff\xff", b"\x12\x7fshort", b"\x0a\x02\xff\xff"])
    def test_what_is_no_message_is_said_to_be_none(self, phone: Phone, message: bytes) -> None:
        upload: Any = phone.channel.stream_unary("/file.FileService/Upload")

        with pytest.raises(grpc.RpcError) as error:
            upload(iter([message]), metadata=phone.metadata, timeout=30)

        assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT

    def test_a_file_and_a_quota_have_their_limits(self, template: Path, tmp_path: Path) -> None:
        data_dir = copied(template, tmp_path)
        add_user(data_dir, "ann", PASSWORD, "--admin")
        settings = GRPC | {"TUTTI_UPLOADS__MAX_FILE_MB": "1"}
        with serving(data_dir, settings=settings) as server, Api.sign_in(server.url, "ann") as ann:
            port = ports_of(server)[0]
            with Phone(port) as stranger, Phone(port, stranger.login("ann", PASSWORD)) as phone:
                with pytest.raises(Refused) as large:
                    phone.send("large.wav", tone(tmp_path, "wav") + bytes(2 << 20))
                user = ann.read("/me")["id"]
                assert ann.request("PATCH", f"/users/{user}", json={"quota_bytes": 1000}).is_success
                with pytest.raises(Refused) as over:
                    phone.send("song.flac", tone(tmp_path))
                assert phone.names() == {}

        assert (large.value.code, large.value.word) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "file_too_large")
        assert (over.value.code, over.value.word) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "quota_exceeded")

    def test_an_upload_that_stands_still_is_ended(self, template: Path, tmp_path: Path) -> None:
        data_dir = copied(template, tmp_path)
        add_user(data_dir, "ann", PASSWORD)
        with serving(data_dir, settings=GRPC | {"TUTTI_GRPC__STALL_S": "0.5"}) as server:
            port, data, over = ports_of(server)[0], tone(tmp_path), threading.Event()

            def stalling() -> Iterator[file_pb2.UploadRequest]:
                yield from messages_of("song.flac", data)
                over.wait(30)

            with Phone(port) as stranger, Phone(port, stranger.login("ann", PASSWORD)) as phone:
                with pytest.raises(Refused) as refused:
                    phone.upload(stalling())
                over.set()
                assert phone.names() == {}

        assert refused.value.code is grpc.StatusCode.DEADLINE_EXCEEDED


class TestAborted:
    def test_what_is_broken_off_leaves_nothing(self, house: House, tmp_path: Path) -> None:
        with house.phone() as phone:
            data, gone = tone(tmp_path, "wav") + bytes(4 << 20), threading.Event()

            def half() -> Iterator[file_pb2.UploadRequest]:
                yield from messages_of("half.wav", data)
                gone.wait(30)

            others = staged(house.server.data_dir / "blobs")
            call = phone.begin(half())
            staging = house.server.data_dir / "blobs"
            wait_until(lambda: staged(staging) - others, what="bytes are on their way in")
            call.cancel()
            gone.set()
            wait_until(lambda: not staged(staging) - others, what="they are forgotten")

            assert phone.names() == {}


def staged(blobs: Path) -> set[Path]:
    """Return the files that are no blobs yet."""
    return set(blobs.joinpath("staging").iterdir())


class TestTheSameBytes:
    def test_twenty_times_at_once_are_one_file(self, house: House, tmp_path: Path) -> None:
        data = tone(tmp_path, "wav")
        with house.phone() as phone, ThreadPoolExecutor(20) as pool:
            hashes = set(pool.map(lambda number: phone.send(f"{number}.wav", data), range(20)))

            assert hashes == {sha256(data)}
            assert list(phone.names()) == [sha256(data)]

    def test_after_a_delete_they_are_back(self, phone: Phone, tmp_path: Path) -> None:
        data = tone(tmp_path)
        content_hash = phone.send("song.flac", data)
        phone.delete(content_hash)
        assert phone.names() == {}

        assert phone.send("song.flac", data) == content_hash

        assert phone.names() == {content_hash: "song.flac"}
        assert b"".join(phone.download(content_hash)) == data


def test_pieces_of_64_kib_are_joined(phone: Phone, tmp_path: Path) -> None:
    data = tone(tmp_path, "wav") + bytes(300_000)
    assert len(list(chunks(data))) >= 5
    assert CHUNK_BYTES == 65_536

    assert phone.send("long.wav", data) == sha256(data)
