"""Signing in, staying signed in by tokens that are good once, signing out."""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial
from uuid import UUID, uuid4

import bcrypt
import pytest
from sqlalchemy import select

from support.core import PASSWORD, CountingPasswords, House
from support.errors import failure, raised
from tutti.domain.caller import Operator
from tutti.domain.errors import ErrorKind
from tutti.models import RefreshToken, Session
from tutti.ports.identity import Verdict
from tutti.services.sessions import Client, SessionPolicy, SignedIn

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


class TestMine:
    def test_one_sees_where_one_is_signed_in(self, house: House, signed_in: SignedIn) -> None:
        house.clock.advance(timedelta(minutes=1))
        other = house.sessions.sign_in("ann", PASSWORD, Client("car", "198.51.100.3"))

        newer, older = house.sessions.mine(signed_in.caller)

        assert (newer.uuid, older.uuid) == (other.caller.session_uuid, signed_in.caller.session_uuid)
        assert (older.label, older.address, older.door) == ("kitchen", "192.0.2.7", "native")
        assert newer.created_at - older.created_at == timedelta(minutes=1)

    def test_staying_signed_in_is_seen(self, house: House, signed_in: SignedIn) -> None:
        house.clock.advance(timedelta(hours=1))
        house.sessions.refresh(signed_in.refresh_token)

        assert house.sessions.mine(signed_in.caller)[0].last_used_at == house.clock.now

    def test_what_has_ended_is_not_shown(self, house: House, signed_in: SignedIn) -> None:
        house.sessions.sign_out(house.sessions.sign_in("ann", PASSWORD, HERE).caller)
        house.add_user("bob")
        house.sessions.sign_in("bob", PASSWORD, HERE)

        assert [one.uuid for one in house.sessions.mine(signed_in.caller)] == [signed_in.caller.session_uuid]
        house.clock.advance(timedelta(days=90))
        assert house.sessions.mine(signed_in.caller) == []


class TestEnd:
    def test_one_session_ends_and_no_other(self, house: House, signed_in: SignedIn) -> None:
        other = house.sessions.sign_in("ann", PASSWORD, HERE)
        before = house.accounts.access_epoch()

        house.sessions.end(signed_in.caller, uuid_of(other))

        assert raised(lambda: house.accounts.authenticate(other.access_token))[1] == "session_ended"
        assert raised(lambda: house.sessions.refresh(other.refresh_token))[1] == "refresh_refused"
        assert house.accounts.authenticate(signed_in.access_token).caller == signed_in.caller
        assert house.accounts.access_epoch() == before + 1
        assert raised(lambda: house.sessions.end(signed_in.caller, uuid_of(other)))[1] == "session_not_found"

    def test_somebody_elses_is_not_found(self, house: House, signed_in: SignedIn) -> None:
        """O-AZ2"""
        bob = house.add_user("bob")

        for uuid in (uuid_of(signed_in), uuid4()):
            assert raised(partial(house.sessions.end, bob, uuid)) == (ErrorKind.NOT_FOUND, "session_not_found")
        assert house.accounts.authenticate(signed_in.access_token).caller == signed_in.caller


class TestSignOutEverywhere:
    def test_all_of_ones_sessions_end_and_nobody_elses(self, house: House, signed_in: SignedIn) -> None:
        other = house.sessions.sign_in("ann", PASSWORD, HERE)
        house.add_user("bob")
        bob = house.sessions.sign_in("bob", PASSWORD, HERE)

        assert house.sessions.sign_out_everywhere(signed_in.caller) == 2

        for one in (signed_in, other):
            assert raised(partial(house.accounts.authenticate, one.access_token))[1] == "session_ended"
            assert raised(partial(house.sessions.refresh, one.refresh_token))[1] == "refresh_refused"
        assert house.accounts.authenticate(bob.access_token).caller == bob.caller


SINUZOID = SessionPolicy(door="sinuzoid", access=timedelta(hours=1), kept=5, is_exact=True)
ASTOLFO = SessionPolicy(door="astolfo", access=timedelta(hours=72), absolute=timedelta(hours=72))


