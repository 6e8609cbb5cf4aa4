"""The commands: what they print for people and for scripts, and how they end."""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.api import PASSWORD
from support.routes import DOCUMENT
from support.server import ROOT, add_user, copied, lines, run
from support.tones import write_tone


@dataclass(frozen=True, slots=True)
class Desk:
    """A data folder with Ada and Bob, her music, and the commands to work on it."""

    data_dir: Path
    music: Path

    def run(self, *args: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command."""
        return run(self.data_dir, *args, stdin=stdin)

    def said(self, *args: str | Path) -> str:
        """Run a command that succeeds and return what it printed."""
        done = self.run(*args)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return done.stdout

    def json(self, *args: str | Path) -> list[dict[str, Any]]:
        """Run a command that succeeds with `--json` and return its lines."""
        return [json.loads(line) for line in lines(self.said(*args, "--json"))]

    def refused(self, *args: str | Path, stdin: str = "") -> str:
        """Run a command that fails and return its one line of complaint."""
        done = self.run(*args, stdin=stdin)
        assert done.returncode == 1, done.stdout
        (line,) = lines(done.stderr)
        assert line.startswith("tutti: ")
        return line


@pytest.fixture(scope="module")
def desk(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    place = tmp_path_factory.mktemp("desk")
    data_dir = copied(template, place)
    add_user(data_dir, "ada", PASSWORD, "--admin", "--email", "ada@example.org")
    add_user(data_dir, "bob", PASSWORD)
    music = place / "music"
    write_tone(music / "one.mp3", tags={"title": "One"})
    write_tone(music / "two.flac", hz=300, tags={"title": "Two"})
    (music / "empty.mp3").touch()
    return Desk(data_dir, music)


def test_accounts_are_listed(desk: Desk) -> None:
    rows = desk.json("user", "list")

    assert [(one["username"], one["email"], one["is_active"]) for one in rows] == [
        ("ada", "ada@example.org", True),
        ("bob", None, True),
    ]
    assert "ada@example.org" in desk.said("user", "list")
    assert PASSWORD not in json.dumps(rows)


@pytest.mark.parametrize(
    ("name", "password", "options", "reason"),
    [
        ("ada", PASSWORD, (), "exists"),
        (" x", PASSWORD, (), "user name"),
        ("carol", "short", (), "8"),
        ("carol", "", (), "8"),
        ("carol", PASSWORD, ("--email", "nowhere"), "e-mail"),
    ],
)
def test_an_account_that_cannot_be_is_refused(
    desk: Desk, name: str, password: str, options: tuple[str, ...], reason: str
) -> None:
    said = desk.refused("user", "add", name, *options, "--password-stdin", stdin=f"{password}\n")

    assert reason in said


def test_an_account_is_kept_out_and_let_in_again(desk: Desk) -> None:
    assert desk.said("user", "disable", "BOB") == "disabled BOB\n"
    assert [one["is_active"] for one in desk.json("user", "list")] == [True, False]
    assert desk.said("user", "enable", "bob") == "enabled bob\n"
    assert "no such account" in desk.refused("user", "disable", "carol")


def test_a_scan_reports_what_it_did_and_what_it_could_not(desk: Desk) -> None:
    said = desk.said("scan", desk.music, "--user", "ada")

    assert "refused  empty.mp3: The file is empty." in said
    assert "3 files: " in said
    (report,) = desk.json("scan", desk.music, "--user", "ada")
    assert (report["seen"], report["unchanged"], report["refused"]) == (3, 3, 0)
    assert (report["added"], report["updated"], report["moved"], report["removed"]) == (0, 0, 0, 0)
    assert report["is_complete"] is True


@pytest.mark.parametrize(
    ("folder", "user", "reason"), [("nowhere", "ada", "not a folder"), (".", "carol", "no such account")]
)
def test_a_scan_that_cannot_be_is_refused(desk: Desk, folder: str, user: str, reason: str) -> None:
    assert reason in desk.refused("scan", desk.music / folder, "--user", user)


def test_sources_are_listed_with_what_is_no_track(desk: Desk) -> None:
    desk.said("scan", desk.music, "--user", "ada")

    (source,) = desk.json("source", "list", "--user", "ada")

    assert (source["path"], source["state"]) == (str(desk.music), "ok")
    assert desk.json("source", "refused", source["id"], "--user", "ada") == [
        {"path": "empty.mp3", "reason": "empty", "message": "The file is empty."}
    ]
    assert desk.json("source", "list", "--user", "bob") == []
    assert "no such source" in desk.refused("source", "refused", source["id"], "--user", "bob")


def test_a_folder_is_added_once(desk: Desk, tmp_path: Path) -> None:
    assert desk.said("source", "add", tmp_path, "--user", "bob") == f"added {tmp_path}\n"
    assert desk.said("source", "add", tmp_path / ".", "--user", "bob")

    assert [one["path"] for one in desk.json("source", "list", "--user", "bob") if one["path"] == str(tmp_path)] == [
        str(tmp_path)
    ]


def test_a_library_is_made_and_listed(desk: Desk) -> None:
    said = desk.said("library", "add", "Jazz", "--user", "ada")

    assert said.startswith("added Jazz (")
    names = {one["name"]: one["role"] for one in desk.json("library", "list", "--user", "ada")}
    assert names == {"Jazz": "owner", "ada": "owner"}


def test_files_are_imported_once(desk: Desk) -> None:
    first = desk.json("library", "import", desk.music / "one.mp3", desk.music / "two.flac", "--user", "bob")
    again = desk.json("library", "import", desk.music / "one.mp3", "--user", "bob")

    assert [one["new"] for one in first] == [True, True]
    assert [(one["id"], one["new"]) for one in again] == [(first[0]["id"], False)]
    assert [one["tracks"] for one in desk.json("library", "list", "--user", "bob")] == [2]


def test_a_file_that_cannot_be_imported_does_not_stop_the_others(desk: Desk, tmp_path: Path) -> None:
    tone = write_tone(tmp_path / "three.wav", hz=900)

    done = desk.run("library", "import", "/nowhere.mp3", desk.music / "empty.mp3", tone, "--user", "ada", "--json")

    rows = [json.loads(line) for line in lines(done.stdout)]
    assert done.returncode == 1
    assert [one["problem"] is None for one in rows] == [False, False, True]
    assert "empty" in rows[1]["problem"]


def test_the_doctor_looks_at_everything(desk: Desk) -> None:
    rows = {one["check"]: one for one in desk.json("doctor")}

    assert {"python", "settings", "data folder", "disk", "database", "sandbox", "sources", "zero copy"} <= set(rows)
    assert all(one["ok"] for one in rows.values())


def test_the_doctor_says_what_must_be_mended(data_dir: Path) -> None:
    data_dir.chmod(0o755)
    data_dir.joinpath("tutti.db").write_bytes(b"no database")

    done = run(data_dir, "doctor", "--json")

    assert done.returncode == 1
    assert [one["check"] for one in map(json.loads, lines(done.stdout)) if not one["ok"]] == ["start"]


def test_the_doctor_reads_the_settings(data_dir: Path) -> None:
    done = run(data_dir, "doctor", settings={"TUTTI_HTTP__PORT": "x"})

    assert done.returncode == 1
    assert "TUTTI_HTTP__PORT" in done.stdout


def test_documents_are_the_ones_in_the_repository(desk: Desk, tmp_path: Path) -> None:
    desk.said("openapi", "--out", tmp_path / "openapi.json")

    assert tmp_path.joinpath("openapi.json").read_bytes() == DOCUMENT.read_bytes()
    assert desk.said("openapi").encode() == DOCUMENT.read_bytes()
    assert desk.said("settings") == (ROOT / "docs" / "configuration.md").read_text()


@pytest.mark.parametrize("args", [(), ("user",), ("library",), ("source",)])
def test_a_command_without_its_word_shows_help(desk: Desk, args: tuple[str, ...]) -> None:
    assert "Usage" in desk.run(*args).stdout


@pytest.mark.parametrize("args", [("sing",), ("user", "sing"), ("scan",), ("scan", "x"), ("serve", "--port", "1")])
def test_a_command_that_does_not_exist_is_2(desk: Desk, args: tuple[str, ...]) -> None:
    done = desk.run(*args)

    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_commands_work_beside_each_other(desk: Desk) -> None:
    """Writers at once wait for each other."""
    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(lambda name: desk.run("library", "add", name, "--user", "bob"), ("A", "B", "C")))

    assert [one.returncode for one in done] == [0, 0, 0]


def test_what_is_made_or_changed_is_an_object_for_scripts(desk: Desk) -> None:
    added = desk.run("user", "add", "eve", "--password-stdin", "--json", stdin=f"{PASSWORD}\n")
    [library] = desk.json("library", "add", "Folk", "--user", "eve")

    assert json.loads(added.stdout)["username"] == "eve"
    assert library in desk.json("library", "list", "--user", "eve")
    assert desk.json("user", "disable", "eve") == [{"username": "eve", "is_active": False}]
    assert desk.json("user", "enable", "eve") == [{"username": "eve", "is_active": True}]


def test_a_folder_is_read_into_the_library_that_is_named(desk: Desk, tmp_path: Path) -> None:
    write_tone(tmp_path / "three.mp3", tags={"title": "Three"})
    [library] = desk.json("library", "add", "Shared", "--user", "bob")

    assert desk.json("scan", tmp_path, "--user", "bob", "--library", library["id"])[0]["added"] == 1

    tracks = {one["name"]: one["tracks"] for one in desk.json("library", "list", "--user", "bob")}
    assert tracks["Shared"] == 1


def test_a_home_is_spelled_out(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "music").mkdir()

    done = run(desk.data_dir, "source", "add", "~/music", "--user", "bob", "--json", settings={"HOME": str(tmp_path)})

    assert json.loads(done.stdout)["path"] == str(tmp_path / "music")


def test_the_home_of_nobody_is_refused(desk: Desk) -> None:
    done = desk.run("source", "add", "~nobody-here/music", "--user", "bob")

    assert done.returncode == 2
    assert "no such account" in " ".join(done.stderr.split())


def test_a_name_steers_no_terminal(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "\x1b[31mred\u202e.mp3").touch()

    said = desk.said("scan", tmp_path, "--user", "bob")

    assert r"\x1b[31mred\u202e.mp3" in said
