"""Reads the databases of original servers, which stay as they are (docs/contracts/astolfo.md c)."""

import re
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.originals import OriginalTrack, OriginalUser

_FRACTION = re.compile(r"(\.\d{1,6})\d*")
_ZONE = re.compile(r" ?([+-]\d\d):?(\d\d)(?: \w+)?$")
_LARGEST_S = 1 << 31


def astolfo_users(path: Path) -> Sequence[OriginalUser]:
    """Return the accounts of an `auth.db` that are not deleted, in their order.

    Raises:
        AppError: CONFLICT `not_an_original` when the file is not there or no such database.
    """
    query = "SELECT username, password, created_at FROM users WHERE deleted_at IS NULL ORDER BY id"
    return [OriginalUser(_text(row[0]), _text(row[1]), _moment(row[2])) for row in _rows(path, query)]


def astolfo_tracks(path: Path) -> Sequence[OriginalTrack]:
    """Return all rows of a `metadata.db`, deleted ones included, in their order; raises as `astolfo_users`."""
    columns = "hash, filename, title, artist, album, duration, created_at, deleted_at"
    rows = _rows(path, f"SELECT {columns} FROM tracks ORDER BY id")  # noqa: S608 - a constant
    return [_track(*row) for row in rows]


def _track(*row: object) -> OriginalTrack:
    content_hash, filename, title, artist, album = map(_text, row[:5])
    duration, created_at, deleted_at = row[5:]
    return OriginalTrack(
        hash=content_hash,
        filename=filename,
        title=title,
        artist=artist,
        album=album,
        duration=_number(duration),
        created_at=_moment(created_at),
        deleted_at=_moment(deleted_at),
        is_deleted=deleted_at is not None,
    )


def _rows(path: Path, query: str) -> Sequence[tuple[object, ...]]:
    try:
        with _copied(path) as copy, closing(sqlite3.connect(copy)) as connection:
            connection.text_factory = lambda data: data.decode("utf-8", "replace")
            return connection.execute(query).fetchall()
    except (sqlite3.Error, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        message = f"{path} is no database of the original: {reason}."
        raise AppError(ErrorKind.CONFLICT, "not_an_original", message) from error


@contextmanager
def _copied(path: Path) -> Iterator[Path]:
    """Copy a database with its log: opening one that was not closed writes beside it, and that folder is not ours."""
    with TemporaryDirectory(prefix="tutti-import-") as place:
        copy = Path(place) / "original.db"
        shutil.copyfile(path, copy)
        for end in ("-wal", "-journal"):
            with suppress(FileNotFoundError):
                shutil.copyfile(f"{path}{end}", f"{copy}{end}")
        yield copy


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return "" if value is None else str(value)


def _number(value: object) -> int:
    return min(max(value, 0), _LARGEST_S) if isinstance(value, int) else 0


def _moment(value: object) -> datetime | None:
    """Read a time as the original's library writes it, `2025-11-20 10:11:12.345678901+01:00`, or its language."""
    with suppress(ValueError, OverflowError):
        moment = datetime.fromisoformat(_ZONE.sub(r"\1:\2", _FRACTION.sub(r"\1", _text(value), count=1)))
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return None
