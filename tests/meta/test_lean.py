"""A serving process holds what serving needs, and nothing that only other commands or first starts need (P1, P2)."""

import re

import httpx2
import pytest

from support.server import add_user, serving

LATER = ["alembic", "authlib", "httpx", "httpx2", "obstore", "PIL", "mutagen", "av", "rich.console"]
_IMPORTED = re.compile(r"import time: +\d+ \| +\d+ \| +(\S+)")


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Every module that was imported from the start of a server, not its first one, to its end."""
    data_dir = tmp_path_factory.mktemp("lean") / "data"
    add_user(data_dir, "ada", "correct horse battery", "--admin")
    with serving(data_dir, settings={"PYTHONPROFILEIMPORTTIME": "1"}) as server:
        answer = httpx2.post(
            f"{server.url}/api/v1/auth/login", json={"username": "ada", "password": "correct horse battery"}
        )
        assert answer.status_code == httpx2.codes.OK
    # A thread that logs meanwhile may have begun the line.
    return {match[1] for match in map(_IMPORTED.search, server.log) if match}


def test_the_server_itself_was_imported(imported: set[str]) -> None:
    assert {"tutti", "litestar", "uvicorn", "sqlalchemy", "argon2"} <= imported


@pytest.mark.parametrize("module", LATER)
def test_a_serving_process_has_not_imported(module: str, imported: set[str]) -> None:
    assert module not in imported
