"""Who may call: a token on closed ports, one account for everybody on open ones, and nobody beyond his own."""

import json
from pathlib import Path
from typing import Any

import grpc
import pytest

from doors.astolfo.conftest import GRPC, House, tone
from support.api import PASSWORD, Api
from support.phone import Phone, Refused, messages_of, ports_of
from support.server import add_user, copied, run, serving, wait_until
from tutti.doors.astolfo.server import SERVICES

CLOSED = [
    f"/{service.full_name}/{method.name}"
    for service in SERVICES
    if service.full_name != "auth.AuthService"
    for method in service.methods
]


def call(phone: Phone, path: str) -> None:
    """Call any method, whatever its kind, with nothing."""
    kind = next(
        (method.client_streaming, method.server_streaming)
        for service in SERVICES
        for method in service.methods
        if path == f"/{service.full_name}/{method.name}"
    )
    make: Any = {
        (False, False): phone.channel.unary_unary,
        (False, True): phone.channel.unary_stream,
        (True, False): phone.channel.stream_unary,
        (True, True): phone.channel.stream_stream,
    }[kind]
    sent = iter([b""]) if kind[0] else b""
    try:
        answer = make(path)(sent, metadata=phone.metadata, timeout=30)
        if kind[1]:
            list(answer)
    except grpc.RpcError as error:
        raise Refused(error) from error


@pytest.mark.parametrize("path", CLOSED)
class TestATokenIsNeeded:
    @pytest.mark.parametrize(
        "metadata",
        [
            (),
            (("authorization", "Basic YWRhOnB3"),),
            (("authorization", "Bearer"),),
            (("authorization", "Bearer not.a.token"),),
            (("authorization", "Bearer " + "x" * 4000),),
        ],
    )
    def test_without_a_good_one_it_is_unauthenticated(
        self, stranger: Phone, path: str, metadata: tuple[tuple[str, str], ...]
    ) -> None:
        stranger.metadata = metadata

        with pytest.raises(Refused) as refused:
            call(stranger, path)

        assert refused.value.code is grpc.StatusCode.UNAUTHENTICATED

    def test_after_signing_out_it_is_unauthenticated(self, house: House, path: str) -> None:
        with house.phone() as phone:
            phone.names()
            with Api(house.server.url, phone.token) as api:
                assert api.post("/auth/logout").is_success

            with pytest.raises(Refused) as refused:
                call(phone, path)

        assert refused.value.code is grpc.StatusCode.UNAUTHENTICATED


class TestNobodySeesWhatIsAnothers:
    def test_a_file_of_another_is_listed_read_and_deleted_by_nobody_else(self, house: House, tmp_path: Path) -> None:
        with house.phone() as owner, house.phone() as other:
            content_hash = owner.send("mine.flac", tone(tmp_path))

            assert content_hash not in other.names()
            with pytest.raises(Refused) as refused:
                other.download(content_hash)
            assert refused.value.code is grpc.StatusCode.NOT_FOUND
            assert other.delete(content_hash)  # as for what is not there at all
            assert content_hash in owner.names()

    def test_the_same_bytes_of_two_people_are_two_files(self, house: House, tmp_path: Path) -> None:
        data = tone(tmp_path)
        with house.phone() as one, house.phone() as other:
            content_hash = one.send("one.flac", data)
            assert other.send("other.flac", data) == content_hash

            assert (one.names()[content_hash], other.names()[content_hash]) == ("one.flac", "other.flac")
            one.delete(content_hash)
            assert content_hash in other.names()
            assert b"".join(other.download(content_hash)) == data


class TestOpenPorts:
    def test_the_original_app_works_without_a_token(self, open_house: House, tmp_path: Path) -> None:
        data = tone(tmp_path)
        with open_house.stranger() as phone:
            content_hash = phone.send("song.flac", data)

            assert phone.names()[content_hash] == "song.flac"
            assert b"".join(phone.download(content_hash)) == data
            assert phone.delete(content_hash)
            assert content_hash not in phone.names()

    def test_it_is_said_loudly_at_the_start(self, open_house: House) -> None:
        line = open_house.server.wait_for(r'.*"event": "grpc.open".*')[0]

        assert json.loads(line)["level"] == "warning"
        assert json.loads(line)["account"] == "ada"

    def test_a_bad_token_is_refused_there_too(self, open_house: House) -> None:
        with Phone(open_house.ports[0], "not.a.token") as phone, pytest.raises(Refused) as refused:
            phone.names()

        assert refused.value.code is grpc.StatusCode.UNAUTHENTICATED

    def test_whoever_has_a_token_acts_as_himself(self, open_house: House, tmp_path: Path) -> None:
        with open_house.phone() as somebody, open_house.stranger() as phone:
            content_hash = somebody.send("his.flac", tone(tmp_path))

            assert content_hash not in phone.names()

    def test_an_account_that_is_disabled_closes_the_door(self, template: Path, tmp_path: Path) -> None:
        data_dir = copied(template, tmp_path)
        add_user(data_dir, "ann", PASSWORD)
        settings = GRPC | {"TUTTI_ASTOLFO__OPEN_AS": "ann"}
        with serving(data_dir, settings=settings) as server, Phone(ports_of(server, is_open=True)[0]) as phone:
            assert phone.names() == {}
            assert run(data_dir, "user", "disable", "ann").returncode == 0

            def is_closed() -> bool:
                try:
                    phone.names()
                except Refused as refused:
                    return refused.code is grpc.StatusCode.UNAUTHENTICATED
                return False

            wait_until(is_closed, what="the door is closed")

    def test_it_can_be_one_port_of_several(self, template: Path, tmp_path: Path) -> None:
        data_dir = copied(template, tmp_path)
        add_user(data_dir, "ann", PASSWORD)
        with serving(data_dir, settings=GRPC) as server:
            first, second, _ = ports_of(server)
        settings = GRPC | {
            "TUTTI_GRPC__PORTS": f"{first},{second}",
            "TUTTI_ASTOLFO__OPEN_AS": "ann",
            "TUTTI_ASTOLFO__OPEN_PORTS": str(second),
        }
        with serving(data_dir, settings=settings), Phone(first) as closed, Phone(second) as opened:
            assert opened.names() == {}
            with pytest.raises(Refused):
                closed.names()


def test_a_download_that_runs_is_cut_when_its_owner_is_locked_out(house: House, tmp_path: Path) -> None:
    """Within a second, from another process (reliability.md P34)."""
    name = house.newcomer()
    data = tone(tmp_path, "wav") + bytes(64 << 20)
    with house.phone(name) as phone:
        content_hash = phone.upload(messages_of("long.wav", data))
        call: Any = phone.channel.unary_stream("/file.FileService/Download")
        pieces = call(b"\x0a\x40" + content_hash.encode(), metadata=phone.metadata, timeout=60)
        next(pieces)
        assert run(house.server.data_dir, "user", "disable", name, settings=house.settings).returncode == 0
        house.server.wait_for(r'"event": "file.access_ended"')

        with pytest.raises(grpc.RpcError) as ended:
            list(pieces)

    assert ended.value.code() is grpc.StatusCode.UNAUTHENTICATED
