"""Installations of Astolfo's own server, as its code made them (docs/contracts/astolfo.md c)."""

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

import bcrypt

CREATED = "2025-11-20 10:11:12.345678901+01:00"
DELETED = "2025-12-24 18:00:00+00:00"

_USERS = """
CREATE TABLE `users` (`id` integer PRIMARY KEY AUTOINCREMENT,`created_at` datetime,`updated_at` datetime,
    `deleted_at` datetime,`username` text,`password` text,CONSTRAINT `uni_users_username` UNIQUE (`username`));
CREATE INDEX `idx_users_deleted_at` ON `users`(`deleted_at`);
"""
_TRACKS = """
CREATE TABLE `tracks` (`id` integer PRIMARY KEY AUTOINCREMENT,`created_at` datetime,`updated_at` datetime,
    `deleted_at` datetime,`hash` text,`filename` text,`title` text,`artist` text,`album` text,`duration` integer,
    CONSTRAINT `uni_tracks_hash` UNIQUE (`hash`));
CREATE INDEX `idx_tracks_deleted_at` ON `tracks`(`deleted_at`);
"""


class Original:
    """A folder with `auth.db`, `metadata.db` and the objects of the bucket below `music`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.auth, self.metadata, self.objects = folder / "auth.db", folder / "metadata.db", folder / "music"
        self.objects.mkdir(parents=True)
        for path, tables in ((self.auth, _USERS), (self.metadata, _TRACKS)):
            with closing(sqlite3.connect(path)) as connection:
                connection.executescript(tables)

    def user(self, name: str, password: str = "", *, hashed: str | None = None) -> None:
        """Register somebody; bcrypt at the least cost that is known here."""
        stored = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode() if hashed is None else hashed
        self.run(
            self.auth, "INSERT INTO users (created_at, username, password) VALUES (?, ?, ?)", CREATED, name, stored
        )

    def track(self, data: bytes, filename: str, *, duration: int = 0, **texts: str) -> str:
        """Store a file; return its hash."""
        content_hash = hashlib.sha256(data).hexdigest()
        (self.objects / content_hash).write_bytes(data)
        self.row(content_hash, filename, duration=duration, **texts)
        return content_hash

    def row(self, content_hash: str, filename: str, *, duration: int = 0, **texts: str) -> None:
        """Write a row without its object."""
        said = [texts.get(name, "") for name in ("title", "artist", "album")]
        columns = "(created_at, hash, filename, title, artist, album, duration) VALUES (?, ?, ?, ?, ?, ?, ?)"
        self.run(self.metadata, f"INSERT INTO tracks {columns}", CREATED, content_hash, filename, *said, duration)

    def delete(self, content_hash: str) -> None:
        """Delete a file as the original does: the row softly, the object really."""
        (self.objects / content_hash).unlink()
        self.run(self.metadata, "UPDATE tracks SET deleted_at = ? WHERE hash = ?", DELETED, content_hash)

    def run(self, path: Path, statement: str, *values: object) -> None:
        """Change a database."""
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(statement, values)

    def everything(self) -> dict[str, bytes]:
        """Return all that the folder holds, for who must have left it alone."""
        return {str(path): path.read_bytes() for path in sorted(self.folder.rglob("*")) if path.is_file()}
