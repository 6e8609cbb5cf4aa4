"""Rounds with a real server: devices become equal, nothing is lost, and nothing travels twice."""

from itertools import count
from typing import Any

import pytest

from support.api import Api
from support.devices import Device, done, noise
from support.server import wait_until
from support.tones import write_tone
from tutti.domain.errors import AppError
from tutti.syncing import opening, rounds
from tutti.syncing.plan import plan
from tutti.syncing.tree import REPLACED

LARGE = 6 << 20


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

        runs = [device.sync() for device in (one, two, one)]

        assert runs == [{"upload": 5}, {"upload": 1, "download": 5}, {"download": 1}]
        assert one.tree() == two.tree()
        assert len(one.tree()) == 6
        assert one.leftovers() == two.leftovers() == []

    def test_a_second_run_moves_nothing(self, devices: tuple[Device, Device]) -> None:
        filled(devices[0]).sync()
        devices[1].sync()

        again = [device.round() for device in devices]

        assert [(done(run), run.moved_bytes) for run in again] == [({}, 0), ({}, 0)]

    def test_bytes_that_the_server_has_are_not_sent(self, devices: tuple[Device, Device]) -> None:
        filled(devices[0]).sync()
        filled(devices[1])

        run = devices[1].round()

        assert (done(run), run.moved_bytes) == ({"adopt": 5}, 0)

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

        assert [device.sync() for device in devices] == [{}, {}]
        assert sorted(one.tree().values()) == sorted([noise(1), noise(2)])
        assert one.tree() == two.tree()

    def test_a_file_that_moves_here_stays_where_it_is_elsewhere(self, devices: tuple[Device, Device]) -> None:
        one, two = devices
        filled(one).sync()
        two.sync()
        (one.folder / "Abba").rename(one.folder / "ABBA complete")

        assert [one.sync(deletes=True), two.sync(deletes=True)] == [{"move": 2}, {}]


class Killed(BaseException):
    """Stands for the end of the program."""


class TestInStep:
    """Once both sides are in step, a round that finds nothing new on either looks no further."""

    def test_no_plan_is_made(self, devices: tuple[Device, Device], monkeypatch: pytest.MonkeyPatch) -> None:
        one, _ = devices
        filled(one).sync()
        plans = count()
        monkeypatch.setattr(rounds, "plan", lambda *args: (next(plans), plan(*args))[1])

        def plans_made(**wishes: bool) -> int:
            before = next(plans)
            assert one.sync(**wishes) == {}
            return next(plans) - before - 1

        # The server tells of what was sent, and once more when it has looked at it.
        wait_until(lambda: plans_made() == 0, what="both sides are in step")
        assert plans_made(deletes=True) == 1  # another wish is another question

    @pytest.mark.parametrize("where", ["here", "there"])
    def test_what_was_noticed_before_a_kill_is_still_done(
        self, devices: tuple[Device, Device], monkeypatch: pytest.MonkeyPatch, where: str
    ) -> None:
        one, two = devices
        filled(one).sync()
        two.sync()
        assert [one.sync(), one.sync(), two.sync(), two.sync()] == [{}, {}, {}, {}]
        one.put("new.mp3", noise(60))
        if where == "there":
            one.sync()
        hurt = one if where == "here" else two

        def killed(*_: object) -> None:
            raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(rounds, "plan", killed)
            with pytest.raises(Killed):
                hurt.sync()

        assert hurt.sync() == ({"upload": 1} if where == "here" else {"download": 1})


class TestTags:
    def tagged(self, device: Device, title: str) -> bytes:
        """Give a song other tags, as a tagger does, and return its bytes."""
        from mutagen.id3 import ID3, TIT2  # noqa: PLC0415

        tags: Any = ID3(device.folder / "song.mp3")  # type: ignore[no-untyped-call]  # it brings no types
        tags.add(TIT2(text=title))  # type: ignore[no-untyped-call]
        tags.save()
        return (device.folder / "song.mp3").read_bytes()

    def ready(self, devices: tuple[Device, Device], owner: Api) -> int:
        """Have a long song on both devices, of which the server knows the sound; returns its size."""
        write_tone(devices[0].folder / "song.mp3", seconds=60, tags={"title": "before"})
        for device in devices:
            device.sync()
        wait_until(
            lambda: all(one["audio_hash"] for one in owner.read("/sync/changes")["changes"]), what="the sound is known"
        )
        for device in devices:
            device.sync()
        return (devices[0].folder / "song.mp3").stat().st_size

    def test_of_a_song_that_was_retagged_only_the_tags_travel(self, devices: tuple[Device, Device], owner: Api) -> None:
        size = self.ready(devices, owner)
        content = self.tagged(devices[0], "after")

        runs = [device.round() for device in devices]

        assert [done(run) for run in runs] == [{"push_tags": 1}, {"pull_tags": 1}]
        assert all(run.moved_bytes < size / 20 for run in runs)
        assert [dict(device.tree()) for device in devices] == [{"song.mp3": content}] * 2

    def test_what_this_device_did_not_download_is_kept_when_it_is_replaced(
        self, devices: tuple[Device, Device], owner: Api
    ) -> None:
        self.ready(devices, owner)
        before = (devices[0].folder / "song.mp3").read_bytes()
        content = self.tagged(devices[1], "after")

        for device in (devices[1], devices[0]):
            device.sync()

        assert devices[0].tree()["song.mp3"] == content
        assert (devices[0].folder / REPLACED / "song.mp3").read_bytes() == before

    def test_a_file_that_became_another_one_replaces_it(self, devices: tuple[Device, Device]) -> None:
        filled(devices[0]).sync()
        devices[1].sync()
        devices[0].put("a.mp3", noise(1000, 5000))

        assert [device.sync() for device in devices] == [{"push": 1}, {"pull": 1}]
        assert devices[0].tree() == devices[1].tree()


