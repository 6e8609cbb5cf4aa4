"""What doors ask of names and passwords (contracts/collisions.md 5)."""

import re

import pytest

from support.errors import failure, raised
from tutti.domain.accounts import ANY, AccountRules, CharClass, check_email, check_password, check_username
from tutti.domain.errors import ErrorKind

SINUZOID = AccountRules(
    min_username_chars=3,
    max_username_chars=50,
    min_password_bytes=8,
    password_needs=(CharClass.UPPER, CharClass.LOWER, CharClass.DIGIT),
)
JOY = AccountRules(
    min_username_chars=3,
    max_username_chars=32,
    username=re.compile(r"[A-Za-z0-9_]+"),
    min_password_chars=8,
    max_password_chars=128,
    password_needs=tuple(CharClass),
)
MUSAKONE = AccountRules(min_password_chars=6)
FLOOR = AccountRules(min_password_chars=10)


@pytest.mark.parametrize(
    ("rules", "name"),
    [
        (ANY, "x"),
        (ANY, "x" * 64),
        (ANY, "José"),
        (SINUZOID, "abc"),
        (SINUZOID, "x" * 50),
        (JOY, "a_1"),
        (JOY, "x" * 32),
    ],
)
def test_a_name_that_a_door_takes(rules: AccountRules, name: str) -> None:
    check_username(name, rules)


@pytest.mark.parametrize(
    ("rules", "name"),
    [
        (ANY, ""),
        (ANY, "x" * 65),
        (ANY, " x"),
        (ANY, "\u200b"),
        (SINUZOID, "ab"),
        (SINUZOID, "x" * 51),
        (JOY, "a b"),
        (JOY, "José"),
        (JOY, "abc\n"),
    ],
)
def test_a_name_that_a_door_refuses(rules: AccountRules, name: str) -> None:
    assert raised(lambda: check_username(name, ANY, rules)) == (ErrorKind.INVALID, "bad_username")


@pytest.mark.parametrize(
    ("rules", "password"),
    [
        (ANY, "x"),
        (SINUZOID, "Passw0rd"),
        (SINUZOID, "Aa1ééé"),  # 9 bytes
        (JOY, "Passw0rd!"),
        (JOY, "Passw0rdé"),
        (MUSAKONE, "secret"),
    ],
)
def test_a_password_that_a_door_takes(rules: AccountRules, password: str) -> None:
    check_password(password, rules)


@pytest.mark.parametrize(
    ("rules", "password"),
    [
        (ANY, ""),
        (ANY, "x" * 1025),
        (SINUZOID, "Passw0r"),
        (SINUZOID, "passw0rd"),
        (SINUZOID, "PASSW0RD"),
        (SINUZOID, "Password"),
        (JOY, "Passw0rd"),
        (JOY, "Passw0rd!" + "x" * 120),
        (JOY, "Ñññññ0!!"),
        (MUSAKONE, "short"),
    ],
)
def test_a_password_that_a_door_refuses(rules: AccountRules, password: str) -> None:
    assert raised(lambda: check_password(password, rules)) == (ErrorKind.INVALID, "bad_password")


def test_the_stricter_of_floor_and_door_counts() -> None:
    assert raised(lambda: check_password("secret", FLOOR, MUSAKONE))[1] == "bad_password"
    assert raised(lambda: check_password("all small letters", FLOOR, SINUZOID))[1] == "bad_password"
    check_password("Twelve 12 chars", FLOOR, SINUZOID)


def test_everything_that_is_wrong_is_said_at_once() -> None:
    message = failure(lambda: check_password("short", FLOOR, JOY)).message

    for part in ("10 characters", "8 characters", "upper-case", "digit", "no letter and no digit"):
        assert part in message
    assert JOY.password_problems("short")[0] == "The password needs at least 8 characters."


@pytest.mark.parametrize("email", ["", "a", "a@b", "a b@c.de", "a@b@c.de", "a@b.c\u202e", "x" * 250 + "@a.bc"])
def test_what_is_no_address(email: str) -> None:
    assert raised(lambda: check_email(email)) == (ErrorKind.INVALID, "bad_email")
