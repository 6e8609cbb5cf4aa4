"""The media program: a keeper that imports everything once, and the locked children that it forks.

The keeper never sees a media file. A child that it forks locks itself before its first file, and from then on knows
nothing but the descriptors that come through its socket. So a child costs milliseconds and can be thrown away often.
"""

import encodings.cp1252
import encodings.utf_16
import encodings.utf_16_be
import encodings.utf_16_le
import gc
import os
import signal
import socket
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import suppress
from io import BufferedReader, FileIO
from typing import NoReturn

from tutti.backends.media_worker import covers, reading, sandbox, wire
from tutti.backends.media_worker.source import BUFFER_BYTES
from tutti.domain.formats import Container
from tutti.domain.media import Refusal
from tutti.domain.sound import find_sound

ENCODINGS = (encodings.cp1252, encodings.utf_16, encodings.utf_16_be, encodings.utf_16_le)
"""Tags are written in these; Python would look for them at first use, which a locked child cannot."""


def main() -> None:
    """Keep children for the control socket whose descriptor is the first argument, until its other end closes."""
    warnings.simplefilter("ignore")  # a shown warning would open source files
    covers.warm_up()
    gc.freeze()  # what is imported stays shared with the children
    control = socket.socket(fileno=int(sys.argv[1]))
    living: set[int] = set()
    while order := control.recv(wire.ORDER.size, socket.MSG_WAITALL):
        (pid,) = wire.ORDER.unpack(order)
        if pid == wire.FORK:
            living.add(_fork(control))
        elif pid in living:
            living.remove(pid)
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _fork(control: socket.socket) -> int:
    """Start a child and hand its pid and the other end of its socket to our parent."""
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        ours.close()
        control.close()
        _live(theirs)
    with ours, theirs:
        socket.send_fds(control, [wire.ORDER.pack(pid)], [ours.fileno()])
    return pid


def _live(parent: socket.socket) -> NoReturn:
    """Lock this process and serve; it never returns into the keeper's code."""
    try:
        layers = sandbox.lock()
        _send(parent, wire.Ready(layers.active, layers.missing))
        serve(parent)
    finally:
        os._exit(0)


def serve(parent: socket.socket) -> None:
    """Answer requests, one frame for each file, until the other end closes."""
    for request, descriptors in _requests(parent):
        for place, (descriptor, promised) in enumerate(zip(descriptors, request.promised, strict=True)):
            with BufferedReader(FileIO(descriptor), BUFFER_BYTES) as file:
                answer = _drawn(file, request.size_px) if request.size_px else _read(file, promised)
                if isinstance(answer, wire.Found) and place in request.sounds:
                    answer.sound = _sound(file)
                _send(parent, answer)


_FAILED = "Reading failed: the disk or the network behind the file reports an error."


def _read(file: "BufferedReader[FileIO]", promised: Container | None) -> wire.Answer:
    try:
        return wire.to_wire(reading.read(file, os.fstat(file.fileno()).st_size, promised))
    except OSError:
        return wire.NotTaken(Refusal.UNREADABLE, _FAILED)


def _drawn(file: "BufferedReader[FileIO]", size_px: int) -> wire.Answer:
    try:
        return covers.draw_cover(file, os.fstat(file.fileno()).st_size, size_px)
    except OSError:
        return wire.NotDrawn("bad_picture", _FAILED)


def _sound(file: "BufferedReader[FileIO]") -> wire.Span | None:
    with suppress(OSError):
        region = find_sound(file, os.fstat(file.fileno()).st_size)
        return wire.Span(*region) if region else None
    return None


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