class TestDeleting:
    def test_without_being_told_so_a_deletion_stays_here(self, devices: tuple[Device, Device]) -> None:
        one, two = devices
        filled(one).sync()
        two.sync()
        (two.folder / "a.mp3").unlink()

        runs = [two.sync(), two.sync(), one.sync()]

        assert runs == [{"unwant": 1}, {}, {}]
        assert "a.mp3" in one.tree()
        assert "a.mp3" not in two.tree()

    def test_told_so_it_is_carried_to_who_downloaded_it_and_the_server_keeps_it(
        self, three: list[Device], owner: Api
    ) -> None:
        filled(three[0]).sync()
        for device in three[1:]:
            device.sync()
        (three[1].folder / "a.mp3").unlink()

        runs = [device.sync(deletes=True) for device in (three[1], three[2], three[0])]

        assert runs == [{"trash": 1}, {"remove": 1}, {}]
        assert "a.mp3" in three[0].tree(), "this device did not download it"
        assert len(owner.every("/trash")) == 1

    @pytest.mark.parametrize("wish", ["deletes", "downloads", "uploads"])
    def test_a_disk_that_is_not_there_deletes_nothing(
        self, devices: tuple[Device, Device], owner: Api, wish: str
    ) -> None:
        one, _ = devices
        filled(one).sync()
        one.folder.rename(one.place / "elsewhere")

        with pytest.raises(AppError, match="5 of 5 files"):
            one.round(**{wish: wish == "deletes"})

        assert owner.every("/trash") == []

    def test_starting_over_brings_everything_back(self, devices: tuple[Device, Device]) -> None:
        one, _ = devices
        before = filled(one).tree()
        one.sync()
        one.folder.rename(one.place / "elsewhere")

        opening.start_over(one.order)
        one.sync()

        assert one.tree() == before


class TestDirections:
    def test_upload_only_changes_no_file(self, devices: tuple[Device, Device]) -> None:
        filled(devices[0]).sync()
        devices[1].put("own.mp3", noise(7))

        assert devices[1].sync(downloads=False) == {"upload": 1}
        assert set(devices[1].tree()) == {"own.mp3"}

    def test_download_only_changes_nothing_at_the_server(self, devices: tuple[Device, Device]) -> None:
        filled(devices[0]).sync()
        devices[1].put("own.mp3", noise(7))

        assert devices[1].sync(uploads=False) == {"download": 5}
        assert devices[0].sync() == {}


class TestKeeping:
    def test_what_a_device_does_not_keep_is_removed_and_comes_back(
        self, devices: tuple[Device, Device], owner: Api
    ) -> None:
        one, two = devices
        filled(one).sync()
        two.sync()
        (ident,) = (known["id"] for known in owner.read("/sync/devices")["devices"] if known["name"] == "two")

        runs = []
        rules: list[dict[str, list[str] | None]] = [{"libraries": []}, {"libraries": None}]
        for rule in rules:
            assert owner.request("PUT", f"/sync/devices/{ident}/keep", json=rule).is_success
            runs.append(two.sync())

        assert runs == [{"remove": 5}, {"download": 5}]
        assert one.tree() == two.tree()

    def test_a_device_that_the_server_forgot_is_made_known_again(
        self, devices: tuple[Device, Device], owner: Api
    ) -> None:
        devices[0].sync()
        (known,) = owner.read("/sync/devices")["devices"]
        owner.request("DELETE", f"/sync/devices/{known['id']}")

        devices[0].sync()

        assert [one["id"] for one in owner.read("/sync/devices")["devices"]] == [known["id"]]


class TestRefused:
    def test_what_the_server_refuses_is_told_and_sent_once(self, devices: tuple[Device, Device]) -> None:
        one, _ = devices
        filled(one).put("text.mp3", b"words " * 1000)

        runs = [one.round() for _ in range(2)]

        assert [[failure.path for failure in run.failures] for run in runs] == [["text.mp3"]] * 2
        assert (done(runs[1]), runs[1].moved_bytes) == ({}, 0)

    def test_a_folder_is_in_step_with_one_account(self, devices: tuple[Device, Device], ada: Api) -> None:
        one, _ = devices
        one.sync()
        other = ada.post("/me/app-keys", {"name": "x", "scopes": ["listen", "upload", "sync"]}).json()["key"]

        with pytest.raises(AppError, match="another account"):
            Device(one.place, one.url, "one", "ada", other).round()

    def test_two_runs_at_once_are_one_too_many(self, devices: tuple[Device, Device]) -> None:
        with opening.opened(devices[0].order) as site:
            with pytest.raises(AppError, match="another run"):
                devices[0].round()

            assert rounds.run(site).failures == []
