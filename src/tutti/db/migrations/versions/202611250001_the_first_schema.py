"""The first schema."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from tutti.db.dialect import is_sqlite
from tutti.models.base import UTCDateTime, ordered

revision: str = "202611250001"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WHEN = UTCDateTime()


def _unique_path(table: str, within: str) -> Sequence[sa.UniqueConstraint]:
    here = sa.UniqueConstraint(within, "path", name=op.f(f"uq_{table}_{within}_path"))
    return [here] if is_sqlite(op.get_bind().dialect) else []


def _unique_path_hash(table: str, within: str) -> None:
    if not is_sqlite(op.get_bind().dialect):
        op.create_index(f"uq_{table}_path_hash", table, [within, sa.text("sha256(path)")], unique=True)


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "artist",
        sa.Column("id", INT, nullable=False),
        sa.Column("uuid", sa.Uuid(), nullable=False),
        sa.Column("identity", sa.String(length=600), nullable=False),
        sa.Column("name", sa.String(length=500), nullable=False),
        sa.Column("sort_key", ordered(600), nullable=False),
        sa.Column("mbid", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_artist")),
        sa.UniqueConstraint("identity", name=op.f("uq_artist_identity")),
        sa.UniqueConstraint("uuid", name=op.f("uq_artist_uuid")),
    )
    op.create_table(
        "blob",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("size_bytes", INT, nullable=False),
        sa.Column("created_at", WHEN, nullable=False),
        sa.Column("verified_at", WHEN, nullable=True),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_blob")),
    )
    op.create_table(
        "genre",
        sa.Column("id", INT, nullable=False),
        sa.Column("uuid", sa.Uuid(), nullable=False),
        sa.Column("identity", sa.String(length=300), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("sort_key", ordered(300), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_genre")),
        sa.UniqueConstraint("identity", name=op.f("uq_genre_identity")),
        sa.UniqueConstraint("uuid", name=op.f("uq_genre_uuid")),
    )
    op.create_table(
        "job",
        sa.Column("id", INT, nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("ref", sa.String(length=100), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("due_at", WHEN, nullable=False),
        sa.Column("attempts", INT, nullable=False),
        sa.Column("lease_until", WHEN, nullable=True),
        sa.Column("error", sa.String(length=500), nullable=False),
        sa.Column("done", INT, nullable=False),
        sa.Column("total", INT, nullable=False),
        sa.Column("created_at", WHEN, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
    )
    op.create_index("ix_job_due", "job", ["state", "due_at"], unique=False)
    op.create_index(
        "uq_job_waiting",
        "job",
        ["kind", "ref"],
        unique=True,
        sqlite_where=sa.text("state = 'due'"),
        postgresql_where=sa.text("state = 'due'"),
    )

    op.create_table(
        "library",
        sa.Column("id", INT, nullable=False),
        sa.Column("uuid", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("is_personal", sa.Boolean(), nullable=False),
        sa.Column("syncs", sa.Boolean(), nullable=False),
        sa.Column("change_seq", INT, nullable=False),
        sa.Column("created_at", WHEN, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_library")),
        sa.UniqueConstraint("uuid", name=op.f("uq_library_uuid")),
    )
    op.create_table(
        "server_fact",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("text", sa.String(length=200), nullable=False),
        sa.Column("number", INT, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_server_fact")),
    )
    op.create_table(
        "user_account",
        sa.Column("id", INT, nullable=False),
        sa.Column("uuid", sa.Uuid(), nullable=False),
        sa.Column("username", sa.String(length=200), nullable=False),
        sa.Column("username_key", sa.String(length=400), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=True),
        sa.Column("email_key", sa.String(length=640), nullable=True),
        sa.Column("password_hash", sa.String(length=300), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", WHEN, nullable=False),
        sa.Column("changed_at", WHEN, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_account")),
        sa.UniqueConstraint("email_key", name=op.f("uq_user_account_email_key")),
        sa.UniqueConstraint("username_key", name=op.f("uq_user_account_username_key")),
        sa.UniqueConstraint("uuid", name=op.f("uq_user_account_uuid")),
    )
    op.create_table(
        "album",
        sa.Column("id", INT, nullable=False),
        sa.Column("uuid", sa.Uuid(), nullable=False),
        sa.Column("identity", sa.String(length=1300), nullable=False),
        sa.Column("title", sa.String(length=500), nullable=False),
        sa.Column("sort_key", ordered(600), nullable=False),
        sa.Column("artist_id", INT, nullable=False),
        sa.Column("artist_name", sa.String(length=500), nullable=False),
        sa.Column("date", sa.String(length=10), nullable=False),
        sa.Column("is_compilation", sa.Boolean(), nullable=False),
        sa.Column("mbid", sa.String(length=36), nullable=False),
        sa.ForeignKeyConstraint(["artist_id"], ["artist.id"], name=op.f("fk_album_artist_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_album")),
        sa.UniqueConstraint("identity", name=op.f("uq_album_identity")),
        sa.UniqueConstraint("uuid", name=op.f("uq_album_uuid")),
    )
    op.create_index(op.f("ix_album_artist_id"), "album", ["artist_id"], unique=False)

    op.create_table(
        "library_artist",
        sa.Column("id", INT, nullable=False),
        sa.Column("library_id", INT, nullable=False),
        sa.Column("artist_id", INT, nullable=False),
        sa.Column("sort_key", ordered(600), nullable=False),
        sa.Column("album_count", INT, nullable=False),
        sa.Column("track_count", INT, nullable=False),
        sa.ForeignKeyConstraint(["artist_id"], ["artist.id"], name=op.f("fk_library_artist_artist_id")),
        sa.ForeignKeyConstraint(["library_id"], ["library.id"], name=op.f("fk_library_artist_library_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_library_artist")),
        sa.UniqueConstraint("library_id", "artist_id", name=op.f("uq_library_artist_library_id_artist_id")),
    )
    op.create_index(op.f("ix_library_artist_artist_id"), "library_artist", ["artist_id"], unique=False)
    op.create_index("ix_library_artist_browse", "library_artist", ["library_id", "sort_key", "artist_id"], unique=False)

    op.create_table(
        "library_genre",
        sa.Column("id", INT, nullable=False),
        sa.Column("library_id", INT, nullable=False),
        sa.Column("genre_id", INT, nullable=False),
        sa.Column("sort_key", ordered(300), nullable=False),
        sa.Column("track_count", INT, nullable=False),
        sa.ForeignKeyConstraint(["genre_id"], ["genre.id"], name=op.f("fk_library_genre_genre_id")),
        sa.ForeignKeyConstraint(["library_id"], ["library.id"], name=op.f("fk_library_genre_library_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_library_genre")),
        sa.UniqueConstraint("library_id", "genre_id", name=op.f("uq_library_genre_library_id_genre_id")),
    )
    op.create_index("ix_library_genre_browse", "library_genre", ["library_id", "sort_key", "genre_id"], unique=False)
    op.create_index(op.f("ix_library_genre_genre_id"), "library_genre", ["genre_id"], unique=False)

    op.create_table(
        "library_member",
        sa.Column("library_id", INT, nullable=False),
        sa.Column("user_id", INT, nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(
            ["library_id"], ["library.id"], name=op.f("fk_library_member_library_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user_account.id"], name=op.f("fk_library_member_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("library_id", "user_id", name=op.f("pk_library_member")),
    )
    op.create_index(op.f("ix_library_member_user_id"), "library_member", ["user_id"], unique=False)

    op.create_table(
        "media_item",
        sa.Column("id", INT, nullable=False),
        sa.Column("uuid", sa.Uuid(), nullable=False),
        sa.Column("library_id", INT, nullable=False),
        sa.Column("owner_id", INT, nullable=True),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("blob_hash", sa.String(length=64), nullable=True),
        sa.Column("content_hash", sa.String(length=64), nullable=True),
        sa.Column("filename", sa.String(length=1000), nullable=False),
        sa.Column("size_bytes", INT, nullable=False),
        sa.Column("mime", sa.String(length=100), nullable=False),
        sa.Column("container", sa.String(length=20), nullable=False),
        sa.Column("codec", sa.String(length=20), nullable=False),
        sa.Column("duration_ms", INT, nullable=False),
        sa.Column("bitrate_bps", INT, nullable=False),
        sa.Column("sample_rate_hz", INT, nullable=False),
        sa.Column("channels", INT, nullable=False),
        sa.Column("refusal", sa.String(length=20), nullable=True),
        sa.Column("added_at", WHEN, nullable=False),
        sa.Column("changed_at", WHEN, nullable=False),
        sa.Column("deleted_at", WHEN, nullable=True),
        sa.Column("missing_at", WHEN, nullable=True),
        sa.ForeignKeyConstraint(["blob_hash"], ["blob.hash"], name=op.f("fk_media_item_blob_hash")),
        sa.ForeignKeyConstraint(["library_id"], ["library.id"], name=op.f("fk_media_item_library_id")),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["user_account.id"], name=op.f("fk_media_item_owner_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_media_item")),
        sa.UniqueConstraint("uuid", name=op.f("uq_media_item_uuid")),
    )
    op.create_index(op.f("ix_media_item_blob_hash"), "media_item", ["blob_hash"], unique=False)
    op.create_index(op.f("ix_media_item_owner_id"), "media_item", ["owner_id"], unique=False)
    op.create_index(
        "uq_media_item_library_blob",
        "media_item",
        ["library_id", "blob_hash"],
        unique=True,
        sqlite_where=sa.text("blob_hash IS NOT NULL"),
        postgresql_where=sa.text("blob_hash IS NOT NULL"),
    )

    op.create_table(
        "session",
        sa.Column("id", INT, nullable=False),
        sa.Column("uuid", sa.Uuid(), nullable=False),
        sa.Column("user_id", INT, nullable=False),
        sa.Column("label", sa.String(length=200), nullable=False),
        sa.Column("address", sa.String(length=100), nullable=False),
        sa.Column("created_at", WHEN, nullable=False),
        sa.Column("last_used_at", WHEN, nullable=False),
        sa.Column("expires_at", WHEN, nullable=False),
        sa.Column("revoked_at", WHEN, nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_session_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_session")),
        sa.UniqueConstraint("uuid", name=op.f("uq_session_uuid")),
    )
    op.create_index(op.f("ix_session_user_id"), "session", ["user_id"], unique=False)

    op.create_table(
        "source",
        sa.Column("id", INT, nullable=False),
        sa.Column("uuid", sa.Uuid(), nullable=False),
        sa.Column("library_id", INT, nullable=False),
        sa.Column("path", sa.LargeBinary(length=4096), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("state_message", sa.String(length=500), nullable=False),
        sa.Column("created_at", WHEN, nullable=False),
        sa.Column("scanned_at", WHEN, nullable=True),
        sa.ForeignKeyConstraint(["library_id"], ["library.id"], name=op.f("fk_source_library_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source")),
        *_unique_path("source", "library_id"),
        sa.UniqueConstraint("uuid", name=op.f("uq_source_uuid")),
    )
    _unique_path_hash("source", "library_id")
    op.create_table(
        "user_role",
        sa.Column("user_id", INT, nullable=False),
        sa.Column("role", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user_account.id"], name=op.f("fk_user_role_user_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "role", name=op.f("pk_user_role")),
    )
    op.create_table(
        "artist_text",
        sa.Column("id", INT, nullable=False),
        sa.Column("scope", INT, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["id"], ["library_artist.id"], name=op.f("fk_artist_text_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_artist_text")),
    )
    op.create_table(
        "change",
        sa.Column("id", INT, nullable=False),
        sa.Column("library_id", INT, nullable=False),
        sa.Column("seq", INT, nullable=False),
        sa.Column("item_id", INT, nullable=False),
        sa.Column("is_gone", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["media_item.id"], name=op.f("fk_change_item_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["library_id"], ["library.id"], name=op.f("fk_change_library_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_change")),
        sa.UniqueConstraint("library_id", "seq", name=op.f("uq_change_library_id_seq")),
    )
    op.create_table(
        "folder",
        sa.Column("id", INT, nullable=False),
        sa.Column("uuid", sa.Uuid(), nullable=False),
        sa.Column("source_id", INT, nullable=False),
        sa.Column("parent_id", INT, nullable=True),
        sa.Column("path", sa.LargeBinary(length=4096), nullable=False),
        sa.Column("name", sa.String(length=1000), nullable=False),
        sa.Column("name_sort", ordered(1000), nullable=False),
        sa.Column("cover_name", sa.LargeBinary(length=1000), nullable=True),
        sa.Column("cover_stamp", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["parent_id"], ["folder.id"], name=op.f("fk_folder_parent_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_folder_source_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_folder")),
        *_unique_path("folder", "source_id"),
        sa.UniqueConstraint("uuid", name=op.f("uq_folder_uuid")),
    )
    _unique_path_hash("folder", "source_id")
    op.create_index(op.f("ix_folder_parent_id_name_sort_id"), "folder", ["parent_id", "name_sort", "id"], unique=False)

    op.create_table(
        "library_album",
        sa.Column("id", INT, nullable=False),
        sa.Column("library_id", INT, nullable=False),
        sa.Column("album_id", INT, nullable=False),
        sa.Column("sort_key", ordered(600), nullable=False),
        sa.Column("track_count", INT, nullable=False),
        sa.Column("duration_ms", INT, nullable=False),
        sa.Column("cover_track_id", INT, nullable=True),
        sa.Column("cover_folder_id", INT, nullable=True),
        sa.ForeignKeyConstraint(["album_id"], ["album.id"], name=op.f("fk_library_album_album_id")),
        sa.ForeignKeyConstraint(["library_id"], ["library.id"], name=op.f("fk_library_album_library_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_library_album")),
        sa.UniqueConstraint("library_id", "album_id", name=op.f("uq_library_album_library_id_album_id")),
    )
    op.create_index(op.f("ix_library_album_album_id"), "library_album", ["album_id"], unique=False)
    op.create_index("ix_library_album_browse", "library_album", ["library_id", "sort_key", "album_id"], unique=False)

    op.create_table(
        "refresh_token",
        sa.Column("id", INT, nullable=False),
        sa.Column("session_id", INT, nullable=False),
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_at", WHEN, nullable=False),
        sa.Column("expires_at", WHEN, nullable=False),
        sa.Column("used_at", WHEN, nullable=True),
        sa.ForeignKeyConstraint(
            ["session_id"], ["session.id"], name=op.f("fk_refresh_token_session_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refresh_token")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_refresh_token_token_hash")),
    )
    op.create_index(op.f("ix_refresh_token_session_id"), "refresh_token", ["session_id"], unique=False)

    op.create_table(
        "album_text",
        sa.Column("id", INT, nullable=False),
        sa.Column("scope", INT, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["id"], ["library_album.id"], name=op.f("fk_album_text_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_album_text")),
    )
    op.create_table(
        "source_object",
        sa.Column("id", INT, nullable=False),
        sa.Column("source_id", INT, nullable=False),
        sa.Column("folder_id", INT, nullable=False),
        sa.Column("name", sa.LargeBinary(length=1000), nullable=False),
        sa.Column("size_bytes", INT, nullable=False),
        sa.Column("mtime_ns", INT, nullable=False),
        sa.Column("device", sa.String(length=24), nullable=False),
        sa.Column("inode", sa.String(length=24), nullable=False),
        sa.Column("fingerprint", sa.String(length=32), nullable=False),
        sa.Column("item_id", INT, nullable=True),
        sa.Column("refusal", sa.String(length=20), nullable=True),
        sa.Column("message", sa.String(length=300), nullable=False),
        sa.Column("missing_at", WHEN, nullable=True),
        sa.ForeignKeyConstraint(
            ["folder_id"], ["folder.id"], name=op.f("fk_source_object_folder_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["item_id"], ["media_item.id"], name=op.f("fk_source_object_item_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["source_id"], ["source.id"], name=op.f("fk_source_object_source_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source_object")),
        sa.UniqueConstraint("folder_id", "name", name=op.f("uq_source_object_folder_id_name")),
    )
    op.create_index(op.f("ix_source_object_item_id"), "source_object", ["item_id"], unique=False)
    op.create_index(
        op.f("ix_source_object_source_id_fingerprint"), "source_object", ["source_id", "fingerprint"], unique=False
    )
    op.create_index(op.f("ix_source_object_source_id_inode"), "source_object", ["source_id", "inode"], unique=False)

    op.create_table(
        "track",
        sa.Column("id", INT, nullable=False),
        sa.Column("library_id", INT, nullable=False),
        sa.Column("folder_id", INT, nullable=True),
        sa.Column("is_listed", sa.Boolean(), nullable=False),
        sa.Column("title", sa.String(length=500), nullable=False),
        sa.Column("title_sort", ordered(600), nullable=False),
        sa.Column("file_sort", ordered(600), nullable=False),
        sa.Column("artist_id", INT, nullable=False),
        sa.Column("artist_name", sa.String(length=1000), nullable=False),
        sa.Column("album_id", INT, nullable=False),
        sa.Column("disc", INT, nullable=False),
        sa.Column("number", INT, nullable=False),
        sa.Column("date", sa.String(length=10), nullable=False),
        sa.Column("genre_name", sa.String(length=500), nullable=False),
        sa.Column("cover_hash", sa.String(length=64), nullable=False),
        sa.Column("lyrics", sa.Text(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("mbid", sa.String(length=36), nullable=False),
        sa.Column("gain_track_db", sa.Double(), nullable=True),
        sa.Column("gain_album_db", sa.Double(), nullable=True),
        sa.Column("peak_track", sa.Double(), nullable=True),
        sa.Column("peak_album", sa.Double(), nullable=True),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["album_id"], ["album.id"], name=op.f("fk_track_album_id")),
        sa.ForeignKeyConstraint(["artist_id"], ["artist.id"], name=op.f("fk_track_artist_id")),
        sa.ForeignKeyConstraint(["folder_id"], ["folder.id"], name=op.f("fk_track_folder_id"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["id"], ["media_item.id"], name=op.f("fk_track_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["library_id"], ["library.id"], name=op.f("fk_track_library_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_track")),
    )
    op.create_index("ix_track_album", "track", ["album_id", "is_listed", "disc", "number", "id"], unique=False)
    op.create_index("ix_track_browse", "track", ["library_id", "is_listed", "title_sort", "id"], unique=False)
    op.create_index("ix_track_folder", "track", ["folder_id", "is_listed", "file_sort", "id"], unique=False)

    op.create_table(
        "artist_album",
        sa.Column("library_id", INT, nullable=False),
        sa.Column("artist_id", INT, nullable=False),
        sa.Column("sort_key", ordered(600), nullable=False),
        sa.Column("album_id", INT, nullable=False),
        sa.ForeignKeyConstraint(["album_id"], ["album.id"], name=op.f("fk_artist_album_album_id")),
        sa.ForeignKeyConstraint(["artist_id"], ["artist.id"], name=op.f("fk_artist_album_artist_id")),
        sa.ForeignKeyConstraint(["library_id"], ["library.id"], name=op.f("fk_artist_album_library_id")),
        sa.PrimaryKeyConstraint("library_id", "artist_id", "sort_key", "album_id", name=op.f("pk_artist_album")),
        sqlite_with_rowid=False,
    )

    op.create_table(
        "credit",
        sa.Column("library_id", INT, nullable=False),
        sa.Column("artist_id", INT, nullable=False),
        sa.Column("title_sort", ordered(600), nullable=False),
        sa.Column("track_id", INT, nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("position", INT, nullable=False),
        sa.ForeignKeyConstraint(["artist_id"], ["artist.id"], name=op.f("fk_credit_artist_id")),
        sa.ForeignKeyConstraint(["library_id"], ["library.id"], name=op.f("fk_credit_library_id")),
        sa.ForeignKeyConstraint(["track_id"], ["track.id"], name=op.f("fk_credit_track_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("library_id", "artist_id", "title_sort", "track_id", "role", name=op.f("pk_credit")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_credit_track_id"), "credit", ["track_id"], unique=False)

    op.create_table(
        "track_genre",
        sa.Column("library_id", INT, nullable=False),
        sa.Column("genre_id", INT, nullable=False),
        sa.Column("title_sort", ordered(600), nullable=False),
        sa.Column("track_id", INT, nullable=False),
        sa.ForeignKeyConstraint(["genre_id"], ["genre.id"], name=op.f("fk_track_genre_genre_id")),
        sa.ForeignKeyConstraint(["library_id"], ["library.id"], name=op.f("fk_track_genre_library_id")),
        sa.ForeignKeyConstraint(["track_id"], ["track.id"], name=op.f("fk_track_genre_track_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("library_id", "genre_id", "title_sort", "track_id", name=op.f("pk_track_genre")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_track_genre_track_id"), "track_genre", ["track_id"], unique=False)

    op.create_table(
        "track_text",
        sa.Column("id", INT, nullable=False),
        sa.Column("scope", INT, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["id"], ["track.id"], name=op.f("fk_track_text_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_track_text")),
    )
