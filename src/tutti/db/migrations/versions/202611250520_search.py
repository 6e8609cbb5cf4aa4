"""Search: the words of the three text tables, and the vocabulary that typed words are spelled out by."""

from collections.abc import Sequence

from alembic import op

from tutti.db.dialect import is_sqlite

revision: str = "202611250520"
down_revision: str | None = "202611250001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

# Texts are folded before they are stored, so a word is whatever stands between blanks: the ascii tokenizer knows no
# other boundary beyond ASCII. Nothing asks where in a text a word stands, so no positions are kept.
_SPARE = "detail='none', columnsize=0"
_WORDS = f"fts5(body, content='{{kind}}_place', content_rowid='place', tokenize='ascii', prefix='1 2 3 4', {_SPARE})"
_PARTS = f"fts5(text, content='word_place', content_rowid='place', tokenize='trigram', {_SPARE})"
_PLACE = "(scope << 40) + id"

# The words between blanks and line breaks, and the library: what a search of one library asks for together.
_SPLIT = "array_remove(string_to_array(translate(body, E'\\n', ' '), ' '), '')"
_LEXEMES = f"array_to_tsvector(array_append({_SPLIT}, '#' || CAST(scope AS text)))"


def upgrade() -> None:
    """Apply."""
    if is_sqlite(op.get_bind().dialect):
        _fts5()
    else:
        _tsvector()


def _tsvector() -> None:
    op.execute(
        'CREATE TABLE word (id BIGSERIAL PRIMARY KEY, scope BIGINT NOT NULL, text TEXT COLLATE "C" NOT NULL,'
        " UNIQUE (scope, text))"
    )
    for kind in ("track", "album", "artist"):
        op.execute(f"ALTER TABLE {kind}_text ADD COLUMN words tsvector GENERATED ALWAYS AS ({_LEXEMES}) STORED")
        op.execute(f"CREATE INDEX ix_{kind}_text_words ON {kind}_text USING gin (words) WITH (fastupdate = off)")


def _fts5() -> None:
    op.execute(
        "CREATE TABLE word (id INTEGER PRIMARY KEY, scope INTEGER NOT NULL, text TEXT NOT NULL, UNIQUE (scope, text))"
    )
    op.execute(f"CREATE VIEW word_place AS SELECT {_PLACE} AS place, text FROM word")
    op.execute(f"CREATE VIRTUAL TABLE word_parts USING {_PARTS}")
    for kind in ("track", "album", "artist"):
        op.execute(f"CREATE VIEW {kind}_place AS SELECT {_PLACE} AS place, body FROM {kind}_text")
        op.execute(f"CREATE VIRTUAL TABLE {kind}_words USING {_WORDS.format(kind=kind)}")
        drop = (
            f"INSERT INTO {kind}_words({kind}_words, rowid, body)"
            " VALUES ('delete', (old.scope << 40) + old.id, old.body);"
        )
        put = f"INSERT INTO {kind}_words(rowid, body) VALUES ((new.scope << 40) + new.id, new.body);"
        op.execute(f"CREATE TRIGGER {kind}_text_gone AFTER DELETE ON {kind}_text BEGIN {drop} END")
        op.execute(f"CREATE TRIGGER {kind}_text_changed AFTER UPDATE ON {kind}_text BEGIN {drop} {put} END")
