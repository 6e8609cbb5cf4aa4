"""Items and the blobs that hold the bytes of those that are ours."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from tutti.models.base import Base


class Blob(Base):
    """Immutable bytes of ours; the row exists only while the store has them."""

    __tablename__ = "blob"

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    size_bytes: Mapped[int]
    created_at: Mapped[datetime]
    verified_at: Mapped[datetime | None]


class MediaItem(Base):
    """One file of a library: a blob of ours when `blob_hash` is set, else a source object that points here.

    `told` is what whoever brought it said of it, by the fields of `domain.media.Told`: where its own tags are silent.
    `folder` is where the client that sent a blob has it, for other clients alone: relative, parts between slashes.
    `audio_bytes` from `audio_offset` on are its sound without tags, and `audio_hash` is their SHA-256: of a blob that
    nobody has looked into yet `audio_bytes` is NULL, and 0 where the sound is not in one piece.

    `owner_id` is whose quota its bytes count for; those of a folder are nobody's.

    Gone in one of two stored ways: `deleted_at` by a person, `missing_at` because its file vanished; the third,
    a source that is down, is a state of the source.
    """

    __tablename__ = "media_item"
    __table_args__ = (
        Index(
            "uq_media_item_library_blob",
            "library_id",
            "blob_hash",
            unique=True,
            sqlite_where=text("blob_hash IS NOT NULL"),
            postgresql_where=text("blob_hash IS NOT NULL"),
        ),
        Index(None, "library_id", "content_hash"),
        Index(None, "owner_id", "blob_hash", "size_bytes"),
        Index(
            None,
            "library_id",
            "audio_hash",
            sqlite_where=text("audio_hash IS NOT NULL"),
            postgresql_where=text("audio_hash IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[UUID] = mapped_column(unique=True)
    library_id: Mapped[int] = mapped_column(ForeignKey("library.id"))
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id", ondelete="SET NULL"))
    kind: Mapped[str] = mapped_column(String(10))
    status: Mapped[str] = mapped_column(String(10))
    blob_hash: Mapped[str | None] = mapped_column(ForeignKey("blob.hash"), index=True)
    content_hash: Mapped[str | None] = mapped_column(String(64))
    filename: Mapped[str] = mapped_column(String(1000))
    folder: Mapped[str] = mapped_column(String(1000), server_default="")
    size_bytes: Mapped[int]
    audio_hash: Mapped[str | None] = mapped_column(String(64))
    audio_offset: Mapped[int] = mapped_column(server_default="0")
    audio_bytes: Mapped[int | None]
    mime: Mapped[str] = mapped_column(String(100))
    container: Mapped[str] = mapped_column(String(20))
    codec: Mapped[str] = mapped_column(String(20))
    duration_ms: Mapped[int]
    bitrate_bps: Mapped[int]
    sample_rate_hz: Mapped[int]
    channels: Mapped[int]
    refusal: Mapped[str | None] = mapped_column(String(20))
    told: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    added_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]
    missing_at: Mapped[datetime | None]


class Upload(Base):
    """Bytes on their way in that a client may go on sending, here or after a restart.

    `staged_id` is how the blob store knows them, `offset_bytes` how many are durable, `reserved_bytes` what
    counts against the quota of the account meanwhile. Once they are an item, `item_uuid` names it until the row
    expires, so that a client whose answer was lost learns of it.
    """

    __tablename__ = "upload"

    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[UUID] = mapped_column(unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"), index=True)
    library_id: Mapped[int] = mapped_column(ForeignKey("library.id", ondelete="CASCADE"))
    staged_id: Mapped[str] = mapped_column(String(64))
    filename: Mapped[str] = mapped_column(String(1000))
    folder: Mapped[str] = mapped_column(String(1000), server_default="")
    described: Mapped[str] = mapped_column(Text)
    length_bytes: Mapped[int | None]
    offset_bytes: Mapped[int]
    reserved_bytes: Mapped[int]
    item_uuid: Mapped[UUID | None]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
