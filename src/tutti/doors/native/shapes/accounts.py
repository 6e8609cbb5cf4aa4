"""People, and where they are signed in."""

from datetime import date, datetime
from typing import Annotated, TypeVar
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from tutti.db.repos.accounts import UserRow
from tutti.domain.accounts import KEPT, Kept
from tutti.domain.caller import Caller, Permission, Role
from tutti.doors.native.shapes.common import Name, Secret, Token
from tutti.services.accounts import NewUser as WantedUser
from tutti.services.administration import UserChange as UserChangeValue
from tutti.services.profiles import Account as AccountValue
from tutti.services.profiles import ProfileChange as ProfileChangeValue
from tutti.services.sessions import SignedIn

T = TypeVar("T")

Email = Annotated[str, Meta(max_length=254)]
PersonName = Annotated[str, Meta(max_length=100)]


class Claim(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Makes the first administrator, with the token that the server printed when it started."""

    token: Token
    username: Name
    password: Secret
    email: Email | None = None


class Login(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A user name and its password; `client` names the device in the list of sessions."""

    username: Name
    password: Secret
    client: Annotated[str, Meta(max_length=200)] = ""


class Refresh(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A refresh token, which is good once."""

    refresh_token: Token


class NewUser(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An account to be made."""

    username: Name
    password: Secret
    email: Email | None = None
    is_admin: bool = False


class Registration(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An account that somebody makes for himself; the invite may also come in the field `X-Invite`."""

    username: Name
    password: Secret
    email: Email | None = None
    invite: Token | None = None


class UserChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be different about an account; what is left out stays.

    `roles` are all of them: `guest` alone, `user`, or `user` and `admin`. A null quota is the server's own.
    """

    is_active: bool | UnsetType = UNSET
    roles: Annotated[list[Role], Meta(max_length=3)] | UnsetType = UNSET
    quota_bytes: Annotated[int, Meta(ge=0, le=2**63 - 1)] | UnsetType | None = UNSET
    email: Email | UnsetType | None = UNSET


class NewPassword(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A password that an administrator gives to somebody."""

    password: Secret


class PasswordChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The password one has, and the one to have from now on."""

    current: Secret
    new: Secret


class ProfileChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be different about oneself; what is left out stays, null takes away."""

    first_name: PersonName | UnsetType = UNSET
    last_name: PersonName | UnsetType = UNSET
    birth_date: date | UnsetType | None = UNSET
    email: Email | UnsetType | None = UNSET


class User(Struct, frozen=True, kw_only=True):
    """An account as an administrator sees it; a null quota is the server's own."""

    id: UUID
    username: str
    email: str | None
    roles: list[str]
    is_active: bool
    quota_bytes: int | None
    created_at: datetime


class Me(Struct, frozen=True, kw_only=True):
    """An account and what it may do."""

    id: UUID
    username: str
    email: str | None
    roles: list[str]
    permissions: list[Permission]


class Account(Struct, frozen=True, kw_only=True):
    """One's own account, and what one may do with the credential that was shown."""

    id: UUID
    username: str
    email: str | None
    roles: list[str]
    permissions: list[Permission]
    first_name: str
    last_name: str
    birth_date: date | None
    quota_bytes: int | None
    created_at: datetime


class Tokens(Struct, frozen=True, kw_only=True):
    """What a sign-in gives: an access token for `Authorization: Bearer`, and a refresh token for the next pair."""

    access_token: str
    token_type: str = "Bearer"  # noqa: S105 - the name of a scheme
    expires_in: int
    refresh_token: str
    user: Me


def wanted(data: NewUser | Registration | Claim) -> WantedUser:
    """Return what is asked for."""
    is_admin = isinstance(data, NewUser) and data.is_admin
    return WantedUser(data.username, data.password, data.email, is_admin=is_admin)


def user_change(data: UserChange) -> UserChangeValue:
    """Return what is to be different."""
    return UserChangeValue(
        is_active=_given(data.is_active),
        roles=_given(data.roles),
        quota_bytes=_given(data.quota_bytes),
        email=_given(data.email),
    )


def profile_change(data: ProfileChange) -> ProfileChangeValue:
    """Return what is to be different."""
    return ProfileChangeValue(
        first_name=_given(data.first_name),
        last_name=_given(data.last_name),
        birth_date=_given(data.birth_date),
        email=_given(data.email),
    )


def _given(value: T | UnsetType) -> T | Kept:
    return KEPT if isinstance(value, UnsetType) else value


def user(row: UserRow) -> User:
    """Shape an account for an administrator."""
    return User(
        id=row.uuid,
        username=row.username,
        email=row.email,
        roles=list(row.roles),
        is_active=row.is_active,
        quota_bytes=row.quota_bytes,
        created_at=row.created_at,
    )


def account(value: AccountValue) -> Account:
    """Shape one's own account."""
    return Account(
        id=value.caller.user_uuid,
        username=value.caller.username,
        email=value.email,
        roles=sorted(value.caller.roles),
        permissions=sorted(value.caller.permissions),
        first_name=value.first_name,
        last_name=value.last_name,
        birth_date=value.birth_date,
        quota_bytes=value.quota_bytes,
        created_at=value.created_at,
    )


def me(caller: Caller, email: str | None) -> Me:
    """Shape an account with its roles."""
    return Me(
        id=caller.user_uuid,
        username=caller.username,
        email=email,
        roles=sorted(caller.roles),
        permissions=sorted(caller.permissions),
    )


def tokens(signed_in: SignedIn) -> Tokens:
    """Shape a sign-in."""
    return Tokens(
        access_token=signed_in.access_token,
        expires_in=signed_in.expires_in_s,
        refresh_token=signed_in.refresh_token,
        user=me(signed_in.caller, signed_in.email),
    )
