"""Keeping devices in step, as their programs see it (N230 to N249)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pytest

from support.annex import Annex
from support.api import Api, Thing, code_of
from support.server import wait_until
from support.tones import write_tone

EVERYTHING: Thing = {"libraries": None, "artists": [], "albums": [], "tracks": [], "max_bytes": None}


class Person(NamedTuple):
    """Somebody with a library of his own and nothing in it."""

    annex: Annex
    name: str
    api: Api
    library: str

    def tone(self, name: str, **tags: str) -> Path:
        """Write a file that is unlike any other."""
        number = next(self.annex.numbers)
        return write_tone(self.annex.place / str(number) / name, hz=200 + number, tags={"title": str(number), **tags})

    def send(self, path: Path, **query: str) -> Thing:
        """Send a file, and wait until it is a track."""
        sent = self.api.request("PUT", f"/files/{path.name}", params=query, content=path.read_bytes())
        assert sent.is_success, sent.text
        item: Thing = sent.json()
        wait_until(lambda: self.api.get(f"/tracks/{item['id']}").is_success, what="what was sent is a track")
        return item

    def changes(self, **query: Any) -> Thing:
        """Return what is told at once."""
        found: Thing = self.api.read("/sync/changes", **query)
        return found


@pytest.fixture
def ann(annex: Annex) -> Iterator[Person]:
    with annex.somebody() as (name, api):
        yield Person(annex, name, api, api.read("/libraries")[0]["id"])


class TestDevices:
    def test_one_is_made_known_under_its_own_id(self, ann: Person) -> None:
        device = str(uuid4())

        made = ann.api.request("PUT", f"/sync/devices/{device}", json={"name": "Phone"})

        assert made.status_code == 200
        assert set(made.json()) == {"id", "name", "created_at", "seen_at", "keep"}
        assert (made.json()["id"], made.json()["name"], made.json()["keep"]) == (device, "Phone", EVERYTHING)
        assert ann.api.read("/sync/devices") == {"devices": [made.json()]}

    def test_it_is_renamed_and_forgotten(self, ann: Person) -> None:
        device = str(uuid4())
        for name in ("Phone", "Old phone"):
            ann.api.request("PUT", f"/sync/devices/{device}", json={"name": name})

        assert [one["name"] for one in ann.api.read("/sync/devices")["devices"]] == ["Old phone"]
        assert ann.api.request("DELETE", f"/sync/devices/{device}").status_code == 204
        assert ann.api.read("/sync/devices") == {"devices": []}
        assert code_of(ann.api.request("DELETE", f"/sync/devices/{device}")) == (404, "device_not_found")

    def test_it_says_what_it_keeps(self, ann: Person) -> None:
        device = str(uuid4())
        keep = {**EVERYTHING, "libraries": [ann.library], "max_bytes": 10}
        ann.api.request("PUT", f"/sync/devices/{device}", json={"name": "Phone"})

        said = {"libraries": [ann.library], "max_bytes": 10}
        kept = ann.api.request("PUT", f"/sync/devices/{device}/keep", json=said)

        assert kept.status_code == 200
        assert kept.json()["keep"] == ann.api.read("/sync/devices")["devices"][0]["keep"] == keep

    def test_nobody_else_sees_it(self, ann: Person) -> None:
        device = str(uuid4())
        ann.api.request("PUT", f"/sync/devices/{device}", json={"name": "Phone"})

        with ann.annex.somebody() as (_, other):
            assert other.read("/sync/devices") == {"devices": []}
            assert code_of(other.get("/sync/changes", device=device)) == (404, "device_not_found")


class TestChanges:
    def test_a_file_is_told_with_all_that_a_device_needs(self, ann: Person) -> None:
        path = ann.tone("one.flac")
        sent = ann.send(path, folder="Albums/First")

        told = ann.changes()

        assert set(told) == {"changes", "cursor", "has_more", "reset"}
        [change] = told["changes"]
        assert set(change) == {
            "library",
            "item",
            "kind",
            "hash",
            "size",
            "filename",
            "folder",
            "audio_hash",
            "audio_offset",
            "audio_bytes",
            "changed_at",
            "keep",
        }
        assert (change["library"], change["item"], change["kind"]) == (ann.library, sent["id"], "file")
        assert (change["hash"], change["size"]) == (sent["sha256"], path.stat().st_size)
        assert (change["filename"], change["folder"], change["keep"]) == ("one.flac", "Albums/First", True)

    def test_nothing_more_is_told_until_something_changes(self, ann: Person) -> None:
        sent = ann.send(ann.tone("one.flac"))
        cursor = ann.changes()["cursor"]

        assert ann.changes(cursor=cursor) == {"changes": [], "cursor": cursor, "has_more": False, "reset": []}

        ann.api.request("DELETE", f"/tracks/{sent['id']}")
        [gone] = ann.changes(cursor=cursor)["changes"]
        assert (gone["item"], gone["kind"], gone["hash"], gone["keep"]) == (sent["id"], "gone", sent["sha256"], False)

    def test_it_comes_in_pages(self, ann: Person) -> None:
        sent = [ann.send(ann.tone(f"{number}.flac"))["id"] for number in range(3)]

        first = ann.changes(limit=2)
        second = ann.changes(limit=2, cursor=first["cursor"])

        assert [one["item"] for one in first["changes"] + second["changes"]] == sent
        assert (first["has_more"], second["has_more"]) == (True, False)

    @pytest.mark.parametrize(
        ("query", "code"),
        [({"cursor": "x"}, "bad_cursor"), ({"limit": 0}, "bad_limit"), ({"limit": 5001}, "bad_limit")],
    )
    def test_what_makes_no_sense_is_422(self, ann: Person, query: dict[str, Any], code: str) -> None:
        assert code_of(ann.api.get("/sync/changes", **query)) == (422, code)

    def test_a_key_for_sync_is_enough_to_ask(self, ann: Person) -> None:
        made = ann.api.post("/me/app-keys", {"name": "phone", "scopes": ["sync"]})

        with Api(ann.annex.server.url, made.json()["key"]) as key:
            assert key.get("/sync/changes").is_success


class TestHave:
    def test_it_says_which_bytes_are_there(self, ann: Person) -> None:
        sent = ann.send(ann.tone("one.flac"))

        answer = ann.api.post("/sync/have", {"hashes": [sent["sha256"], "0" * 64]})

        assert answer.json() == {"have": [{"hash": sent["sha256"], "item": sent["id"]}]}

    def test_it_says_nothing_of_other_libraries(self, ann: Person) -> None:
        sent = ann.send(ann.tone("one.flac"))

        with ann.annex.somebody() as (_, other):
            assert other.post("/sync/have", {"hashes": [sent["sha256"]]}).json() == {"have": []}
            asked = {"hashes": [sent["sha256"]], "library": ann.library}
            assert code_of(other.post("/sync/have", asked)) == (404, "library_not_found")

    @pytest.mark.parametrize("hashes", [["x"], ["0" * 63], ["G" * 64], ["0" * 64] * 1001])
    def test_what_are_no_hashes_is_400(self, ann: Person, hashes: list[str]) -> None:
        assert code_of(ann.api.post("/sync/have", {"hashes": hashes})) == (400, "bad_request")


class TestBytes:
    def test_a_file_that_nobody_read_yet_can_be_fetched_from_where_it_was_cut_off(self, ann: Person) -> None:
        broken = b"\xff\xfb" + b"no sound at all " * 500
        sent = ann.api.request("PUT", "/files/broken.mp3", content=broken).json()
        tag = f'"{sent["sha256"]}"'

        whole = ann.api.get(f"/tracks/{sent['id']}/stream")
        rest = ann.api.get(f"/tracks/{sent['id']}/stream", headers={"Range": "bytes=100-", "If-Range": tag})

        assert (whole.content, whole.headers["etag"]) == (broken, tag)
        assert (rest.status_code, rest.content) == (206, broken[100:])
