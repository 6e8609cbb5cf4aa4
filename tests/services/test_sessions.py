"""Signing in, staying signed in by tokens that are good once, signing out."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from support.core import PASSWORD, CountingPasswords, House
from support.errors import failure, raised
from tutti.domain.caller import Operator
from tutti.domain.errors import ErrorKind
from tutti.models import RefreshToken, Session
from tutti.ports.identity import Verdict
from tutti.services.sessions import Client, SignedIn

HERE = Client("kitchen", "192.0.2.7")
AFTER_GRACE = timedelta(seconds=11)


@pytest.fixture
def signed_in(house: House) -> SignedIn:
    return house.sessions.sign_in("ann", PASSWORD, HERE)


class TestSignIn:
    def test_the_right_password_opens_a_session(self, house: House, signed_in: SignedIn) -> None:
        access = house.accounts.authenticate(signed_in.access_token)

        assert access.caller == signed_in.caller
        assert signed_in.expires_in_s == 15 * 60

    def test_a_name_is_known_in_any_case(self, house: House) -> None:
        assert house.sessions.sign_in("Ann", PASSWORD, HERE).caller.username == "ann"

    def test_every_sign_in_is_a_session_of_its_own(self, house: House, signed_in: SignedIn) -> None:
        other = house.sessions.sign_in("ann", PASSWORD, HERE)

        assert other.caller.session_uuid != signed_in.caller.session_uuid

    def test_its_owner_will_know_the_client_again(self, house: House) -> None:
        house.sessions.sign_in("ann", PASSWORD, Client("kit\x00chen\n" + "x" * 300, "192.0.2.7"))

        session = _session(house)
        assert (session.label[:9], len(session.label), session.address) == ("kitchen x", 200, "192.0.2.7")

    def test_no_token_is_stored_or_shown(self, house: House, signed_in: SignedIn) -> None:
        stored = _refresh_tokens(house)

        assert [len(row.token_hash) for row in stored] == [32]
        assert signed_in.refresh_token not in repr(signed_in)
        assert signed_in.access_token not in repr(signed_in)

    def test_a_hash_of_other_costs_is_made_anew(self, house: House) -> None:
        sessions = house.sessions
        sessions._passwords = OutdatedPasswords()
        before = _password_hash(house)

        sessions.sign_in("ann", PASSWORD, HERE)

        assert _password_hash(house) != before


class OutdatedPasswords(CountingPasswords):
    """Finds every right password worth hashing again."""

    def verify(self, password: str, hashed: str | None) -> Verdict:
        found = super().verify(password, hashed)
        return Verdict.RIGHT_BUT_OUTDATED if found is Verdict.RIGHT else found


REFUSED = {
    "unknown name": ("nobody", PASSWORD),
    "wrong password": ("ann", "wrong password"),
    "disabled account": ("bob", PASSWORD),
    "disabled account, wrong password": ("bob", "wrong password"),
}


class TestRefusedSignIn:
    @pytest.fixture
    def house(self, house: House) -> House:
        house.add_user("bob")
        house.accounts.set_active(Operator(), "bob", is_active=False)
        return house

    @pytest.mark.parametrize(("name", "password"), list(REFUSED.values()), ids=list(REFUSED))
    def test_all_look_alike(self, house: House, name: str, password: str) -> None:
        error = failure(lambda: house.sessions.sign_in(name, password, HERE))

        assert (error.kind, error.code) == (ErrorKind.UNAUTHENTICATED, "bad_login")
        assert error.message == "The user name or the password is wrong."

    @pytest.mark.parametrize(("name", "password"), list(REFUSED.values()), ids=list(REFUSED))
    def test_all_cost_one_hash(self, house: House, name: str, password: str) -> None:
        before = (house.passwords.verified, house.passwords.hashed)

        raised(lambda: house.sessions.sign_in(name, password, HERE))

        assert (house.passwords.verified - before[0], house.passwords.hashed - before[1]) == (1, 0)

    @pytest.mark.parametrize("name", ["%", "' OR 1=1--", "", "x" * 10_000, "a\0", "\ud800"])
    def test_hostile_names_are_only_unknown_ones(self, house: House, name: str) -> None:
        assert raised(lambda: house.sessions.sign_in(name, PASSWORD, HERE))[1] == "bad_login"

    @pytest.mark.parametrize(
        "password", ["", PASSWORD + " ", " " + PASSWORD, PASSWORD.upper(), PASSWORD[:-1], PASSWORD + "\0"]
    )
    def test_a_password_is_compared_exactly(self, house: House, password: str) -> None:
        assert raised(lambda: house.sessions.sign_in("ann", password, HERE))[1] == "bad_login"

    def test_an_account_that_is_disabled_while_the_password_is_checked_gets_nothing(self, house: House) -> None:
        house.sessions._passwords = Meanwhile(lambda: house.disable("ann"))

        assert raised(lambda: house.sessions.sign_in("ann", PASSWORD, HERE))[1] == "bad_login"

    def test_a_password_that_is_changed_while_it_is_checked_opens_nothing(self, house: House) -> None:
        house.sessions._passwords = Meanwhile(lambda: _set_password_hash(house, "another"))

        assert raised(lambda: house.sessions.sign_in("ann", PASSWORD, HERE))[1] == "bad_login"


class Meanwhile(CountingPasswords):
    """Lets something happen while a password is checked, and finds it right."""

    def __init__(self, act: Callable[[], object]) -> None:
        super().__init__()
        self._act = act

    def verify(self, password: str, hashed: str | None) -> Verdict:
        self._act()
        return Verdict.RIGHT


class TestOpenFor:
    def test_somebody_who_just_claimed_the_server_is_signed_in(self, house: House) -> None:
        signed_in = house.sessions.open_for(house.ann, HERE)

        assert house.accounts.authenticate(signed_in.access_token).caller.username == "ann"

    def test_a_disabled_account_is_not(self, house: House) -> None:
        house.disable("ann")

        assert raised(lambda: house.sessions.open_for(house.ann, HERE))[1] == "refresh_refused"


class TestRefresh:
    def test_it_gives_a_new_pair_for_the_same_session(self, house: House, signed_in: SignedIn) -> None:
        fresh = house.sessions.refresh(signed_in.refresh_token)

        assert fresh.refresh_token != signed_in.refresh_token
        assert house.accounts.authenticate(fresh.access_token).caller == signed_in.caller

    def test_the_line_goes_on(self, house: House, signed_in: SignedIn) -> None:
        token = signed_in.refresh_token
        for _ in range(5):
            house.clock.advance(timedelta(days=10))
            token = house.sessions.refresh(token).refresh_token

        assert house.sessions.refresh(token).caller == signed_in.caller

    def test_a_second_time_within_the_grace_gives_the_same_successor(self, house: House, signed_in: SignedIn) -> None:
        first = house.sessions.refresh(signed_in.refresh_token)
        house.clock.advance(timedelta(seconds=10))

        again = house.sessions.refresh(signed_in.refresh_token)

        assert again.refresh_token == first.refresh_token
        assert house.accounts.authenticate(first.access_token).caller == signed_in.caller

    def test_fifty_at_once_are_one_line(self, house: House, signed_in: SignedIn) -> None:
        with ThreadPoolExecutor(50) as pool:
            fresh = list(pool.map(house.sessions.refresh, [signed_in.refresh_token] * 50))

        assert len({one.refresh_token for one in fresh}) == 1
        assert len(_refresh_tokens(house)) == 2

    @pytest.mark.parametrize("token", ["", "noise", "x" * 10_000, "\udcff"])
    def test_a_token_that_nobody_gave_is_refused(self, house: House, token: str) -> None:
        assert raised(lambda: house.sessions.refresh(token)) == (ErrorKind.UNAUTHENTICATED, "refresh_refused")

    def test_an_access_token_is_no_refresh_token(self, house: House, signed_in: SignedIn) -> None:
        assert raised(lambda: house.sessions.refresh(signed_in.access_token))[1] == "refresh_refused"

    def test_a_refresh_token_is_no_access_token(self, house: House, signed_in: SignedIn) -> None:
        assert raised(lambda: house.accounts.authenticate(signed_in.refresh_token))[1] == "token_invalid"

    def test_after_thirty_days_it_is_refused(self, house: House, signed_in: SignedIn) -> None:
        house.clock.advance(timedelta(days=30))

        assert raised(lambda: house.sessions.refresh(signed_in.refresh_token))[1] == "refresh_refused"

    def test_after_ninety_days_the_session_ends_however_often_it_was_refreshed(
        self, house: House, signed_in: SignedIn
    ) -> None:
        token = signed_in.refresh_token
        for _ in range(4):
            house.clock.advance(timedelta(days=20))
            token = house.sessions.refresh(token).refresh_token
        house.clock.advance(timedelta(days=10))

        assert raised(lambda: house.sessions.refresh(token))[1] == "refresh_refused"

    def test_a_disabled_account_gets_none(self, house: House, signed_in: SignedIn) -> None:
        house.disable("ann")

        assert raised(lambda: house.sessions.refresh(signed_in.refresh_token))[1] == "refresh_refused"

    def test_a_disabled_account_gets_none_even_in_a_living_session(self, house: House, signed_in: SignedIn) -> None:
        with house.db.write() as tx:
            user = tx.accounts.by_id(house.ann.user_id)
            assert user is not None
            user.is_active = False

        assert raised(lambda: house.sessions.refresh(signed_in.refresh_token))[1] == "refresh_refused"

    def test_it_notes_when_the_session_was_last_used(self, house: House, signed_in: SignedIn) -> None:
        house.clock.advance(timedelta(hours=1))

        house.sessions.refresh(signed_in.refresh_token)

        assert _session(house).last_used_at == house.clock.now


class TestReplay:
    """reliability.md O-REF1: a refresh token used again means that somebody else has a copy."""

    @pytest.fixture
    def fresh(self, house: House, signed_in: SignedIn) -> SignedIn:
        return house.sessions.refresh(signed_in.refresh_token)

    def replay(self, house: House, signed_in: SignedIn) -> tuple[ErrorKind, str]:
        house.clock.advance(AFTER_GRACE)
        return raised(lambda: house.sessions.refresh(signed_in.refresh_token))

    def test_after_the_grace_it_is_refused(self, house: House, signed_in: SignedIn, fresh: SignedIn) -> None:
        assert self.replay(house, signed_in) == (ErrorKind.UNAUTHENTICATED, "refresh_refused")

    def test_the_successor_is_dead_too(self, house: House, signed_in: SignedIn, fresh: SignedIn) -> None:
        self.replay(house, signed_in)

        assert raised(lambda: house.sessions.refresh(fresh.refresh_token))[1] == "refresh_refused"

    def test_the_access_token_is_dead_too(self, house: House, signed_in: SignedIn, fresh: SignedIn) -> None:
        self.replay(house, signed_in)

        assert raised(lambda: house.accounts.authenticate(fresh.access_token))[1] == "session_ended"

    def test_everybody_forgets_what_he_cached(self, house: House, signed_in: SignedIn, fresh: SignedIn) -> None:
        before = house.accounts.access_epoch()
        with house.bus.subscribe("access.changed") as told:
            self.replay(house, signed_in)

            assert told.get(0) is not None
        assert house.accounts.access_epoch() > before

    def test_other_sessions_live_on(self, house: House, signed_in: SignedIn, fresh: SignedIn) -> None:
        other = house.sessions.sign_in("ann", PASSWORD, HERE)

        self.replay(house, signed_in)

        assert house.accounts.authenticate(other.access_token).caller == other.caller

    def test_within_the_grace_it_ends_the_session_when_the_successor_was_used(
        self, house: House, signed_in: SignedIn, fresh: SignedIn
    ) -> None:
        house.sessions.refresh(fresh.refresh_token)

        assert raised(lambda: house.sessions.refresh(signed_in.refresh_token))[1] == "refresh_refused"
        assert raised(lambda: house.accounts.authenticate(fresh.access_token))[1] == "session_ended"


class TestSignOut:
    def test_it_ends_the_session_and_everything_of_it(self, house: House, signed_in: SignedIn) -> None:
        house.sessions.sign_out(signed_in.caller)

        assert raised(lambda: house.accounts.authenticate(signed_in.access_token))[1] == "session_ended"
        assert raised(lambda: house.sessions.refresh(signed_in.refresh_token))[1] == "refresh_refused"

    def test_it_raises_the_epoch_once(self, house: House, signed_in: SignedIn) -> None:
        before = house.accounts.access_epoch()

        house.sessions.sign_out(signed_in.caller)
        house.sessions.sign_out(signed_in.caller)

        assert house.accounts.access_epoch() == before + 1

    def test_other_sessions_live_on(self, house: House, signed_in: SignedIn) -> None:
        other = house.sessions.sign_in("ann", PASSWORD, HERE)

        house.sessions.sign_out(signed_in.caller)

        assert house.accounts.authenticate(other.access_token).caller == other.caller

    def test_without_a_session_there_is_nothing_to_end(self, house: House, signed_in: SignedIn) -> None:
        house.sessions.sign_out(replace(signed_in.caller, session_uuid=None))

        assert house.accounts.authenticate(signed_in.access_token).caller == signed_in.caller


def _session(house: House) -> Session:
    with house.db.read() as tx:
        return tx._session.scalars(select(Session).order_by(Session.id.desc())).first() or Session()


def _refresh_tokens(house: House) -> list[RefreshToken]:
    with house.db.read() as tx:
        return list(tx._session.scalars(select(RefreshToken)))


def _password_hash(house: House) -> str | None:
    with house.db.read() as tx:
        user = tx.accounts.by_id(house.ann.user_id)
        return user.password_hash if user else None


def _set_password_hash(house: House, password_hash: str) -> None:
    with house.db.write() as tx:
        user = tx.accounts.by_id(house.ann.user_id)
        assert user is not None
        user.password_hash = password_hash
