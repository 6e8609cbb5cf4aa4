"""The child's conversation, held in this process: descriptors in, framed answers out."""

import io
import os
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Thread

import pytest
from PIL import Image

from support import tiers
from tutti.backends.media_worker import wire
from tutti.backends.media_worker.child import serve
from tutti.backends.media_worker.covers import warm_up
from tutti.domain.formats import Container
from tutti.domain.media import Refusal


@pytest.fixture
def parent() -> Iterator[socket.socket]:
    """The parent's end of a socket that a child serves until it is closed."""
    ours, theirs = socket.socketpair()
    thread = Thread(target=serve, args=(theirs,))
    thread.start()
    yield ours
    ours.close()
    thread.join()
    theirs.close()


def _picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (80, 40)).save(out, "PNG")
    return out.getvalue()


def _ask(parent: socket.socket, request: wire.Request, descriptors: Sequence[int]) -> list[wire.Answer]:
    socket.send_fds(parent, [wire.pack_request(request)], descriptors)
    for descriptor in descriptors:
        os.close(descriptor)
    with parent.makefile("rb") as stream:
        return [wire.decode(stream.read(wire.LENGTH.unpack(stream.read(4))[0])) for _ in descriptors]


def _opened(folder: Path, *contents: bytes) -> list[int]:
    paths = [folder / str(number) for number in range(len(contents))]
    for path, data in zip(paths, contents, strict=True):
        path.write_bytes(data)
    return [os.open(path, os.O_RDONLY) for path in paths]


def test_each_descriptor_gets_its_answer(parent: socket.socket, tmp_path: Path) -> None:
    descriptors = _opened(tmp_path, b"", b"text", _picture())

    answers = _ask(parent, wire.Request([None, Container.MP3, Container.FLAC]), descriptors)

    reasons = [answer.reason for answer in answers if isinstance(answer, wire.NotTaken)]
    assert reasons == [Refusal.EMPTY, Refusal.NOT_MEDIA, Refusal.WRONG_TYPE]


def test_one_conversation_holds_many_requests(parent: socket.socket, tmp_path: Path) -> None:
    answers = [_ask(parent, wire.Request([None]), _opened(tmp_path, b"text")) for _ in range(3)]

    assert [len(answer) for answer in answers] == [1, 1, 1]


def test_a_request_that_comes_in_pieces_is_one_request(parent: socket.socket, tmp_path: Path) -> None:
    data = wire.pack_request(wire.Request([None]))
    (descriptor,) = _opened(tmp_path, b"")
    socket.send_fds(parent, [data[:3]], [descriptor])
    os.close(descriptor)
    parent.sendall(data[3:])

    with parent.makefile("rb") as stream:
        answer = wire.decode(stream.read(wire.LENGTH.unpack(stream.read(4))[0]))

    assert answer == wire.NotTaken(Refusal.EMPTY, "The file is empty.")


def test_a_size_asks_for_a_cover(parent: socket.socket, tmp_path: Path) -> None:
    (answer,) = _ask(parent, wire.Request([None], 64), _opened(tmp_path, _picture()))

    assert isinstance(answer, wire.Drawn)
    assert Image.open(io.BytesIO(answer.webp)).size == (64, 32)


def test_music_without_a_picture_has_no_cover(parent: socket.socket, tmp_path: Path) -> None:
    (answer,) = _ask(parent, wire.Request([None], 64), _opened(tmp_path, b"\xff\xfb\x90\x00" * 400))

    assert isinstance(answer, wire.NotDrawn)
    assert answer.code == "no_cover"


def test_a_disk_that_fails_is_no_fault_of_the_file(parent: socket.socket, tmp_path: Path) -> None:
    """/proc/self/mem gives EIO at its start, as a failing disk does."""
    memory = Path("/proc/self/mem")
    tiers.require_that(memory.exists(), "there is no file here that fails to be read")

    (answer,) = _ask(parent, wire.Request([None], 64), [os.open(memory, os.O_RDONLY)])

    assert isinstance(answer, wire.NotDrawn)
    assert answer.code == "bad_picture"


def test_warming_up_draws_every_format() -> None:
    warm_up()
