"""Phones that speak Astolfo's protocol: one in Python, and one built on the stock library of another language."""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import grpc
import pytest

from support.server import Server
from support.tiers import require
from tutti.doors.astolfo.gen import auth_pb2, file_pb2, sync_pb2

CHUNK_BYTES = 65_536
CLIENT = Path(__file__).parents[1] / "clients" / "grpc-js"
_DEADLINE_S = 60


class Refused(Exception):  # noqa: N818 - named for the fact
    """A call failed; `word` is the stable one beside the sentence."""

    def __init__(self, error: grpc.RpcError) -> None:
        trailers: Any = error.trailing_metadata() or ()
        super().__init__(f"{error.code()}: {error.details()}")
        self.code = error.code()
        self.details = error.details() or ""
        self.word = dict(trailers).get("tutti-code", "")


def ports_of(server: Server, *, is_open: bool = False) -> list[int]:
    """Return the gRPC ports that a server says it listens on."""
    event = "grpc.open" if is_open else "grpc.listens"
    line = server.wait_for(rf'.*"event": "{event}".*')[0]
    return list(map(int, json.loads(line)["ports"]))


class Phone:
    """The calls of the original app, with a token or without."""

    def __init__(self, port: int, token: str = "", *, credentials: grpc.ChannelCredentials | None = None) -> None:
        address = f"localhost:{port}" if credentials else f"127.0.0.1:{port}"
        self.channel = grpc.secure_channel(address, credentials) if credentials else grpc.insecure_channel(address)
        self.token = token
        self.metadata: tuple[tuple[str, str], ...] = (("authorization", f"Bearer {token}"),) if token else ()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.channel.close()

    def register(self, username: str, password: str, security_key: str) -> str:
        request = auth_pb2.RegisterRequest(username=username, password=password, security_key=security_key)
        return str(self._unary("/auth.AuthService/Register", request, auth_pb2.RegisterResponse).token)

    def login(self, username: str, password: str) -> str:
        request = auth_pb2.LoginRequest(username=username, password=password)
        return str(self._unary("/auth.AuthService/Login", request, auth_pb2.LoginResponse).token)

    def upload(self, messages: Iterable[file_pb2.UploadRequest]) -> str:
        """Send messages as they are; return the hash."""
        call: Any = self.channel.stream_unary(
            "/file.FileService/Upload",
            request_serializer=file_pb2.UploadRequest.SerializeToString,
            response_deserializer=file_pb2.UploadResponse.FromString,
        )
        try:
            return str(call(iter(messages), metadata=self.metadata, timeout=_DEADLINE_S).hash)
        except grpc.RpcError as error:
            raise Refused(error) from error

    def send(self, filename: str, data: bytes) -> str:
        """Send a file as the app does: its base name first, then pieces of 64 KiB."""
        return self.upload(messages_of(filename, data))

    def download(self, content_hash: str) -> list[bytes]:
        """Return the pieces in which a file comes."""
        call: Any = self.channel.unary_stream(
            "/file.FileService/Download",
            request_serializer=file_pb2.DownloadRequest.SerializeToString,
            response_deserializer=file_pb2.DownloadResponse.FromString,
        )
        try:
            request = file_pb2.DownloadRequest(hash=content_hash)
            return [answer.chunk for answer in call(request, metadata=self.metadata, timeout=_DEADLINE_S)]
        except grpc.RpcError as error:
            raise Refused(error) from error

    def begin(self, messages: Iterable[file_pb2.UploadRequest]) -> Any:
        """Begin an upload and do not wait for it; its `result` is the message as it is."""
        call: Any = self.channel.stream_unary(
            "/file.FileService/Upload", request_serializer=file_pb2.UploadRequest.SerializeToString
        )
        return call.future(iter(messages), metadata=self.metadata, timeout=_DEADLINE_S)

    def delete(self, content_hash: str) -> bool:
        request = file_pb2.DeleteRequest(hash=content_hash)
        return bool(self._unary("/file.FileService/Delete", request, file_pb2.DeleteResponse).success)

    def get_sync(self) -> Any:
        return self.raw("/sync.SyncService/GetSync", b"", sync_pb2.GetSyncResponse)

    def names(self) -> dict[str, str]:
        """Return what the app makes of the list: hash to name."""
        return {one.hash: one.filename for one in self.get_sync().files}

    def _unary(self, path: str, request: Any, answer: Any) -> Any:
        return self.raw(path, request.SerializeToString(), answer)

    def raw(self, path: str, message: bytes, answer: Any) -> Any:
        """Send any bytes to any method."""
        call: Any = self.channel.unary_unary(path, response_deserializer=answer.FromString)
        try:
            return call(message, metadata=self.metadata, timeout=_DEADLINE_S)
        except grpc.RpcError as error:
            raise Refused(error) from error


