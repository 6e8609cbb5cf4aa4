"""What an account has, summed from an index alone."""

from collections.abc import Sequence

from alembic import op

revision: str = "202611261410"
down_revision: str | None = "202611261400"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.drop_index(op.f("ix_media_item_owner_id"), "media_item")
    op.create_index(
        op.f("ix_media_item_owner_id_blob_hash_size_bytes"), "media_item", ["owner_id", "blob_hash", "size_bytes"]
    )
