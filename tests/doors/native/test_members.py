"""Libraries that are shared, handed over, deleted, and the folders they read, as callers see it (N170 to N182)."""

from collections.abc import Iterator
from typing import Any, NamedTuple
from uuid import uuid4

import pytest

from support.annex import Annex
from support.api import Api, bearer, code_of
from support.server import wait_until

NOT_FOUND = (404, "library_not_found")


class Shared(NamedTuple):
    """Ada's library, and Bob, who may listen to it."""

    annex: Annex
    id: str
    name: str
    bob: Api

    @property
    def ada(self) -> Api:
        return self.annex.ada

    @property
    def path(self) -> str:
        return f"/libraries/{self.id}"

    @property
    def member(self) -> str:
        return f"{self.path}/members/{self.name}"


@pytest.fixture
def shared(annex: Annex) -> Iterator[Shared]:
    with annex.somebody() as (name, bob):
        library = annex.library(annex.ada)
        assert annex.ada.request("PUT", f"/libraries/{library}/members/{name}", json={"role": "listener"}).is_success
        yield Shared(annex, library, name, bob)


def roles(api: Api, path: str) -> dict[str, str]:
    return {one["username"]: one["role"] for one in api.read(f"{path}/members")}


class TestMembers:
    def test_every_member_sees_who_there_is(self, shared: Shared) -> None:
        assert (
            roles(shared.ada, shared.path)
            == roles(shared.bob, shared.path)
            == {
                "ada": "owner",
                shared.name: "listener",
            }
        )
        assert set(shared.bob.read(f"{shared.path}/members")[0]) == {"id", "username", "role"}

    def test_an_owner_changes_a_role_by_name_or_id(self, shared: Shared) -> None:
        me = shared.bob.read("/me")["id"]

        by_name = shared.ada.request("PUT", shared.member, json={"role": "editor"})
        by_id = shared.ada.request("PUT", f"{shared.path}/members/{me}", json={"role": "listener"})

        assert by_name.json() == {"id": me, "username": shared.name, "role": "editor"}
        assert by_id.json()["role"] == "listener"

    @pytest.mark.parametrize(
        ("user", "role", "failure"),
        [("nobody-there", "listener", (404, "user_not_found")), ("ada", "listener", (409, "last_owner"))],
    )
    def test_what_cannot_be_is_refused(self, shared: Shared, user: str, role: str, failure: tuple[int, str]) -> None:
        answer = shared.ada.request("PUT", f"{shared.path}/members/{user}", json={"role": role})

        assert code_of(answer) == failure

    def test_there_are_three_roles(self, shared: Shared) -> None:
        assert code_of(shared.ada.request("PUT", shared.member, json={"role": "admin"})) == (400, "bad_request")

    def test_only_an_owner_decides(self, shared: Shared) -> None:
        assert code_of(shared.bob.request("PUT", shared.member, json={"role": "owner"})) == (403, "not_an_owner")
        assert code_of(shared.bob.request("DELETE", f"{shared.path}/members/ada")) == (403, "not_an_owner")

    def test_a_library_is_handed_over_by_making_an_owner_and_leaving(self, shared: Shared) -> None:
        refused = code_of(shared.ada.request("DELETE", f"{shared.path}/members/ada"))
        assert shared.ada.request("PUT", shared.member, json={"role": "owner"}).status_code == 200

        assert shared.ada.request("DELETE", f"{shared.path}/members/ada").status_code == 204

        assert refused == (409, "last_owner")
        assert roles(shared.bob, shared.path) == {shared.name: "owner"}
        assert code_of(shared.ada.get(shared.path)) == NOT_FOUND

    def test_a_personal_library_keeps_its_owner(self, shared: Shared) -> None:
        mine = next(one["id"] for one in shared.bob.read("/libraries") if one["is_personal"])

        assert code_of(shared.bob.request("PUT", f"/libraries/{mine}/members/ada", json={"role": "owner"})) == (
            409,
            "personal_library",
        )
        assert code_of(shared.bob.request("DELETE", f"/libraries/{mine}")) == (409, "personal_library")

    def test_a_stranger_does_not_learn_that_it_exists(self, shared: Shared) -> None:
        with shared.annex.somebody() as (name, eve):
            for library in (shared.id, uuid4()):
                path = f"/libraries/{library}"
                asks = [
                    eve.get(path),
                    eve.get(f"{path}/members"),
                    eve.get(f"{path}/changes"),
                    eve.request("PATCH", path, json={"name": "Mine"}),
                    eve.request("DELETE", path),
                    eve.request("PUT", f"{path}/members/{name}", json={"role": "owner"}),
                    eve.request("DELETE", f"{path}/members/ada"),
                ]
                assert [code_of(answer) for answer in asks] == [NOT_FOUND] * len(asks)

    def test_whoever_is_put_out_loses_all_of_it_at_once(self, shared: Shared) -> None:
        track = shared.annex.send(shared.ada, f"Lost to {shared.name}", shared.id)
        path = f"/tracks/{track.id}"
        for _ in range(2):  # from the second time on a grant is at hand
            assert shared.bob.get(f"{path}/stream").content == track.data
        address = shared.bob.post(f"{path}/ticket").json()["url"]

        assert shared.ada.request("DELETE", shared.member).status_code == 204

        assert code_of(shared.bob.get(path)) == (404, "track_not_found")
        assert code_of(shared.bob.get(f"{path}/stream")) == (404, "track_not_found")
        assert shared.bob.http.get(address, headers={"Authorization": ""}).status_code == 404
        assert shared.bob.every("/tracks") == []
        assert shared.bob.read("/search", q="Lost")["tracks"] == []
        assert code_of(shared.ada.request("DELETE", shared.member)) == (404, "member_not_found")

    def test_whoever_leaves_needs_nobody_for_it(self, shared: Shared) -> None:
        assert shared.bob.request("DELETE", shared.member).status_code == 204
        assert roles(shared.ada, shared.path) == {"ada": "owner"}


