"""Folders that are only read: where they are, what was seen in them.

Paths are unique by a constraint on SQLite and by an index over their SHA-256 on PostgreSQL, whose index entries are too
short for the longest of them; the first migration makes that index.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tutti.models.base import Base, ordered


class Source(Base):
    """A folder that a library reads; `state` is `new`, `scanning`, `stopped`, `ok` or `unavailable`, and says why.

    One that is `removing` or `removed` is shown to nobody; its rows stay, so that a folder that is added again finds
    its items.
    """

    __tablename__ = "source"
    __table_args__ = (UniqueConstraint("library_id", "path").ddl_if(dialect="sqlite"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[UUID] = mapped_column(unique=True)
    library_id: Mapped[int] = mapped_column(ForeignKey("library.id"))
    path: Mapped[bytes] = mapped_column(LargeBinary(4096))
    state: Mapped[str] = mapped_column(String(20))
    state_message: Mapped[str] = mapped_column(String(500), default="")
    created_at: Mapped[datetime]
    scanned_at: Mapped[datetime | None]


class Folder(Base):
    """One directory below a source; `path` is relative, empty for the root; `cover_name` is its picture, if any.

    `missing_at` is when it was found gone; what was in it is missing, too, and nobody is shown it.
    """

    __tablename__ = "folder"
    __table_args__ = (
        UniqueConstraint("source_id", "path").ddl_if(dialect="sqlite"),
        Index(None, "parent_id", "name_sort", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[UUID] = mapped_column(unique=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("source.id", ondelete="CASCADE"))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("folder.id", ondelete="CASCADE"))
    path: Mapped[bytes] = mapped_column(LargeBinary(4096))
    name: Mapped[str] = mapped_column(String(1000))
    name_sort: Mapped[str] = mapped_column(ordered(1000))
    cover_name: Mapped[bytes | None] = mapped_column(LargeBinary(1000))
    cover_stamp: Mapped[str] = mapped_column(String(64), default="")
    missing_at: Mapped[datetime | None]


class SourceObject(Base):
    """One file of a folder as last seen: identity while unchanged is (folder, name, size, mtime).

    `device`, `inode` and `fingerprint` know it again after a move. `refusal` and `message` say why it is no item.
    """

    __tablename__ = "source_object"
    __table_args__ = (
        UniqueConstraint("folder_id", "name"),
        Index(None, "source_id", "inode"),
        Index(None, "source_id", "fingerprint"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("source.id", ondelete="CASCADE"))
    folder_id: Mapped[int] = mapped_column(ForeignKey("folder.id", ondelete="CASCADE"))
    name: Mapped[bytes] = mapped_column(LargeBinary(1000))
    size_bytes: Mapped[int]
    mtime_ns: Mapped[int]
    device: Mapped[str] = mapped_column(String(24))
    inode: Mapped[str] = mapped_column(String(24))
    fingerprint: Mapped[str] = mapped_column(String(32))
    item_id: Mapped[int | None] = mapped_column(ForeignKey("media_item.id", ondelete="SET NULL"), index=True)
    refusal: Mapped[str | None] = mapped_column(String(20))
    message: Mapped[str] = mapped_column(String(300), default="")
    missing_at: Mapped[datetime | None]
