"""What the HTTP half of Astolfo's door takes and gives (docs/contracts/astolfo.md b.10, collisions.md 3).

Instants are RFC 3339 in UTC, but seconds since 1970 in what is told of an account; durations are seconds, sizes bytes.
"""

from datetime import UTC, datetime
from typing import Annotated

from msgspec import Meta, Struct

from tutti.domain.media import Told
from tutti.doors.http.forms import Fields
from tutti.services.listing import LegacyFile
from tutti.services.sessions import SignedIn

_Name = Annotated[str, Meta(max_length=200)]
_Secret = Annotated[str, Meta(max_length=1024)]
_TYPE = "Bearer"
_LONGEST_S = 1 << 21


class Credentials(Struct, frozen=True, kw_only=True):
    """A name and its password; what else old apps send along means nothing and is passed over."""

    username: _Name
    password: _Secret


class Registration(Credentials, frozen=True, kw_only=True):
    """Who wants to come in; `invite` where the server asks for one."""

    invite: Annotated[str, Meta(max_length=200)] | None = None


class User(Struct, frozen=True, kw_only=True):
    """An account."""

    id: int
    username: str
    created_at: int


class LoggedIn(Struct, frozen=True, kw_only=True):
    """A session; `token` and `access_token` are the same, for clients of two originals."""

    token: str
    user: User
    expires_at: int
    access_token: str
    token_type: str


class Registered(Struct, frozen=True, kw_only=True):
    """A new account, signed in."""

    id: int
    username: str
    created_at: int
    access_token: str
    token_type: str


class Synced(Struct, frozen=True, kw_only=True):
    """One line of what the server has."""

    file_hash: str
    filename: str
    uploaded_at: str


class Track(Struct, frozen=True, kw_only=True):
    """One file; null is what nobody knows yet. `id` means something to the account that was given it alone."""

    id: int
    file_hash: str
    filename: str
    title: str | None
    artist: str | None
    album: str | None
    duration: int | None
    file_size: int
    mime_type: str
    uploaded_at: str
    updated_at: str


def logged_in(signed_in: SignedIn) -> LoggedIn:
    """Shape a sign-in."""
    token, caller = signed_in.access_token, signed_in.caller
    user = User(id=caller.user_id, username=caller.username, created_at=_seconds(signed_in.created_at))
    return LoggedIn(
        token=token, user=user, expires_at=_seconds(signed_in.expires_at), access_token=token, token_type=_TYPE
    )


def registered(signed_in: SignedIn) -> Registered:
    """Shape a new account."""
    caller, created_at = signed_in.caller, _seconds(signed_in.created_at)
    token = signed_in.access_token
    return Registered(
        id=caller.user_id, username=caller.username, created_at=created_at, access_token=token, token_type=_TYPE
    )


def synced(file: LegacyFile) -> Synced:
    """Shape a line of the short list."""
    return Synced(file_hash=file.hash, filename=file.filename, uploaded_at=_moment(file.added_at))


def track(file: LegacyFile) -> Track:
    """Shape a file."""
    return Track(
        id=file.id,
        file_hash=file.hash,
        filename=file.filename,
        title=file.title or None,
        artist=file.artist or None,
        album=file.album or None,
        duration=round(file.duration_ms / 1000) or None,
        file_size=file.size_bytes,
        mime_type=file.mime,
        uploaded_at=_moment(file.added_at),
        updated_at=_moment(file.changed_at),
    )


def told(fields: Fields) -> Told:
    """Read what a form says of its file; a duration that is no number of seconds says nothing."""
    try:
        duration_s = float(fields.get("duration", ""))
    except ValueError:
        duration_s = 0
    duration_ms = int(duration_s * 1000) if 0 < duration_s < _LONGEST_S else 0
    said = fields.get
    return Told(said("title", ""), said("artist", ""), said("album", ""), duration_ms)


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
