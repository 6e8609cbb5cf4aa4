"""What people say of themselves, and their passwords."""

from dataclasses import replace
from datetime import date

import pytest

from support.core import PASSWORD, House
from support.errors import raised
from tutti.domain.accounts import AccountRules
from tutti.domain.caller import Caller, Permission
from tutti.domain.errors import ErrorKind
from tutti.domain.values import UserId
from tutti.services.accounts import NewUser
from tutti.services.profiles import ProfileChange
from tutti.services.sessions import Client

HERE = Client("kitchen", "192.0.2.7")
NEW = "another horse battery"


@pytest.fixture
def bob(house: House) -> Caller:
    house.accounts.add(house.ann, NewUser("bob", PASSWORD, "bob@example.org"))
    return house.sessions.sign_in("bob", PASSWORD, HERE).caller


class TestMine:
    def test_an_account_sees_itself(self, house: House, bob: Caller) -> None:
        account = house.profiles.mine(bob)

        assert (account.caller, account.email, account.created_at) == (bob, "bob@example.org", house.clock.now)
        assert (account.first_name, account.last_name, account.birth_date) == ("", "", None)

    def test_an_account_that_is_gone_sees_nothing(self, house: House) -> None:
        ghost = replace(house.ann, user_id=UserId(99))

        assert raised(lambda: house.profiles.mine(ghost)) == (ErrorKind.UNAUTHENTICATED, "session_ended")


class TestChange:
    def test_what_is_left_out_stays(self, house: House, bob: Caller) -> None:
        house.profiles.change(bob, ProfileChange(first_name="Bob", birth_date=date(1950, 2, 3)))

        changed = house.profiles.change(bob, ProfileChange(last_name="Ross", email=None))

        assert changed == house.profiles.mine(bob)
        assert (changed.first_name, changed.last_name) == ("Bob", "Ross")
        assert (changed.birth_date, changed.email) == (date(1950, 2, 3), None)

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            (ProfileChange(first_name="x" * 101), "bad_name"),
            (ProfileChange(last_name="a\u202eb"), "bad_name"),
            (ProfileChange(birth_date=date(1899, 12, 31)), "bad_birth_date"),
            (ProfileChange(birth_date=date(2026, 1, 3)), "bad_birth_date"),
            (ProfileChange(email="nowhere"), "bad_email"),
        ],
    )
    def test_what_cannot_be_is_refused(self, house: House, bob: Caller, change: ProfileChange, code: str) -> None:
        assert raised(lambda: house.profiles.change(bob, change)) == (ErrorKind.INVALID, code)

    def test_an_address_belongs_to_one_account(self, house: House, bob: Caller) -> None:
        assert raised(lambda: house.profiles.change(house.ann, ProfileChange(email="Bob@Example.org"))) == (
            ErrorKind.CONFLICT,
            "user_exists",
        )

    def test_a_limited_credential_changes_nothing(self, house: House, bob: Caller) -> None:
        limited = replace(bob, is_limited=True)

        assert raised(lambda: house.profiles.change(limited, ProfileChange(email=None)))[1] == "not_allowed"


class TestPassword:
    def test_the_new_one_opens_and_the_old_one_does_not(self, house: House, bob: Caller) -> None:
        house.profiles.change_password(bob, PASSWORD, NEW)

        assert house.sessions.sign_in("bob", NEW, HERE).caller.username == "bob"
        assert raised(lambda: house.sessions.sign_in("bob", PASSWORD, HERE))[1] == "bad_login"

    def test_other_sessions_end_and_this_one_and_app_keys_stay(self, house: House, bob: Caller) -> None:
        """P34"""
        here, there = (house.sessions.sign_in("bob", PASSWORD, HERE) for _ in range(2))
        key = house.app_keys.create(bob, "radio", [Permission.LISTEN])
        before = house.accounts.access_epoch()

        house.profiles.change_password(here.caller, PASSWORD, NEW)

        assert house.accounts.authenticate(here.access_token).caller == here.caller
        assert house.sessions.refresh(here.refresh_token).caller == here.caller
        assert raised(lambda: house.accounts.authenticate(there.access_token))[1] == "session_ended"
        assert raised(lambda: house.sessions.refresh(there.refresh_token))[1] == "refresh_refused"
        assert house.accounts.authenticate(key.text).caller.username == "bob"
        assert house.accounts.access_epoch() > before

    def test_nobody_elses_sessions_end(self, house: House, bob: Caller) -> None:
        ann = house.sessions.sign_in("ann", PASSWORD, HERE)

        house.profiles.change_password(bob, PASSWORD, NEW)

        assert house.accounts.authenticate(ann.access_token).caller == ann.caller

    @pytest.mark.parametrize("typed", ["", "wrong", PASSWORD + " ", PASSWORD.upper()])
    def test_the_current_one_must_be_right(self, house: House, bob: Caller, typed: str) -> None:
        assert raised(lambda: house.profiles.change_password(bob, typed, NEW)) == (
            ErrorKind.FORBIDDEN,
            "wrong_password",
        )

    @pytest.mark.parametrize(("new", "least"), [("short", 1), (NEW, 30)])
    def test_the_new_one_keeps_to_floor_and_door(self, house: House, bob: Caller, new: str, least: int) -> None:
        rules = AccountRules(min_password_chars=least)

        assert raised(lambda: house.profiles.change_password(bob, PASSWORD, new, rules))[1] == "bad_password"

    def test_a_limited_credential_may_not(self, house: House, bob: Caller) -> None:
        limited = replace(bob, is_limited=True)

        assert raised(lambda: house.profiles.change_password(limited, PASSWORD, NEW))[1] == "not_allowed"
        assert house.passwords.verified == 1  # signing in

    def test_of_two_at_once_the_slower_one_is_refused(self, house: House, bob: Caller) -> None:
        def meanwhile() -> None:
            house.passwords.before_hash = lambda: None
            house.profiles.change_password(bob, PASSWORD, NEW)

        house.passwords.before_hash = meanwhile

        assert raised(lambda: house.profiles.change_password(bob, PASSWORD, "a third horse"))[1] == "wrong_password"
        assert house.sessions.sign_in("bob", NEW, HERE).caller.username == "bob"
