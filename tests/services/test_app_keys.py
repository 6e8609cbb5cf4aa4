"""Named, scoped, revocable secrets for clients that cannot sign in."""

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select

from support.core import PASSWORD, House
from support.errors import raised
from tutti.db.repos.browse import TrackFilter
from tutti.domain.caller import Caller, Permission
from tutti.domain.errors import ErrorKind
from tutti.models import AppKey
from tutti.services.app_keys import MadeKey
from tutti.services.catalog import PageWish
from tutti.services.sessions import Client

LISTEN = [Permission.LISTEN]


@pytest.fixture
def ann(house: House) -> Caller:
    return house.sessions.sign_in("ann", PASSWORD, Client()).caller


@pytest.fixture
def key(house: House, ann: Caller) -> MadeKey:
    return house.app_keys.create(ann, "radio", LISTEN)


def stored(house: House) -> AppKey:
    with house.db.read() as tx:
        return tx._session.scalars(select(AppKey).order_by(AppKey.id.desc())).first() or AppKey()


class TestCreate:
    def test_a_key_is_shown_once_and_known_by_its_hash(self, house: House, ann: Caller, key: MadeKey) -> None:
        assert key.text.startswith("tutti_")
        assert len(key.text) > 40
        assert key.text not in repr(key)
        assert len(stored(house).key_hash) == 32
        assert house.app_keys.mine(ann) == [key.known]

    def test_a_scope_named_twice_is_one(self, house: House, ann: Caller) -> None:
        made = house.app_keys.create(ann, "radio", [Permission.SYNC, Permission.LISTEN, Permission.SYNC])

        assert made.known.scopes == [Permission.LISTEN, Permission.SYNC]

    @pytest.mark.parametrize("scopes", [[], [Permission.ADMINISTER], [Permission.LISTEN, Permission.CURATE]])
    def test_what_is_no_scope_is_refused(self, house: House, ann: Caller, scopes: Collection[Permission]) -> None:
        assert raised(lambda: house.app_keys.create(ann, "radio", scopes)) == (ErrorKind.INVALID, "bad_scopes")

    @pytest.mark.parametrize("name", ["", " ", "\u202e"])
    def test_it_needs_a_name(self, house: House, ann: Caller, name: str) -> None:
        assert raised(lambda: house.app_keys.create(ann, name, LISTEN)) == (ErrorKind.INVALID, "bad_name")

    def test_it_expires_in_the_future(self, house: House, ann: Caller) -> None:
        now = house.clock.now

        assert raised(lambda: house.app_keys.create(ann, "radio", LISTEN, expires_at=now))[1] == "bad_expiry"

    def test_there_may_be_fifty(self, house: House, ann: Caller) -> None:
        made = [house.app_keys.create(ann, f"radio {number}", LISTEN) for number in range(50)]
        assert raised(lambda: house.app_keys.create(ann, "one more", LISTEN)) == (
            ErrorKind.CONFLICT,
            "too_many_app_keys",
        )

        house.app_keys.revoke(ann, made[0].known.uuid)

        house.app_keys.create(ann, "one more", LISTEN)


