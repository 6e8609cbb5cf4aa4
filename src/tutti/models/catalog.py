"""Music as people think of it: tracks, albums, artists, genres; artists and albums are global identities."""

from typing import Any
from uuid import UUID

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tutti.models.base import Base, ordered

_IN_KEY_ORDER = {"sqlite_with_rowid": False}
"""The table is its own index; PostgreSQL makes one for the key beside it."""


class Artist(Base):
    """One artist; `identity` is the MusicBrainz id when known, else the folded name."""

    __tablename__ = "artist"

    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[UUID] = mapped_column(unique=True)
    identity: Mapped[str] = mapped_column(String(600), unique=True)
    name: Mapped[str] = mapped_column(String(500))
    sort_key: Mapped[str] = mapped_column(ordered(600))
    mbid: Mapped[str] = mapped_column(String(36), default="")


class Album(Base):
    """One release; `identity` is the release id, else album artist and folded title, else its folder."""

    __tablename__ = "album"

    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[UUID] = mapped_column(unique=True)
    identity: Mapped[str] = mapped_column(String(1300), unique=True)
    title: Mapped[str] = mapped_column(String(500))
    sort_key: Mapped[str] = mapped_column(ordered(600))
    artist_id: Mapped[int] = mapped_column(ForeignKey("artist.id"), index=True)
    artist_name: Mapped[str] = mapped_column(String(500))
    date: Mapped[str] = mapped_column(String(10))
    is_compilation: Mapped[bool]
    mbid: Mapped[str] = mapped_column(String(36), default="")


