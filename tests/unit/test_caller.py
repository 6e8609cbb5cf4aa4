"""What an authenticated account may do to the server."""

from dataclasses import replace
from uuid import UUID

import pytest

from support.errors import raised
from tutti.domain.caller import PERMISSIONS, Caller, Operator, Permission, Role
from tutti.domain.errors import ErrorKind
from tutti.domain.values import UserId


def caller(*roles: Role, is_limited: bool = False) -> Caller:
    return Caller(UserId(1), UUID(int=1), "ann", frozenset(roles), is_limited=is_limited)


@pytest.mark.parametrize(("roles", "is_admin"), [((), False), ((Role.USER,), False), ((Role.USER, Role.ADMIN), True)])
def test_the_admin_role_makes_an_administrator(roles: tuple[Role, ...], is_admin: bool) -> None:  # noqa: FBT001
    assert caller(*roles).is_admin is is_admin


def test_a_long_lived_credential_carries_no_administrator_power() -> None:
    assert not caller(Role.ADMIN, is_limited=True).is_admin


def test_a_long_lived_credential_changes_no_credentials() -> None:
    assert caller(Role.USER).may_change_credentials
    assert not caller(Role.USER, is_limited=True).may_change_credentials


def test_whoever_runs_the_program_is_an_administrator() -> None:
    assert Operator().is_admin


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        (Role.GUEST, {Permission.LISTEN}),
        (Role.USER, set(Permission) - {Permission.ADMINISTER}),
        (Role.ADMIN, set(Permission)),
    ],
)
def test_a_role_is_a_set_of_permissions(role: Role, allowed: set[Permission]) -> None:
    """O-AZ4: a guest listens, and that is all."""
    assert caller(role).permissions == allowed
    assert {one for one in Permission if caller(role).may(one)} == allowed


def test_every_role_has_its_permissions() -> None:
    assert set(PERMISSIONS) == set(Role)


def test_roles_add_up() -> None:
    assert caller(Role.GUEST, Role.USER).permissions == caller(Role.USER).permissions


def test_an_account_without_a_role_may_nothing() -> None:
    assert caller().permissions == frozenset()


@pytest.mark.parametrize("permission", Permission)
def test_what_is_not_allowed_is_refused_in_words(permission: Permission) -> None:
    assert raised(lambda: caller().require(permission)) == (ErrorKind.FORBIDDEN, "not_allowed")
    caller(Role.ADMIN).require(permission)
    Operator().require(permission)


def test_scopes_only_take_away() -> None:
    key = replace(caller(Role.GUEST, is_limited=True), scopes=frozenset({Permission.LISTEN, Permission.UPLOAD}))

    assert key.permissions == {Permission.LISTEN}
    assert replace(key, scopes=frozenset({Permission.UPLOAD})).permissions == frozenset()


def test_no_scope_makes_an_administrator() -> None:
    key = replace(caller(Role.ADMIN, is_limited=True), scopes=frozenset(Permission))

    assert not key.is_admin
    assert raised(key.require_credentials) == (ErrorKind.FORBIDDEN, "not_allowed")