def metadata(filename: str, **tags: Any) -> file_pb2.UploadRequest:
    """Return the message that says what a file is called."""
    return file_pb2.UploadRequest(metadata=file_pb2.FileMetadata(filename=filename, **tags))


def chunks(data: bytes, size: int = CHUNK_BYTES) -> Iterator[file_pb2.UploadRequest]:
    """Yield the messages that carry the bytes."""
    for offset in range(0, len(data), size):
        yield file_pb2.UploadRequest(chunk=data[offset : offset + size])


def messages_of(filename: str, data: bytes) -> Iterator[file_pb2.UploadRequest]:
    """Yield an upload as the app sends it."""
    yield metadata(filename)
    yield from chunks(data)


class Folder:
    """A phone's folder, and the algorithm of the original app over it (docs/contracts/astolfo.md b.9)."""

    EXTENSIONS = (".mp3", ".flac", ".wav", ".m4a", ".ogg")

    def __init__(self, root: Path, phone: Phone) -> None:
        self.root, self.phone = root, phone
        root.mkdir(parents=True, exist_ok=True)

    def scan(self) -> dict[str, Path]:
        """Return what is there by its hash."""
        files = (path for path in sorted(self.root.rglob("*")) if path.suffix.lower() in self.EXTENSIONS)
        return {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in files}

    def sync(self) -> tuple[int, int]:
        """Synchronise once; return how many files went up and came down."""
        there, here = self.phone.names(), self.scan()
        up = [content_hash for content_hash in here if content_hash not in there]
        for content_hash in up:
            path = here[content_hash]
            assert self.phone.send(path.name, path.read_bytes()) == content_hash
            assert content_hash in self.phone.names()  # else the app gives up the whole synchronisation
        down = [content_hash for content_hash in there if content_hash not in here]
        for content_hash in down:
            target = self.root / there[content_hash]
            target.unlink(missing_ok=True)  # the app deletes what has the name
            data = b"".join(self.phone.download(content_hash))
            assert data, "the app takes an empty file for an error"
            assert hashlib.sha256(data).hexdigest() == content_hash
            target.write_bytes(data)
        return len(up), len(down)


class ForeignPhone:
    """The stock client of another language, run once for each call."""

    def __init__(self, modules: Path, ports: list[int], token: str = "") -> None:
        self.modules, self.ports, self.token = modules, ports, token

    def __call__(self, command: str, *args: str | Path) -> dict[str, Any]:
        """Run a command; return what it prints, `code` and `details` when the call failed."""
        environment = {
            "PATH": os.environ["PATH"],  # noqa: TID251 - where node is
            "PROTOS": str(CLIENT / "protos"),
            "TOKEN": self.token,
        }
        done = subprocess.run(
            ["node", self.modules / "phone.js", "127.0.0.1", *map(str, self.ports), command, *map(str, args)],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=_DEADLINE_S,
        )
        assert done.stdout, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer


@pytest.fixture(scope="session")
def foreign_modules() -> Path:
    """The foreign client with its libraries, installed once outside of the tree."""
    require("node")
    require("npm")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")  # noqa: TID251 - a user's cache
    lock = (CLIENT / "package-lock.json").read_bytes()
    place = cache / "tutti-clients" / f"grpc-js-{hashlib.sha256(lock).hexdigest()[:12]}"
    if not place.exists():
        half = place.with_name(f"{place.name}.{os.getpid()}")
        shutil.copytree(CLIENT, half, ignore=shutil.ignore_patterns("node_modules"))
        subprocess.run(["npm", "ci", "--ignore-scripts", "--silent"], cwd=half, check=True, timeout=300)
        try:
            half.rename(place)
        except OSError:  # another worker was faster
            shutil.rmtree(half)
    shutil.copy(CLIENT / "phone.js", place / "phone.js")
    return place
