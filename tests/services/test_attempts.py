"""Wrong secrets are slowed down before anything costly is done, and nobody can lock somebody else out (P39, O-LOG1)."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from support.core import PASSWORD, House
from support.errors import failure, raised
from tutti.domain.accounts import AccountRules
from tutti.domain.caller import Permission
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.origin import Origin, arriving
from tutti.services.accounts import NewUser
from tutti.services.registration import Admission
from tutti.services.sessions import Client

LIMITED = (ErrorKind.LIMITED, "too_many_attempts")
BAD_LOGIN = (ErrorKind.UNAUTHENTICATED, "bad_login")
HOME, ATTACKER = "192.0.2.1", "203.0.113.66"


def sign_in(house: House, address: str, name: str = "ann", password: str = PASSWORD) -> None:
    with arriving(Origin("native", address)):
        house.sessions.sign_in(name, password, Client("test", address))


def guess(house: House, times: int, *, address: str = ATTACKER, name: str = "ann") -> list[tuple[ErrorKind, str]]:
    """What each wrong password is answered."""
    return [raised(lambda: sign_in(house, address, name, "wrong password")) for _ in range(times)]


def spray(house: House, times: int, *, name: str = "ann") -> None:
    """One wrong password from each of many addresses."""
    for number in range(times):
        guess(house, 1, address=f"198.51.100.{number}", name=name)


class TestOneAccount:
    def test_ten_guesses_from_one_address_are_enough(self, house: House) -> None:
        assert guess(house, 12) == [BAD_LOGIN] * 10 + [LIMITED] * 2

    def test_beyond_that_nothing_is_hashed(self, house: House) -> None:
        guess(house, 10)
        before = house.passwords.verified

        guess(house, 5)

        assert house.passwords.verified == before

    def test_the_wait_is_said_and_is_enough(self, house: House) -> None:
        guess(house, 10)
        error = failure(lambda: sign_in(house, ATTACKER))
        assert error.retry_after_s is not None

        house.clock.advance(timedelta(seconds=error.retry_after_s))

        sign_in(house, ATTACKER)

    @pytest.mark.parametrize("address", [HOME, "2001:db8::1"])
    def test_its_owner_gets_in_from_elsewhere(self, house: House, address: str) -> None:
        guess(house, 20)

        sign_in(house, address)

    @pytest.mark.parametrize("name", ["nobody", "bob"])
    def test_one_that_is_not_there_is_slowed_down_alike(self, house: House, name: str) -> None:
        house.add_user("bob")
        house.disable("bob")

        assert guess(house, 12, name=name) == [BAD_LOGIN] * 10 + [LIMITED] * 2

    def test_all_spellings_of_a_name_are_one(self, house: House) -> None:
        guess(house, 5, name="ANN")
        guess(house, 5, name="ann\u200b")

        assert guess(house, 1) == [LIMITED]

    def test_right_passwords_do_not_count(self, house: House) -> None:
        for _ in range(30):
            sign_in(house, HOME)

        assert guess(house, 1, address=HOME) == [BAD_LOGIN]

    def test_a_right_password_does_not_pay_for_wrong_ones(self, house: House) -> None:
        guess(house, 9)
        sign_in(house, ATTACKER)

        assert guess(house, 2) == [BAD_LOGIN, LIMITED]

    def test_all_of_an_ipv6_network_are_one(self, house: House) -> None:
        for number in range(10):
            guess(house, 1, address=f"2001:db8:0:1::{number}")

        assert guess(house, 1, address="2001:db8:0:1:ffff::1") == [LIMITED]
        assert guess(house, 1, address="2001:db8:0:2::1") == [BAD_LOGIN]

    def test_a_busy_server_is_no_wrong_password(self, house: House) -> None:
        house.passwords.before_verify = _busy
        for _ in range(30):
            assert raised(lambda: sign_in(house, HOME))[0] is ErrorKind.BUSY
        house.passwords.before_verify = lambda: None

        sign_in(house, HOME)


def _busy() -> None:
    raise AppError(ErrorKind.BUSY, "password_queue_full", "Busy.")


class TestManyAccounts:
    def test_one_address_tries_twenty_in_a_minute(self, house: House) -> None:
        found = [guess(house, 1, name=f"user{number}")[0] for number in range(25)]

        assert found == [BAD_LOGIN] * 20 + [LIMITED] * 5

    def test_and_a_hundred_in_an_hour(self, house: House) -> None:
        house.clock.now = house.clock.now.replace(minute=0)
        found = []
        for number in range(50):
            found += guess(house, 3, name=f"user{number}")
            house.clock.advance(timedelta(minutes=1))

        assert found.count(BAD_LOGIN) == 100


class TestEverywhere:
    @pytest.fixture
    def house(self, house: House) -> House:
        sign_in(house, HOME)
        spray(house, 50)
        return house

    def test_a_strange_network_has_one_attempt_a_minute(self, house: House) -> None:
        assert guess(house, 2) == [BAD_LOGIN, LIMITED]
        assert (failure(lambda: sign_in(house, ATTACKER)).retry_after_s or 0) <= 60

    def test_the_right_password_gets_in_from_anywhere(self, house: House) -> None:
        sign_in(house, "198.51.100.200")

    def test_a_familiar_network_is_as_free_as_ever(self, house: House) -> None:
        assert guess(house, 3, address=HOME) == [BAD_LOGIN] * 3
        sign_in(house, HOME)

    def test_other_accounts_are_as_free_as_ever(self, house: House) -> None:
        house.add_user("bob")

        assert guess(house, 3, name="bob") == [BAD_LOGIN] * 3

    def test_one_that_is_not_there_is_slowed_down_alike(self, house: House) -> None:
        spray(house, 50, name="nobody")

        assert guess(house, 2, name="nobody") == [BAD_LOGIN, LIMITED]


class TestOwnPassword:
    def test_guessing_it_in_a_session_is_slowed_down(self, house: House) -> None:
        def change() -> None:
            house.profiles.change_password(house.ann, "wrong password", "another good one")

        assert [raised(change)[1] for _ in range(12)] == ["wrong_password"] * 10 + ["too_many_attempts"] * 2


@pytest.fixture
def tries(house: House) -> Iterator[None]:
    """Use up what one address has of long secrets."""
    with arriving(Origin("native", ATTACKER)):
        for _ in range(200):
            assert raised(lambda: house.sessions.refresh("no such token"))[1] == "refresh_refused"
        yield


@pytest.mark.usefixtures("tries")
class TestLongSecrets:
    def test_wrong_ones_are_told_to_wait(self, house: House) -> None:
        registration = house.registration(Admission.INVITE)
        wanted = NewUser("new", PASSWORD)

        assert raised(lambda: house.sessions.refresh("no such token")) == LIMITED
        assert raised(lambda: house.accounts.authenticate("tutti_no_such_key")) == LIMITED
        assert raised(lambda: house.accounts.claim("no such token", wanted)) == LIMITED
        assert raised(lambda: registration.register(wanted, "no such code")) == LIMITED

    def test_right_ones_are_taken(self, house: House) -> None:
        signed_in = house.sessions.sign_in("ann", PASSWORD, Client())
        key = house.app_keys.create(house.ann, "radio", {Permission.LISTEN})

        assert house.sessions.refresh(signed_in.refresh_token).caller.username == "ann"
        assert house.accounts.authenticate(key.text).caller.username == "ann"

    def test_other_addresses_are_as_free_as_ever(self, house: House) -> None:
        with arriving(Origin("native", HOME)):
            assert raised(lambda: house.sessions.refresh("no such token"))[1] == "refresh_refused"


class TestRegistering:
    def test_one_address_may_ask_for_twenty_accounts_in_a_minute(self, house: House) -> None:
        registration = house.registration(Admission.OPEN)

        def register() -> None:
            registration.register(NewUser("ann", PASSWORD), rules=AccountRules())

        before = house.passwords.hashed

        assert [raised(register)[1] for _ in range(22)] == ["user_exists"] * 20 + ["too_many_attempts"] * 2
        assert house.passwords.hashed - before == 20
