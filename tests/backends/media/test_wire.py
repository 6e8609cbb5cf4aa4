"""What children say is believed only in the shapes and sizes that children of ours send."""

import os
import socket
from collections.abc import Iterator
from threading import Thread

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutti.backends.media_worker import wire
from tutti.backends.media_worker.process import Child, ChildLostError
from tutti.domain.formats import Container
from tutti.domain.media import Cover, Reading, Refusal, Refused, StreamFacts, Tags
from tutti.domain.values import ArtworkHash

WORDS = st.lists(st.text(max_size=20), max_size=3)
NUMBERS = st.integers(0, 32767)
GAINS = st.none() | st.floats(-100, 100)
FACTS = st.builds(
    StreamFacts,
    container=st.sampled_from([container.value for container in Container]),
    codec=st.sampled_from(["mp3", "pcm", "unknown"]),
    mime=st.sampled_from([container.mime for container in Container]),
    duration_ms=st.integers(0, 2**31 - 1),
    bitrate_bps=st.integers(0, 2**31 - 1),
    sample_rate_hz=st.integers(0, 2**31 - 1),
    channels=st.integers(0, 255),
)
TAGS = st.builds(
    Tags,
    title=st.text(max_size=50),
    artists=WORDS,
    album=st.text(max_size=50),
    album_artists=WORDS,
    genres=WORDS,
    composers=WORDS,
    date=st.sampled_from(["", "2004", "2004-05", "2004-05-17"]),
    track=NUMBERS,
    track_total=NUMBERS,
    disc=NUMBERS,
    disc_total=NUMBERS,
    is_compilation=st.booleans(),
    lyrics=st.text(max_size=100),
    comment=st.text(max_size=100),
    mb_artists=WORDS,
    mb_album_artists=WORDS,
    gain_track_db=GAINS,
    peak_album=GAINS,
    raw=st.dictionaries(st.text(max_size=20), WORDS, max_size=5),
)
COVERS = st.none() | st.builds(
    Cover,
    hash=st.binary(min_size=32, max_size=32).map(lambda data: ArtworkHash(data.hex())),
    mime=st.sampled_from(["image/jpeg", "image/png", "image/webp", "image/gif"]),
    size_bytes=st.integers(0, 2**31 - 1),
)
READINGS = st.builds(
    Reading, facts=FACTS, tags=TAGS, fingerprint=st.binary(min_size=16, max_size=16).map(bytes.hex), cover=COVERS
)


@given(READINGS)
def test_a_reading_arrives_as_it_was_sent(reading: Reading) -> None:
    answer = wire.decode(wire.encode(wire.to_wire(reading)))

    assert isinstance(answer, wire.Found)
    assert wire.from_wire(answer) == reading


@given(st.builds(Refused, st.sampled_from(Refusal), st.text(max_size=500)))
def test_a_refusal_arrives_as_it_was_sent(refused: Refused) -> None:
    answer = wire.decode(wire.encode(wire.to_wire(refused)))

    assert isinstance(answer, wire.NotTaken)
    assert (answer.reason, answer.message) == (refused.reason, refused.message)


@given(st.lists(st.none() | st.sampled_from(Container), max_size=wire.BATCH), st.integers(0, 1200))
def test_a_request_arrives_as_it_was_sent(promised: list[Container | None], size_px: int) -> None:
    data = wire.pack_request(wire.Request(promised, size_px))

    assert len(data) == wire.REQUEST_BYTES
    assert wire.unpack_request(data) == wire.Request(promised, size_px)


def test_the_wire_shapes_have_the_fields_of_the_domain_in_their_order() -> None:
    assert wire.Facts.__struct_fields__ == tuple(StreamFacts.__dataclass_fields__)
    assert wire.Words.__struct_fields__ == tuple(Tags.__dataclass_fields__)


@given(st.binary(max_size=200))
def test_nonsense_is_an_error_and_nothing_else(data: bytes) -> None:
    try:
        answer = wire.decode(data)
    except msgspec.MsgspecError:
        return
    assert isinstance(answer, wire.Answer)


def _framed(answer: wire.Answer) -> bytes:
    data = wire.encode(answer)
    return wire.LENGTH.pack(len(data)) + data


READY = _framed(wire.Ready(["limits"], []))
LONG_TITLE = wire.to_wire(
    Reading(StreamFacts("mp3", "mp3", "audio/mpeg", 1), Tags(title="x" * 5000, artists=[], genres=[]), "0" * 32)
)


@pytest.fixture
def sockets() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"\1",
        wire.LENGTH.pack(wire.ANSWER_LIMIT + 1) + bytes(100),
        wire.LENGTH.pack(0xFFFFFFFF),
        wire.LENGTH.pack(100) + bytes(10),
        wire.LENGTH.pack(10) + bytes(10),
        _framed(LONG_TITLE),
        _framed(wire.Drawn(bytes((1 << 20) + 1))),
    ],
)
def test_a_child_that_speaks_nonsense_is_ended(said: bytes, sockets: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = sockets
    ended = list[int]()

    def speak() -> None:
        theirs.sendall(READY + said)
        theirs.shutdown(socket.SHUT_WR)

    speaker = Thread(target=speak)
    speaker.start()
    child = Child(7, ours, ended.append)

    with pytest.raises(ChildLostError):
        child.receive(5)

    speaker.join()
    assert ended == [7]


def test_a_child_whose_first_word_is_another_is_not_taken(sockets: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = sockets
    theirs.sendall(_framed(wire.NotTaken(Refusal.EMPTY, "The file is empty.")))

    with pytest.raises(ChildLostError):
        Child(7, ours, list[int]().append)


def test_descriptors_are_closed_even_when_the_child_is_gone(sockets: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = sockets
    theirs.sendall(READY)
    child = Child(7, ours, list[int]().append)
    theirs.close()
    descriptor = os.open(os.devnull, os.O_RDONLY)

    with pytest.raises(ChildLostError):
        child.send(wire.Request([None]), [descriptor])

    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)
