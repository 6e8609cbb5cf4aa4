"""Blobs in a bucket of a real S3 server, by settings alone, on good days and on bad ones.

contracts/astolfo.md A46, A50; reliability.md P03, P06, P21, P22, P34.
"""

import os
import wave
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import grpc
import httpx2
import pytest

from support import s3, tiers
from support.api import PASSWORD, Api, code_of
from support.faults import Fault, FaultProxy
from support.phone import Phone, Refused, ports_of
from support.server import Server, add_user, copied, run, serving, wait_until
from support.tones import write_tone
from tutti.backends.blobs_s3 import Bucket, S3Blobs

ROUNDS = 100 if tiers.is_deep() else 4
MEBIBYTE = 1 << 20


class House(NamedTuple):
    """A server whose store is beyond the proxy, its first user, and the file that he sent."""

    server: Server
    proxy: FaultProxy
    settings: dict[str, str]
    ada: Api
    track: str
    data: bytes

    @property
    def stream(self) -> str:
        return f"/tracks/{self.track}/stream"


@pytest.fixture(scope="module")
def house(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    place = tmp_path_factory.mktemp("s3")
    data = write_tone(place / "one.wav", seconds=20, tags={"title": "One"}).read_bytes()
    data_dir = copied(template, place)
    with FaultProxy(s3.server().address) as proxy:
        settings = s3.settings(s3.fresh(endpoint=f"http://{proxy.address}"))
        add_user(data_dir, "ada", PASSWORD, "--admin", settings=settings)
        listening = settings | {"TUTTI_GRPC__PORTS": "0"}
        with serving(data_dir, settings=listening) as server, Api.sign_in(server.url, "ada") as ada:
            sent = send(ada, "one.wav", data)
            assert sent.status_code == httpx2.codes.CREATED, sent.text
            track = sent.json()["id"]
            wait_until(lambda: ada.get(f"/tracks/{track}").is_success, what="it is read")
            yield House(server, proxy, settings, ada, track, data)


@pytest.fixture(autouse=True)
def mended(house: House) -> Iterator[None]:
    yield
    house.proxy.mend()
    wait_until(lambda: fetched(house) == house.data, what="the store is back", deadline_s=10)


def send(api: Api, name: str, data: bytes) -> httpx2.Response:
    return api.request("PUT", f"/files/{name}", content=data)


def fetched(house: House) -> bytes | None:
    """Return all bytes of a successful answer, None for a refusal and for an answer that was cut off."""
    with suppress(httpx2.TransportError):
        answer = house.ada.get(house.stream)
        return answer.content if answer.status_code == httpx2.codes.OK else None
    return None


def noise(seconds: int, place: Path) -> bytes:
    with wave.open(str(place), "wb") as file:
        file.setparams((2, 2, 44100, 0, "NONE", ""))
        file.writeframes(os.urandom(44100 * 4 * seconds))
    return place.read_bytes()


class TestGoodDays:
    def test_a_file_that_was_sent_is_read_and_listed(self, house: House) -> None:
        assert [one["title"] for one in house.ada.every("/tracks")] == ["One"]

    @pytest.mark.parametrize(
        "asked",
        [
            {},
            {"range": "bytes=0-0"},
            {"range": "bytes=100-99999"},
            {"range": "bytes=-7"},
            {"range": "bytes=1000-"},
            {"range": "bytes=99999999-"},
            {"range": "bytes=5-2"},
            {"range": "bytes=0-3", "if-range": '"other"'},
            {"if-none-match": "*"},
            {"if-match": '"other"'},
        ],
        ids=str,
    )
    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_an_answer_is_that_of_a_local_store(
        self, house: House, local: Api, method: str, asked: dict[str, str]
    ) -> None:
        here = local.request(method, f"/tracks/{local.every('/tracks')[0]['id']}/stream", headers=asked)
        there = house.ada.request(method, house.stream, headers=asked)

        assert (there.status_code, comparable(there)) == (here.status_code, comparable(here))

    def test_several_ranges_are_parts(self, house: House) -> None:
        answer = house.ada.get(house.stream, headers={"range": "bytes=0-3,1000-1009"})

        assert answer.status_code == httpx2.codes.PARTIAL_CONTENT
        assert house.data[:4] in answer.content
        assert house.data[1000:1010] in answer.content

    def test_phones_send_and_get_the_same_bytes(self, house: House) -> None:
        add_user(house.server.data_dir, "cleo", PASSWORD, settings=house.settings)
        with Phone(ports_of(house.server)[0]) as stranger:
            token = stranger.login("cleo", PASSWORD)

        with Phone(ports_of(house.server)[0], token) as phone:
            content_hash = phone.send("one.wav", house.data)

            assert b"".join(phone.download(content_hash)) == house.data
            house.proxy.break_with(Fault.CUT, after_bytes=100_000)
            with pytest.raises(Refused) as refused:
                phone.download(content_hash)
        assert refused.value.code is grpc.StatusCode.UNAVAILABLE

    def test_nothing_stays_on_our_disk(self, house: House) -> None:
        blobs = house.server.data_dir / "blobs"

        assert [path for path in blobs.rglob("*") if path.is_file()] == []

    def test_a_check_reads_everything(self, house: House) -> None:
        done = run(house.server.data_dir, "check", "--read-data", "--json", settings=house.settings)

        assert done.returncode == 0, done.stdout

    def test_a_backup_becomes_a_server_on_another_bucket(self, house: House, tmp_path: Path) -> None:
        settings = s3.settings(s3.fresh())
        assert run(house.server.data_dir, "backup", tmp_path / "backup", settings=house.settings).returncode == 0

        done = run(tmp_path / "new", "restore", tmp_path / "backup", settings=settings)

        assert done.returncode == 0, done.stderr
        assert run(tmp_path / "new", "check", "--read-data", settings=settings).returncode == 0

    def test_players_can_be_sent_to_the_store(self, house: House, template: Path, tmp_path: Path) -> None:
        data_dir = copied(template, tmp_path)
        settings = s3.settings(s3.fresh()) | {"TUTTI_BLOBS__PRESIGN": "true"}
        add_user(data_dir, "ada", PASSWORD, settings=settings)
        with serving(data_dir, settings=settings) as server, Api.sign_in(server.url, "ada") as ada:
            stream = f"/tracks/{send(ada, 'one.wav', house.data).json()['id']}/stream"

            sent_on = ada.get(stream)

            assert sent_on.status_code == httpx2.codes.TEMPORARY_REDIRECT
            assert sent_on.headers["cache-control"] == "no-store"
            part = httpx2.get(sent_on.headers["location"], headers={"range": "bytes=2-5"})
            assert (part.status_code, part.content) == (206, house.data[2:6])
            assert ada.request("HEAD", stream).status_code == httpx2.codes.OK

    def test_whoever_loses_access_is_cut_off(self, house: House, tmp_path: Path) -> None:
        data_dir = house.server.data_dir
        add_user(data_dir, "bob", PASSWORD, settings=house.settings)
        with Api.sign_in(house.server.url, "bob") as bob:
            data = noise(240, tmp_path / "long.wav")
            track = send(bob, "long.wav", data).json()["id"]
            with bob.http.stream("GET", f"/api/v1/tracks/{track}/stream") as answer:
                pieces = answer.iter_raw(1024)
                next(pieces)
                assert run(data_dir, "user", "disable", "bob", settings=house.settings).returncode == 0
                house.server.wait_for("file.access_ended")

                with pytest.raises(httpx2.TransportError):
                    list(pieces)


@pytest.fixture(scope="module")
def local(house: House, template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A user of a server with the same file on its own disk."""
    data_dir = copied(template, tmp_path_factory.mktemp("local"))
    add_user(data_dir, "ada", PASSWORD)
    with serving(data_dir) as server, Api.sign_in(server.url, "ada") as ada:
        send(ada, "one.wav", house.data)
        wait_until(lambda: ada.every("/tracks") and house.ada.every("/tracks"), what="both are read")
        yield ada


def comparable(answer: httpx2.Response) -> tuple[dict[str, str], bytes]:
    """Return what two servers must agree on."""
    own = {"date", "x-request-id", "last-modified"}
    body = answer.content if answer.headers.get("content-type", "").startswith("audio") else b""
    return {name: value for name, value in answer.headers.items() if name not in own}, body


class TestBadDays:
    @pytest.mark.parametrize("fault", [Fault.REFUSE, Fault.RESET, Fault.CUT])
    def test_an_outage_is_503_and_nothing_else_suffers(self, house: House, fault: Fault) -> None:
        house.proxy.break_with(fault)

        assert code_of(house.ada.get(house.stream)) == (503, "store_failed")
        assert code_of(send(house.ada, "two.wav", house.data + b"\0" * len(fault))) == (503, "store_failed")
        assert [one["title"] for one in house.ada.every("/tracks")] == ["One"]
        with Api.sign_in(house.server.url, "ada") as again:
            assert again.read("/me")["username"] == "ada"

    @pytest.mark.parametrize("share", [0.01, 0.1, 1.0])
    @pytest.mark.parametrize("fault", [Fault.RESET, Fault.CUT])
    def test_an_answer_that_breaks_off_is_never_a_short_success(self, house: House, fault: Fault, share: float) -> None:
        house.proxy.break_with(fault, share=share, after_bytes=100_000)

        answers = {fetched(house) for _ in range(ROUNDS)}

        assert answers <= {None, house.data}
        assert share < 1 or answers == {None}  # a body is read on a few times only

    def test_a_slow_store_is_slow_and_nothing_else(self, house: House) -> None:
        house.proxy.break_with(Fault.SLOW)

        assert fetched(house) == house.data
        assert house.proxy.hits > 0

    def test_a_store_that_hangs_keeps_nobody_else_waiting(self, house: House) -> None:
        house.proxy.break_with(Fault.HANG)

        with ThreadPoolExecutor(6) as pool:
            waiting = [pool.submit(fetched, house) for _ in range(6)]
            wait_until(lambda: house.proxy.hits, what="somebody waits for the store")
            assert house.ada.get("/tracks").status_code == httpx2.codes.OK
            assert not any(one.done() for one in waiting)

            assert [one.result() for one in waiting] == [None] * len(waiting)

    def test_wrong_bytes_are_not_sent_whole(self, house: House) -> None:
        house.proxy.break_with(Fault.FLIP, after_bytes=MEBIBYTE)

        assert fetched(house) is None
        house.server.wait_for("blob.wrong_bytes")

    def test_a_phone_hears_that_the_store_is_down_and_nothing_of_its_file_is_kept(self, house: House) -> None:
        add_user(house.server.data_dir, "dora", PASSWORD, settings=house.settings)
        data = house.data + b"dora"
        with Phone(ports_of(house.server)[0]) as stranger:
            token = stranger.login("dora", PASSWORD)
        with Phone(ports_of(house.server)[0], token) as phone:
            house.proxy.break_with(Fault.REFUSE)

            with pytest.raises(Refused) as refused:
                phone.send("one.wav", data)

            assert (refused.value.code, phone.names()) == (grpc.StatusCode.UNAVAILABLE, {})
            house.proxy.mend()
            wait_until(lambda: fetched(house) == house.data, what="the store is back", deadline_s=10)
            assert phone.send("one.wav", data) in phone.names()

    def test_an_upload_that_can_be_resumed_outlives_an_outage(self, house: House) -> None:
        data = house.data + b"\0\0"
        begun = house.ada.request("POST", "/tus", headers={"tus-resumable": "1.0.0", "upload-length": str(len(data))})
        place = begun.headers["location"]
        house.proxy.break_with(Fault.REFUSE)
        fields = {"tus-resumable": "1.0.0", "upload-offset": "0", "content-type": "application/offset+octet-stream"}
        ended = house.ada.http.patch(place, content=data, headers=fields)
        house.proxy.mend()

        assert ended.status_code == httpx2.codes.SERVICE_UNAVAILABLE
        wait_until(lambda: tus_offset(house, place) == len(data), what="the upload is accepted")
        assert len(house.ada.every("/tracks")) <= 2

    def test_no_row_is_without_bytes_afterwards(self, house: House) -> None:
        done = run(house.server.data_dir, "check", "--read-data", settings=house.settings)

        assert done.returncode == 0, done.stdout


def tus_offset(house: House, place: str) -> int:
    answer = house.ada.http.head(place, headers={"tus-resumable": "1.0.0"})
    return int(answer.headers.get("upload-offset", -1))


class TestStart:
    def test_a_store_that_does_not_answer_stops_the_start(self, template: Path, tmp_path: Path) -> None:
        with FaultProxy("127.0.0.1:9") as nobody:
            settings = s3.settings(s3.place("p", endpoint=f"http://{nobody.address}"))

            done = run(copied(template, tmp_path), "serve", settings=settings)

        assert done.returncode != 0
        assert "cannot be used: it does not answer" in done.stderr

    def test_a_wrong_secret_stops_the_start(self, template: Path, tmp_path: Path) -> None:
        settings = s3.settings(s3.fresh()) | {"TUTTI_BLOBS__SECRET_KEY": "guessed"}

        done = run(copied(template, tmp_path), "serve", settings=settings)

        assert done.returncode != 0
        assert "cannot be used: it answered" in done.stderr

    def test_a_bucket_that_is_missing_is_made(self, template: Path, tmp_path: Path) -> None:
        settings = s3.settings(s3.place("", bucket="made-by-tutti"))
        with serving(copied(template, tmp_path), settings=settings):
            assert list(S3Blobs(Bucket(s3.place("", bucket="made-by-tutti")), tmp_path / "other").walk()) == []
