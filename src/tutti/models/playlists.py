"""Playlists, and what is in them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from tutti.models.base import Base, ordered


class Playlist(Base):
    """A list of tracks that one account keeps; others hear it when it `is_public`.

    `revision` is another number after each change of what is in it.
    """

    __tablename__ = "playlist"
    __table_args__ = (Index(None, "sort_key", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[UUID] = mapped_column(unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(255))
    sort_key: Mapped[str] = mapped_column(ordered(600))
    description: Mapped[str] = mapped_column(Text)
    is_public: Mapped[bool]
    revision: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class PlaylistEntry(Base):
    """One track at one place; `position` only orders, and may have gaps."""

    __tablename__ = "playlist_entry"
    __table_args__ = (Index(None, "playlist_id", "position", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    playlist_id: Mapped[int] = mapped_column(ForeignKey("playlist.id", ondelete="CASCADE"))
    item_id: Mapped[int] = mapped_column(ForeignKey("media_item.id", ondelete="CASCADE"), index=True)
    position: Mapped[int]
