"""`file.FileService/Download` and `Delete`, `sync.SyncService/GetSync`."""

import hashlib
from pathlib import Path

import grpc
import pytest

from doors.astolfo.conftest import House, tone
from support.phone import CHUNK_BYTES, Phone, Refused

NO_HASHES = [
    "",
    " ",
    "  " * 40,
    "abc",
    "0" * 63,
    "0" * 65,
    "A" * 64,
    "g" * 64,
    "../../etc/passwd",
    "%2e%2e/x",
    "*" * 64,
    "0" * 2000,
]


class TestDownload:
    def test_the_bytes_come_in_pieces_of_at_most_64_kib(self, phone: Phone, tmp_path: Path) -> None:
        data = tone(tmp_path, "wav") + bytes(1 << 20)
        content_hash = phone.send("long.wav", data)

        pieces = phone.download(content_hash)

        assert b"".join(pieces) == data
        assert max(map(len, pieces)) == CHUNK_BYTES

    @pytest.mark.parametrize("content_hash", [*NO_HASHES, hashlib.sha256(b"nobody has this").hexdigest()])
    def test_what_is_not_there_is_not_found(self, phone: Phone, content_hash: str) -> None:
        with pytest.raises(Refused) as refused:
            phone.download(content_hash)

        assert refused.value.code is grpc.StatusCode.NOT_FOUND


class TestDelete:
    def test_it_is_gone_from_the_list_and_cannot_be_read(self, phone: Phone, tmp_path: Path) -> None:
        content_hash = phone.send("song.flac", tone(tmp_path))

        assert phone.delete(content_hash)

        assert phone.names() == {}
        with pytest.raises(Refused) as refused:
            phone.download(content_hash)
        assert refused.value.code is grpc.StatusCode.NOT_FOUND

    def test_what_is_not_there_is_deleted_already(self, phone: Phone) -> None:
        assert phone.delete(hashlib.sha256(b"nobody has this").hexdigest())

    @pytest.mark.parametrize("content_hash", NO_HASHES)
    def test_what_is_no_hash_is_an_invalid_argument(self, phone: Phone, content_hash: str) -> None:
        with pytest.raises(Refused) as refused:
            phone.delete(content_hash)

        assert refused.value.code is grpc.StatusCode.INVALID_ARGUMENT


class TestGetSync:
    def test_a_new_server_has_an_empty_list(self, phone: Phone) -> None:
        answer = phone.get_sync()

        assert (list(answer.files), list(answer.hashes), answer.has_hashes) == ([], [], True)

    def test_hashes_come_once_more_by_themselves(self, phone: Phone, tmp_path: Path) -> None:
        sent = [phone.send(f"{number}.flac", tone(tmp_path)) for number in range(3)]

        answer = phone.get_sync()

        assert [one.hash for one in answer.files] == list(answer.hashes) == sent
        assert answer.has_hashes

    def test_an_upload_is_listed_at_once(self, phone: Phone, tmp_path: Path) -> None:
        for number in range(10):
            assert phone.send(f"{number}.flac", tone(tmp_path)) in phone.names()

    def test_text_and_foreign_formats_are_never_listed(self, phone: Phone, tmp_path: Path) -> None:
        for name in ("song.txt", "song.opus", "song.aac", "song.wma"):
            phone.send(name, tone(tmp_path))

        assert phone.names() == {}

    def test_two_files_of_one_name_have_different_ones_that_stay(self, house: House, tmp_path: Path) -> None:
        with house.phone() as phone:
            first, second, third = (phone.send(name, tone(tmp_path)) for name in ("a.flac", "A.flac", "a.flac"))
            names = phone.names()

            assert names[first] == "a.flac"
            assert len({name.lower() for name in names.values()}) == 3
            phone.delete(first)
            assert phone.names() == {second: names[second], third: names[third]}


class TestLostBytes:
    def test_they_are_not_found_and_whoever_has_them_sends_them_again(self, house: House, tmp_path: Path) -> None:
        data = tone(tmp_path)
        with house.phone() as phone:
            content_hash, kept = phone.send("song.flac", data), phone.send("kept.flac", tone(tmp_path))
            [blob] = house.server.data_dir.joinpath("blobs").rglob(content_hash)
            blob.unlink()

            with pytest.raises(Refused) as refused:
                phone.download(content_hash)

            assert refused.value.code is grpc.StatusCode.NOT_FOUND
            assert phone.names() == {kept: "kept.flac"}
            assert phone.send("song.flac", data) == content_hash
            assert phone.names() == {kept: "kept.flac", content_hash: "song.flac"}
            assert b"".join(phone.download(content_hash)) == data

    def test_damaged_ones_are_an_error_and_stay_listed(self, house: House, tmp_path: Path) -> None:
        with house.phone() as phone:
            content_hash = phone.send("song.flac", tone(tmp_path))
            [blob] = house.server.data_dir.joinpath("blobs").rglob(content_hash)
            blob.chmod(0o600)
            blob.write_bytes(b"short")

            with pytest.raises(Refused) as refused:
                phone.download(content_hash)

            assert refused.value.code is grpc.StatusCode.UNAVAILABLE
            assert content_hash in phone.names()
