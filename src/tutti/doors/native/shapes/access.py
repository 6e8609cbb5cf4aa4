"""Where one is signed in, app keys, invites."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from tutti.db.repos.access import InviteRow
from tutti.db.repos.accounts import SessionRow
from tutti.domain.caller import Permission
from tutti.domain.values import SessionUUID
from tutti.doors.native.shapes.common import Name
from tutti.services.app_keys import KnownKey, MadeKey
from tutti.services.registration import INVITE_DAYS_MAX, MadeInvite


class Session(Struct, frozen=True, kw_only=True):
    """One sign-in; `client` is what the client called itself, `is_current` marks the one that asks."""

    id: UUID
    door: str
    client: str
    address: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    is_current: bool


class NewAppKey(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An app key to be made; without `expires_at` it works until it is revoked."""

    name: Name
    scopes: Annotated[list[Permission], Meta(min_length=1, max_length=10)]
    expires_at: Annotated[datetime, Meta(tz=True)] | None = None


class AppKey(Struct, frozen=True, kw_only=True):
    """An app key; `last_used_at` is right to the minute."""

    id: UUID
    name: str
    scopes: list[Permission]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class MadeAppKey(Struct, frozen=True, kw_only=True):
    """A new app key; `key` is for `Authorization: Bearer` and is never shown again."""

    id: UUID
    name: str
    scopes: list[Permission]
    expires_at: datetime | None
    key: str


class NewInvite(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An invite to be made."""

    days: Annotated[int, Meta(ge=1, le=INVITE_DAYS_MAX)] = 7


class Invite(Struct, frozen=True, kw_only=True):
    """Leave to make one account; who made it and who used it are user names."""

    id: UUID
    created_at: datetime
    created_by: str | None
    expires_at: datetime
    used_at: datetime | None
    used_by: str | None


class MadeInviteCode(Struct, frozen=True, kw_only=True):
    """A new invite; `code` is never shown again."""

    id: UUID
    code: str
    expires_at: datetime


def session(row: SessionRow, current: SessionUUID | None) -> Session:
    """Shape a session."""
    return Session(
        id=row.uuid,
        door=row.door,
        client=row.label,
        address=row.address,
        created_at=row.created_at,
        last_used_at=row.last_used_at,
        expires_at=row.expires_at,
        is_current=row.uuid == current,
    )


def app_key(known: KnownKey) -> AppKey:
    """Shape an app key."""
    return AppKey(
        id=known.uuid,
        name=known.name,
        scopes=list(known.scopes),
        created_at=known.created_at,
        expires_at=known.expires_at,
        last_used_at=known.last_used_at,
    )


def made_app_key(made: MadeKey) -> MadeAppKey:
    """Shape a new app key."""
    known = made.known
    return MadeAppKey(
        id=known.uuid, name=known.name, scopes=list(known.scopes), expires_at=known.expires_at, key=made.text
    )


def invite(row: InviteRow) -> Invite:
    """Shape an invite."""
    return Invite(
        id=row.uuid,
        created_at=row.created_at,
        created_by=row.created_by,
        expires_at=row.expires_at,
        used_at=row.used_at,
        used_by=row.used_by,
    )


def made_invite(made: MadeInvite) -> MadeInviteCode:
    """Shape a new invite."""
    return MadeInviteCode(id=made.uuid, code=made.code, expires_at=made.expires_at)
