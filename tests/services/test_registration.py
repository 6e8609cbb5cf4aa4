"""Whether strangers may make accounts, and the invites that let them."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from threading import Barrier
from uuid import uuid4

import pytest

from support.core import PASSWORD, House
from support.errors import failure, raised
from tutti.domain.accounts import AccountRules
from tutti.domain.caller import Operator, Role
from tutti.domain.errors import AppError, ErrorKind
from tutti.services.accounts import NewUser
from tutti.services.registration import Admission, Registration

WAIT_S = 30
BOB = NewUser("bob", PASSWORD, "bob@example.org")


@pytest.fixture
def closed(house: House) -> Registration:
    return house.registration(Admission.CLOSED)


@pytest.fixture
def by_invite(house: House) -> Registration:
    return house.registration(Admission.INVITE)


class TestClosed:
    @pytest.mark.parametrize("name", ["ann", "bob", "", "x" * 1000])
    def test_the_answer_tells_nothing_of_names_and_costs_nothing(
        self, house: House, closed: Registration, name: str
    ) -> None:
        """collisions.md 9, row 11"""
        before = house.passwords.hashed

        error = failure(lambda: closed.register(NewUser(name, PASSWORD)))

        assert (error.kind, error.code) == (ErrorKind.FORBIDDEN, "registration_closed")
        assert error.message == "Nobody can register here; ask for an account."
        assert house.passwords.hashed == before

    def test_no_invite_opens_it(self, house: House, closed: Registration) -> None:
        code = closed.invite(house.ann).code

        assert raised(lambda: closed.register(BOB, code))[1] == "registration_closed"


class TestOpen:
    def test_whoever_asks_becomes_a_user_with_a_library(self, house: House) -> None:
        bob = house.registration(Admission.OPEN).register(BOB)

        assert bob.roles == {Role.USER}
        assert house.accounts.named("bob") == bob
        assert [row.name for row in house.libraries.mine(bob)] == ["bob"]

    def test_nobody_makes_himself_an_administrator(self, house: House) -> None:
        """O-LOG7"""
        wanted = NewUser("bob", PASSWORD, is_admin=True)

        assert house.registration(Admission.OPEN).register(wanted).roles == {Role.USER}

    @pytest.mark.parametrize("name", ["ann", "ANN", "a\u200bnn", "\uff41nn"])
    def test_a_name_that_is_taken_costs_what_a_free_one_costs(self, house: House, name: str) -> None:
        """O-LOG5, P39"""
        before = house.passwords.hashed
        registration = house.registration(Admission.OPEN)

        assert raised(lambda: registration.register(NewUser(name, PASSWORD))) == (ErrorKind.CONFLICT, "user_exists")
        assert house.passwords.hashed == before + 1

    def test_the_rules_of_the_door_count(self, house: House) -> None:
        rules = AccountRules(min_username_chars=5)

        assert raised(lambda: house.registration(Admission.OPEN).register(BOB, rules=rules))[1] == "bad_username"

    def test_a_server_that_nobody_has_claimed_can_still_be_claimed(self, empty_house: House) -> None:
        token = empty_house.accounts.open_claim() or ""
        empty_house.registration(Admission.OPEN).register(BOB)

        assert empty_house.accounts.claim(token, NewUser("ann", PASSWORD)).is_admin


class TestByInvite:
    def test_an_invite_lets_one_in(self, house: House, by_invite: Registration) -> None:
        code = by_invite.invite(house.ann).code

        assert by_invite.register(BOB, code).username == "bob"
        assert raised(lambda: by_invite.register(NewUser("cid", PASSWORD), code))[1] == "invite_refused"

    def test_it_is_known_who_made_and_who_used_it(self, house: House, by_invite: Registration) -> None:
        made = by_invite.invite(house.ann, days=3)
        by_invite.invite(Operator())
        by_invite.register(BOB, made.code)

        fresh, used = by_invite.invites(house.ann)

        assert (used.uuid, used.created_by, used.used_by) == (made.uuid, "ann", "bob")
        assert used.expires_at - used.created_at == timedelta(days=3)
        assert (fresh.created_by, fresh.used_at, fresh.used_by) == (None, None, None)

    @pytest.mark.parametrize("kind", ["missing", "empty", "made up", "hostile", "expired", "withdrawn"])
    def test_all_that_is_no_open_invite_is_refused_alike(
        self, house: House, by_invite: Registration, kind: str
    ) -> None:
        made = by_invite.invite(house.ann, days=1)
        codes = {"missing": None, "empty": "", "made up": "x" * 32, "hostile": "\udcff"}
        if kind == "expired":
            house.clock.advance(timedelta(days=1))
        if kind == "withdrawn":
            by_invite.withdraw(house.ann, made.uuid)
        before = house.passwords.hashed

        for wanted in (NewUser("ann", PASSWORD), NewUser("bob", PASSWORD)):
            refusal = raised(partial(by_invite.register, wanted, codes.get(kind, made.code)))
            assert refusal == (ErrorKind.FORBIDDEN, "invite_refused")
        assert house.passwords.hashed == before

    def test_a_wish_that_is_refused_leaves_it_good(self, house: House, by_invite: Registration) -> None:
        code = by_invite.invite(house.ann).code
        assert raised(lambda: by_invite.register(NewUser("ann", PASSWORD), code))[1] == "user_exists"
        assert raised(lambda: by_invite.register(NewUser("bob", "short"), code))[1] == "bad_password"

        assert by_invite.register(BOB, code).username == "bob"

    def test_of_two_at_once_one_gets_in(self, house: House, by_invite: Registration) -> None:
        code = by_invite.invite(house.ann).code
        house.passwords.before_hash = Barrier(2, timeout=WAIT_S).wait

        def register(name: str) -> str:
            try:
                return by_invite.register(NewUser(name, PASSWORD), code).username
            except AppError as error:
                return error.code

        with ThreadPoolExecutor(2) as pool:
            outcomes = list(pool.map(register, ["bob", "cid"]))

        assert "invite_refused" in outcomes
        assert len(house.accounts.everyone(house.ann)) == 2

    def test_the_code_is_not_stored(self, house: House, by_invite: Registration) -> None:
        made = by_invite.invite(house.ann)

        assert made.code not in repr(made)
        assert made.code not in repr(by_invite.invites(house.ann))


class TestInvites:
    def test_they_are_the_administrators(self, house: House, by_invite: Registration) -> None:
        bob, uuid = house.add_user("bob"), by_invite.invite(house.ann).uuid

        for act in (
            lambda: by_invite.invites(bob),
            lambda: by_invite.invite(bob),
            lambda: by_invite.withdraw(bob, uuid),
        ):
            assert raised(act) == (ErrorKind.FORBIDDEN, "not_allowed")

    @pytest.mark.parametrize("days", [-1, 0, 91])
    def test_they_last_from_one_to_ninety_days(self, house: House, by_invite: Registration, days: int) -> None:
        assert raised(lambda: by_invite.invite(house.ann, days=days)) == (ErrorKind.INVALID, "bad_expiry")

    def test_an_unknown_one_is_not_found(self, house: House, by_invite: Registration) -> None:
        assert raised(lambda: by_invite.withdraw(house.ann, uuid4())) == (ErrorKind.NOT_FOUND, "invite_not_found")
