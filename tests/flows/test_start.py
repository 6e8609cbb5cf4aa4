"""What a start refuses, each with one clear line and status 1 (O-OP4; P40, P41)."""

import socket
import sqlite3
from pathlib import Path

import pytest

from support.api import PASSWORD
from support.server import add_user, lines, run, serving
from support.tones import write_tone

QUIET = {"TUTTI_HTTP__PORT": "0"}


def refusal(data_dir: Path, **settings: str) -> str:
    """Try to serve; return the one line that says why not."""
    done = run(data_dir, "serve", settings=QUIET | settings)
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    said = lines(done.stderr)
    assert len(said) == 1, done.stderr
    assert said[0].startswith("tutti: ")
    assert said[0].endswith(".")
    return said[0]


def test_a_second_server_on_one_folder_is_refused(data_dir: Path) -> None:
    with serving(data_dir) as server:
        assert refusal(data_dir) == f"tutti: Another server is already at work on {data_dir.resolve()}."
        server.stop()

    with serving(data_dir):
        pass


def test_a_port_that_is_taken_is_named(data_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])

        said = refusal(data_dir, TUTTI_HTTP__PORT=port)

    assert f"127.0.0.1 port {port}" in said
    assert "in use" in said


def test_an_address_that_is_not_ours_is_named(data_dir: Path) -> None:
    assert "192.0.2.1" in refusal(data_dir, TUTTI_HTTP__HOST="192.0.2.1")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TUTTI_HTTP__PORT", "70000"),
        ("TUTTI_HTTP__PORTS", "7700"),
        ("TUTTI_DOORS", "subsonic"),
        ("TUTTI_AUTH__SECURITY_KEY_FILE", "/nowhere/key"),
    ],
)
def test_a_bad_setting_is_named_with_the_reason(data_dir: Path, name: str, value: str) -> None:
    said = refusal(data_dir, **{name: value})

    assert name in said.partition(": ")[2].partition(": ")[0]


def test_a_data_folder_that_cannot_be_is_refused(tmp_path: Path) -> None:
    tmp_path.joinpath("file").touch()

    assert refusal(tmp_path / "file" / "data").startswith("tutti: TUTTI_DATA_DIR: ")


def test_a_database_of_another_program_is_refused_and_left_alone(data_dir: Path) -> None:
    file = data_dir / "tutti.db"
    file.unlink()
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE songs (title TEXT)")
    database.close()
    before = file.read_bytes()

    said = refusal(data_dir)

    assert "another program" in said
    assert "tutti import" in said
    assert file.read_bytes() == before


def test_a_database_of_a_newer_version_is_refused(data_dir: Path) -> None:
    with sqlite3.connect(data_dir / "tutti.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '209912310000'")
    database.close()

    assert "newer" in refusal(data_dir)


def test_a_file_that_is_no_database_is_refused_and_left_alone(data_dir: Path) -> None:
    content = b"This is no database.\n" * 1000
    for path in data_dir.glob("tutti.db*"):
        path.unlink()
    data_dir.joinpath("tutti.db").write_bytes(content)

    refusal(data_dir)

    assert data_dir.joinpath("tutti.db").read_bytes() == content


@pytest.mark.parametrize("content", [b"", b"secret"])
def test_a_key_that_is_none_is_refused(data_dir: Path, content: bytes) -> None:
    """P41: never with a key that everybody can guess."""
    for path in (data_dir / "keys").rglob("*"):
        if path.is_file():
            path.write_bytes(content)

    assert refusal(data_dir).startswith("tutti: The key file ")


def test_a_key_that_others_can_read_is_refused(data_dir: Path) -> None:
    """O-OP2"""
    for path in (data_dir / "keys").rglob("*"):
        if path.is_file():
            path.chmod(0o644)

    assert refusal(data_dir).endswith("other accounts may open it; chmod 600 it.")


def test_a_setting_of_a_later_version_is_only_a_warning(data_dir: Path) -> None:
    settings = {"TUTTI_REDIS__URL": "redis://127.0.0.1", "TUTTI_DOORS": "native,subsonic"}

    with serving(data_dir, settings=settings) as server:
        server.wait_for("setting.without_effect.*TUTTI_REDIS__URL|TUTTI_REDIS__URL.*setting.without_effect")
        server.wait_for("door.not_in_this_version.*subsonic|subsonic.*door.not_in_this_version")


def test_uploads_without_their_database_are_not_started_over(data_dir: Path, tmp_path: Path) -> None:
    """A fresh database knows none of them, and an hour later they would be swept up as nobody's."""
    add_user(data_dir, "ada", PASSWORD, "--admin")
    write_tone(tmp_path / "music" / "one.mp3", hz=300)
    assert run(data_dir, "library", "import", tmp_path / "music" / "one.mp3", "--user", "ada").returncode == 0
    for path in data_dir.glob("tutti.db*"):
        path.unlink()

    said = refusal(data_dir)

    assert "tutti.db is missing" in said
    assert not (data_dir / "tutti.db").exists()


@pytest.mark.parametrize("name", ["what?", "50%", "a#b", "per%20cent", "a b"])
def test_a_data_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    done = run(tmp_path / name, "user", "list")

    assert done.returncode == 0, done.stderr
    assert (tmp_path / name / "tutti.db").exists()
