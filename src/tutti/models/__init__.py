"""The tables, which are the entities; importing this package declares all of them."""

from tutti.models.accounts import AppKey, Invite, Profile, RefreshToken, Session, User, UserRole
from tutti.models.base import Base
from tutti.models.catalog import (
    Album,
    AlbumText,
    Artist,
    ArtistAlbum,
    ArtistText,
    Credit,
    Genre,
    LibraryAlbum,
    LibraryArtist,
    LibraryGenre,
    Track,
    TrackGenre,
    TrackText,
)
from tutti.models.libraries import Change, Library, LibraryMember
from tutti.models.media import Blob, MediaItem, Upload
from tutti.models.playlists import Playlist, PlaylistEntry
from tutti.models.server import AuditEntry, Job, ServerFact
from tutti.models.sources import Folder, Source, SourceObject
from tutti.models.sync import Device

__all__ = [
    "Album",
    "AlbumText",
    "AppKey",
    "Artist",
    "ArtistAlbum",
    "ArtistText",
    "AuditEntry",
    "Base",
    "Blob",
    "Change",
    "Credit",
    "Device",
    "Folder",
    "Genre",
    "Invite",
    "Job",
    "Library",
    "LibraryAlbum",
    "LibraryArtist",
    "LibraryGenre",
    "LibraryMember",
    "MediaItem",
    "Playlist",
    "PlaylistEntry",
    "Profile",
    "RefreshToken",
    "ServerFact",
    "Session",
    "Source",
    "SourceObject",
    "Track",
    "TrackGenre",
    "TrackText",
    "Upload",
    "User",
    "UserRole",
]
