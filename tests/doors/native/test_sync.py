"""Keeping devices in step, as their programs see it (N230 to N249)."""

import io
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import mutagen
import pytest
from mutagen.id3 import TIT2
from mutagen.wave import WAVE

from support.annex import Annex
from support.api import Api, Thing, code_of
from support.server import wait_until
from support.tones import write_tone
from tutti.domain.sound import Region, find_sound

EVERYTHING: Thing = {"libraries": None, "artists": [], "albums": [], "tracks": [], "playlists": [], "max_bytes": None}


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

    def test_it_keeps_what_is_in_a_playlist_now(self, ann: Person) -> None:
        one, two = (ann.send(ann.tone(f"{number}.flac"))["id"] for number in range(2))
        mix = ann.api.post("/playlists", {"name": "Mix", "tracks": [one]}).json()["id"]
        device = str(uuid4())
        ann.api.request("PUT", f"/sync/devices/{device}", json={"name": "Phone"})
        said = ann.api.request("PUT", f"/sync/devices/{device}/keep", json={"playlists": [mix]})
        assert said.json()["keep"] == {**EVERYTHING, "playlists": [mix]}
        told = ann.changes(device=device)
        assert {change["item"]: change["keep"] for change in told["changes"]} == {one: True, two: False}

        ann.api.request("PUT", f"/playlists/{mix}/tracks", json={"tracks": [two]})

        told = ann.changes(device=device, cursor=told["cursor"])
        assert {change["item"]: change["keep"] for change in told["changes"]} == {one: False, two: True}

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


class Retagged(NamedTuple):
    """A file before and after its tags were changed, and where its sound lies in each."""

    old: bytes
    new: bytes
    region: Region
    new_region: Region

    @property
    def ends(self) -> bytes:
        """What is not its sound."""
        return self.new[: self.new_region.offset] + self.new[sum(self.new_region) :]

    @property
    def query(self) -> dict[str, Any]:
        """What is said of it."""
        return {
            "replaces": sha256(self.old).hexdigest(),
            "sha256": sha256(self.new).hexdigest(),
            "head": self.new_region.offset,
        }


def retagged(path: Path, title: str) -> Retagged:
    old = path.read_bytes()
    opened: Any = mutagen.File(path, easy=True)  # noqa: TID251 -- the file is ours
    opened["title"] = title
    opened.save()
    new = path.read_bytes()
    regions = [find_sound(io.BytesIO(data), len(data)) for data in (old, new)]
    assert regions[0] is not None
    assert regions[1] is not None
    return Retagged(old, new, regions[0], regions[1])


