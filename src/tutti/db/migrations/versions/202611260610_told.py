"""What whoever brought a file said of it, for files that say nothing themselves."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "202611260610"
down_revision: str | None = "202611260600"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Apply."""
    op.add_column("media_item", sa.Column("told", sa.JSON(none_as_null=True), nullable=True))
