"""Guessing is slowed down, and no header makes a stranger somebody else (O-LOG1, O-LOG2, P47)."""

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from support.api import PASSWORD, code_of, login
from support.server import PLAIN, Server, add_user, copied, serving, template

__all__ = ["template"]  # a fixture

FORWARDING = ["X-Forwarded-For", "Forwarded", "X-Real-IP", "True-Client-IP", "CF-Connecting-IP", "X-Client-IP", "Via"]
LIMITED = (429, "too_many_attempts")


@pytest.fixture
def server(template: Path, tmp_path: Path) -> Iterator[Server]:
    data_dir = copied(template, tmp_path)
    add_user(data_dir, "ada", PASSWORD, "--admin")
    with serving(data_dir) as server:
        yield server


@pytest.fixture
def behind_proxy(template: Path, tmp_path: Path) -> Iterator[Server]:
    """A server that believes what a proxy on this machine says."""
    data_dir = copied(template, tmp_path)
    add_user(data_dir, "ada", PASSWORD, "--admin")
    with serving(data_dir, settings={"TUTTI_HTTP__TRUSTED_PROXIES": "127.0.0.1"}) as server:
        yield server


def guess(server: Server, number: int, headers: dict[str, str] | None = None) -> httpx2.Response:
    body = {"username": "ada", "password": f"guess {number}"}
    return httpx2.post(f"{server.url}/api/v1/auth/login", json=body, headers=headers, timeout=30, verify=PLAIN)


def test_the_eleventh_guess_is_told_to_wait(server: Server) -> None:
    answers = [guess(server, number) for number in range(11)]

    assert [code_of(one) for one in answers] == [(401, "bad_login")] * 10 + [LIMITED]
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 600
    assert "retry-after" not in answers[0].headers


def test_a_forwarding_header_of_a_stranger_changes_nothing(server: Server) -> None:
    def invented(number: int) -> dict[str, str]:
        return dict.fromkeys(FORWARDING, f"198.51.100.{number}")

    answers = [guess(server, number, invented(number)) for number in range(11)]

    assert code_of(answers[-1]) == LIMITED


def test_behind_a_trusted_proxy_its_clients_count_apart(behind_proxy: Server) -> None:
    answers = [guess(behind_proxy, number, {"X-Forwarded-For": "198.51.100.1"}) for number in range(11)]

    assert code_of(answers[-1]) == LIMITED
    assert code_of(guess(behind_proxy, 0, {"X-Forwarded-For": "198.51.100.2"})) == (401, "bad_login")


def test_behind_a_trusted_proxy_only_what_it_has_added_counts(behind_proxy: Server) -> None:
    answers = [
        guess(behind_proxy, number, {"X-Forwarded-For": f"203.0.113.{number}, 198.51.100.1"}) for number in range(11)
    ]

    assert code_of(answers[-1]) == LIMITED


def test_whoever_is_signed_in_stays_so(server: Server) -> None:
    token = login(server.url, "ada")["access_token"]
    for number in range(11):
        guess(server, number)

    answer = httpx2.get(f"{server.url}/api/v1/me", headers={"Authorization": f"Bearer {token}"})

    assert answer.status_code == 200
