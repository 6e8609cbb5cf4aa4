"""Profiles, app keys, invites, uploads that go on, the audit log; jobs get ids that may leave the server."""

from collections.abc import Sequence
from uuid import uuid4

import sqlalchemy as sa
from alembic import op

from tutti.models.base import UTCDateTime

revision: str = "202611251640"
down_revision: str | None = "202611250520"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WHEN = UTCDateTime()


def upgrade() -> None:
    """Apply."""
    op.add_column("user_account", sa.Column("quota_bytes", INT, nullable=True))
    op.add_column("session", sa.Column("door", sa.String(length=20), nullable=False, server_default="native"))
    op.add_column("folder", sa.Column("missing_at", WHEN, nullable=True))
    op.create_index(op.f("ix_media_item_library_id_content_hash"), "media_item", ["library_id", "content_hash"])
    _number_jobs()

    op.create_table(
        "profile",
        sa.Column("user_id", INT, nullable=False),
        sa.Column("first_name", sa.String(length=100), nullable=False),
        sa.Column("last_name", sa.String(length=100), nullable=False),
        sa.Column("birth_date", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_profile_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_profile")),
    )
    op.create_table(
        "app_key",
        sa.Column("id", INT, nullable=False),
        sa.Column("uuid", sa.Uuid(), nullable=False),
        sa.Column("user_id", INT, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("scopes", sa.String(length=200), nullable=False),
        sa.Column("created_at", WHEN, nullable=False),
        sa.Column("expires_at", WHEN, nullable=True),
        sa.Column("last_used_at", WHEN, nullable=True),
        sa.Column("revoked_at", WHEN, nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_app_key_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_app_key")),
        sa.UniqueConstraint("key_hash", name=op.f("uq_app_key_key_hash")),
        sa.UniqueConstraint("uuid", name=op.f("uq_app_key_uuid")),
    )
    op.create_index(op.f("ix_app_key_user_id"), "app_key", ["user_id"])

    op.create_table(
        "invite",
        sa.Column("id", INT, nullable=False),
        sa.Column("uuid", sa.Uuid(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_by", INT, nullable=True),
        sa.Column("created_at", WHEN, nullable=False),
        sa.Column("expires_at", WHEN, nullable=False),
        sa.Column("used_at", WHEN, nullable=True),
        sa.Column("used_by", INT, nullable=True),
        sa.ForeignKeyConstraint(
            ["created_by"], ["user_account.id"], name=op.f("fk_invite_created_by"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["used_by"], ["user_account.id"], name=op.f("fk_invite_used_by"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invite")),
        sa.UniqueConstraint("code_hash", name=op.f("uq_invite_code_hash")),
        sa.UniqueConstraint("uuid", name=op.f("uq_invite_uuid")),
    )
    op.create_table(
        "upload",
        sa.Column("id", INT, nullable=False),
        sa.Column("uuid", sa.Uuid(), nullable=False),
        sa.Column("user_id", INT, nullable=False),
        sa.Column("library_id", INT, nullable=False),
        sa.Column("staged_id", sa.String(length=64), nullable=False),
        sa.Column("filename", sa.String(length=1000), nullable=False),
        sa.Column("described", sa.Text(), nullable=False),
        sa.Column("length_bytes", INT, nullable=True),
        sa.Column("offset_bytes", INT, nullable=False),
        sa.Column("reserved_bytes", INT, nullable=False),
        sa.Column("item_uuid", sa.Uuid(), nullable=True),
        sa.Column("created_at", WHEN, nullable=False),
        sa.Column("expires_at", WHEN, nullable=False),
        sa.ForeignKeyConstraint(["library_id"], ["library.id"], name=op.f("fk_upload_library_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_upload_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_upload")),
        sa.UniqueConstraint("uuid", name=op.f("uq_upload_uuid")),
    )
    op.create_index(op.f("ix_upload_expires_at"), "upload", ["expires_at"])
    op.create_index(op.f("ix_upload_user_id"), "upload", ["user_id"])

    op.create_table(
        "audit_entry",
        sa.Column("id", INT, nullable=False),
        sa.Column("at", WHEN, nullable=False),
        sa.Column("action", sa.String(length=60), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("actor_uuid", sa.Uuid(), nullable=True),
        sa.Column("target", sa.String(length=400), nullable=False),
        sa.Column("door", sa.String(length=20), nullable=False),
        sa.Column("address", sa.String(length=100), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.Column("mac", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entry")),
    )
    op.create_index(op.f("ix_audit_entry_at"), "audit_entry", ["at"])


def _number_jobs() -> None:
    op.add_column("job", sa.Column("uuid", sa.Uuid(), nullable=True))
    job = sa.table("job", sa.column("id", INT), sa.column("uuid", sa.Uuid()))
    connection = op.get_bind()
    for (found,) in connection.execute(sa.select(job.c.id)).all():
        connection.execute(sa.update(job).where(job.c.id == found).values(uuid=uuid4()))
    with op.batch_alter_table("job") as jobs:
        jobs.alter_column("uuid", nullable=False, existing_type=sa.Uuid())
        jobs.create_unique_constraint(op.f("uq_job_uuid"), ["uuid"])