class TestLibraries:
    def test_one_is_shown_by_itself(self, shared: Shared) -> None:
        shown = shared.bob.read(shared.path)

        assert shown == next(one for one in shared.bob.read("/libraries") if one["id"] == shared.id)
        assert (shown["role"], shown["track_count"]) == ("listener", 0)

    def test_an_owner_renames_it_for_everybody(self, shared: Shared) -> None:
        answer = shared.ada.request("PATCH", shared.path, json={"name": " Other\u0000 name "})

        assert (answer.status_code, answer.json()["name"]) == (200, "Other name")
        assert shared.bob.read(shared.path)["name"] == "Other name"
        assert code_of(shared.ada.request("PATCH", shared.path, json={"name": " "})) == (422, "bad_name")
        assert code_of(shared.bob.request("PATCH", shared.path, json={"name": "Mine"})) == (403, "not_an_owner")

    def test_a_deleted_one_is_gone_for_everybody_at_once_and_its_tracks_with_it(self, shared: Shared) -> None:
        track = shared.annex.send(shared.ada, f"Deleted with {shared.name}", shared.id)
        assert shared.bob.get(f"/tracks/{track.id}/stream").is_success
        used = shared.ada.read("/me/quota")["used_bytes"]
        assert code_of(shared.bob.request("DELETE", shared.path)) == (403, "not_an_owner")

        assert shared.ada.request("DELETE", shared.path).status_code == 204

        for api in (shared.ada, shared.bob):
            assert code_of(api.get(shared.path)) == NOT_FOUND
            assert code_of(api.get(f"/tracks/{track.id}")) == (404, "track_not_found")
        wait_until(lambda: not shared.bob.get(f"/tracks/{track.id}/stream").is_success, what="grants are forgotten")
        wait_until(
            lambda: shared.ada.read("/me/quota")["used_bytes"] == used - len(track.data), what="a job took the rest"
        )

    def test_changes_come_in_order_without_gaps_and_go_on_from_any(self, shared: Shared) -> None:
        track = shared.annex.send(shared.ada, f"Changed by {shared.name}", shared.id)
        shared.ada.request("DELETE", f"/tracks/{track.id}")

        whole = shared.bob.read(f"{shared.path}/changes")
        one = shared.bob.read(f"{shared.path}/changes", after=1, limit=1)

        assert [change["seq"] for change in whole["changes"]] == [1, 2, 3]
        assert [(change["track"], change["is_gone"]) for change in whole["changes"]] == [
            (track.id, False),
            (track.id, False),
            (track.id, True),
        ]
        assert (whole["latest"], one["latest"], one["changes"]) == (3, 3, whole["changes"][1:2])

    @pytest.mark.parametrize(
        ("query", "failure"),
        [
            ({"after": -1}, (422, "bad_position")),
            ({"limit": 0}, (422, "bad_limit")),
            ({"limit": 1001}, (422, "bad_limit")),
            ({"after": "x"}, (400, "bad_request")),
        ],
        ids=str,
    )
    def test_a_position_that_cannot_be_is_refused(
        self, shared: Shared, query: dict[str, Any], failure: tuple[int, str]
    ) -> None:
        assert code_of(shared.ada.get(f"{shared.path}/changes", **query)) == failure


