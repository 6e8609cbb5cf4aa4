"""Libraries and the folders they read, as callers see them (N34 to N39); and the server itself (N12 to N15)."""

import pytest

from doors.native.conftest import Served
from support.api import code_of
from support.server import wait_until


def test_everybody_sees_the_libraries_he_belongs_to(served: Served) -> None:
    mine = served.ada.read("/libraries")

    assert [(one["name"], one["role"], one["is_personal"]) for one in mine if one["name"] in {"Music", "ada"}] == [
        ("Music", "owner", False),
        ("ada", "owner", True),
    ]
    assert next(one for one in mine if one["name"] == "Music")["track_count"] == len(served.ada.every("/tracks"))


def test_whoever_makes_a_library_owns_it(served: Served) -> None:
    answer = served.bob.post("/libraries", {"name": "  Jazz\u0000 club "})

    assert answer.status_code == 201
    assert answer.json() == {
        "id": answer.json()["id"],
        "name": "Jazz club",
        "is_personal": False,
        "syncs": False,
        "role": "owner",
        "track_count": 0,
    }
    assert "Jazz club" in [one["name"] for one in served.bob.read("/libraries")]
    assert served.bob.every("/tracks", library=answer.json()["id"]) == []


def test_its_owner_renames_it_and_has_devices_follow_it(served: Served) -> None:
    made = served.bob.post("/libraries", {"name": "Blues"}).json()
    path = f"/libraries/{made['id']}"

    assert served.bob.request("PATCH", path, json={"syncs": True}).json() == {**made, "syncs": True}
    assert served.bob.request("PATCH", path, json={"name": "Soul"}).json() == {**made, "name": "Soul", "syncs": True}
    assert code_of(served.bob.request("PATCH", path, json={"syncs": "yes"}))[0] == 400


@pytest.mark.parametrize("name", [" ", "\u0001\n"])
def test_a_name_that_cannot_be_seen_is_none(served: Served, name: str) -> None:
    assert code_of(served.bob.post("/libraries", {"name": name})) == (422, "bad_name")


def test_a_source_tells_how_it_is(served: Served) -> None:
    wait_until(lambda: served.ada.read("/sources")[0]["state"] == "ok", what="no scan is running")

    source = served.ada.read("/sources")[0]

    assert source["path"] == str(served.music)
    assert source["message"] == ""
    assert source["scanned_at"].endswith("Z")


def test_files_that_are_no_tracks_are_listed_with_the_reason(served: Served) -> None:
    refused = served.ada.read(f"/sources/{served.ada.read('/sources')[0]['id']}/refused")

    assert [(one["path"], one["reason"]) for one in refused] == [
        ("Broken/empty.mp3", "empty"),
        ("Broken/text.flac", "not_media"),
    ]
    assert all(one["message"].endswith(".") for one in refused)


def test_a_source_is_scanned_when_its_owner_says_so(served: Served) -> None:
    before = served.ada.read("/sources")[0]

    answer = served.ada.post(f"/sources/{before['id']}/scan")

    assert answer.status_code == 202
    wait_until(lambda: served.ada.read("/sources")[0]["scanned_at"] > before["scanned_at"], what="it was scanned again")
    assert served.ada.track("Apple")


def test_health_is_one_word(served: Served) -> None:
    assert served.nobody.read("//health") == {"status": "ok"}


def test_the_machine_itself_may_know_more(served: Served) -> None:
    ready = served.nobody.read("//health/ready")

    assert ready["database"] == "ok"
    assert ready["sources"] == 2
    assert ready["unavailable_sources"] == 0
    assert isinstance(ready["sandbox"], list)


@pytest.mark.parametrize("field", ["X-Forwarded-For", "Forwarded", "X-Real-IP"])
@pytest.mark.parametrize("value", ["127.0.0.1", "203.0.113.9", "unknown", "no address"])
def test_whom_a_proxy_speaks_for_is_not_the_machine_itself(served: Served, field: str, value: str) -> None:
    answer = served.nobody.get("//health/ready", {field: value})

    assert code_of(answer) == (401, "token_missing")


def test_public_keys_are_public_and_nothing_else(served: Served) -> None:
    keys = served.nobody.read("//.well-known/jwks.json")["keys"]

    assert keys
    assert all(set(key) == {"kty", "use", "alg", "kid", "n", "e"} for key in keys)


def test_the_root_says_what_this_is(served: Served) -> None:
    landing = served.nobody.read("//")

    assert landing["service"] == "tutti"
    assert served.nobody.read("/" + landing["documentation"])["info"]["title"] == "Tutti"
