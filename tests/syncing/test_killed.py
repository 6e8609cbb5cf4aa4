"""Whoever is killed, the program or the server: nothing is lost, nothing half is seen, and the next run completes."""

import random
import socket
from pathlib import Path

import pytest

from support import tiers
from support.api import PASSWORD, Api
from support.devices import Device, noise
from support.server import add_user, copied, serving, wait_until
from tutti.syncing import opening
from tutti.syncing.index import Told
from tutti.syncing.looking import listen

FILES = {f"Album {number % 5}/{number}.mp3": noise(number, 20_000) for number in range(60)}
LARGE = {f"large/{number}.mp3": noise(1000 + number, 9 << 20) for number in range(2)}
POINTS = [(seed, random.Random(seed).uniform(0.1, 3.0)) for seed in range(24)]


def filled(device: Device) -> None:
    for path, content in (FILES | LARGE).items():
        device.put(path, content)


def half_seen(device: Device) -> list[str]:
    """Return what is in the folder and is not, as a whole, one of the files."""
    return [path for path, content in device.tree().items() if (FILES | LARGE).get(path) != content]


@pytest.mark.parametrize("point", tiers.sample(POINTS, 2, seed=5), ids=str)
def test_killed_at_any_moment_nothing_is_lost_and_the_next_run_completes(
    devices: tuple[Device, Device], owner: Api, point: tuple[int, float]
) -> None:
    one, two = devices
    filled(one)
    moments = random.Random(point[0])

    for device in devices:
        for _ in range(2):
            device.ended_after(point[1] * moments.uniform(0.3, 1.7))
            assert half_seen(device) == []
        device.sync()

    assert one.tree() == two.tree() == FILES | LARGE
    assert one.leftovers() == two.leftovers() == []
    told = [change["hash"] for change in owner.read("/sync/changes", limit=5000)["changes"]]
    assert len(told) == len(set(told)) == len(FILES | LARGE)
    assert [device.sync(deletes=True) for device in devices] == [{}, {}]


def test_a_large_file_goes_on_where_it_was_cut(devices: tuple[Device, Device]) -> None:
    one, two = devices
    filled(one)
    one.sync()
    (changed,) = (told for told in _told(two) if told.filename == "0.mp3" and told.folder == "large")
    part = two.folder / "large" / f".tutti-{changed.item.replace('-', '')}-{changed.hash[:16]}.part"
    part.parent.mkdir()
    part.write_bytes(LARGE["large/0.mp3"][: 8 << 20])

    report = two.round()

    assert report.moved_bytes == sum(map(len, (FILES | LARGE).values())) - (8 << 20)
    assert one.tree() == two.tree()


def _told(device: Device) -> list[Told]:
    with opening.opened(device.order) as site:
        listen(site)
        return [told for item in site.index.remotes() if (told := site.index.told(item))]


def test_when_the_server_is_killed_the_next_run_completes(template: Path, tmp_path: Path) -> None:
    data_dir = copied(template, tmp_path)
    add_user(data_dir, "ada", PASSWORD, "--admin")
    with socket.create_server(("127.0.0.1", 0)) as free:
        settings = {"TUTTI_HTTP__PORT": str(free.getsockname()[1])}
    with serving(data_dir, settings=settings) as server, Api.sign_in(server.url, "ada") as ada:
        key = ada.post("/me/app-keys", {"name": "x", "scopes": ["listen", "upload", "sync"]}).json()["key"]
        one, two = (Device(tmp_path / name, server.url, name, "ada", key) for name in ("one", "two"))
        filled(one)
        with one.started() as process:
            wait_until(lambda: len(ada.read("/sync/changes")["changes"]) >= 5, what="some are there", every_s=0.01)
            server.kill()
            said = process.communicate()
    assert process.returncode == 1, said

    with serving(data_dir, settings=settings) as server:
        one.sync()
        with two.started() as process:
            wait_until(lambda: len(two.tree()) >= 5, what="some have come", every_s=0.01)
            server.kill()
            process.communicate()
    assert half_seen(two) == []

    with serving(data_dir, settings=settings):
        two.sync()

    assert one.tree() == two.tree() == FILES | LARGE
