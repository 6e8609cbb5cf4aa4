"""`tutti sync` with a real server: devices become equal, nothing is lost, and whoever may not is told so."""

import fcntl
import hashlib
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.api import PASSWORD, Api
from support.devices import Device, noise
from support.server import Server, add_user, copied, lines, serving

LARGE = 6 << 20


@pytest.fixture(scope="module")
def server(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data_dir = copied(template, tmp_path_factory.mktemp("sync"))
    with serving(data_dir) as server:
        yield server


@pytest.fixture
def devices(server: Server, tmp_path: Path, request: pytest.FixtureRequest) -> tuple[Device, Device]:
    """Two devices of an account that nobody used before."""
    user = hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:12]
    add_user(server.data_dir, user, PASSWORD)
    return Device(tmp_path / "one", server.url, "one", user), Device(tmp_path / "two", server.url, "two", user)


def filled(device: Device) -> Device:
    """Put a few files into the folder, one of which is sent in pieces."""
    for number, path in enumerate(("a.mp3", "Abba/Gold/1.mp3", "Abba/Gold/2.mp3", "Bj\u00f6rk/\u00e9.mp3")):
        device.put(path, noise(number))
    device.put("long/set.mp3", noise(99, LARGE))
    return device


class TestTwoFolders:
    def test_they_become_equal_with_their_folders(self, devices: tuple[Device, Device]) -> None:
        one, two = devices
        filled(one)
        two.put("two/own.mp3", noise(50))

        done = [device.sync()["done"] for device in (one, two, one)]

        assert done == [{"upload": 5}, {"upload": 1, "download": 5}, {"download": 1}]
        assert one.tree() == two.tree()
        assert len(one.tree()) == 6
        assert one.leftovers() == two.leftovers() == []

    def test_a_second_run_moves_nothing(self, devices: tuple[Device, Device]) -> None:
        filled(devices[0]).sync()
        devices[1].sync()

        again = [device.sync() for device in devices]

        assert [(run["done"], run["moved_bytes"]) for run in again] == [({}, 0), ({}, 0)]

    def test_bytes_that_the_server_has_are_not_sent(self, devices: tuple[Device, Device]) -> None:
        filled(devices[0]).sync()
        filled(devices[1])

        done = devices[1].sync()

        assert (done["done"], done["moved_bytes"]) == ({"adopt": 5}, 0)

    def test_when_both_changed_both_versions_are_kept(self, devices: tuple[Device, Device]) -> None:
        one, two = devices
        filled(one).sync()
        two.sync()
        one.put("a.mp3", noise(101))
        two.put("a.mp3", noise(102))

        for device in (one, two, one):
            device.sync()

        assert one.tree() == two.tree()
        assert one.tree()["a.mp3"] == noise(101)
        (aside,) = (path for path in one.tree() if "conflict two" in path)
        assert one.tree()[aside] == noise(102)

    def test_names_that_differ_in_bytes_alone_never_ping_pong(self, devices: tuple[Device, Device]) -> None:
        one, two = devices
        one.put("same.mp3", noise(1))
        two.put("same.mp3", noise(2))

        for device in (one, two, one):
            device.sync()

        assert [device.sync()["done"] for device in devices] == [{}, {}]
        assert sorted(one.tree().values()) == sorted([noise(1), noise(2)])
        assert one.tree() == two.tree()

    def test_a_file_that_moves_here_stays_where_it_is_elsewhere(self, devices: tuple[Device, Device]) -> None:
        one, two = devices
        filled(one).sync()
        two.sync()
        (one.folder / "Abba").rename(one.folder / "ABBA complete")

        assert [one.sync("--delete")["done"], two.sync("--delete")["done"]] == [{"move": 2}, {}]


class TestDeleting:
    def test_without_being_told_so_a_deletion_stays_here(self, devices: tuple[Device, Device]) -> None:
        one, two = devices
        filled(one).sync()
        two.sync()
        (two.folder / "a.mp3").unlink()

        done = [two.sync()["done"], two.sync()["done"], one.sync()["done"]]

        assert done == [{"unwant": 1}, {}, {}]
        assert "a.mp3" in one.tree()
        assert "a.mp3" not in two.tree()

    def test_told_so_it_is_carried_to_who_downloaded_it_and_the_server_keeps_it(
        self, devices: tuple[Device, Device], tmp_path: Path
    ) -> None:
        one, two = devices
        three = Device(tmp_path / "three", one.url, "three", one.user)
        filled(one).sync()
        two.sync()
        three.sync()
        (two.folder / "a.mp3").unlink()

        done = [device.sync("--delete")["done"] for device in (two, three, one)]

        assert done == [{"trash": 1}, {"remove": 1}, {}]
        assert "a.mp3" in one.tree(), "this device did not download it"
        with Api.sign_in(one.url, one.user) as ada:
            assert len(ada.every("/trash")) == 1

    @pytest.mark.parametrize("option", ["--delete", "--download-only", "--upload-only"])
    def test_a_disk_that_is_not_there_deletes_nothing(self, devices: tuple[Device, Device], option: str) -> None:
        one, _ = devices
        filled(one).sync()
        (one.folder).rename(one.place / "elsewhere")

        done = one.run(option)

        assert done.returncode == 1
        assert "5 of 5 files" in done.stderr
        with Api.sign_in(one.url, one.user) as ada:
            assert ada.every("/trash") == []

    def test_starting_over_brings_everything_back(self, devices: tuple[Device, Device]) -> None:
        one, _ = devices
        before = filled(one).tree()
        one.sync()
        (one.folder).rename(one.place / "elsewhere")

        one.sync("--start-over")

        assert one.tree() == before


