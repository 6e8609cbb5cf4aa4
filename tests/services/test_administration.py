"""What those who run the server decide about accounts."""

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest

from support.core import PASSWORD, House
from support.errors import raised
from tutti.domain.accounts import AccountRules
from tutti.domain.caller import Caller, Operator, Permission, Role
from tutti.domain.errors import ErrorKind
from tutti.services.accounts import NewUser
from tutti.services.administration import UserChange
from tutti.services.sessions import Client

HERE = Client("kitchen", "192.0.2.7")
NEW = "another horse battery"


@pytest.fixture
def bob(house: House) -> Caller:
    return house.accounts.add(house.ann, NewUser("bob", PASSWORD, "bob@example.org"))


def everything(house: House, actor: Caller, uuid: UUID) -> list[Callable[[], object]]:
    """Every use case of an administrator."""
    act = house.administration
    return [
        lambda: act.user(actor, uuid),
        lambda: act.change(actor, uuid, UserChange()),
        lambda: act.set_password(actor, uuid, NEW),
        lambda: act.delete(actor, uuid),
        lambda: act.sessions_of(actor, uuid),
        lambda: act.end_sessions(actor, uuid),
    ]


def test_a_user_may_none_of_it(house: House, bob: Caller) -> None:
    for act in everything(house, bob, house.ann.user_uuid):
        assert raised(act) == (ErrorKind.FORBIDDEN, "not_allowed")


def test_an_unknown_account_is_not_found(house: House) -> None:
    for act in everything(house, house.ann, uuid4()):
        assert raised(act) == (ErrorKind.NOT_FOUND, "user_not_found")


class TestChange:
    def test_what_is_left_out_stays(self, house: House, bob: Caller) -> None:
        before = house.administration.user(house.ann, bob.user_uuid)

        assert house.administration.change(house.ann, bob.user_uuid, UserChange()) == before
        assert (before.email, before.roles, before.quota_bytes) == ("bob@example.org", ["user"], None)

    def test_everything_can_be_changed_together(self, house: House, bob: Caller) -> None:
        wanted = UserChange(is_active=False, roles=[Role.GUEST], quota_bytes=5, email=None)

        row = house.administration.change(house.ann, bob.user_uuid, wanted)

        assert (row.is_active, row.roles, row.quota_bytes, row.email) == (False, ["guest"], 5, None)
        assert row in house.accounts.everyone(house.ann)

    def test_a_role_acts_at_once(self, house: House, bob: Caller) -> None:
        """P34: the token stays, and what it is good for does not."""
        token = house.sessions.sign_in("bob", PASSWORD, HERE).access_token
        before = house.accounts.access_epoch()

        house.administration.change(house.ann, bob.user_uuid, UserChange(roles=[Role.GUEST]))

        caller = house.accounts.authenticate(token).caller
        assert caller.permissions == {Permission.LISTEN}
        assert raised(lambda: house.libraries.create(caller, "Mine"))[1] == "not_allowed"
        assert house.accounts.access_epoch() > before

    @pytest.mark.parametrize("roles", [[], [Role.ADMIN], [Role.GUEST, Role.USER], list(Role)])
    def test_roles_that_make_no_sense_are_refused(self, house: House, bob: Caller, roles: list[Role]) -> None:
        wanted = UserChange(roles=roles)

        assert raised(lambda: house.administration.change(house.ann, bob.user_uuid, wanted))[1] == "bad_roles"

    @pytest.mark.parametrize("quota", [-1, 2**63])
    def test_a_quota_is_a_number_of_bytes(self, house: House, bob: Caller, quota: int) -> None:
        wanted = UserChange(quota_bytes=quota)

        assert raised(lambda: house.administration.change(house.ann, bob.user_uuid, wanted))[1] == "bad_quota"

    def test_an_address_belongs_to_one_account(self, house: House, bob: Caller) -> None:
        wanted = UserChange(email="BOB@example.org")

        assert raised(lambda: house.administration.change(house.ann, house.ann.user_uuid, wanted))[1] == "user_exists"
        assert house.administration.change(house.ann, bob.user_uuid, wanted).email == "BOB@example.org"

    def test_what_is_refused_changes_nothing(self, house: House, bob: Caller) -> None:
        wanted = UserChange(quota_bytes=5, roles=[])

        raised(lambda: house.administration.change(house.ann, bob.user_uuid, wanted))

        assert house.administration.user(house.ann, bob.user_uuid).quota_bytes is None

    @pytest.mark.parametrize("change", [UserChange(is_active=False), UserChange(roles=[Role.USER])])
    def test_the_last_administrator_stays_one(self, house: House, change: UserChange) -> None:
        assert raised(lambda: house.administration.change(house.ann, house.ann.user_uuid, change)) == (
            ErrorKind.CONFLICT,
            "last_admin",
        )

    def test_an_administrator_who_is_kept_out_is_none(self, house: House, bob: Caller) -> None:
        house.administration.change(house.ann, bob.user_uuid, UserChange(roles=[Role.USER, Role.ADMIN]))
        house.administration.change(house.ann, bob.user_uuid, UserChange(is_active=False))
        wanted = UserChange(roles=[Role.USER])

        assert raised(lambda: house.administration.change(house.ann, house.ann.user_uuid, wanted))[1] == "last_admin"

    def test_one_of_two_may_go(self, house: House, bob: Caller) -> None:
        house.administration.change(house.ann, bob.user_uuid, UserChange(roles=[Role.USER, Role.ADMIN]))

        row = house.administration.change(house.ann, house.ann.user_uuid, UserChange(roles=[Role.USER]))

        assert row.roles == ["user"]