class TestUse:
    def test_it_is_its_account_without_power(self, house: House, ann: Caller, key: MadeKey) -> None:
        caller = house.accounts.authenticate(key.text).caller

        assert (caller.user_uuid, caller.username) == (ann.user_uuid, "ann")
        assert (caller.is_admin, caller.may_change_credentials, caller.session_uuid) == (False, False, None)
        assert caller.permissions == {Permission.LISTEN}
        assert house.catalog.tracks(caller, PageWish(), TrackFilter()).items == []

    def test_it_is_for_what_it_is_for(self, house: House, ann: Caller) -> None:
        upload = house.app_keys.create(ann, "inbox", [Permission.UPLOAD])
        caller = house.accounts.authenticate(upload.text).caller

        assert raised(lambda: house.catalog.artists(caller, PageWish())) == (ErrorKind.FORBIDDEN, "not_allowed")
        assert raised(lambda: house.libraries.mine(caller))[1] == "not_allowed"
        assert raised(lambda: house.libraries.create(caller, "Mine"))[1] == "not_allowed"
        assert raised(lambda: house.sources.mine(caller))[1] == "not_allowed"

    def test_it_makes_and_ends_no_credentials(self, house: House, key: MadeKey) -> None:
        caller = house.accounts.authenticate(key.text).caller

        for act in (
            lambda: house.app_keys.mine(caller),
            lambda: house.app_keys.create(caller, "child", LISTEN),
            lambda: house.app_keys.revoke(caller, key.known.uuid),
            lambda: house.sessions.mine(caller),
            lambda: house.sessions.end(caller, uuid4()),
        ):
            assert raised(act) == (ErrorKind.FORBIDDEN, "not_allowed")
        assert raised(lambda: house.sessions.sign_out_everywhere(caller))[1] == "session_needed"

    @pytest.mark.parametrize("text", ["tutti_", "tutti_x", "tutti_" + "x" * 43, "tutti_\udcff"])
    def test_one_that_was_made_up_is_nobody(self, house: House, key: MadeKey, text: str) -> None:
        assert raised(lambda: house.accounts.authenticate(text)) == (ErrorKind.UNAUTHENTICATED, "key_invalid")

    def test_an_altered_one_is_nobody(self, house: House, key: MadeKey) -> None:
        assert raised(lambda: house.accounts.authenticate(key.text + "x"))[1] == "key_invalid"

    def test_it_is_good_until_it_expires(self, house: House, ann: Caller) -> None:
        ends = house.clock.now + timedelta(seconds=90)
        made = house.app_keys.create(ann, "guest", LISTEN, expires_at=ends)
        house.clock.advance(timedelta(seconds=60))
        assert house.accounts.authenticate(made.text).until == ends

        house.clock.advance(timedelta(seconds=30))

        assert raised(lambda: house.accounts.authenticate(made.text))[1] == "key_ended"

    def test_it_is_out_while_its_account_is(self, house: House, key: MadeKey) -> None:
        house.disable("ann")

        assert raised(lambda: house.accounts.authenticate(key.text)) == (ErrorKind.UNAUTHENTICATED, "key_ended")


class TestNotedUse:
    def test_it_is_noted_once_a_minute(self, house: House, ann: Caller, key: MadeKey) -> None:
        began = house.clock.now
        noted = []
        for _ in range(4):
            house.accounts.authenticate(key.text)
            noted.append(stored(house).last_used_at)
            house.clock.advance(timedelta(seconds=30))

        later = began + timedelta(minutes=1)
        assert noted == [began, began, later, later]
        assert house.app_keys.mine(ann)[0].last_used_at == later

    def test_nobody_remembers_it_for_longer_than_that(self, house: House, key: MadeKey) -> None:
        assert house.accounts.authenticate(key.text).until == house.clock.now + timedelta(minutes=1)


class TestRevoke:
    def test_a_revoked_key_is_nobody_and_unlisted(self, house: House, ann: Caller, key: MadeKey) -> None:
        before = house.accounts.access_epoch()

        house.app_keys.revoke(ann, key.known.uuid)

        assert raised(lambda: house.accounts.authenticate(key.text))[1] == "key_ended"
        assert house.app_keys.mine(ann) == []
        assert house.accounts.access_epoch() > before
        assert raised(lambda: house.app_keys.revoke(ann, key.known.uuid))[1] == "app_key_not_found"

    def test_somebody_elses_is_not_found(self, house: House, key: MadeKey) -> None:
        """O-AZ2"""
        bob = house.add_user("bob")

        assert raised(lambda: house.app_keys.revoke(bob, key.known.uuid)) == (
            ErrorKind.NOT_FOUND,
            "app_key_not_found",
        )
        assert house.accounts.authenticate(key.text).caller.username == "ann"

    def test_a_limited_session_may_not(self, house: House, ann: Caller, key: MadeKey) -> None:
        limited = replace(ann, is_limited=True)

        assert raised(lambda: house.app_keys.revoke(limited, key.known.uuid))[1] == "not_allowed"
