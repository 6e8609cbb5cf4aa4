"""The command: who one is, exit statuses, rehearsals, and staying."""

import json
import signal
import stat

import pytest

from support.api import Api
from support.devices import Device, noise
from support.server import lines, wait_until


def test_the_key_is_the_owners_alone_and_asked_for_once_and_its_end_is_noticed(
    devices: tuple[Device, Device], owner: Api
) -> None:
    one, _ = devices
    one.put("a.mp3", noise(1))

    first = one.run(*one.signed_in)
    (key,) = (one.place / "config").rglob("*.key")
    again = one.run()

    assert (first.returncode, first.stdout) == (0, "in step: 1 uploaded; 3336 bytes sent and fetched\n")
    assert (again.returncode, stat.S_IMODE(key.stat().st_mode)) == (0, 0o600)
    made = owner.read("/me/app-keys")[-1]
    assert sorted(made["scopes"]) == ["listen", "sync", "upload"]
    owner.request("DELETE", f"/me/app-keys/{made['id']}")
    assert one.run().returncode == 2
    assert not key.exists()


def test_a_wrong_password_ends_with_2_and_is_repeated_nowhere(devices: tuple[Device, Device]) -> None:
    done = devices[0].run(*devices[0].signed_in, password="tr0ub4dor")

    assert (done.returncode, done.stdout) == (2, "")
    assert "tr0ub4dor" not in done.stderr


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--upload-only", "--download-only"),
        ("--watch", "--dry-run"),
        ("--server", "ftp://example.org"),
        ("--key-file", "/dev/null"),
    ],
)
def test_what_makes_no_sense_ends_with_2(devices: tuple[Device, Device], options: tuple[str, ...]) -> None:
    assert devices[0].run(*options).returncode == 2


def test_what_could_not_be_done_is_listed_and_ends_with_1(devices: tuple[Device, Device]) -> None:
    one, _ = devices
    one.put("text.mp3", b"words " * 1000)
    (one.place / "key").write_text(one.key)

    done = one.run("--key-file", str(one.place / "key"))

    assert done.returncode == 1
    assert lines(done.stdout)[0].startswith("not done  text.mp3: ")


def test_a_server_that_is_not_there_ends_with_1(devices: tuple[Device, Device]) -> None:
    gone = Device(devices[0].place, "http://127.0.0.1:9", "one", "x", devices[0].key)

    with gone.started() as process:
        said = process.communicate()[1]

    assert (process.returncode, "does not answer" in said) == (1, True)
    assert gone.key not in said


def test_a_rehearsal_changes_nothing_anywhere(devices: tuple[Device, Device], owner: Api) -> None:
    one, _ = devices
    one.put("a.mp3", noise(1))
    keys = owner.read("/me/app-keys")

    said = one.run(*one.signed_in, "--dry-run", "--json")

    assert [json.loads(line) for line in lines(said.stdout)] == [{"action": "upload", "path": "a.mp3", "other": ""}]
    assert sorted(path.name for path in one.place.iterdir()) == ["music"]
    assert (owner.read("/sync/devices"), owner.read("/me/app-keys")) == ({"devices": []}, keys)
    assert owner.read("/sync/changes")["changes"] == []


def test_a_rehearsal_of_a_folder_in_step_leaves_its_index_alone(devices: tuple[Device, Device]) -> None:
    one, _ = devices
    one.put("a.mp3", noise(1))
    one.sync()
    one.put("new.mp3", noise(8))
    (index,) = (one.place / "state").rglob("*.db")
    before = index.read_bytes()

    with one.started("--dry-run") as process:
        said = process.communicate()[0]

    assert lines(said) == ["upload       new.mp3", "1 things would be done"]
    assert index.read_bytes() == before


def test_one_that_stays_carries_what_happens_on_either_side_until_it_is_interrupted(
    devices: tuple[Device, Device],
) -> None:
    one, two = devices
    one.put("first.mp3", noise(1))

    with one.started("--watch") as process:
        wait_until(lambda: two.sync() or "first.mp3" in two.tree(), what="the first round is over", every_s=0.5)
        one.put("second.mp3", noise(2))
        wait_until(lambda: two.sync() and "second.mp3" in two.tree(), what="it saw the folder change", every_s=0.5)
        two.put("third.mp3", noise(3))
        two.sync()
        wait_until(lambda: "third.mp3" in one.tree(), what="it heard of the server's change", deadline_s=50)
        process.send_signal(signal.SIGINT)
        said = process.communicate()[1]

    assert process.returncode in {0, 130}, said
    assert "Traceback" not in said
