"""Playlists."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from tutti.models.base import UTCDateTime, ordered

revision: str = "202611261400"
down_revision: str | None = "202611260610"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WHEN = UTCDateTime()


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "playlist",
        sa.Column("id", INT, nullable=False),
        sa.Column("uuid", sa.Uuid(), nullable=False),
        sa.Column("user_id", INT, nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("sort_key", ordered(600), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("is_public", sa.Boolean(), nullable=False),
        sa.Column("revision", INT, nullable=False),
        sa.Column("created_at", WHEN, nullable=False),
        sa.Column("updated_at", WHEN, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_playlist_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_playlist")),
        sa.UniqueConstraint("uuid", name=op.f("uq_playlist_uuid")),
    )
    op.create_index(op.f("ix_playlist_user_id"), "playlist", ["user_id"])
    op.create_index(op.f("ix_playlist_sort_key_id"), "playlist", ["sort_key", "id"])
    op.create_table(
        "playlist_entry",
        sa.Column("id", INT, nullable=False),
        sa.Column("playlist_id", INT, nullable=False),
        sa.Column("item_id", INT, nullable=False),
        sa.Column("position", INT, nullable=False),
        sa.ForeignKeyConstraint(
            ["playlist_id"], ["playlist.id"], name=op.f("fk_playlist_entry_playlist_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["item_id"], ["media_item.id"], name=op.f("fk_playlist_entry_item_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_playlist_entry")),
    )
    op.create_index(op.f("ix_playlist_entry_item_id"), "playlist_entry", ["item_id"])
    op.create_index(
        op.f("ix_playlist_entry_playlist_id_position_id"), "playlist_entry", ["playlist_id", "position", "id"]
    )
