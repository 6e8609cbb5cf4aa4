"""Who exists: the claim of a new server, new accounts, and who is behind a token or a stream address."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier
from uuid import uuid4

import pytest

from support.core import PASSWORD, House
from support.errors import failure, raised
from tutti.domain.caller import Caller, Operator, Role
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.values import ItemUUID, SessionUUID
from tutti.ports.identity import AccessClaims, StreamTicket
from tutti.services.accounts import NewUser
from tutti.services.sessions import Client, SignedIn

WAIT_S = 30
HERE = Client("test", "127.0.0.1")


class TestClaim:
    def test_whoever_has_the_token_becomes_the_administrator(self, empty_house: House) -> None:
        token = empty_house.accounts.open_claim() or ""

        caller = empty_house.accounts.claim(token, NewUser("ann", PASSWORD))

        assert caller.is_admin
        assert empty_house.accounts.named("ann") == caller
        assert empty_house.accounts.is_claimed()

    def test_libraries_that_nobody_owns_become_his(self, empty_house: House) -> None:
        empty_house.libraries.open_shared("Music")
        token = empty_house.accounts.open_claim() or ""

        caller = empty_house.accounts.claim(token, NewUser("ann", PASSWORD))

        roles = {row.name: row.role for row in empty_house.libraries.mine(caller)}
        assert roles == {"Music": "owner", "ann": "owner"}

    def test_a_claimed_server_gives_no_token(self, house: House) -> None:
        assert house.accounts.open_claim() is None

    def test_every_start_forgets_the_token_before(self, empty_house: House) -> None:
        old = empty_house.accounts.open_claim() or ""
        empty_house.accounts.open_claim()

        assert raised(lambda: empty_house.accounts.claim(old, NewUser("ann", PASSWORD))) == (
            ErrorKind.FORBIDDEN,
            "claim_refused",
        )

    @pytest.mark.parametrize("token", ["", "guess", "\udcff", "x" * 10_000])
    def test_a_wrong_token_is_refused_before_any_work(self, empty_house: House, token: str) -> None:
        empty_house.accounts.open_claim()

        assert raised(lambda: empty_house.accounts.claim(token, NewUser("ann", PASSWORD)))[1] == "claim_refused"
        assert empty_house.passwords.hashed == 0

    def test_no_token_is_right_before_one_was_opened(self, empty_house: House) -> None:
        assert raised(lambda: empty_house.accounts.claim("", NewUser("ann", PASSWORD)))[1] == "claim_refused"

    def test_whoever_is_late_learns_no_more_than_whoever_guesses(self, empty_house: House) -> None:
        token = empty_house.accounts.open_claim() or ""
        guessed = failure(lambda: empty_house.accounts.claim("guess", NewUser("bob", PASSWORD)))
        empty_house.accounts.claim(token, NewUser("ann", PASSWORD))

        late = failure(lambda: empty_house.accounts.claim(token, NewUser("bob", PASSWORD)))

        assert (late.kind, late.code, late.message) == (guessed.kind, guessed.code, guessed.message)

    def test_of_two_at_once_one_wins(self, empty_house: House) -> None:
        token = empty_house.accounts.open_claim() or ""
        empty_house.passwords.before_hash = Barrier(2, timeout=WAIT_S).wait

        def claim(name: str) -> str:
            try:
                return empty_house.accounts.claim(token, NewUser(name, PASSWORD)).username
            except AppError as error:
                return error.code

        with ThreadPoolExecutor(2) as pool:
            outcomes = list(pool.map(claim, ["ann", "bob"]))

        assert "claim_refused" in outcomes
        assert [row.username for row in empty_house.accounts.everyone(Operator())] == [
            name for name in outcomes if name != "claim_refused"
        ]

    def test_a_refused_wish_leaves_the_token_good(self, empty_house: House) -> None:
        token = empty_house.accounts.open_claim() or ""
        raised(lambda: empty_house.accounts.claim(token, NewUser("ann", "short")))

        assert empty_house.accounts.claim(token, NewUser("ann", PASSWORD)).is_admin

    def test_an_administrator_of_the_command_line_closes_it_too(self, empty_house: House) -> None:
        empty_house.libraries.open_shared("Music")
        token = empty_house.accounts.open_claim() or ""

        ann = empty_house.add_user("ann", is_admin=True)

        assert raised(lambda: empty_house.accounts.claim(token, NewUser("bob", PASSWORD)))[1] == "claim_refused"
        assert [row.role for row in empty_house.libraries.mine(ann)] == ["owner", "owner"]

    def test_a_simple_user_does_not(self, empty_house: House) -> None:
        token = empty_house.accounts.open_claim() or ""
        empty_house.add_user("bob")

        assert not empty_house.accounts.is_claimed()
        assert empty_house.accounts.claim(token, NewUser("ann", PASSWORD)).is_admin


class TestAdd:
    def test_an_account_comes_with_its_own_library(self, house: House) -> None:
        bob = house.add_user("bob")

        [library] = house.libraries.mine(bob)
        assert (library.name, library.is_personal, library.role) == ("bob", True, "owner")

    def test_an_administrator_may_add_another(self, house: House) -> None:
        bob = house.accounts.add(house.ann, NewUser("bob", PASSWORD, is_admin=True))

        assert bob.roles == {Role.USER, Role.ADMIN}

    def test_a_user_may_not(self, house: House) -> None:
        bob = house.add_user("bob")

        assert raised(lambda: house.accounts.add(bob, NewUser("cid", PASSWORD))) == (
            ErrorKind.FORBIDDEN,
            "not_allowed",
        )

    def test_nor_may_an_administrator_with_a_long_lived_token(self, house: House) -> None:
        limited = replace(house.ann, is_limited=True)

        assert raised(lambda: house.accounts.add(limited, NewUser("cid", PASSWORD)))[1] == "not_allowed"

    @pytest.mark.parametrize(
        "twin",
        ["ann", "ANN", "Ann", "a\u200bnn", "\uff41nn", "ann\u3164", "a\u00adnn"],
        ids=["same", "upper case", "title case", "zero-width space", "full width", "blank letter", "soft hyphen"],
    )
    def test_a_name_that_reads_like_another_is_taken(self, house: House, twin: str) -> None:
        assert raised(lambda: house.add_user(twin)) == (ErrorKind.CONFLICT, "user_exists")

    def test_a_dotless_i_makes_no_twin(self, house: House) -> None:
        house.add_user("admin")

        assert raised(lambda: house.add_user("adm\u0131n"))[1] == "user_exists"

    @pytest.mark.parametrize("name", ["%", "_", "a_n", "%nn", "' OR 1=1--", "名前", "José", "a b"])
    def test_signs_that_mean_something_elsewhere_are_plain_letters(self, house: House, name: str) -> None:
        house.add_user(name)

        assert house.accounts.named(name).username == name

    @pytest.mark.parametrize(
        "name", ["", " ", " bob", "bob ", "a\nb", "a\0b", "\u200b", "\u202ebob", "x" * 65, "\ud800", "e\u0301"]
    )
    def test_a_name_that_cannot_be_shown_is_refused(self, house: House, name: str) -> None:
        assert raised(lambda: house.add_user(name)) == (ErrorKind.INVALID, "bad_username")

    def test_a_name_may_have_64_characters(self, house: House) -> None:
        assert house.add_user("x" * 64).username == "x" * 64

    @pytest.mark.parametrize(
        "email", ["", "bob", "bob@", "@example.org", "bob@example", "a b@example.org", "a@b@c.d", "x" * 250 + "@a.bc"]
    )
    def test_what_is_no_address_is_refused(self, house: House, email: str) -> None:
        wanted = NewUser("bob", PASSWORD, email=email)

        assert raised(lambda: house.accounts.add(house.ann, wanted)) == (ErrorKind.INVALID, "bad_email")

    def test_an_address_belongs_to_one_account_in_any_case(self, house: House) -> None:
        house.accounts.add(house.ann, NewUser("bob", PASSWORD, email="bob@example.org"))
        wanted = NewUser("rob", PASSWORD, email="BOB@Example.ORG")

        assert raised(lambda: house.accounts.add(house.ann, wanted)) == (ErrorKind.CONFLICT, "user_exists")

    def test_a_short_password_is_refused_before_any_work(self, house: House) -> None:
        before = house.passwords.hashed

        assert raised(lambda: house.accounts.add(house.ann, NewUser("bob", "seven77"))) == (
            ErrorKind.INVALID,
            "bad_password",
        )
        assert house.passwords.hashed == before

    def test_of_twins_at_once_one_is_made(self, house: House) -> None:
        house.passwords.before_hash = Barrier(2, timeout=WAIT_S).wait

        def add(name: str) -> str:
            try:
                return house.add_user(name).username
            except AppError as error:
                return error.code

        with ThreadPoolExecutor(2) as pool:
            outcomes = sorted(pool.map(add, ["bob", "BOB"]))

        assert outcomes[1] == "user_exists"
        assert len(house.accounts.everyone(house.ann)) == 2


class TestEveryone:
    def test_an_administrator_sees_all_by_name(self, house: House) -> None:
        house.add_user("Cid")
        house.add_user("bob")

        assert [row.username for row in house.accounts.everyone(house.ann)] == ["ann", "bob", "Cid"]

    def test_a_user_sees_nobody(self, house: House) -> None:
        bob = house.add_user("bob")

        assert raised(lambda: house.accounts.everyone(bob))[1] == "not_allowed"


class TestSetActive:
    def test_a_disabled_account_is_out_at_once(self, house: House) -> None:
        house.add_user("bob")
        token = house.sessions.sign_in("bob", PASSWORD, HERE).access_token

        house.accounts.set_active(house.ann, "bob", is_active=False)

        assert raised(lambda: house.accounts.authenticate(token))[1] == "session_ended"

    def test_everybody_forgets_what_he_cached(self, house: House) -> None:
        house.add_user("bob")
        before = house.accounts.access_epoch()
        with house.bus.subscribe("access.changed") as told:
            house.accounts.set_active(house.ann, "bob", is_active=False)

            assert told.get(0) is not None
        assert house.accounts.access_epoch() > before

    def test_an_account_that_is_let_in_again_needs_a_new_session(self, house: House) -> None:
        house.add_user("bob")
        token = house.sessions.sign_in("bob", PASSWORD, HERE).access_token
        house.accounts.set_active(house.ann, "bob", is_active=False)

        house.accounts.set_active(house.ann, "bob", is_active=True)

        assert raised(lambda: house.accounts.authenticate(token))[1] == "session_ended"
        assert house.sessions.sign_in("bob", PASSWORD, HERE).caller.username == "bob"

    def test_nobody_else_is_touched(self, house: House) -> None:
        house.add_user("bob")
        token = house.sessions.sign_in("ann", PASSWORD, HERE).access_token

        house.accounts.set_active(house.ann, "bob", is_active=False)

        assert house.accounts.authenticate(token).caller.username == "ann"

    def test_a_user_may_not(self, house: House) -> None:
        bob = house.add_user("bob")

        assert raised(lambda: house.accounts.set_active(bob, "ann", is_active=False))[1] == "not_allowed"

    def test_the_last_administrator_stays(self, house: House) -> None:
        house.add_user("bob")

        assert raised(lambda: house.accounts.set_active(house.ann, "ann", is_active=False)) == (
            ErrorKind.CONFLICT,
            "last_admin",
        )

    def test_a_disabled_administrator_does_not_open_the_claim_again(self, house: House) -> None:
        house.disable("ann")
        with house.db.write() as tx:
            eve = tx.accounts.by_username("eve")
            assert eve is not None
            eve.is_active = False

        assert house.accounts.is_claimed()
        assert house.accounts.open_claim() is None

    def test_an_unknown_name_is_not_found(self, house: House) -> None:
        assert raised(lambda: house.accounts.set_active(house.ann, "nobody", is_active=False)) == (
            ErrorKind.NOT_FOUND,
            "user_not_found",
        )


@pytest.fixture
def signed_in(house: House) -> SignedIn:
    return house.sessions.sign_in("ann", PASSWORD, HERE)


def minted(house: House, caller: Caller, **life: float) -> str:
    """An access token of a caller's session with a life of one's own choice."""
    assert caller.session_uuid is not None
    claims = AccessClaims(
        user_uuid=caller.user_uuid,
        user_id=caller.user_id,
        username=caller.username,
        roles=frozenset({Role.ADMIN}),
        session_uuid=caller.session_uuid,
        issued_at=house.clock.now,
        expires_at=house.clock.now + timedelta(**life),
    )
    return house.tokens.mint(claims)


class TestAuthenticate:
    def test_a_token_of_a_living_session_is_its_account(self, house: House, signed_in: SignedIn) -> None:
        access = house.accounts.authenticate(signed_in.access_token)

        assert access.caller == signed_in.caller
        assert access.until == house.clock.now.replace(microsecond=0) + timedelta(minutes=15)

    def test_an_expired_one_is_nobody(self, house: House, signed_in: SignedIn) -> None:
        house.clock.advance(timedelta(minutes=17))

        assert raised(lambda: house.accounts.authenticate(signed_in.access_token))[1] == "token_expired"

    def test_noise_is_nobody(self, house: House) -> None:
        assert raised(lambda: house.accounts.authenticate("noise")) == (
            ErrorKind.UNAUTHENTICATED,
            "token_invalid",
        )

    def test_roles_come_from_the_account_and_not_from_the_token(self, house: House) -> None:
        house.add_user("bob")
        bob = house.sessions.sign_in("bob", PASSWORD, HERE).caller

        access = house.accounts.authenticate(minted(house, bob, minutes=15))

        assert access.caller.roles == {Role.USER}

    def test_a_token_of_an_hour_is_an_administrator(self, house: House, signed_in: SignedIn) -> None:
        assert house.accounts.authenticate(minted(house, signed_in.caller, hours=1)).caller.is_admin

    def test_a_token_of_more_than_an_hour_is_not(self, house: House, signed_in: SignedIn) -> None:
        caller = house.accounts.authenticate(minted(house, signed_in.caller, hours=1, seconds=1)).caller

        assert (caller.is_admin, caller.may_change_credentials) == (False, False)

    def test_a_session_that_does_not_exist_is_nobody(self, house: House, signed_in: SignedIn) -> None:
        stranger = replace(signed_in.caller, session_uuid=SessionUUID(uuid4()))

        assert raised(lambda: house.accounts.authenticate(minted(house, stranger, hours=1)))[1] == "session_ended"

    def test_a_disabled_account_is_nobody_even_in_a_living_session(self, house: House, signed_in: SignedIn) -> None:
        with house.db.write() as tx:
            user = tx.accounts.by_id(house.ann.user_id)
            assert user is not None
            user.is_active = False

        assert raised(lambda: house.accounts.authenticate(signed_in.access_token))[1] == "session_ended"

    def test_a_session_past_its_end_is_nobody(self, house: House, signed_in: SignedIn) -> None:
        house.clock.advance(timedelta(days=90))
        token = minted(house, signed_in.caller, minutes=15)

        assert raised(lambda: house.accounts.authenticate(token))[1] == "session_ended"

    def test_nobody_may_remember_it_longer_than_the_session_lives(self, house: House, signed_in: SignedIn) -> None:
        house.clock.advance(timedelta(days=90) - timedelta(minutes=1))

        access = house.accounts.authenticate(minted(house, signed_in.caller, minutes=15))

        assert access.until == house.clock.now + timedelta(minutes=1)


class TestRedeem:
    ITEM = uuid4()

    def ticket(self, house: House, caller: Caller) -> str:
        assert caller.session_uuid is not None
        expires_at = (house.clock.now + timedelta(hours=6)).replace(microsecond=0)
        return house.tickets.mint(StreamTicket(ItemUUID(self.ITEM), caller.user_uuid, caller.session_uuid, expires_at))

    def test_a_ticket_is_its_account_without_power(self, house: House, signed_in: SignedIn) -> None:
        access = house.accounts.redeem(self.ticket(house, signed_in.caller), self.ITEM)

        assert (access.caller.username, access.caller.is_admin) == ("ann", False)

    def test_it_is_good_for_one_item(self, house: House, signed_in: SignedIn) -> None:
        ticket = self.ticket(house, signed_in.caller)

        assert raised(lambda: house.accounts.redeem(ticket, uuid4())) == (
            ErrorKind.UNAUTHENTICATED,
            "ticket_invalid",
        )

    def test_it_dies_with_the_session(self, house: House, signed_in: SignedIn) -> None:
        ticket = self.ticket(house, signed_in.caller)
        house.sessions.sign_out(signed_in.caller)

        assert raised(lambda: house.accounts.redeem(ticket, self.ITEM))[1] == "session_ended"

    def test_it_dies_with_the_account(self, house: House, signed_in: SignedIn) -> None:
        ticket = self.ticket(house, signed_in.caller)
        house.disable("ann")

        assert raised(lambda: house.accounts.redeem(ticket, self.ITEM))[1] == "session_ended"

    def test_it_expires(self, house: House, signed_in: SignedIn) -> None:
        ticket = self.ticket(house, signed_in.caller)
        house.clock.advance(timedelta(hours=6))

        assert raised(lambda: house.accounts.redeem(ticket, self.ITEM))[1] == "ticket_expired"

    def test_it_is_not_good_for_another_account_in_the_same_session(self, house: House, signed_in: SignedIn) -> None:
        bob = house.add_user("bob")
        ticket = self.ticket(house, replace(bob, session_uuid=signed_in.caller.session_uuid))

        assert raised(lambda: house.accounts.redeem(ticket, self.ITEM))[1] == "session_ended"

    def test_an_access_token_is_no_ticket(self, house: House, signed_in: SignedIn) -> None:
        assert raised(lambda: house.accounts.redeem(signed_in.access_token, self.ITEM))[1] == "ticket_invalid"

    def test_a_ticket_is_no_access_token(self, house: House, signed_in: SignedIn) -> None:
        ticket = self.ticket(house, signed_in.caller)

        assert raised(lambda: house.accounts.authenticate(ticket))[1] == "token_invalid"

    def test_nobody_may_remember_it_longer_than_the_session_lives(self, house: House, signed_in: SignedIn) -> None:
        house.clock.advance(timedelta(days=90) - timedelta(minutes=1))

        access = house.accounts.redeem(self.ticket(house, signed_in.caller), self.ITEM)

        assert access.until == house.clock.now + timedelta(minutes=1)


class TestNamed:
    def test_a_name_is_found_in_any_case(self, house: House) -> None:
        assert house.accounts.named("ANN") == house.ann

    def test_an_unknown_one_is_not_found(self, house: House) -> None:
        assert raised(lambda: house.accounts.named("nobody"))[1] == "user_not_found"
