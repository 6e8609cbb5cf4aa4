"""The child process: locks itself, then reads descriptors that its parent sends until the parent is gone."""

import os
import socket
import sys
import warnings
from collections.abc import Iterator, Sequence

from tutti.backends.media_worker import reading, wire
from tutti.backends.media_worker.source import BUFFER_BYTES
from tutti.domain.formats import Container
from tutti.domain.media import Reading, Refusal, Refused


def main() -> None:
    """Serve the socket whose descriptor is the first argument."""
    warnings.simplefilter("ignore")  # a shown warning would open source files
    serve(socket.socket(fileno=int(sys.argv[1])))


def serve(parent: socket.socket) -> None:
    """Answer requests, one frame for each file, until the other end closes."""
    _send(parent, wire.Ready([], []))
    for request, descriptors in _requests(parent):
        for descriptor, promised in zip(descriptors, request.promised, strict=True):
            _send(parent, wire.to_wire(_read(descriptor, promised)))


def _read(descriptor: int, promised: Container | None) -> Reading | Refused:
    try:
        with open(descriptor, "rb", buffering=BUFFER_BYTES) as file:
            return reading.read(file, os.fstat(descriptor).st_size, promised)
    except OSError:
        return Refused(
            Refusal.UNREADABLE, "Reading the file failed: the disk or the network behind it reports an error."
        )


def _requests(parent: socket.socket) -> Iterator[tuple[wire.Request, Sequence[int]]]:
    data, descriptors = b"", list[int]()
    while True:
        part, received, _, _ = socket.recv_fds(parent, wire.REQUEST_BYTES - len(data), wire.BATCH)
        if not part:
            return
        data += part
        descriptors += received
        if len(data) == wire.REQUEST_BYTES:
            yield wire.unpack_request(data), descriptors
            data, descriptors = b"", []


def _send(parent: socket.socket, answer: wire.Answer) -> None:
    data = wire.encode(answer)
    parent.sendall(wire.LENGTH.pack(len(data)) + data)


if __name__ == "__main__":
    main()