class TestDoors:
    """Each door keeps people signed in as its clients expect; the tokens are of one kind (collisions.md 6)."""

    def test_a_door_has_its_own_lifetimes(self, house: House) -> None:
        signed_in = house.sessions.sign_in("ann", PASSWORD, HERE, SINUZOID)

        assert signed_in.expires_in_s == 3600
        assert house.tokens.verify(signed_in.access_token).expires_at - house.clock.now.replace(
            microsecond=0
        ) == timedelta(hours=1)
        assert _session(house).door == "sinuzoid"
        assert house.sessions.refresh(signed_in.refresh_token, SINUZOID).expires_in_s == 3600

    def test_a_long_lived_token_carries_no_power(self, house: House) -> None:
        signed_in = house.sessions.sign_in("ann", PASSWORD, HERE, ASTOLFO)

        caller = house.accounts.authenticate(signed_in.access_token).caller

        assert (caller.is_admin, caller.may_change_credentials) == (False, False)

    def test_the_five_newest_of_a_door_are_kept(self, house: House, signed_in: SignedIn) -> None:
        others = [house.sessions.sign_in("ann", PASSWORD, HERE, SINUZOID) for _ in range(6)]

        assert raised(lambda: house.accounts.authenticate(others[0].access_token))[1] == "session_ended"
        for one in (*others[1:], signed_in):
            assert house.accounts.authenticate(one.access_token).caller == one.caller

    def test_those_of_others_do_not_count(self, house: House) -> None:
        house.add_user("bob")
        bob = house.sessions.sign_in("bob", PASSWORD, HERE, SINUZOID)
        for _ in range(6):
            house.sessions.sign_in("ann", PASSWORD, HERE, SINUZOID)

        assert house.accounts.authenticate(bob.access_token).caller == bob.caller

    @pytest.mark.parametrize("name", ["Ann", "ANN", "\uff41nn", "ann\u200b"])
    def test_a_door_may_know_names_in_their_own_case_alone(self, house: House, name: str) -> None:
        """O-LOG5: at the same price as an unknown name."""
        before = house.passwords.verified

        assert raised(lambda: house.sessions.sign_in(name, PASSWORD, HERE, SINUZOID))[1] == "bad_login"
        assert house.passwords.verified == before + 1
        assert house.sessions.sign_in("ann", PASSWORD, HERE, SINUZOID).caller.username == "ann"


class TestLifetimes:
    """reliability.md P35"""

    def test_a_session_that_is_not_used_for_thirty_days_is_over(self, house: House, signed_in: SignedIn) -> None:
        house.clock.advance(timedelta(days=30))

        assert raised(lambda: house.sessions.refresh(signed_in.refresh_token))[1] == "refresh_refused"

    def test_one_that_is_used_lives_ninety_days_and_no_longer(self, house: House, signed_in: SignedIn) -> None:
        for _ in range(3):
            house.clock.advance(timedelta(days=29))
            signed_in = house.sessions.refresh(signed_in.refresh_token)
        house.clock.advance(timedelta(days=3) - timedelta(seconds=1))
        signed_in = house.sessions.refresh(signed_in.refresh_token)
        assert house.accounts.authenticate(signed_in.access_token).caller == signed_in.caller

        house.clock.advance(timedelta(seconds=1))

        assert raised(lambda: house.accounts.authenticate(signed_in.access_token))[1] == "session_ended"
        assert raised(lambda: house.sessions.refresh(signed_in.refresh_token))[1] == "refresh_refused"


IMPORTED = {
    "bcrypt": bcrypt.hashpw(PASSWORD.encode(), b"$2b$04$......................").decode(),
    "bcrypt of PHP": bcrypt.hashpw(PASSWORD.encode(), b"$2b$04$......................").decode().replace("2b", "2y"),
    "SHA-256": hashlib.sha256(PASSWORD.encode()).hexdigest(),
}


class TestImported:
    @pytest.mark.parametrize("kind", IMPORTED)
    def test_a_hash_of_an_original_is_replaced_at_login(self, house: House, kind: str) -> None:
        """collisions.md 5"""
        _set_password_hash(house, IMPORTED[kind])
        assert raised(lambda: house.sessions.sign_in("ann", PASSWORD + " ", HERE))[1] == "bad_login"
        assert _password_hash(house) == IMPORTED[kind]

        house.sessions.sign_in("ann", PASSWORD, HERE)

        assert (_password_hash(house) or "").startswith("$argon2id$")
        assert house.sessions.sign_in("ann", PASSWORD, HERE).caller.username == "ann"

    def test_no_hash_opens_anything(self, house: House) -> None:
        _set_password_hash(house, IMPORTED["SHA-256"])

        assert raised(lambda: house.sessions.sign_in("ann", IMPORTED["SHA-256"], HERE))[1] == "bad_login"


def uuid_of(signed_in: SignedIn) -> UUID:
    """Return the session that somebody has."""
    assert signed_in.caller.session_uuid is not None
    return signed_in.caller.session_uuid


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
