"""What this device remembers between runs: files with their stats and hashes, items of the server, what is unfinished.

A SQLite file outside of the folder, for one folder and one server. Losing it loses no music: files and items find each
other again by their bytes, only the right to delete what was downloaded is gone with it.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tutti.domain.errors import AppError, ErrorKind
from tutti.syncing.plan import Binding, Remote

_VERSION = 1
_SCHEMA = """
CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE file (
  path TEXT PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, inode INTEGER NOT NULL, hash TEXT NOT NULL,
  item TEXT, base TEXT, is_ours INTEGER NOT NULL DEFAULT 0, audio_hash TEXT
) WITHOUT ROWID;
CREATE UNIQUE INDEX file_item ON file (item) WHERE item IS NOT NULL;
CREATE TABLE remote (
  item TEXT PRIMARY KEY, library TEXT NOT NULL, hash TEXT NOT NULL, size INTEGER NOT NULL,
  folder TEXT NOT NULL, filename TEXT NOT NULL,
  audio_hash TEXT, audio_offset INTEGER NOT NULL DEFAULT 0, audio_bytes INTEGER NOT NULL DEFAULT 0,
  keep INTEGER NOT NULL DEFAULT 1, is_gone INTEGER NOT NULL DEFAULT 0, is_unwanted INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE upload (path TEXT PRIMARY KEY, hash TEXT NOT NULL, upload TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE refused (path TEXT PRIMARY KEY, hash TEXT NOT NULL, sentence TEXT NOT NULL) WITHOUT ROWID;
"""


class Stat(NamedTuple):
    """What tells a changed file without reading it; instants in nanoseconds."""

    size: int
    mtime_ns: int
    inode: int


class Seen(NamedTuple):
    """A file as it was last read."""

    stat: Stat
    hash: str


class Told(NamedTuple):
    """What the server said of an item; the last change of an item wins."""

    item: str
    library: str
    hash: str = ""
    size: int = 0
    folder: str = ""
    filename: str = ""
    audio_hash: str | None = None
    audio_offset: int = 0
    audio_bytes: int = 0
    keep: bool = True
    is_gone: bool = False


class Index:
    """The memory of one folder and one server; for one thread.

    Every method is a transaction of its own unless `batch` is open around it.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._sql = connection

    @classmethod
    def open(cls, path: Path | None) -> "Index":
        """Open the index, and make it where there is none; None is one that is forgotten at the end.

        Raises:
            AppError: UNAVAILABLE `index_unreadable`, when the file is none of ours or damaged.
        """
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        connection = sqlite3.connect(":memory:" if path is None else path, isolation_level=None)
        try:
            _prepare(connection)
        except sqlite3.DatabaseError as error:
            connection.close()
            raise _unreadable(path, str(error)) from error
        return cls(connection)

    def close(self) -> None:
        """Let go of the file."""
        self._sql.close()

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Keep all changes of the block, or none."""
        if self._sql.in_transaction:
            yield
            return
        self._sql.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._sql.execute("ROLLBACK")
            raise
        self._sql.execute("COMMIT")

    def fact(self, name: str) -> str:
        """Return what is noted under a name, empty when nothing is."""
        row = self._sql.execute("SELECT value FROM fact WHERE name = ?", (name,)).fetchone()
        return "" if row is None else str(row[0])

    def note(self, name: str, value: str) -> None:
        """Note something under a name."""
        self._sql.execute("INSERT OR REPLACE INTO fact VALUES (?, ?)", (name, value))

    def stats(self) -> dict[str, Stat]:
        """Return the stat of every file, by its path."""
        rows = self._sql.execute("SELECT path, size, mtime_ns, inode FROM file")
        return {path: Stat(size, mtime_ns, inode) for path, size, mtime_ns, inode in rows}

    def files(self) -> tuple[dict[str, Seen], dict[str, Binding]]:
        """Return every file by its path, and the bindings of those that belong to items by item."""
        seen: dict[str, Seen] = {}
        bindings: dict[str, Binding] = {}
        query = "SELECT path, size, mtime_ns, inode, hash, item, base, is_ours, audio_hash FROM file"
        for path, size, mtime_ns, inode, digest, item, base, is_ours, audio_hash in self._sql.execute(query):
            seen[path] = Seen(Stat(size, mtime_ns, inode), digest)
            if item is not None:
                bindings[item] = Binding(item, path, base, bool(is_ours), audio_hash)
        return seen, bindings

    def remotes(self) -> dict[str, Remote]:
        """Return every item of the server, by item."""
        query = "SELECT item, hash, folder, filename, audio_hash, keep, is_gone, is_unwanted FROM remote"
        return {
            item: Remote(digest, folder, filename, audio_hash, bool(keep), bool(is_gone), bool(is_unwanted))
            for item, digest, folder, filename, audio_hash, keep, is_gone, is_unwanted in self._sql.execute(query)
        }

    def told(self, item: str) -> Told | None:
        """Return what the server said of an item."""
        names = "item, library, hash, size, folder, filename, audio_hash, audio_offset, audio_bytes, keep, is_gone"
        row = self._sql.execute(f"SELECT {names} FROM remote WHERE item = ?", (item,)).fetchone()  # noqa: S608
        return None if row is None else Told._make((*row[:9], bool(row[9]), bool(row[10])))

    def hear(self, changes: Iterable[Told]) -> None:
        """Take what the server told; what was deleted here stays unwanted."""
        self._sql.executemany(
            "INSERT INTO remote VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0) ON CONFLICT (item) DO UPDATE SET"
            " library = excluded.library, hash = excluded.hash, size = excluded.size, folder = excluded.folder,"
            " filename = excluded.filename, audio_hash = excluded.audio_hash, audio_offset = excluded.audio_offset,"
            " audio_bytes = excluded.audio_bytes, keep = excluded.keep, is_gone = excluded.is_gone",
            changes,
        )

    def forget_libraries(self, libraries: Iterable[str] | None = None) -> None:
        """Forget what the server told of these libraries, or of all; files stay, and so does what was unwanted."""
        if libraries is None:
            libraries = [row[0] for row in self._sql.execute("SELECT DISTINCT library FROM remote").fetchall()]
        for library in libraries:
            self._sql.execute("DELETE FROM remote WHERE library = ? AND NOT is_unwanted", (library,))
            self._sql.execute("UPDATE remote SET is_gone = 1 WHERE library = ?", (library,))

    def sweep(self) -> None:
        """Forget items that are gone and to which no file belongs."""
        self._sql.execute(
            "DELETE FROM remote WHERE is_gone AND NOT is_unwanted"
            " AND item NOT IN (SELECT item FROM file WHERE item IS NOT NULL)"
        )

    def see(self, files: Mapping[str, Seen]) -> None:
        """Remember files that were read, whatever they belong to."""
        self._sql.executemany(
            "INSERT INTO file (path, size, mtime_ns, inode, hash) VALUES (?, ?, ?, ?, ?) ON CONFLICT (path) DO UPDATE"
            " SET size = excluded.size, mtime_ns = excluded.mtime_ns, inode = excluded.inode, hash = excluded.hash",
            ((path, *seen.stat, seen.hash) for path, seen in files.items()),
        )

    def lose(self, paths: Iterable[str]) -> None:
        """Forget files that are gone and belong to no item."""
        self._sql.executemany("DELETE FROM file WHERE path = ? AND item IS NULL", ((path,) for path in paths))

    def bind(self, binding: Binding) -> None:
        """Have the file at the path belong to the item, and to no other; the file was seen before."""
        with self.batch():
            self.unbind(binding.item)
            self._sql.execute(
                "UPDATE file SET item = ?, base = ?, is_ours = ?, audio_hash = ? WHERE path = ?",
                (binding.item, binding.base, binding.is_ours, binding.audio_hash, binding.path),
            )
            self._sql.execute("UPDATE remote SET is_unwanted = 0 WHERE item = ?", (binding.item,))
            self._sql.execute("DELETE FROM refused WHERE path = ?", (binding.path,))

    def unbind(self, item: str) -> None:
        """Have no file belong to the item."""
        self._sql.execute(
            "UPDATE file SET item = NULL, base = NULL, is_ours = 0, audio_hash = NULL WHERE item = ?", (item,)
        )

    def unwant(self, item: str) -> None:
        """Remember that the item was deleted here."""
        with self.batch():
            self.unbind(item)
            self._sql.execute("UPDATE remote SET is_unwanted = 1 WHERE item = ?", (item,))

    def trashed(self, item: str) -> None:
        """Remember that the server has the item in its trash."""
        with self.batch():
            self.unbind(item)
            self._sql.execute("UPDATE remote SET is_gone = 1 WHERE item = ?", (item,))

    def rename(self, path: str, other: str) -> None:
        """Have what is known of a file be known of another path, without its item."""
        with self.batch():
            self._sql.execute("DELETE FROM file WHERE path = ?", (other,))
            self._sql.execute(
                "UPDATE file SET path = ?, item = NULL, base = NULL, is_ours = 0, audio_hash = NULL WHERE path = ?",
                (other, path),
            )

    def upload_of(self, path: str, digest: str) -> str | None:
        """Return the upload that was begun for these bytes of a file."""
        query = "SELECT upload FROM upload WHERE path = ? AND hash = ?"
        row = self._sql.execute(query, (path, digest)).fetchone()
        return None if row is None else str(row[0])

    def begin_upload(self, path: str, digest: str, upload: str) -> None:
        """Remember an upload, so that a later run goes on with it."""
        self._sql.execute("INSERT OR REPLACE INTO upload VALUES (?, ?, ?)", (path, digest, upload))

    def end_upload(self, path: str) -> None:
        """Forget an upload."""
        self._sql.execute("DELETE FROM upload WHERE path = ?", (path,))

    def refusals(self) -> dict[str, tuple[str, str]]:
        """Return what the server would not take: the hash and the sentence, by path."""
        rows = self._sql.execute("SELECT path, hash, sentence FROM refused")
        return {path: (digest, sentence) for path, digest, sentence in rows}

    def refuse(self, path: str, digest: str, sentence: str) -> None:
        """Remember that the server will not take these bytes, so that they are not sent again."""
        self._sql.execute("INSERT OR REPLACE INTO refused VALUES (?, ?, ?)", (path, digest, sentence))

    def allow(self, paths: Iterable[str]) -> None:
        """Forget refusals."""
        self._sql.executemany("DELETE FROM refused WHERE path = ?", ((path,) for path in paths))


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    # A power cut may take the last transactions: what they told of is found out again.
    connection.execute("PRAGMA synchronous = NORMAL")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:
        connection.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT;")
    elif version != _VERSION:
        raise sqlite3.DatabaseError(f"it has version {version}, and this program writes {_VERSION}")


def _unreadable(path: Path | None, reason: str) -> AppError:
    sentence = f"The index {path} cannot be used: {reason}. --start-over makes a new one; no music is lost with it."
    return AppError(ErrorKind.UNAVAILABLE, "index_unreadable", sentence)
