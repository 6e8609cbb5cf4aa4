"""`tutti user` and `tutti keys`: accounts, invites and keys by command."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support.api import PASSWORD, Api
from support.server import add_user, copied, lines, run, serving

OTHER = "another horse battery"


@pytest.fixture(scope="module")
def home(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    data_dir = copied(template, tmp_path_factory.mktemp("users"))
    add_user(data_dir, "ada", PASSWORD, "--admin")
    add_user(data_dir, "bob", PASSWORD)
    return data_dir


def told(data_dir: Path, *args: str, stdin: str = "", **settings: str) -> list[dict[str, Any]]:
    """Return what a command that succeeds says to a script."""
    done = run(data_dir, *args, "--json", stdin=stdin, settings=settings)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in lines(done.stdout)]


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """Return the one line of a command that fails."""
    assert done.returncode == 1, done.stdout
    (line,) = lines(done.stderr)
    return line


def roles(data_dir: Path) -> dict[str, str]:
    return {one["username"]: one["roles"] for one in told(data_dir, "user", "list")}


def test_a_guest_is_made_and_becomes_a_user(home: Path) -> None:
    add_user(home, "gus", PASSWORD, "--guest")
    assert roles(home)["gus"] == "guest"

    assert told(home, "user", "role", "gus", "user") == [{"username": "gus", "roles": "user"}]
    assert roles(home)["gus"] == "user"
    told(home, "user", "role", "gus", "admin")
    assert roles(home)["gus"] == "admin user"
    told(home, "user", "role", "gus", "guest")


def test_the_last_administrator_stays_one(home: Path) -> None:
    assert "last administrator" in refused(run(home, "user", "role", "ada", "user"))
    assert "last administrator" in refused(run(home, "user", "delete", "ada"))


def test_an_account_is_deleted(home: Path) -> None:
    add_user(home, "eve", PASSWORD)

    assert told(home, "user", "delete", "eve") == [{"username": "eve"}]

    assert "eve" not in roles(home)
    assert "no such account" in refused(run(home, "user", "delete", "eve"))


def test_a_password_is_given_and_sessions_are_seen_and_ended(home: Path) -> None:
    with serving(home) as server:
        with Api.sign_in(server.url, "bob") as bob:
            bob.read("/me")
        (session,) = told(home, "user", "sessions", "bob")
        assert (session["door"], session["address"]) == ("native", "127.0.0.1")
        assert told(home, "user", "sessions", "bob", "--end") == [{"username": "bob", "ended": 1}]
        assert told(home, "user", "sessions", "bob") == []

        told(home, "user", "password", "bob", "--password-stdin", stdin=OTHER + "\n")

        with Api.sign_in(server.url, "bob", OTHER) as bob:
            assert bob.read("/me")["username"] == "bob"
    assert "at least 8" in refused(run(home, "user", "password", "bob", "--password-stdin", stdin="short\n"))


@pytest.mark.parametrize(("admission", "warned"), [("invite", False), ("closed", True), ("open", True)])
def test_an_invite_is_printed_and_said_to_be_useless_where_it_is(home: Path, admission: str, *, warned: bool) -> None:
    done = run(home, "user", "invite", "--days", "3", settings={"TUTTI_AUTH__REGISTRATION": admission})

    assert done.returncode == 0
    (code,) = lines(done.stdout)
    assert len(code) == 32
    assert ("TUTTI_AUTH__REGISTRATION=invite" in done.stderr) is warned


def test_keys_are_listed_added_and_retired(home: Path) -> None:
    (first,) = told(home, "keys", "list")
    assert first["signs"] is True

    (second,) = told(home, "keys", "rotate")

    assert told(home, "keys", "list") == [
        {"kid": first["kid"], "signs": False},
        {"kid": second["kid"], "signs": True},
    ]
    assert told(home, "keys", "retire") == []
    assert told(home, "keys", "retire", "--at-once") == [{"retired": first["kid"]}]
