"""Devices, the folders and the sound of blobs, and memberships that can be told from earlier ones."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from tutti.models.base import UTCDateTime

revision: str = "202611260600"
down_revision: str | None = "202611251640"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WHEN = UTCDateTime()


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("library_member") as members:
        members.add_column(sa.Column("epoch", INT, nullable=False, server_default="0"))
    with op.batch_alter_table("upload") as uploads:
        uploads.add_column(sa.Column("folder", sa.String(length=1000), nullable=False, server_default=""))
    with op.batch_alter_table("media_item") as items:
        items.add_column(sa.Column("folder", sa.String(length=1000), nullable=False, server_default=""))
        items.add_column(sa.Column("audio_hash", sa.String(length=64), nullable=True))
        items.add_column(sa.Column("audio_offset", INT, nullable=False, server_default="0"))
        items.add_column(sa.Column("audio_bytes", INT, nullable=True))
    is_known = sa.text("audio_hash IS NOT NULL")
    op.create_index(
        op.f("ix_media_item_library_id_audio_hash"),
        "media_item",
        ["library_id", "audio_hash"],
        sqlite_where=is_known,
        postgresql_where=is_known,
    )
    op.create_index(op.f("ix_change_item_id_seq"), "change", ["item_id", "seq"])
    op.create_table(
        "device",
        sa.Column("id", INT, nullable=False),
        sa.Column("uuid", sa.Uuid(), nullable=False),
        sa.Column("user_id", INT, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("keep", sa.Text(), nullable=False),
        sa.Column("keep_tag", INT, nullable=False),
        sa.Column("created_at", WHEN, nullable=False),
        sa.Column("seen_at", WHEN, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_device_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device")),
        sa.UniqueConstraint("user_id", "uuid", name=op.f("uq_device_user_id_uuid")),
    )