class Genre(Base):
    """One genre, by its folded name."""

    __tablename__ = "genre"

    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[UUID] = mapped_column(unique=True)
    identity: Mapped[str] = mapped_column(String(300), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    sort_key: Mapped[str] = mapped_column(ordered(300))


class Track(Base):
    """The music of one audio item, under the item's own id; only tracks that `is_listed` are browsed."""

    __tablename__ = "track"
    __table_args__ = (
        Index("ix_track_browse", "library_id", "is_listed", "title_sort", "id"),
        Index("ix_track_album", "album_id", "is_listed", "disc", "number", "id"),
        Index("ix_track_folder", "folder_id", "is_listed", "file_sort", "id"),
    )

    id: Mapped[int] = mapped_column(ForeignKey("media_item.id", ondelete="CASCADE"), primary_key=True)
    library_id: Mapped[int] = mapped_column(ForeignKey("library.id"))
    folder_id: Mapped[int | None] = mapped_column(ForeignKey("folder.id", ondelete="SET NULL"))
    is_listed: Mapped[bool]
    title: Mapped[str] = mapped_column(String(500))
    title_sort: Mapped[str] = mapped_column(ordered(600))
    file_sort: Mapped[str] = mapped_column(ordered(600))
    artist_id: Mapped[int] = mapped_column(ForeignKey("artist.id"))
    artist_name: Mapped[str] = mapped_column(String(1000))
    album_id: Mapped[int] = mapped_column(ForeignKey("album.id"))
    disc: Mapped[int]
    number: Mapped[int]
    date: Mapped[str] = mapped_column(String(10))
    genre_name: Mapped[str] = mapped_column(String(500))
    cover_hash: Mapped[str] = mapped_column(String(64))
    lyrics: Mapped[str] = mapped_column(Text)
    comment: Mapped[str] = mapped_column(Text)
    mbid: Mapped[str] = mapped_column(String(36))
    gain_track_db: Mapped[float | None]
    gain_album_db: Mapped[float | None]
    peak_track: Mapped[float | None]
    peak_album: Mapped[float | None]
    tags: Mapped[dict[str, Any]] = mapped_column(JSON)


class Credit(Base):
    """One artist of one track; role is artist, album_artist or composer. The key is the order of an artist's tracks."""

    __tablename__ = "credit"
    __table_args__ = _IN_KEY_ORDER

    library_id: Mapped[int] = mapped_column(ForeignKey("library.id"), primary_key=True)
    artist_id: Mapped[int] = mapped_column(ForeignKey("artist.id"), primary_key=True)
    title_sort: Mapped[str] = mapped_column(ordered(600), primary_key=True)
    track_id: Mapped[int] = mapped_column(ForeignKey("track.id", ondelete="CASCADE"), primary_key=True, index=True)
    role: Mapped[str] = mapped_column(String(20), primary_key=True)
    position: Mapped[int]


class TrackGenre(Base):
    """One genre of one track; the key is the order of a genre's tracks."""

    __tablename__ = "track_genre"
    __table_args__ = _IN_KEY_ORDER

    library_id: Mapped[int] = mapped_column(ForeignKey("library.id"), primary_key=True)
    genre_id: Mapped[int] = mapped_column(ForeignKey("genre.id"), primary_key=True)
    title_sort: Mapped[str] = mapped_column(ordered(600), primary_key=True)
    track_id: Mapped[int] = mapped_column(ForeignKey("track.id", ondelete="CASCADE"), primary_key=True, index=True)


class ArtistAlbum(Base):
    """An album of a library that credits an artist on any of its tracks; the key is the order of an artist's albums."""

    __tablename__ = "artist_album"
    __table_args__ = _IN_KEY_ORDER

    library_id: Mapped[int] = mapped_column(ForeignKey("library.id"), primary_key=True)
    artist_id: Mapped[int] = mapped_column(ForeignKey("artist.id"), primary_key=True)
    sort_key: Mapped[str] = mapped_column(ordered(600), primary_key=True)
    album_id: Mapped[int] = mapped_column(ForeignKey("album.id"), primary_key=True)


class LibraryArtist(Base):
    """An artist as one library shows it; without this row nobody of that library learns the name."""

    __tablename__ = "library_artist"
    __table_args__ = (
        UniqueConstraint("library_id", "artist_id"),
        Index("ix_library_artist_browse", "library_id", "sort_key", "artist_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    library_id: Mapped[int] = mapped_column(ForeignKey("library.id"))
    artist_id: Mapped[int] = mapped_column(ForeignKey("artist.id"), index=True)
    sort_key: Mapped[str] = mapped_column(ordered(600))
    album_count: Mapped[int]
    track_count: Mapped[int]


class LibraryAlbum(Base):
    """An album as one library shows it, with the track or folder that its cover is taken from."""

    __tablename__ = "library_album"
    __table_args__ = (
        UniqueConstraint("library_id", "album_id"),
        Index("ix_library_album_browse", "library_id", "sort_key", "album_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    library_id: Mapped[int] = mapped_column(ForeignKey("library.id"))
    album_id: Mapped[int] = mapped_column(ForeignKey("album.id"), index=True)
    sort_key: Mapped[str] = mapped_column(ordered(600))
    track_count: Mapped[int]
    duration_ms: Mapped[int]
    cover_track_id: Mapped[int | None]
    cover_folder_id: Mapped[int | None]


class LibraryGenre(Base):
    """A genre as one library shows it."""

    __tablename__ = "library_genre"
    __table_args__ = (
        UniqueConstraint("library_id", "genre_id"),
        Index("ix_library_genre_browse", "library_id", "sort_key", "genre_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    library_id: Mapped[int] = mapped_column(ForeignKey("library.id"))
    genre_id: Mapped[int] = mapped_column(ForeignKey("genre.id"), index=True)
    sort_key: Mapped[str] = mapped_column(ordered(300))
    track_count: Mapped[int]


class TrackText(Base):
    """The folded text a track is found by, in the library `scope`, 0 for none; `db/search.py` alone writes it."""

    __tablename__ = "track_text"

    id: Mapped[int] = mapped_column(ForeignKey("track.id", ondelete="CASCADE"), primary_key=True)
    scope: Mapped[int]
    body: Mapped[str] = mapped_column(Text)


class AlbumText(Base):
    """As `TrackText`, for an album of a library."""

    __tablename__ = "album_text"

    id: Mapped[int] = mapped_column(ForeignKey("library_album.id", ondelete="CASCADE"), primary_key=True)
    scope: Mapped[int]
    body: Mapped[str] = mapped_column(Text)


class ArtistText(Base):
    """As `TrackText`, for an artist of a library."""

    __tablename__ = "artist_text"

    id: Mapped[int] = mapped_column(ForeignKey("library_artist.id", ondelete="CASCADE"), primary_key=True)
    scope: Mapped[int]
    body: Mapped[str] = mapped_column(Text)