class TestDirections:
    def test_upload_only_changes_no_file(self, devices: tuple[Device, Device]) -> None:
        filled(devices[0]).sync()
        devices[1].put("own.mp3", noise(7))

        done = devices[1].sync("--upload-only")

        assert (done["done"], set(devices[1].tree())) == ({"upload": 1}, {"own.mp3"})

    def test_download_only_changes_nothing_at_the_server(self, devices: tuple[Device, Device]) -> None:
        filled(devices[0]).sync()
        devices[1].put("own.mp3", noise(7))

        done = devices[1].sync("--download-only")

        assert done["done"] == {"download": 5}
        assert devices[0].sync()["done"] == {}

    def test_a_rehearsal_changes_nothing_anywhere(self, devices: tuple[Device, Device]) -> None:
        one, _ = devices
        filled(one)

        said = one.run("--dry-run", "--json")

        assert [json.loads(line)["action"] for line in lines(said.stdout)] == ["upload"] * 5
        assert sorted(path.name for path in one.place.iterdir()) == ["music"]
        with Api.sign_in(one.url, one.user) as ada:
            assert (ada.read("/sync/devices"), ada.read("/me/app-keys")) == ({"devices": []}, [])
            assert ada.read("/sync/changes")["changes"] == []

    def test_a_rehearsal_of_a_folder_in_step_leaves_its_index_alone(self, devices: tuple[Device, Device]) -> None:
        one, two = devices
        filled(one).sync()
        two.sync()
        one.put("new.mp3", noise(8))
        (index,) = (one.place / "state").rglob("*.db")
        before = index.read_bytes()

        said = one.run("--dry-run")

        assert lines(said.stdout) == ["upload       new.mp3", "1 things would be done"]
        assert index.read_bytes() == before


class TestKeeping:
    def test_what_a_device_does_not_keep_is_removed_and_comes_back(self, devices: tuple[Device, Device]) -> None:
        one, two = devices
        filled(one).sync()
        two.sync()
        with Api.sign_in(one.url, one.user) as ada:
            (ident,) = (known["id"] for known in ada.read("/sync/devices")["devices"] if known["name"] == "two")
            rules = [{"libraries": []}, {"libraries": None}]

            done = []
            for rule in rules:
                assert ada.request("PUT", f"/sync/devices/{ident}/keep", json=rule).is_success
                done.append(two.sync()["done"])

        assert done == [{"remove": 5}, {"download": 5}]
        assert one.tree() == two.tree()


class TestSignIn:
    def test_the_key_is_the_owners_alone_and_is_asked_for_once(self, devices: tuple[Device, Device]) -> None:
        one, _ = devices
        one.sync()
        (key,) = (one.place / "config").rglob("*.key")

        again = one.run("--json", password="wrong")

        assert (stat.S_IMODE(key.stat().st_mode), again.returncode) == (0o600, 0)
        with Api.sign_in(one.url, one.user) as ada:
            (made,) = ada.read("/me/app-keys")
        assert sorted(made["scopes"]) == ["listen", "sync", "upload"]

    def test_a_wrong_password_ends_with_2(self, devices: tuple[Device, Device]) -> None:
        done = devices[0].run(password="wrong")

        assert (done.returncode, done.stdout) == (2, "")
        assert "wrong" not in done.stderr

    def test_a_key_that_was_revoked_ends_with_2_and_is_forgotten(self, devices: tuple[Device, Device]) -> None:
        one, _ = devices
        one.sync()
        with Api.sign_in(one.url, one.user) as ada:
            (made,) = ada.read("/me/app-keys")
            ada.request("DELETE", f"/me/app-keys/{made['id']}")

        assert one.run().returncode == 2
        assert one.run().returncode == 0

    @pytest.mark.parametrize(
        "options",
        [
            ("--upload-only", "--download-only"),
            ("--watch", "--dry-run"),
            ("--server", "ftp://example.org"),
            ("--server", "music.example.org"),
            ("--parallel", "0"),
            ("--key-file", "/dev/null"),
        ],
    )
    def test_what_makes_no_sense_ends_with_2(self, devices: tuple[Device, Device], options: tuple[str, ...]) -> None:
        assert devices[0].run(*options).returncode == 2

    def test_a_folder_is_in_step_with_one_account(self, server: Server, devices: tuple[Device, Device]) -> None:
        one, _ = devices
        one.sync()
        add_user(server.data_dir, f"{one.user}x", PASSWORD)

        done = Device(one.place, one.url, "one", f"{one.user}x").run()

        assert (done.returncode, "another account" in done.stderr) == (2, True)


class TestFailures:
    def test_what_the_server_refuses_is_listed_and_sent_once(self, devices: tuple[Device, Device]) -> None:
        one, _ = devices
        filled(one).put("text.mp3", b"words " * 1000)

        runs = [one.run("--json") for _ in range(2)]

        said = [json.loads(run.stdout) for run in runs]
        assert [run.returncode for run in runs] == [1, 1]
        assert [[one["path"] for one in run["failures"]] for run in said] == [["text.mp3"]] * 2
        assert said[1]["moved_bytes"] == 0

    def test_a_second_run_at_once_is_refused(self, devices: tuple[Device, Device]) -> None:
        one, _ = devices
        held = os.open(one.folder, os.O_RDONLY)
        fcntl.flock(held, fcntl.LOCK_EX)

        done = one.run()

        os.close(held)
        assert (done.returncode, "another run" in done.stderr) == (1, True)

    def test_a_server_that_is_not_there_ends_with_1(self, devices: tuple[Device, Device]) -> None:
        gone = Device(devices[0].place, "http://127.0.0.1:9", "one", "ada")

        done = gone.run()

        assert (done.returncode, "does not answer" in done.stderr) == (1, True)
