"""A server that means ill: whatever it names or sends, nothing but music is written, and only into the folder."""

import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import UUID

import pytest

from support.devices import Device, done, noise
from tutti.domain.errors import AppError

LIBRARY = str(UUID(int=1))


@dataclass
class Hostile:
    """What a server says; `bodies` by item, and `extra` bytes behind each."""

    changes: list[dict[str, object]] = field(default_factory=list)
    bodies: dict[str, bytes] = field(default_factory=dict)
    answers: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def tell(self, folder: str, filename: str, content: bytes, **said: object) -> str:
        """Announce an item; returns its id."""
        item = str(UUID(int=100 + len(self.changes)))
        self.bodies[item] = content
        digest = hashlib.sha256(content).hexdigest()
        told = {"library": LIBRARY, "item": item, "kind": "file", "hash": digest, "size": len(content)}
        self.changes.append({**told, "folder": folder, "filename": filename, **said})
        return item


@pytest.fixture
def hostile() -> Iterator[Hostile]:
    world = Hostile()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            self.rfile.read(length)
            world.asked.append(f"{self.command} {self.path}")
            self.send_response(200)
            body = self._body()
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _body(self) -> bytes:
            place = self.path.removeprefix("/api/v1").partition("?")[0]
            if place in world.answers:
                return world.answers[place]
            if place == "/me":
                return json.dumps({"id": LIBRARY}).encode()
            if place == "/sync/changes":
                changes = [] if "cursor=" in self.path else world.changes
                return json.dumps({"changes": changes, "cursor": "c", "has_more": False, "reset": []}).encode()
            if place.startswith("/tracks/"):
                return world.bodies[place.split("/")[2]]
            return b'{"have": []}'

        do_GET = do_PUT = do_POST = do_DELETE = do_PATCH = do_HEAD = _answer  # noqa: N815 - the names of the base

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as served:
        world.url = f"http://127.0.0.1:{served.server_port}"
        thread = threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield world
        served.shutdown()
        thread.join()


@pytest.fixture
def device(hostile: Hostile, tmp_path: Path) -> Device:
    return Device(tmp_path / "device", hostile.url, "one", "x", "key")


NAMES = [
    ("..", "up.mp3"),
    ("/etc", "cron.mp3"),
    ("a/../../..", "x.mp3"),
    ("", "../../escape.mp3"),
    ("", "/absolute.mp3"),
    ("..\\..", "windows.mp3"),
    ("C:", "drive.mp3"),
    ("", "nul\0byte.mp3"),
    ("", "bell\x07\x1b[31m.mp3"),
    ("CON", "aux.mp3"),
    (".config", ".bashrc"),
    ("", "-rf"),
    ("", "y" * 4000 + ".flac"),
    ("d/" * 400, "deep.mp3"),
    ("", "program.exe"),
    ("", ".tutti-replaced"),
    ("", ""),
]


def test_no_name_leads_out_of_the_folder_or_is_a_program(hostile: Hostile, device: Device) -> None:
    for number, (folder, filename) in enumerate(NAMES):
        hostile.tell(folder, filename, noise(number))

    report = device.round()

    outside = [path for path in device.place.parent.rglob("*.mp3") if not path.is_relative_to(device.folder)]
    assert (report.failures, outside) == ([], [])
    tree = device.tree()
    assert sorted(tree.values()) == sorted(noise(number) for number in range(len(NAMES)))
    assert {path.rpartition(".")[2].lower() for path in tree} <= {"mp3", "flac", "audio"}
    assert device.sync() == {}


def test_a_link_in_the_folder_is_not_written_through(hostile: Hostile, device: Device, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (device.folder / "down").symlink_to(tmp_path / "outside")
    hostile.tell("down", "x.mp3", noise(1))

    device.round()

    assert list((tmp_path / "outside").iterdir()) == []


def test_bytes_that_are_not_what_was_announced_do_not_stay(hostile: Hostile, device: Device) -> None:
    item = hostile.tell("", "x.mp3", noise(1))
    hostile.bodies[item] = noise(2)

    report = device.round()

    assert [failure.path for failure in report.failures] == ["x.mp3"]
    assert (device.tree(), device.leftovers()) == ({}, [])


def test_more_than_was_announced_is_not_taken(hostile: Hostile, device: Device) -> None:
    item = hostile.tell("", "x.mp3", noise(1))
    hostile.bodies[item] = noise(1) + bytes(1 << 20)

    report = device.round()

    assert "more than it announced" in report.failures[0].sentence
    assert device.tree() == {}
    assert all((device.folder / path).stat().st_size == 0 for path in device.leftovers())


def test_an_empty_file_is_nobodys_music(hostile: Hostile, device: Device) -> None:
    hostile.tell("", "poison.mp3", b"")

    assert (device.sync(), device.tree()) == ({}, {})


def test_two_of_one_name_both_come(hostile: Hostile, device: Device) -> None:
    for number, name in enumerate(("x.mp3", "x.mp3", "X.MP3")):
        hostile.tell("", name, noise(number))

    device.sync()

    assert sorted(device.tree()) == ["X (3).MP3", "x (2).mp3", "x.mp3"]


def test_what_is_announced_as_gone_takes_no_file_that_was_here_before(hostile: Hostile, device: Device) -> None:
    device.put("mine.mp3", noise(1))
    hostile.tell("", "mine.mp3", noise(1))
    device.sync()
    hostile.changes.append({"library": LIBRARY, "item": str(UUID(int=100)), "kind": "gone", "hash": "0" * 64})
    hostile.answers["/sync/changes"] = json.dumps({"changes": hostile.changes[-1:], "cursor": "d"}).encode()

    assert device.sync(deletes=True) == {}
    assert device.tree() == {"mine.mp3": noise(1)}


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"[]",
        b"{}",
        b"<html>",
        b"\xff\xfe",
        b'{"changes": [{"item": "../x"}], "cursor": ""}',
        b'{"changes": [], "cursor": "same", "has_more": true}',
        b'{"changes": [], "cursor": 5}',
        b"[" * 100_000,
    ],
)
def test_an_answer_that_is_none_ends_the_run_and_changes_nothing(
    hostile: Hostile, device: Device, answer: bytes
) -> None:
    device.put("mine.mp3", noise(1))
    hostile.answers["/sync/changes"] = answer

    with pytest.raises(AppError, match="cannot be understood"):
        device.round(deletes=True)

    assert device.tree() == {"mine.mp3": noise(1)}


def test_no_answer_is_read_without_end(hostile: Hostile, device: Device) -> None:
    hostile.answers["/sync/changes"] = b" " * (33 << 20)

    with pytest.raises(AppError, match="has no end"):
        device.round()


def test_it_is_asked_for_changes_alone_when_nothing_changed(hostile: Hostile, device: Device) -> None:
    hostile.tell("", "x.mp3", noise(1))
    device.sync()
    hostile.asked.clear()

    assert done(device.round()) == {}

    assert [one.partition("?")[0] for one in hostile.asked] == ["GET /api/v1/sync/changes"]
