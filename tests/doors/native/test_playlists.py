"""Playlists, as callers see them (N250 to N255)."""

from collections.abc import Iterator
from typing import Any, NamedTuple
from uuid import uuid4

import pytest

from support.annex import Annex
from support.api import Api, Thing, code_of


class Person(NamedTuple):
    """Somebody with three tracks of his own."""

    annex: Annex
    api: Api
    tracks: list[str]

    def make(self, *tracks: str, **said: Any) -> Thing:
        made = self.api.post("/playlists", {"name": "Mix", "tracks": tracks, **said})
        assert made.status_code == 201, made.text
        playlist: Thing = made.json()
        return playlist

    def heard(self, playlist: Thing) -> list[str]:
        return [one["id"] for one in self.api.every(f"/playlists/{playlist['id']}/tracks")]


@pytest.fixture
def ann(annex: Annex) -> Iterator[Person]:
    with annex.somebody() as (_, api):
        library = api.read("/libraries")[0]["id"]
        yield Person(annex, api, [annex.send(api, f"Song {number}", library).id for number in range(3)])


def test_one_is_made_of_tracks_read_and_listed(ann: Person) -> None:
    one, two, _ = ann.tracks

    made = ann.make(two, one, two, description="For the road")

    assert set(made) == {
        "id",
        "name",
        "description",
        "is_public",
        "owner",
        "track_count",
        "duration_ms",
        "revision",
        "created_at",
        "updated_at",
    }
    assert (made["name"], made["description"], made["is_public"]) == ("Mix", "For the road", False)
    assert (made["track_count"], set(made["owner"])) == (3, {"id", "username"})
    assert ann.api.read(f"/playlists/{made['id']}") == made
    assert made in ann.api.every("/playlists")
    assert ann.heard(made) == [two, one, two]


def test_its_tracks_are_whole_and_come_in_pages(ann: Person) -> None:
    made = ann.make(*ann.tracks)

    pages = list(ann.api.pages(f"/playlists/{made['id']}/tracks", limit=2))

    assert [len(page) for page in pages] == [2, 1]
    assert pages[0][0] == ann.api.read(f"/tracks/{ann.tracks[0]}")["track"]


def test_it_is_renamed_shown_and_deleted(ann: Person) -> None:
    made = ann.make()
    path = f"/playlists/{made['id']}"

    changed = ann.api.request("PATCH", path, json={"name": "Road", "is_public": True})

    assert (changed.status_code, changed.json()["name"], changed.json()["is_public"]) == (200, "Road", True)
    assert ann.api.request("DELETE", path).status_code == 204
    assert code_of(ann.api.get(path)) == (404, "playlist_not_found")


def test_tracks_are_put_in_taken_out_and_set(ann: Person) -> None:
    one, two, three = ann.tracks
    made = ann.make(one)
    path = f"/playlists/{made['id']}/tracks"

    added = ann.api.post(path, {"tracks": [two, three], "position": 0})
    assert (added.status_code, added.json()["track_count"], ann.heard(made)) == (200, 3, [two, three, one])

    assert ann.api.request("DELETE", f"{path}/{three}").status_code == 204
    assert ann.heard(made) == [two, one]
    assert code_of(ann.api.request("DELETE", f"{path}/{three}")) == (404, "track_not_found")

    revision = ann.api.read(f"/playlists/{made['id']}")["revision"]
    wanted = {"tracks": [three, one], "revision": revision}
    assert ann.api.request("PUT", path, json=wanted).status_code == 200
    assert ann.heard(made) == [three, one]
    assert code_of(ann.api.request("PUT", path, json=wanted)) == (409, "playlist_changed")


def test_a_private_one_is_nobody_elses_and_a_public_one_nobody_else_changes(ann: Person) -> None:
    made = ann.make(*ann.tracks)
    path = f"/playlists/{made['id']}"

    with ann.annex.somebody() as (_, bob):
        for answer in (bob.get(path), bob.get(f"{path}/tracks"), bob.request("DELETE", path)):
            assert code_of(answer) == (404, "playlist_not_found")
        ann.api.request("PATCH", path, json={"is_public": True})
        assert bob.read(path)["track_count"] == 0  # the tracks are still Ann's alone
        assert bob.every(f"{path}/tracks") == []
        for answer in (
            bob.request("PATCH", path, json={"name": "Mine"}),
            bob.request("DELETE", path),
            bob.post(f"{path}/tracks", {"tracks": []}),
            bob.request("PUT", f"{path}/tracks", json={"tracks": []}),
            bob.request("DELETE", f"{path}/tracks/{ann.tracks[0]}"),
        ):
            assert code_of(answer) == (403, "not_the_owner")


@pytest.mark.parametrize(
    ("said", "status", "code"),
    [
        ({"name": " "}, 422, "bad_name"),
        ({"name": "x" * 256}, 400, "bad_request"),
        ({"name": "Mix", "tracks": ["x"]}, 400, "bad_request"),
        ({"name": "Mix", "tracks": [str(uuid4())]}, 404, "track_not_found"),
        ({"name": "Mix", "colour": "red"}, 400, "bad_request"),
    ],
)
def test_what_makes_no_sense_is_refused(ann: Person, said: Thing, status: int, code: str) -> None:
    assert code_of(ann.api.post("/playlists", said)) == (status, code)
    assert [one for one in ann.api.every("/playlists") if not one["is_public"]] == []