class TestSources:
    def test_an_administrator_lets_a_library_read_a_folder_and_no_more(self, shared: Shared) -> None:
        folder = shared.annex.folder(2)

        made = shared.ada.post("/sources", {"path": str(folder), "library": shared.id})
        assert made.status_code == 201
        wait_until(lambda: len(shared.bob.every("/tracks")) == 2, what="it was scanned")
        before = sorted(one["id"] for one in shared.bob.every("/tracks"))
        removed = shared.ada.request("DELETE", f"/sources/{made.json()['id']}")
        wait_until(lambda: shared.bob.every("/tracks") == [], what="its tracks left")

        assert (removed.status_code, len(list(folder.iterdir()))) == (202, 2)
        assert made.json()["id"] not in [one["id"] for one in shared.ada.read("/sources")]

        def is_again() -> bool:
            return bool(shared.ada.post("/sources", {"path": str(folder), "library": shared.id}).status_code == 201)

        wait_until(is_again, what="the folder has left")
        wait_until(lambda: len(shared.bob.every("/tracks")) == 2, what="it was scanned again")
        assert sorted(one["id"] for one in shared.bob.every("/tracks")) == before

    @pytest.mark.parametrize("path", ["relative", "/nothing/there", "~", "/etc/hostname", "/\u0000"])
    def test_what_is_no_folder_is_refused(self, shared: Shared, path: str) -> None:
        assert code_of(shared.ada.post("/sources", {"path": path, "library": shared.id})) == (422, "not_a_folder")

    def test_folders_of_a_library_do_not_overlap(self, shared: Shared) -> None:
        folder = shared.annex.folder(1)
        (folder / "below").mkdir()
        first = shared.ada.post("/sources", {"path": str(folder), "library": shared.id})

        below = shared.ada.post("/sources", {"path": str(folder / "below"), "library": shared.id})
        again = shared.ada.post("/sources", {"path": str(folder), "library": shared.id})

        assert code_of(below) == (409, "source_overlaps")
        assert again.json()["id"] == first.json()["id"]

    def test_only_an_administrator_names_folders_of_the_server(self, shared: Shared) -> None:
        assert code_of(shared.bob.post("/sources", {"path": "/", "library": shared.id})) == (403, "not_allowed")

    def test_a_listener_and_a_stranger_do_not_see_it(self, shared: Shared) -> None:
        made = shared.ada.post("/sources", {"path": str(shared.annex.folder(1)), "library": shared.id}).json()

        assert shared.bob.read("/sources") == []
        assert code_of(shared.bob.request("DELETE", f"/sources/{made['id']}")) == (404, "source_not_found")


def test_a_stranger_gets_nothing(shared: Shared) -> None:
    with Api(shared.annex.server.url) as nobody:
        assert code_of(nobody.get(f"{shared.path}/members")) == (401, "token_missing")
        assert code_of(nobody.get(f"{shared.path}/members", bearer("x"))) == (401, "token_invalid")
