"""The listeners: ports, TLS, health, reflection, the end."""

import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from doors.astolfo.conftest import GRPC, KEY, House, tone
from support.api import PASSWORD
from support.phone import Phone, Refused, messages_of, ports_of
from support.server import add_user, copied, run, serving, wait_until
from support.tiers import require
from tutti.doors.astolfo.gen import auth_pb2, file_pb2, sync_pb2

FIELDS = {
    "auth.RegisterRequest": {1: ("username", "string"), 2: ("password", "string"), 3: ("security_key", "string")},
    "auth.RegisterResponse": {1: ("token", "string")},
    "auth.LoginRequest": {1: ("username", "string"), 2: ("password", "string")},
    "auth.LoginResponse": {1: ("token", "string")},
    "file.UploadRequest": {1: ("metadata", "message"), 2: ("chunk", "bytes")},
    "file.FileMetadata": {
        1: ("filename", "string"),
        2: ("title", "string"),
        3: ("artist", "string"),
        4: ("album", "string"),
        5: ("duration", "int32"),
    },
    "file.UploadResponse": {1: ("hash", "string")},
    "file.DownloadRequest": {1: ("hash", "string")},
    "file.DownloadResponse": {1: ("chunk", "bytes")},
    "file.DeleteRequest": {1: ("hash", "string")},
    "file.DeleteResponse": {1: ("success", "bool")},
    "sync.FileInfo": {1: ("hash", "string"), 2: ("filename", "string")},
    "sync.GetSyncResponse": {1: ("files", "message"), 2: ("hashes", "string"), 3: ("has_hashes", "bool")},
}
"""Of docs/contracts/astolfo.md b.3; from GetSyncResponse 2 on ours."""


def test_names_and_numbers_are_those_of_the_contract() -> None:
    found = {}
    for module in (auth_pb2, file_pb2, sync_pb2):
        file = FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        for message in file.message_type:
            found[f"{file.package}.{message.name}"] = {
                field.number: (field.name, FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower())
                for field in message.field
            }

    assert found == FIELDS


class TestPorts:
    def test_every_service_answers_on_every_port(self, house: House) -> None:
        name = house.newcomer()
        for port in house.ports:
            with Phone(port) as stranger, Phone(port, stranger.login(name, PASSWORD)) as phone:
                assert phone.names() == {}
                assert phone.delete("0" * 64)

    def test_a_port_that_is_taken_stops_the_start(self, data_dir: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = str(taken.getsockname()[1])
            done = run(data_dir, "serve", settings={"TUTTI_HTTP__PORT": "0", "TUTTI_GRPC__PORTS": port})

        assert done.returncode
        assert f"port {port} cannot be listened on for gRPC; see TUTTI_GRPC__PORTS." in done.stderr


class TestHealth:
    def test_anybody_may_ask_whether_it_serves(self, house: House) -> None:
        with house.stranger() as phone:
            for service in ("", "file.FileService"):
                stub: Any = health_pb2_grpc.HealthStub(phone.channel)
                answer = stub.Check(health_pb2.HealthCheckRequest(service=service))
                assert answer.status == health_pb2.HealthCheckResponse.SERVING


class TestReflection:
    def test_it_is_off_unless_asked_for(self, house: House) -> None:
        with house.stranger() as phone, pytest.raises(grpc.RpcError) as refused:
            ProtoReflectionDescriptorDatabase(phone.channel).get_services()

        assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED

    def test_with_it_a_client_needs_no_descriptions(self, open_house: House) -> None:
        """As grpcurl does: it asks what there is, and calls by service and method."""
        with open_house.stranger() as phone:
            database = ProtoReflectionDescriptorDatabase(phone.channel)

            assert {"auth.AuthService", "file.FileService", "sync.SyncService"} <= set(database.get_services())
            methods = database.FindFileContainingSymbol("auth.AuthService").service[0].method
            assert {method.name for method in methods} == {"Register", "Login"}
            assert phone.register("test", PASSWORD, KEY)
            assert phone.login("test", PASSWORD)
            assert phone.get_sync().has_hashes


_SELF_SIGNED = (
    *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
    *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
)


class TestTLS:
    @pytest.fixture
    def certificate(self, tmp_path: Path) -> tuple[Path, Path]:
        cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
        subprocess.run(
            [require("openssl"), *_SELF_SIGNED, "-keyout", str(key), "-out", str(cert)],
            check=True,
            capture_output=True,
        )
        return cert, key

    def test_it_can_be_switched_on(self, template: Path, tmp_path: Path, certificate: tuple[Path, Path]) -> None:
        cert, key = certificate
        settings = GRPC | {"TUTTI_GRPC__TLS_CERT": str(cert), "TUTTI_GRPC__TLS_KEY": str(key), "TUTTI_GRPC__PORTS": "0"}
        with serving(copied(template, tmp_path), settings=settings) as server:
            trusted = grpc.ssl_channel_credentials(cert.read_bytes())
            with Phone(ports_of(server)[0], credentials=trusted) as phone:
                assert phone.register("ann", PASSWORD, KEY)
            with Phone(ports_of(server)[0]) as plain, pytest.raises(Refused):
                plain.login("ann", PASSWORD)

    def test_a_file_that_is_not_there_stops_the_start(self, data_dir: Path, tmp_path: Path) -> None:
        settings = {"TUTTI_HTTP__PORT": "0", "TUTTI_GRPC__PORTS": "0"}
        missing = {"TUTTI_GRPC__TLS_CERT": str(tmp_path / "no.pem"), "TUTTI_GRPC__TLS_KEY": str(tmp_path / "no.key")}

        done = run(data_dir, "serve", settings=settings | missing)

        assert done.returncode
        assert "no.key cannot be read" in done.stderr


class TestTheEnd:
    def test_an_upload_that_runs_may_finish(self, template: Path, tmp_path: Path) -> None:
        data_dir = copied(template, tmp_path)
        add_user(data_dir, "ann", PASSWORD)
        data, begun, go_on = tone(tmp_path, "wav") + bytes(4 << 20), threading.Event(), threading.Event()

        def slow() -> Iterator[file_pb2.UploadRequest]:
            for number, message in enumerate(messages_of("song.wav", data)):
                if number == 30:
                    begun.set()
                    go_on.wait(30)
                yield message

        with serving(data_dir, settings=GRPC) as server:
            port = ports_of(server)[0]
            with Phone(port) as stranger, Phone(port, stranger.login("ann", PASSWORD)) as phone:
                upload = phone.begin(slow())
                assert begun.wait(30)
                server.process.terminate()
                wait_until(lambda: not takes_calls(port), what="it takes nobody any more")
                go_on.set()

                assert len(upload.result(30)) > 64
            assert server.wait() == 0


def takes_calls(port: int) -> bool:
    """Return whether somebody who comes now is let in."""
    with Phone(port) as late:
        try:
            late.login("ann", PASSWORD)
        except Refused:
            return False
        return True
