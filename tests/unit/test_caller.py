"""What an authenticated account may do to the server."""

from uuid import UUID

import pytest

from tutti.domain.caller import Caller, Operator, Role
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
