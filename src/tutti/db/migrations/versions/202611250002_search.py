"""Search: words and substrings over the three text tables, kept in step by triggers."""

from collections.abc import Sequence

from alembic import op

from tutti.db.dialect import is_sqlite

revision: str = "202611250002"
down_revision: str | None = "202611250001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# The text is folded before it is stored, because SQLite 3.40 has no trigram that removes accents.
_WORDS = "fts5(scope, body, content='{kind}_text', content_rowid='id', tokenize='unicode61', prefix='2 3')"
_SUBSTRINGS = "fts5(body, content='{kind}_text', content_rowid='id', tokenize='trigram', detail='{detail}')"


def upgrade() -> None:
    """Apply."""
    if not is_sqlite(op.get_bind().dialect):
        return
    for kind in ("track", "album", "artist"):
        op.execute(f"CREATE VIRTUAL TABLE {kind}_words USING {_WORDS.format(kind=kind)}")
        op.execute(f"CREATE VIRTUAL TABLE {kind}_substrings USING {_SUBSTRINGS.format(kind=kind, detail='full')}")
        put = (
            f"INSERT INTO {kind}_words(rowid, scope, body) VALUES (new.id, new.scope, new.body);"
            f"INSERT INTO {kind}_substrings(rowid, body) VALUES (new.id, new.body);"
        )
        drop = (
            f"INSERT INTO {kind}_words({kind}_words, rowid, scope, body)"
            " VALUES ('delete', old.id, old.scope, old.body);"
            f"INSERT INTO {kind}_substrings({kind}_substrings, rowid, body) VALUES ('delete', old.id, old.body);"
        )
        op.execute(f"CREATE TRIGGER {kind}_text_added AFTER INSERT ON {kind}_text BEGIN {put} END")
        op.execute(f"CREATE TRIGGER {kind}_text_gone AFTER DELETE ON {kind}_text BEGIN {drop} END")
        op.execute(f"CREATE TRIGGER {kind}_text_changed AFTER UPDATE ON {kind}_text BEGIN {drop} {put} END")
