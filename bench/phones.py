"""U2, U3 and U4 by gRPC: files of phones and devices, in and out, against plain grpc.aio that keeps nothing."""

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from time import perf_counter
from typing import Any

import grpc

from bench.compare import Sample, compare, on_this_machine, say, verdict
from bench.processes import PASSWORD, Tutti, cpu_s, folder, free_port, is_open, run, settle, started, tutti, wait_until
from bench.uploads import NOISE, PIECE, grow
from tutti.doors.astolfo.gen.file_pb2 import DownloadResponse, FileMetadata, UploadRequest, UploadResponse

_UPLOAD = "/file.FileService/Upload"
_OF_PHONES, _OF_DEVICES = "/file.FileService/Download", "/tutti.v1.SyncService/Download"
_HASH_CHARS = 64
_CALL_S = 600
_FRAMING = 1.01
_STREAM_MB_S = 400


class _Server:
    """One server, a channel to it, and who calls."""

    def __init__(self, pid: int, port: int, token: str = "") -> None:
        self.pid = pid
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.max_receive_message_length", -1)])
        self._metadata = (("authorization", f"Bearer {token}"),) if token else ()

    def close(self) -> None:
        """Hang up."""
        self._channel.close()

    def send(self, megabytes: int, piece: int = 256 * 1024) -> str:
        """Send a file that nobody has; return its hash."""
        call: Any = self._channel.stream_unary(_UPLOAD, response_deserializer=UploadResponse.FromString)
        return str(call(_messages(megabytes, piece), metadata=self._metadata, timeout=_CALL_S).hash)

    def fetch(self, path: str, content_hash: str) -> Iterator[bytes]:
        """Get a file, in the messages as they come: the request has the hash in field 1 for both."""
        call: Any = self._channel.unary_stream(path)
        request = b"\x0a" + bytes([len(content_hash)]) + content_hash.encode()
        yield from call(request, metadata=self._metadata, timeout=_CALL_S)


def main() -> None:
    """Run the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--megabytes", type=int, default=64, help="size of a file of U2 and U3")
    parser.add_argument("--files", type=int, default=4, help="files of a run")
    parser.add_argument("--large", type=int, default=1024, help="megabytes of a file of U4")
    args = parser.parse_args()
    with on_this_machine(), folder("phones") as place:
        run(place, "user", "add", "bench", "--password-stdin", stdin=f"{PASSWORD}\n")
        port = free_port()
        command = [sys.executable, "-m", "bench.grpcs", str(port), str(args.megabytes)]
        with tutti(place) as server, started(command) as discard:
            wait_until(lambda: is_open(port), "the anchor listens")
            with closing(_Server(discard.pid, port)) as theirs, closing(_phone(server)) as ours:
                _in(theirs, ours, args)
                _out(theirs, ours, args)
        with tutti(place) as server, closing(_phone(server)) as phone:
            grow("U4 memory, gRPC", server.pid, args.large, lambda size: len(phone.send(size)) == _HASH_CHARS)


def _phone(server: Tutti) -> _Server:
    ports = json.loads(server.wait_for(r'.*"grpc.listens".*')[0])["ports"]
    return _Server(server.pid, ports[0], server.token)


def _in(theirs: _Server, ours: _Server, args: argparse.Namespace) -> None:
    """U2: in messages of the size that phones send, and of the size that devices send."""

    def sent(server: _Server, piece: int) -> Sample:
        return _timed(server, args, lambda: len(server.send(args.megabytes, piece)) == _HASH_CHARS)

    for piece in (64 * 1024, 256 * 1024):
        contenders = {"aio, discarded": partial(sent, theirs, piece), "tutti": partial(sent, ours, piece)}
        compare(f"U2 up {piece >> 10}K MB/s", "aio, discarded", contenders, rounds=args.rounds, goal=0.45)


def _out(theirs: _Server, ours: _Server, args: argparse.Namespace) -> None:
    """U3: megabytes for a second of the server's CPU; and how fast one stream is."""
    content_hash = ours.send(args.megabytes)
    streams = {
        "aio, protobuf": (theirs, _OF_PHONES),
        "phone, 64K": (ours, _OF_PHONES),
        "device, 1M": (ours, _OF_DEVICES),
    }
    wrong = sum(not _is_whole(*streams[name], content_hash) for name in ("phone, 64K", "device, 1M"))
    rates: dict[str, list[float]] = {name: [] for name in streams}
    size = args.megabytes * PIECE

    def fetched(name: str) -> Sample:
        server, path = streams[name]
        sample = _timed(
            server, args, lambda: size <= sum(map(len, server.fetch(path, content_hash))) <= size * _FRAMING
        )
        rates[name].append(sample.value)
        return Sample(args.files * args.megabytes / max(sample.cpu_s, 0.01), sample.cpu_s, sample.wrong + wrong)

    contenders = {name: partial(fetched, name) for name in streams}
    compare("U3 down MB/CPU-s", "aio, protobuf", contenders, rounds=args.rounds, goal=2.5)
    for name, found in rates.items():
        rate = sorted(found)[len(found) // 2]
        outcome = "" if name == "aio, protobuf" else f"  goal {_STREAM_MB_S} {verdict(met=rate >= _STREAM_MB_S)}"
        say(f"{'U3 one stream':<22} {name:<18} {rate:.0f} MB/s{outcome}")


def _is_whole(server: _Server, path: str, content_hash: str) -> bool:
    digest = hashlib.sha256()
    for message in server.fetch(path, content_hash):
        digest.update(DownloadResponse.FromString(message).chunk)
    return digest.hexdigest() == content_hash


def _timed(server: _Server, args: argparse.Namespace, transfer: Callable[[], bool]) -> Sample:
    settle()
    cpu, began = cpu_s(server.pid), perf_counter()
    wrong = sum(not transfer() for _ in range(args.files))
    seconds = perf_counter() - began
    return Sample(args.files * args.megabytes / seconds, cpu_s(server.pid) - cpu, wrong)


def _messages(megabytes: int, piece: int) -> Iterator[bytes]:
    yield UploadRequest(metadata=FileMetadata(filename="bench.ogg")).SerializeToString()
    mark = b"OggS" + os.urandom(16)
    yield UploadRequest(chunk=mark + NOISE[len(mark) : piece]).SerializeToString()
    same = UploadRequest(chunk=NOISE[:piece]).SerializeToString()
    for _ in range(megabytes * PIECE // piece - 1):
        yield same


if __name__ == "__main__":
    main()
