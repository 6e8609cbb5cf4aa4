"""Libraries, who may use them, and what changed in them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tutti.models.base import Base


class Library(Base):
    """A set of items with one list of members; `change_seq` is the number of its newest change."""

    __tablename__ = "library"

    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[UUID] = mapped_column(unique=True)
    name: Mapped[str] = mapped_column(String(200))
    is_personal: Mapped[bool]
    syncs: Mapped[bool]
    change_seq: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]


class LibraryMember(Base):
    """Access is this row alone: role is owner, editor or listener.

    `epoch` is a random number: whoever was put out and let in again has another one.
    """

    __tablename__ = "library_member"

    library_id: Mapped[int] = mapped_column(ForeignKey("library.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[int] = mapped_column(
        ForeignKey("user_account.id", ondelete="CASCADE"), primary_key=True, index=True
    )
    role: Mapped[str] = mapped_column(String(20))
    epoch: Mapped[int] = mapped_column(server_default="0")


class Change(Base):
    """One visible change of one item; `seq` grows by one within a library and never skips a commit."""

    __tablename__ = "change"
    __table_args__ = (UniqueConstraint("library_id", "seq"), Index(None, "item_id", "seq"))

    id: Mapped[int] = mapped_column(primary_key=True)
    library_id: Mapped[int] = mapped_column(ForeignKey("library.id", ondelete="CASCADE"))
    seq: Mapped[int]
    item_id: Mapped[int] = mapped_column(ForeignKey("media_item.id", ondelete="CASCADE"))
    is_gone: Mapped[bool]
