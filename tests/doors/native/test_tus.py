"""Uploads that survive a cut connection and a killed server (tus 1.0.0)."""

import base64
import hashlib
import socket
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import httpx2
import pytest
from tusclient.client import TusClient

from support import tiers
from support.api import PASSWORD, Api, bearer, code_of
from support.server import add_user, copied, serving, wait_until
from support.tones import write_tone

TUS = {"Tus-Resumable": "1.0.0"}
BODY = {**TUS, "Content-Type": "application/offset+octet-stream"}
CUTS = 200 if tiers.is_deep() else 4
KILLS = 50 if tiers.is_deep() else 1


@pytest.fixture(scope="module")
def data_dir(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    data_dir = copied(template, tmp_path_factory.mktemp("tus"))
    add_user(data_dir, "ada", PASSWORD, "--admin")
    return data_dir


@pytest.fixture(scope="module")
def ada(data_dir: Path) -> Iterator[Api]:
    with serving(data_dir) as server, Api.sign_in(server.url, "ada") as ada:
        yield ada


@pytest.fixture
def song(tmp_path: Path) -> bytes:
    """A real file that nothing else has the bytes of."""
    return (
        write_tone(tmp_path / "song.wav", seconds=2, tags={"title": str(tmp_path)}).read_bytes()
        + tmp_path.name.encode()
    )


def begin(api: Api, data: bytes, **fields: str) -> str:
    """Make an upload for these bytes and return its path."""
    headers = {**TUS, "Upload-Length": str(len(data)), **{key.replace("_", "-"): fields[key] for key in fields}}
    answer = api.request("POST", "/tus", headers=headers)
    assert answer.status_code == 201, answer.text
    assert answer.headers["tus-resumable"] == "1.0.0"
    return answer.headers["location"].removeprefix("/api/v1")


def send(api: Api, path: str, offset: int, data: bytes, **fields: str) -> httpx2.Response:
    more = {key.replace("_", "-"): value for key, value in fields.items()}
    return api.request("PATCH", path, content=data, headers={**BODY, "Upload-Offset": str(offset), **more})


def offset_of(api: Api, path: str) -> int:
    answer = api.request("HEAD", path, headers=TUS)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    return int(answer.headers["upload-offset"])


class TestProtocol:
    def test_it_says_what_it_can(self, ada: Api) -> None:
        answer = ada.request("OPTIONS", "/tus")

        assert answer.status_code == 204
        assert answer.headers["tus-version"] == "1.0.0"
        assert answer.headers["tus-extension"].split(",") == [
            "creation",
            "creation-with-upload",
            "checksum",
            "termination",
            "expiration",
        ]
        assert answer.headers["tus-checksum-algorithm"] == "sha1,sha256"
        assert int(answer.headers["tus-max-size"]) == 4 << 30

    def test_a_file_in_two_pieces_is_an_item(self, ada: Api, song: bytes) -> None:
        name = base64.b64encode("Möwe.wav".encode()).decode()
        path = begin(ada, song, Upload_Metadata=f"filename {name},is_good")
        first = send(ada, path, 0, song[:1000])
        assert (first.status_code, first.headers["upload-offset"]) == (204, "1000")
        assert offset_of(ada, path) == 1000

        last = send(ada, path, 1000, song[1000:])

        assert (last.status_code, last.headers["upload-offset"]) == (204, str(len(song)))
        item = last.headers["upload-item"]
        wait_until(lambda: ada.get(f"/tracks/{item}").status_code == 200, what="it is listed")
        assert ada.get(f"/tracks/{item}/stream").content == song
        told = ada.request("HEAD", path, headers=TUS).headers
        assert (told["upload-length"], told["upload-item"]) == (str(len(song)), item)
        assert told["upload-metadata"] == f"filename {name},is_good"

    def test_it_can_come_with_its_creation(self, ada: Api, song: bytes) -> None:
        headers = {**BODY, "Upload-Length": str(len(song))}

        answer = ada.request("POST", "/tus", content=song, headers=headers)

        assert (answer.status_code, answer.headers["upload-offset"]) == (201, str(len(song)))
        assert "upload-item" in answer.headers

    def test_a_piece_is_compared_with_its_checksum(self, ada: Api, song: bytes) -> None:
        path = begin(ada, song)
        right = base64.b64encode(hashlib.sha1(song[:100], usedforsecurity=False).digest()).decode()

        wrong = send(ada, path, 0, b"x" * 100, Upload_Checksum=f"sha1 {right}")
        assert code_of(wrong) == (460, "checksum_mismatch")
        assert offset_of(ada, path) == 0
        assert send(ada, path, 0, song[:100], Upload_Checksum=f"sha1 {right}").status_code == 204
        assert offset_of(ada, path) == 100

    def test_it_can_be_given_up(self, ada: Api, song: bytes) -> None:
        path = begin(ada, song)
        send(ada, path, 0, song[:10])

        assert ada.request("DELETE", path, headers=TUS).status_code == 204
        assert ada.request("HEAD", path, headers=TUS).status_code == 404

    def test_a_client_that_nobody_here_made_sends_a_file(self, ada: Api, song: bytes) -> None:
        client = TusClient(f"{str(ada.http.base_url).rstrip('/')}/api/v1/tus", headers=bearer(ada.token))

        uploader = client.uploader(
            file_stream=BytesIO(song), chunk_size=50_000, metadata={"filename": "client.wav"}, upload_checksum=True
        )
        uploader.upload()

        item = ada.http.head(str(uploader.url), headers=TUS).headers["upload-item"]
        wait_until(lambda: ada.get(f"/tracks/{item}").status_code == 200, what="it is listed")
        assert ada.get(f"/tracks/{item}/stream").content == song


class TestRefused:
    def test_another_version_is_412_and_told_which_one_is_spoken(self, ada: Api, song: bytes) -> None:
        path = begin(ada, song)

        answer = ada.request("HEAD", path, headers={"Tus-Resumable": "0.2.2"})

        assert (answer.status_code, answer.headers["tus-version"]) == (412, "1.0.0")

    @pytest.mark.parametrize("offset", ["1", "999999", str(2**63)])
    def test_another_offset_is_409_and_changes_nothing(self, ada: Api, song: bytes, offset: str) -> None:
        """O-UP3"""
        path = begin(ada, song)

        answer = ada.request("PATCH", path, content=b"x", headers={**BODY, "Upload-Offset": offset})

        assert code_of(answer) == (409, "wrong_offset")
        assert offset_of(ada, path) == 0

    @pytest.mark.parametrize("offset", ["-1", "one", "", "1.5", "0x1", "٣"])
    def test_an_offset_that_is_no_number_is_400(self, ada: Api, song: bytes, offset: str) -> None:
        """O-UP3"""
        headers = [(b"Upload-Offset", offset.encode()), *((key.encode(), BODY[key].encode()) for key in BODY)]

        answer = ada.request("PATCH", begin(ada, song), content=b"x", headers=headers)

        assert code_of(answer) == (400, "bad_field")

    @pytest.mark.parametrize(
        ("fields", "refusal"),
        [
            ({}, (400, "bad_field")),
            ({"Upload-Length": "-1"}, (400, "bad_field")),
            ({"Upload-Length": "0"}, (422, "empty_file")),
            ({"Upload-Length": str(10 << 40)}, (413, "file_too_large")),
            ({"Upload-Length": "9", "Upload-Metadata": "filename no-base-64!"}, (400, "bad_field")),
            ({"Upload-Length": "9", "Upload-Metadata": "x " + "QUJD" * 3000}, (413, "metadata_too_large")),
            ({"Upload-Length": "9", "Upload-Metadata": "library eA=="}, (404, "library_not_found")),
        ],
    )
    def test_a_wrong_creation_is_refused(self, ada: Api, fields: dict[str, str], refusal: tuple[int, str]) -> None:
        """O-UP4"""
        answer = ada.request("POST", "/tus", headers={**TUS, **fields})

        assert code_of(answer) == refusal
        assert answer.headers["tus-resumable"] == "1.0.0"

    def test_a_body_of_another_type_is_415(self, ada: Api, song: bytes) -> None:
        headers = {**TUS, "Content-Type": "audio/wav", "Upload-Offset": "0"}

        answer = ada.request("PATCH", begin(ada, song), content=b"x", headers=headers)

        assert code_of(answer) == (415, "unsupported_media_type")

    def test_more_than_was_announced_is_413(self, ada: Api, song: bytes) -> None:
        path = begin(ada, song)

        assert code_of(send(ada, path, 0, song + b"x")) == (413, "length_exceeded")
        assert offset_of(ada, path) == 0

    def test_after_its_end_it_takes_no_more(self, ada: Api, song: bytes) -> None:
        """O-UP3"""
        path = begin(ada, song)
        send(ada, path, 0, song)

        assert code_of(send(ada, path, len(song), b"x")) == (409, "upload_finished")

    def test_what_is_no_music_is_415_at_its_end(self, ada: Api) -> None:
        text = b"This is a text.\n" * 60
        path = begin(ada, text)

        assert code_of(send(ada, path, 0, text)) == (415, "not_audio")
        assert ada.request("HEAD", path, headers=TUS).status_code == 404


def cut(api: Api, path: str, offset: int, data: bytes, at: int) -> None:
    """Send a part of what was announced, and hang up."""
    parts = urlsplit(str(api.http.base_url))
    fields = {**BODY, **bearer(api.token), "Host": "x", "Upload-Offset": str(offset), "Content-Length": str(len(data))}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    with socket.create_connection((parts.hostname, parts.port)) as connection:
        connection.sendall(f"PATCH /api/v1{path} HTTP/1.1\r\n{head}\r\n".encode() + data[:at])


def free_offset(api: Api, path: str) -> int:
    """Return the offset as soon as nobody holds the upload any more."""
    offset = -1

    def settled() -> bool:
        nonlocal offset
        offset, before = offset_of(api, path), offset
        return offset == before

    wait_until(settled, what="the server has noticed", every_s=0.1)
    return offset


def test_wherever_the_connection_is_cut_the_offset_is_true(ada: Api, tmp_path: Path) -> None:
    """P09"""
    data = write_tone(tmp_path / "cut.wav", seconds=30, tags={"title": "Cut"}).read_bytes()
    path, offset, random = begin(ada, data), 0, Random(9)
    for _ in range(CUTS):
        rest = data[offset:]
        at = random.randrange(max(1, len(rest) // 4))
        cut(ada, path, offset, rest, at)
        sent, offset = offset + at, free_offset(ada, path)
        assert offset <= sent

    last = send(ada, path, offset, data[offset:])

    assert last.status_code == 204, last.text
    item = last.headers["upload-item"]
    wait_until(lambda: ada.get(f"/tracks/{item}").status_code == 200, what="it is listed")
    assert hashlib.sha256(ada.get(f"/tracks/{item}/stream").content).digest() == hashlib.sha256(data).digest()


def test_a_killed_server_promises_no_more_than_it_has(template: Path, tmp_path: Path) -> None:
    """P09"""
    data_dir = copied(template, tmp_path)
    add_user(data_dir, "ada", PASSWORD)
    data = write_tone(tmp_path / "kill.wav", seconds=30, tags={"title": "Kill"}).read_bytes()
    path, half, sent = "", 0, 0
    for _ in range(KILLS):
        with serving(data_dir) as server, Api.sign_in(server.url, "ada") as ada:
            path = path or begin(ada, data)
            offset = offset_of(ada, path)
            assert offset <= sent
            half = offset + (len(data) - offset) // 2
            send(ada, path, offset, data[offset:half])
            cut(ada, path, half, data[half:], (len(data) - half) // 2)
            server.kill()
            sent = half + (len(data) - half) // 2
    with serving(data_dir) as server, Api.sign_in(server.url, "ada") as ada:
        offset = offset_of(ada, path)
        assert half <= offset <= sent

        item = send(ada, path, offset, data[offset:]).headers["upload-item"]

        wait_until(lambda: ada.get(f"/tracks/{item}").status_code == 200, what="it is listed")
        assert ada.get(f"/tracks/{item}/stream").content == data
