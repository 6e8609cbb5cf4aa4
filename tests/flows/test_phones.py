"""Phones that sync while servers are killed, while many write, and over servers that each do a part."""

import hashlib
import random
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import grpc
import pytest

from support.api import PASSWORD
from support.databases import ON_POSTGRESQL, fresh_url
from support.phone import Phone, Refused, messages_of, ports_of
from support.server import Server, add_user, copied, run, serving
from support.tiers import is_deep
from support.tones import write_tone
from tutti.doors.astolfo.gen import file_pb2

GRPC = {"TUTTI_GRPC__PORTS": "0", "TUTTI_LIMITS__PASSWORDS_PER_MINUTE": "9999"}
KILLS = 50 if is_deep() else 1
LARGE_MB = 1024 if is_deep() else 96


def settings_for(kind: str, place: Path) -> dict[str, str]:
    return GRPC if kind == "sqlite" else GRPC | {"TUTTI_DB__URL": fresh_url(place, kind)}


def signed_in(server: Server, name: str = "ann") -> Phone:
    port = ports_of(server)[0]
    with Phone(port) as stranger:
        return Phone(port, stranger.login(name, PASSWORD))


class Sender:
    """Sends file after file, and writes down what was acknowledged."""

    def __init__(self, song: bytes) -> None:
        self.song = song
        self.acknowledged: dict[str, bytes] = {}
        self.number = 0

    def run(self, phone: Phone) -> None:
        """Send until the server is gone."""
        while True:
            self.number += 1
            data = self.song + self.number.to_bytes(4, "big") * 50_000
            try:
                self.acknowledged[phone.upload(self.slowly(data))] = data
            except Refused:
                return

    def slowly(self, data: bytes) -> Iterator[file_pb2.UploadRequest]:
        yield from messages_of(f"{self.number}.wav", data)


def test_killed_at_any_moment_it_keeps_what_it_acknowledged_and_shows_nothing_half(
    template: Path, tmp_path: Path, database_kind: str
) -> None:
    data_dir, settings = copied(template, tmp_path), settings_for(database_kind, tmp_path)
    add_user(data_dir, "ann", PASSWORD, settings=settings)
    sender, chance = Sender(write_tone(tmp_path / "song.wav", seconds=0.1).read_bytes()), random.Random(7)
    for _ in range(KILLS):
        with serving(data_dir, settings=settings) as server, signed_in(server) as phone:
            check(phone, sender)
            sending = threading.Thread(target=sender.run, args=(phone,))
            sending.start()
            threading.Event().wait(chance.uniform(0.05, 1.5))
            server.kill()
            sending.join(30)
    with serving(data_dir, settings=settings) as server, signed_in(server) as phone:
        check(phone, sender)
    assert sender.acknowledged
    assert run(data_dir, "check", "--read-data", settings=settings).returncode == 0


def check(phone: Phone, sender: Sender) -> None:
    """See that all that was acknowledged is there, and that all that is there is whole."""
    names = phone.names()
    assert sender.acknowledged.keys() <= names.keys()
    assert len(names) <= sender.number
    for content_hash in random.Random(len(names)).sample(sorted(names), min(5, len(names))):
        assert hashlib.sha256(b"".join(phone.download(content_hash))).hexdigest() == content_hash


def test_the_server_does_not_grow_with_the_files_that_it_takes(template: Path, tmp_path: Path) -> None:
    data_dir = copied(template, tmp_path)
    add_user(data_dir, "ann", PASSWORD, settings=GRPC)
    piece = random.Random(7).randbytes(1 << 16)

    def messages(pieces: int) -> Iterator[file_pb2.UploadRequest]:
        yield file_pb2.UploadRequest(chunk=b"OggS" + pieces.to_bytes(4, "big"))
        for _ in range(pieces):
            yield file_pb2.UploadRequest(chunk=piece)

    with serving(data_dir, settings=GRPC) as server, signed_in(server) as phone:
        phone.upload(messages(64))
        before = peak_mb(server)
        content_hash = phone.upload(messages(LARGE_MB * 16))

        assert sum(map(len, phone.download(content_hash))) == 8 + (LARGE_MB << 20)
        assert peak_mb(server) - before < 64


def peak_mb(server: Server) -> int:
    """Return the most memory that the process ever had (proc(5), VmHWM)."""
    status = Path(f"/proc/{server.process.pid}/status").read_text(encoding="ascii")
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) >> 10  # type: ignore[index]


def test_many_phones_that_write_at_once_never_hear_of_a_lock(
    template: Path, tmp_path: Path, database_kind: str
) -> None:
    data_dir, settings = copied(template, tmp_path), settings_for(database_kind, tmp_path)
    add_user(data_dir, "ann", PASSWORD, settings=settings)
    song = write_tone(tmp_path / "song.wav", seconds=0.1).read_bytes()

    def send(number: int) -> str:
        return phone.send(f"{number}.wav", song + number.to_bytes(4, "big"))

    with serving(data_dir, settings=settings) as server, signed_in(server) as phone, ThreadPoolExecutor(16) as pool:
        sending = [pool.submit(send, number) for number in range(64)]
        for name in ("bob", "cem"):  # another process writes, too
            add_user(data_dir, name, PASSWORD, settings=settings)

        assert {one.result() for one in sending} == phone.names().keys()


@ON_POSTGRESQL
def test_each_service_may_be_a_process_of_its_own(template: Path, tmp_path: Path, database_kind: str) -> None:
    data_dir, settings = copied(template, tmp_path), settings_for(database_kind, tmp_path)
    add_user(data_dir, "ann", PASSWORD, settings=settings)
    data = write_tone(tmp_path / "song.wav", seconds=0.1).read_bytes()
    with ExitStack() as stack:
        auth, files, sync = (ports_of(stack.enter_context(serving(data_dir, settings=settings)))[0] for _ in range(3))
        token = stack.enter_context(Phone(auth)).login("ann", PASSWORD)

        content_hash = stack.enter_context(Phone(files, token)).send("song.wav", data)

        assert stack.enter_context(Phone(sync, token)).names() == {content_hash: "song.wav"}


def test_a_disk_that_is_full_refuses_with_a_sentence(template: Path, tmp_path: Path) -> None:
    """The reserve stands for the end of the disk: nothing tells it from the real one."""
    data_dir = copied(template, tmp_path)
    add_user(data_dir, "ann", PASSWORD)
    settings = GRPC | {"TUTTI_BLOBS__RESERVE_MB": str(1 << 30)}
    with serving(data_dir, settings=settings) as server, signed_in(server) as phone:
        with pytest.raises(Refused) as refused:
            phone.send("song.wav", write_tone(tmp_path / "song.wav", seconds=0.1).read_bytes())

        assert (refused.value.code, refused.value.word) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "disk_full")
        assert phone.names() == {}