class TestReplacing:
    @pytest.mark.parametrize("suffix", ["flac", "mp3", "m4a", "wav"])
    def test_of_a_file_with_other_tags_only_the_tags_are_sent(self, ann: Person, suffix: str) -> None:
        path = ann.tone(f"one.{suffix}")
        sent = ann.send(path)
        known = ann.changes()
        file = retagged(path, "Other") if suffix != "wav" else with_id3_chunk(path, "Other")

        put = ann.api.request("PUT", f"/sync/items/{sent['id']}/bytes", params=file.query, content=file.ends)

        assert put.status_code == 200, put.text
        assert (put.json()["id"], put.json()["sha256"]) == (sent["id"], file.query["sha256"])
        assert ann.api.get(f"/tracks/{sent['id']}/stream").content == file.new
        wait_until(lambda: ann.api.read(f"/tracks/{sent['id']}")["track"]["title"] == "Other", what="it was read anew")
        [change] = ann.changes(cursor=known["cursor"])["changes"]
        assert (change["item"], change["hash"]) == (sent["id"], file.query["sha256"])
        assert change["audio_hash"] == known["changes"][0]["audio_hash"]
        assert (change["audio_offset"], change["audio_bytes"]) == file.new_region

    def test_a_whole_file_takes_the_place_of_another(self, ann: Person) -> None:
        path, other = ann.tone("one.flac"), ann.tone("other.flac").read_bytes()
        sent = ann.send(path)
        query = {"replaces": sent["sha256"], "sha256": sha256(other).hexdigest()}

        put = ann.api.request("PUT", f"/sync/items/{sent['id']}/bytes", params=query, content=other)

        assert put.json()["id"] == sent["id"]
        assert ann.api.get(f"/tracks/{sent['id']}/stream").content == other

    def test_bytes_that_are_not_there_any_more_are_409(self, ann: Person) -> None:
        path = ann.tone("one.flac")
        sent = ann.send(path)
        file = retagged(path, "Other")
        query = {**file.query, "replaces": "0" * 64}

        put = ann.api.request("PUT", f"/sync/items/{sent['id']}/bytes", params=query, content=file.ends)

        assert code_of(put) == (409, "bytes_changed")
        assert ann.api.get(f"/tracks/{sent['id']}/stream").content == file.old

    def test_another_hash_is_422_and_changes_nothing(self, ann: Person) -> None:
        path = ann.tone("one.flac")
        sent = ann.send(path)
        file = retagged(path, "Other")
        query = {**file.query, "sha256": "0" * 64}

        put = ann.api.request("PUT", f"/sync/items/{sent['id']}/bytes", params=query, content=file.ends)

        assert code_of(put) == (422, "digest_mismatch")
        assert ann.api.get(f"/tracks/{sent['id']}/stream").content == file.old

    def test_bytes_that_are_another_item_are_409_and_name_it(self, ann: Person) -> None:
        one, other = ann.send(ann.tone("one.flac")), ann.tone("other.flac")
        known = ann.send(other)
        query = {"replaces": one["sha256"], "sha256": known["sha256"]}

        put = ann.api.request("PUT", f"/sync/items/{one['id']}/bytes", params=query, content=other.read_bytes())

        assert code_of(put) == (409, "bytes_known")
        assert known["id"] in put.json()["title"]

    @pytest.mark.parametrize("query", [{"head": -1}, {"sha256": "x"}, {"replaces": ""}])
    def test_what_makes_no_sense_is_400(self, ann: Person, query: dict[str, Any]) -> None:
        said = {"replaces": "0" * 64, "sha256": "0" * 64, **query}

        assert code_of(ann.api.request("PUT", f"/sync/items/{uuid4()}/bytes", params=said)) == (400, "bad_request")

    def test_nobody_else_may(self, ann: Person) -> None:
        path = ann.tone("one.flac")
        sent = ann.send(path)
        file = retagged(path, "Other")

        with ann.annex.somebody() as (_, other):
            put = other.request("PUT", f"/sync/items/{sent['id']}/bytes", params=file.query, content=file.ends)
        assert code_of(put) == (404, "track_not_found")


def with_id3_chunk(path: Path, title: str) -> Retagged:
    """A WAV file has its tags behind its sound."""
    old = path.read_bytes()
    opened: Any = WAVE(path)  # type: ignore[no-untyped-call]  # mutagen has no types
    opened.add_tags()
    opened.tags.add(TIT2(text=title))  # type: ignore[no-untyped-call]  # likewise
    opened.save()
    new = path.read_bytes()
    region, new_region = (find_sound(io.BytesIO(data), len(data)) for data in (old, new))
    assert region == new_region
    assert region is not None
    return Retagged(old, new, region, region)


class TestFolders:
    def test_an_upload_that_can_be_resumed_names_one(self, ann: Person) -> None:
        data = ann.tone("one.flac").read_bytes()
        said = {"filename": "one.flac", "relativePath": "Albums/../First/./one.flac"}
        metadata = ",".join(f"{key} {b64encode(value.encode()).decode()}" for key, value in said.items())
        fields = {"Tus-Resumable": "1.0.0", "Upload-Length": str(len(data)), "Upload-Metadata": metadata}

        made = ann.api.request(
            "POST", "/tus", headers={**fields, "Content-Type": "application/offset+octet-stream"}, content=data
        )

        assert made.status_code == 201, made.text
        [change] = ann.changes()["changes"]
        assert (change["folder"], change["filename"]) == ("Albums/First", "one.flac")

    def test_a_form_names_one_for_the_files_after_it(self, ann: Person) -> None:
        data = ann.tone("one.flac").read_bytes()

        sent = ann.api.request("POST", "/uploads", data={"folder": "/Albums//First/"}, files={"file": ("1.flac", data)})

        assert sent.is_success
        [change] = ann.changes()["changes"]
        assert change["folder"] == "Albums/First"
