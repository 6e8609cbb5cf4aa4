"""Devices that keep a copy of what their owner may read, and what each of them keeps."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tutti.models.base import Base


class Device(Base):
    """A device of an account, under an id of its own choice.

    `keep` says in JSON what it keeps, as `domain/sync.py` writes it; empty for everything. `keep_tag` is another random
    number after each change of it, 0 before the first.
    """

    __tablename__ = "device"
    __table_args__ = (UniqueConstraint("user_id", "uuid"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[UUID]
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(200))
    keep: Mapped[str] = mapped_column(Text)
    keep_tag: Mapped[int]
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
