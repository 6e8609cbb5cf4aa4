"""`tutti audit`: the log by command, and the proof that nobody has altered it."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from support.api import PASSWORD
from support.server import add_user, copied, lines, run


@pytest.fixture
def home(template: Path, tmp_path: Path) -> Path:
    data_dir = copied(template, tmp_path)
    add_user(data_dir, "ada", PASSWORD, "--admin")
    add_user(data_dir, "bob", PASSWORD)
    return data_dir


def test_an_untouched_log_is_verified(home: Path) -> None:
    done = run(home, "audit", "verify")

    assert (done.returncode, done.stdout) == (0, "2 entries fit; nothing is wrong\n")


def test_an_altered_entry_is_named_and_fails(home: Path) -> None:
    with closing(sqlite3.connect(home / "tutti.db")) as db, db:
        db.execute("UPDATE audit_entry SET target = 'eve user' WHERE id = 2")

    done = run(home, "audit", "verify", "--json")

    assert done.returncode == 1
    assert json.loads(done.stdout) == {"entries": 1, "wrong": 2, "reason": "The entry was altered."}


def test_what_a_command_did_is_listed(home: Path) -> None:
    done = run(home, "audit", "list", "--json", "--action", "account_add", "--actor", "operator")

    found = [json.loads(line) for line in lines(done.stdout)]
    assert [one["target"] for one in found] == ["bob user", "ada admin user"]
    assert {one["door"] for one in found} == {"local"}