class TestSetPassword:
    def test_the_new_one_opens_and_the_old_one_does_not(self, house: House, bob: Caller) -> None:
        house.administration.set_password(house.ann, bob.user_uuid, NEW)

        assert house.sessions.sign_in("bob", NEW, HERE).caller.username == "bob"
        assert raised(lambda: house.sessions.sign_in("bob", PASSWORD, HERE))[1] == "bad_login"

    def test_sessions_and_app_keys_end(self, house: House, bob: Caller) -> None:
        signed_in = house.sessions.sign_in("bob", PASSWORD, HERE)
        key = house.app_keys.create(signed_in.caller, "radio", [Permission.LISTEN])

        house.administration.set_password(Operator(), bob.user_uuid, NEW)

        assert raised(lambda: house.accounts.authenticate(signed_in.access_token))[1] == "session_ended"
        assert raised(lambda: house.accounts.authenticate(key.text))[1] == "key_ended"

    @pytest.mark.parametrize("rules", [AccountRules(), AccountRules(min_password_chars=30)])
    def test_it_keeps_to_floor_and_door(self, house: House, bob: Caller, rules: AccountRules) -> None:
        wanted = "short" if rules.min_password_chars == 1 else NEW

        assert (
            raised(lambda: house.administration.set_password(house.ann, bob.user_uuid, wanted, rules))[1]
            == "bad_password"
        )


class TestDelete:
    def test_everything_of_the_account_goes(self, house: House, bob: Caller) -> None:
        signed_in = house.sessions.sign_in("bob", PASSWORD, HERE)
        key = house.app_keys.create(signed_in.caller, "radio", [Permission.LISTEN])
        house.join(bob, house.library_id, "listener")

        house.administration.delete(house.ann, bob.user_uuid)

        assert raised(lambda: house.accounts.authenticate(signed_in.access_token))[1] == "session_ended"
        assert raised(lambda: house.sessions.refresh(signed_in.refresh_token))[1] == "refresh_refused"
        assert raised(lambda: house.accounts.authenticate(key.text))[1] == "key_invalid"
        assert [row.username for row in house.accounts.everyone(house.ann)] == ["ann"]

    def test_whoever_gets_the_name_gets_nothing_else(self, house: House, bob: Caller) -> None:
        """O-JWT6"""
        signed_in = house.sessions.sign_in("bob", PASSWORD, HERE)
        house.administration.delete(house.ann, bob.user_uuid)

        again = house.add_user("bob")

        assert again.user_uuid != bob.user_uuid
        assert raised(lambda: house.accounts.authenticate(signed_in.access_token))[1] == "session_ended"
        assert raised(lambda: house.sessions.refresh(signed_in.refresh_token))[1] == "refresh_refused"

    def test_the_last_administrator_stays(self, house: House) -> None:
        assert raised(lambda: house.administration.delete(Operator(), house.ann.user_uuid))[1] == "last_admin"

    def test_a_library_that_holds_something_keeps_its_owner(self, house: House, bob: Caller) -> None:
        house.add_user("eve", is_admin=True)

        assert raised(lambda: house.administration.delete(Operator(), house.ann.user_uuid)) == (
            ErrorKind.CONFLICT,
            "library_not_empty",
        )

    def test_a_shared_library_keeps_an_owner(self, house: House, bob: Caller) -> None:
        shared = house.libraries.create(bob, "Ours")

        assert raised(lambda: house.administration.delete(house.ann, bob.user_uuid))[1] == "owns_library"
        with house.db.write() as tx:
            tx.libraries.add_member(shared.id, house.ann.user_id, "owner")
        house.administration.delete(house.ann, bob.user_uuid)

        assert "Ours" in [row.name for row in house.libraries.mine(house.ann)]


class TestSessions:
    def test_an_administrator_sees_and_ends_them(self, house: House, bob: Caller) -> None:
        house.sessions.sign_in("bob", PASSWORD, HERE)
        house.sessions.sign_in("bob", PASSWORD, HERE)

        assert len(house.administration.sessions_of(house.ann, bob.user_uuid)) == 2
        assert house.administration.end_sessions(house.ann, bob.user_uuid) == 2
        assert house.administration.sessions_of(house.ann, bob.user_uuid) == []
