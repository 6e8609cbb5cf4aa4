"""Deleting, taking back, removing for good, and how much there may be, as callers see it (N183 to N187)."""

from collections.abc import Iterator
from typing import NamedTuple
from uuid import uuid4

import httpx2
import pytest

from support.annex import Annex, Sent
from support.api import Api, code_of
from support.server import wait_until

NOT_FOUND = (404, "track_not_found")
NOT_IN_TRASH = (404, "not_in_trash")


class Owner(NamedTuple):
    """Somebody with a library and one track in it."""

    annex: Annex
    name: str
    api: Api
    library: str
    track: Sent

    def delete(self) -> httpx2.Response:
        return self.api.request("DELETE", f"/tracks/{self.track.id}")

    def limit(self, quota_bytes: int | None) -> None:
        me = self.api.read("/me")["id"]
        changed = self.annex.ada.request("PATCH", f"/users/{me}", json={"quota_bytes": quota_bytes})
        assert changed.status_code == 200, changed.text

    def put(self, name: str, data: bytes) -> httpx2.Response:
        return self.api.request("PUT", f"/files/{name}", params={"library": self.library}, content=data)


@pytest.fixture
def owner(annex: Annex) -> Iterator[Owner]:
    with annex.somebody() as (name, api):
        library = annex.library(api)
        yield Owner(annex, name, api, library, annex.send(api, f"One of {name}", library))


def test_a_deleted_track_is_in_the_trash_and_nowhere_else(owner: Owner) -> None:
    for _ in range(2):  # from the second time on a grant is at hand
        assert owner.api.get(f"/tracks/{owner.track.id}/stream").is_success

    assert owner.delete().status_code == 204

    assert owner.api.every("/tracks") == []
    assert code_of(owner.api.get(f"/tracks/{owner.track.id}")) == NOT_FOUND
    assert code_of(owner.api.get(f"/tracks/{owner.track.id}/stream")) == NOT_FOUND
    assert code_of(owner.delete()) == NOT_FOUND
    [trashed] = owner.api.read("/trash")["items"]
    assert set(trashed) == {"id", "library", "title", "filename", "size_bytes", "deleted_at", "purged_at"}
    assert (trashed["id"], trashed["library"], trashed["title"]) == (
        owner.track.id,
        owner.library,
        f"One of {owner.name}",
    )
    assert trashed["purged_at"] > trashed["deleted_at"]


def test_it_is_taken_back_as_it_was(owner: Owner) -> None:
    before = owner.api.read(f"/tracks/{owner.track.id}")
    owner.delete()

    answer = owner.api.post(f"/trash/{owner.track.id}/restore")

    assert answer.status_code == 204
    assert owner.api.read(f"/tracks/{owner.track.id}") == before
    assert owner.api.get(f"/tracks/{owner.track.id}/stream").content == owner.track.data
    assert owner.api.read("/trash")["items"] == []
    assert code_of(owner.api.post(f"/trash/{owner.track.id}/restore")) == NOT_IN_TRASH


def test_what_was_removed_for_good_comes_back_with_its_bytes_only(owner: Owner) -> None:
    owner.delete()

    assert owner.api.request("DELETE", f"/trash/{owner.track.id}").status_code == 204

    assert owner.api.read("/trash")["items"] == []
    assert code_of(owner.api.post(f"/trash/{owner.track.id}/restore")) == NOT_IN_TRASH
    assert code_of(owner.api.request("DELETE", f"/trash/{owner.track.id}")) == NOT_IN_TRASH
    again = owner.put("again.flac", owner.track.data)
    assert (again.status_code, again.json()["id"], again.json()["is_new"]) == (200, owner.track.id, False)
    wait_until(lambda: owner.api.get(f"/tracks/{owner.track.id}").is_success, what="it is a track again")


def test_the_trash_is_emptied_by_a_job(owner: Owner) -> None:
    owner.delete()

    assert owner.api.request("DELETE", "/trash").status_code == 202

    wait_until(lambda: owner.api.read("/trash")["items"] == [], what="the trash is empty")
    assert owner.api.read("/me/quota")["used_bytes"] == 0


def test_the_trash_comes_in_pages_the_last_deleted_first(owner: Owner) -> None:
    other = owner.annex.send(owner.api, f"Two of {owner.name}", owner.library)
    owner.delete()
    owner.api.request("DELETE", f"/tracks/{other.id}")

    pages = list(owner.api.pages("/trash", limit=1))

    assert [[one["id"] for one in page] for page in pages] == [[other.id], [owner.track.id]]
    assert code_of(owner.api.get("/trash", limit=0)) == (422, "bad_limit")
    assert code_of(owner.api.get("/trash", cursor="x")) == (422, "bad_cursor")


def test_a_file_of_a_folder_that_is_only_read_is_409(owner: Owner) -> None:
    ada, folder = owner.annex.ada, owner.annex.folder(1)
    library = owner.annex.library(ada)
    ada.post("/sources", {"path": str(folder), "library": library})
    wait_until(lambda: ada.every("/tracks", library=library), what="it was scanned")
    [track] = ada.every("/tracks", library=library)

    assert code_of(ada.request("DELETE", f"/tracks/{track['id']}")) == (409, "read_only_origin")
    assert len(list(folder.iterdir())) == 1


def test_a_listener_and_a_stranger_decide_nothing(owner: Owner) -> None:
    with owner.annex.somebody() as (name, bob):
        assert code_of(bob.request("DELETE", f"/tracks/{owner.track.id}")) == NOT_FOUND
        owner.api.request("PUT", f"/libraries/{owner.library}/members/{name}", json={"role": "listener"})
        assert code_of(bob.request("DELETE", f"/tracks/{owner.track.id}")) == (403, "not_an_editor")
        owner.delete()

        assert bob.read("/trash")["items"] == []
        assert code_of(bob.post(f"/trash/{owner.track.id}/restore")) == (403, "not_an_editor")
        assert code_of(bob.request("DELETE", f"/trash/{owner.track.id}")) == (403, "not_an_editor")
        assert bob.request("DELETE", "/trash").status_code == 202
    assert code_of(owner.api.post(f"/trash/{uuid4()}/restore")) == NOT_IN_TRASH
    assert len(owner.api.read("/trash")["items"]) == 1


def test_a_quota_is_shown_and_never_passed(owner: Owner) -> None:
    size = len(owner.track.data)
    assert owner.api.read("/me/quota") == {"used_bytes": size, "reserved_bytes": 0, "limit_bytes": None}
    owner.limit(size + 10)

    assert code_of(owner.put("eleven.flac", b"fLaC" + bytes(7))) == (507, "quota_exceeded")
    owner.delete()
    assert code_of(owner.put("eleven.flac", b"fLaC" + bytes(7))) == (507, "quota_exceeded")
    owner.api.request("DELETE", f"/trash/{owner.track.id}")

    assert owner.api.read("/me/quota") == {"used_bytes": 0, "reserved_bytes": 0, "limit_bytes": size + 10}
    assert owner.put("again.flac", owner.track.data).status_code == 200


def test_a_quota_of_nothing_lets_nothing_in(owner: Owner) -> None:
    owner.limit(0)
    refused = code_of(owner.put("one.flac", b"fLaC"))
    owner.limit(None)

    assert refused == (507, "quota_exceeded")
    assert owner.api.read("/me/quota")["limit_bytes"] is None
