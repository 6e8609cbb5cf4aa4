"""Databases of original servers are read as they are, and left so."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from support.astolfo import CREATED, DELETED, Original
from tutti.db.originals import astolfo_tracks, astolfo_users
from tutti.domain.errors import AppError
from tutti.domain.originals import OriginalTrack, OriginalUser

MADE = datetime(2025, 11, 20, 9, 11, 12, 345678, UTC)
GONE = datetime(2025, 12, 24, 18, tzinfo=UTC)


@pytest.fixture
def original(tmp_path: Path) -> Original:
    return Original(tmp_path / "original")


def test_accounts_have_their_hashes_and_dates(original: Original) -> None:
    original.user(" Ann ", hashed="$2a$10$x")

    assert astolfo_users(original.auth) == [OriginalUser(" Ann ", "$2a$10$x", MADE)]


def test_a_deleted_account_is_left_out(original: Original) -> None:
    original.user("ann", hashed="x")
    original.run(original.auth, "UPDATE users SET deleted_at = ?", DELETED)

    assert astolfo_users(original.auth) == []


def test_tracks_come_in_order_with_those_that_were_deleted(original: Original) -> None:
    first = original.track(b"one", "one.mp3", title="One", artist="Ann", album="First", duration=7)
    second = original.track(b"two", "two.mp3")
    original.delete(second)

    assert astolfo_tracks(original.metadata) == [
        OriginalTrack(first, "one.mp3", "One", "Ann", "First", 7, MADE, None, is_deleted=False),
        OriginalTrack(second, "two.mp3", "", "", "", 0, MADE, GONE, is_deleted=True),
    ]


def test_what_a_column_should_not_hold_is_read_as_far_as_it_goes(original: Original) -> None:
    values = ("never", b"\xff\x00", None, 7, "x", "long", "no date")
    statement = "INSERT INTO tracks (created_at, hash, filename, title, artist, duration, deleted_at) VALUES"
    original.run(original.metadata, f"{statement} (?, ?, ?, ?, ?, ?, ?)", *values)

    assert astolfo_tracks(original.metadata) == [
        OriginalTrack("\ufffd\0", "", "7", "x", "", 0, None, None, is_deleted=True)
    ]


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        (CREATED, MADE),
        ("2025-11-20 09:11:12", MADE.replace(microsecond=0)),
        ("2025-11-20T09:11:12Z", MADE.replace(microsecond=0)),
        ("2025-11-20 09:11:12.3 +0000 UTC", MADE.replace(microsecond=300_000)),
        ("yesterday", None),
        ("9999-12-31 23:59:59-12:00", None),
        (12, None),
    ],
)
def test_a_time_is_read_in_each_of_its_forms(original: Original, written: object, moment: datetime | None) -> None:
    original.run(original.auth, "INSERT INTO users (created_at, username) VALUES (?, 'ann')", written)

    assert astolfo_users(original.auth)[0].created_at == moment


def test_what_is_only_in_the_log_counts_and_nothing_is_written(original: Original) -> None:
    with closing(sqlite3.connect(original.auth)) as server:
        server.execute("PRAGMA journal_mode = WAL")
        with server:
            server.execute("INSERT INTO users (username, password) VALUES ('ann', 'x')")
        before = original.everything()

        found = astolfo_users(original.auth)

        assert [user.username for user in found] == ["ann"]
        assert original.everything() == before


@pytest.mark.parametrize("content", [None, b"", b"rubbish" * 1000])
def test_what_is_no_such_database_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "auth.db"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(AppError, match="is no database of the original") as refused:
        astolfo_users(path)
    assert refused.value.code == "not_an_original"
