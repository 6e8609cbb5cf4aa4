"""Playlists."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from tutti.db.repos.playlists import PlaylistRow
from tutti.services.playlists import DESCRIPTION_MAX, MOST_TRACKS, NAME_MAX, PlaylistWish

_Name = Annotated[str, Meta(min_length=1, max_length=NAME_MAX)]
_Description = Annotated[str, Meta(max_length=DESCRIPTION_MAX)]
_Tracks = Annotated[list[UUID], Meta(max_length=MOST_TRACKS)]


class Owner(Struct, frozen=True, kw_only=True):
    """Who keeps a playlist."""

    id: UUID
    username: str


class Playlist(Struct, frozen=True, kw_only=True):
    """A playlist; `track_count` and `duration_ms` are of what one can hear, `revision` grows with each change of that.

    Everybody sees it when it `is_public`; only its owner changes it.
    """

    id: UUID
    name: str
    description: str
    is_public: bool
    owner: Owner
    track_count: int
    duration_ms: int
    revision: int
    created_at: datetime
    updated_at: datetime


class NewPlaylist(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A playlist to be made, of these tracks in their order."""

    name: _Name
    description: _Description = ""
    is_public: bool = False
    tracks: _Tracks = []


class PlaylistChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a playlist is to be; what is left out stays as it is."""

    name: _Name | None = None
    description: _Description | None = None
    is_public: bool | None = None


class MoreTracks(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Tracks to put into a playlist, the first as number `position` from 0; behind all others without one."""

    tracks: _Tracks
    position: Annotated[int, Meta(ge=0, le=MOST_TRACKS)] | None = None


class OtherTracks(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that a playlist is to be, in order; with `revision` only if it is still that one."""

    tracks: _Tracks
    revision: Annotated[int, Meta(ge=0, lt=1 << 62)] | None = None


def playlist(row: PlaylistRow) -> Playlist:
    """Shape a playlist."""
    return Playlist(
        id=row.uuid,
        name=row.name,
        description=row.description,
        is_public=row.is_public,
        owner=Owner(id=row.owner_uuid, username=row.owner_name),
        track_count=row.track_count,
        duration_ms=row.duration_ms,
        revision=row.revision,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def wish(said: NewPlaylist | PlaylistChange) -> PlaylistWish:
    """Understand what a playlist is to be."""
    return PlaylistWish(said.name, said.description, said.is_public)
