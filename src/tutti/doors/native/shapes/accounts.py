"""People, and where they are signed in."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from tutti.db.repos.accounts import UserRow
from tutti.domain.caller import Caller
from tutti.doors.native.shapes.common import Name, Secret, Token
from tutti.services.accounts import Me as MeValue
from tutti.services.sessions import SignedIn


class Claim(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Makes the first administrator, with the token that the server printed when it started."""

    token: Token
    username: Name
    password: Secret
    email: Annotated[str, Meta(max_length=254)] | None = None


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
    email: Annotated[str, Meta(max_length=254)] | None = None
    is_admin: bool = False


class User(Struct, frozen=True, kw_only=True):
    """An account as an administrator sees it."""

    id: UUID
    username: str
    email: str | None
    is_active: bool
    created_at: datetime


class Me(Struct, frozen=True, kw_only=True):
    """One's own account."""

    id: UUID
    username: str
    email: str | None
    roles: list[str]


class Tokens(Struct, frozen=True, kw_only=True):
    """What a sign-in gives: an access token for `Authorization: Bearer`, and a refresh token for the next pair."""

    access_token: str
    token_type: str = "Bearer"  # noqa: S105 - the name of a scheme
    expires_in: int
    refresh_token: str
    user: Me


def user(row: UserRow) -> User:
    """Shape an account."""
    return User(id=row.uuid, username=row.username, email=row.email, is_active=row.is_active, created_at=row.created_at)


def me(value: MeValue) -> Me:
    """Shape one's own account."""
    return account(value.caller, value.email)


def account(caller: Caller, email: str | None) -> Me:
    """Shape an account with its roles."""
    return Me(id=caller.user_uuid, username=caller.username, email=email, roles=sorted(caller.roles))


def tokens(signed_in: SignedIn) -> Tokens:
    """Shape a sign-in."""
    return Tokens(
        access_token=signed_in.access_token,
        expires_in=signed_in.expires_in_s,
        refresh_token=signed_in.refresh_token,
        user=account(signed_in.caller, signed_in.email),
    )
