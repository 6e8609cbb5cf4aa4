"""`auth.AuthService`: registering by the security key, signing in."""

import base64
import json
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from doors.astolfo.conftest import GRPC, KEY, House
from support.api import PASSWORD, Api
from support.phone import ForeignPhone, Phone, Refused, ports_of
from support.server import copied, run, serving

THREE_DAYS_S = 72 * 3600


def claims(token: str) -> dict[str, object]:
    """Return what a token says, unverified."""
    payload = token.split(".")[1]
    said: dict[str, object] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return said


class TestRegistering:
    def test_with_the_key_it_gives_a_token(self, house: House, stranger: Phone) -> None:
        with Phone(house.ports[2], stranger.register("Registers", PASSWORD, KEY)) as phone:
            assert phone.names() == {}

    @pytest.mark.parametrize("key", ["", "dev-security-key", f"{KEY} ", KEY.upper(), "\x00", "ключ"])
    def test_with_another_key_it_is_refused_before_anything_else(self, house: House, stranger: Phone, key: str) -> None:
        taken = house.newcomer()
        for name, password in ((taken, PASSWORD), ("", ""), ("somebody", "short")):
            with pytest.raises(Refused) as refused:
                stranger.register(name, password, key)
            assert refused.value.code is grpc.StatusCode.PERMISSION_DENIED

    def test_a_name_that_is_taken_already_exists(self, house: House, stranger: Phone) -> None:
        with pytest.raises(Refused) as refused:
            stranger.register(house.newcomer(), PASSWORD, KEY)

        assert refused.value.code is grpc.StatusCode.ALREADY_EXISTS

    def test_a_long_password_counts_to_its_last_character(self, stranger: Phone) -> None:
        stranger.register("Long", "x" * 200 + "y", KEY)

        assert stranger.login("Long", "x" * 200 + "y")
        with pytest.raises(Refused) as refused:
            stranger.login("Long", "x" * 200 + "z")
        assert refused.value.code is grpc.StatusCode.UNAUTHENTICATED

    @pytest.mark.parametrize(
        ("name", "password"), [("", PASSWORD), (" x", PASSWORD), ("a\x00b", PASSWORD), ("x" * 65, PASSWORD), ("ok", "")]
    )
    def test_what_cannot_be_an_account_is_said_in_a_sentence(self, stranger: Phone, name: str, password: str) -> None:
        with pytest.raises(Refused) as refused:
            stranger.register(name, password, KEY)

        assert refused.value.code is grpc.StatusCode.INVALID_ARGUMENT
        assert refused.value.details.endswith(".")

    def test_a_server_without_a_key_lets_nobody_register(self, template: Path, tmp_path: Path) -> None:
        settings = GRPC | {"TUTTI_AUTH__SECURITY_KEY": "", "TUTTI_AUTH__REGISTRATION": "open"}
        with serving(copied(template, tmp_path), settings=settings) as server, Phone(ports_of(server)[0]) as phone:
            for key in ("", KEY):
                with pytest.raises(Refused) as refused:
                    phone.register("ann", PASSWORD, key)
                assert refused.value.code is grpc.StatusCode.PERMISSION_DENIED

    @pytest.mark.parametrize("key", ["dev-security-key", "short"])
    def test_a_key_that_everybody_knows_stops_the_start(self, data_dir: Path, key: str) -> None:
        done = run(data_dir, "serve", settings={"TUTTI_AUTH__SECURITY_KEY": key})

        assert done.returncode
        assert "TUTTI_AUTH__SECURITY_KEY: must be a secret of its own" in done.stderr


class TestSigningIn:
    def test_it_gives_the_one_token_of_all_doors_for_72_hours(self, house: House, stranger: Phone) -> None:
        name = house.newcomer()

        token = stranger.login(name, PASSWORD)

        said = claims(token)
        assert said["username"] == name
        assert int(str(said["exp"])) - int(str(said["iat"])) == THREE_DAYS_S
        with Api(house.server.url, token) as api:
            assert api.get("/me").json()["username"] == name

    def test_it_has_no_power_over_credentials(self, house: House, stranger: Phone) -> None:
        with Api(house.server.url, stranger.login(house.newcomer(), PASSWORD)) as api:
            assert api.post("/me/app-keys", {"name": "x", "scopes": ["listen"]}).status_code == 403

    def test_an_unknown_name_and_a_wrong_password_are_told_alike(self, house: House, stranger: Phone) -> None:
        told = set()
        for name in (house.newcomer(), "nobody-of-that-name"):
            with pytest.raises(Refused) as refused:
                stranger.login(name, "wrong password")
            told.add((refused.value.code, refused.value.details, refused.value.word))

        assert told == {(grpc.StatusCode.UNAUTHENTICATED, "The user name or the password is wrong.", "bad_login")}

    @pytest.mark.parametrize("change", [str.upper, lambda name: f" {name}", lambda name: f"{name} "])
    def test_a_name_is_known_exactly_as_it_was_registered(
        self, house: House, stranger: Phone, change: Callable[[str], str]
    ) -> None:
        with pytest.raises(Refused) as refused:
            stranger.login(change(house.newcomer()), PASSWORD)

        assert refused.value.code is grpc.StatusCode.UNAUTHENTICATED

    def test_whoever_tries_too_often_is_told_to_wait_at_every_door(self, template: Path, tmp_path: Path) -> None:
        settings = GRPC | {"TUTTI_LIMITS__PASSWORDS_PER_MINUTE": "4"}
        with serving(copied(template, tmp_path), settings=settings) as server, Phone(ports_of(server)[0]) as phone:
            for _ in range(4):
                with pytest.raises(Refused):
                    phone.login("ann", "wrong password")
            with pytest.raises(Refused) as refused:
                phone.login("ann", "wrong password")
            with Api(server.url) as api:
                answer = api.post("/auth/login", {"username": "ann", "password": "wrong password"})

        assert refused.value.code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert refused.value.details.startswith("Too many attempts")
        assert answer.status_code == 429


def test_whoever_guesses_the_key_too_often_is_told_to_wait(template: Path, tmp_path: Path) -> None:
    settings = GRPC | {"TUTTI_LIMITS__TOKENS_PER_MINUTE": "3"}
    with serving(copied(template, tmp_path), settings=settings) as server, Phone(ports_of(server)[0]) as phone:
        for _ in range(3):
            with pytest.raises(Refused, match="The security key is wrong"):
                phone.register("ann", PASSWORD, "a key that is wrong")
        with pytest.raises(Refused) as refused:
            phone.register("ann", PASSWORD, "a key that is wrong")

    assert refused.value.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert refused.value.details.startswith("Too many attempts")


def test_the_stock_client_of_another_language_registers_and_signs_in(house: House, foreign_modules: Path) -> None:
    foreign = ForeignPhone(foreign_modules, house.ports)

    made = foreign("register", f"foreign-{house.ports[0]}", PASSWORD, KEY)
    known = foreign("login", f"foreign-{house.ports[0]}", PASSWORD)
    wrong = foreign("login", f"foreign-{house.ports[0]}", "wrong")

    assert claims(made["token"])["username"] == claims(known["token"])["username"]
    assert wrong == {"code": 16, "details": "The user name or the password is wrong."}
