"""What a database of an earlier version holds is there after the upgrade, in its new shape."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import text

from support.clock import ManualClock
from tutti.backends.bus import LocalBus
from tutti.db import dialect, schema
from tutti.db.engine import Database

MOMENT = "2026-11-25 05:20:00.000000"


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Database]:
    """A database as the version of 202611250520 left it, with a session, two jobs and a file."""
    db = Database(f"sqlite:///{tmp_path / 'old.db'}", clock=ManualClock(), bus=LocalBus())
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
    with dialect.migrating(db.engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "202611250520")
        for statement in (
            (
                "INSERT INTO user_account (id, uuid, username, username_key, is_active, created_at, changed_at)"
                f" VALUES (1, '{1:032x}', 'ann', 'ann', 1, '{MOMENT}', '{MOMENT}')"
            ),
            (
                "INSERT INTO session (id, uuid, user_id, label, address, created_at, last_used_at, expires_at)"
                f" VALUES (1, '{2:032x}', 1, 'phone', '::1', '{MOMENT}', '{MOMENT}', '{MOMENT}')"
            ),
            (
                "INSERT INTO job (id, kind, ref, state, due_at, attempts, error, done, total, created_at)"
                f" VALUES (1, 'maintain', 'all', 'due', '{MOMENT}', 0, '', 0, 0, '{MOMENT}'),"
                f" (2, 'scan_source', '7', 'parked', '{MOMENT}', 5, 'It failed.', 3, 9, '{MOMENT}')"
            ),
            (
                "INSERT INTO library (id, uuid, name, is_personal, syncs, change_seq, created_at)"
                f" VALUES (1, '{3:032x}', 'ann', 1, 1, 0, '{MOMENT}')"
            ),
            "INSERT INTO library_member (library_id, user_id, role) VALUES (1, 1, 'owner')",
            f"INSERT INTO blob (hash, size_bytes, created_at) VALUES ('{'a' * 64}', 5, '{MOMENT}')",
            (
                "INSERT INTO media_item (id, uuid, library_id, owner_id, kind, status, blob_hash, content_hash,"
                " filename, size_bytes, mime, container, codec, duration_ms, bitrate_bps, sample_rate_hz, channels,"
                f" added_at, changed_at) VALUES (1, '{4:032x}', 1, 1, 'audio', 'ready', '{'a' * 64}', '{'a' * 64}',"
                f" 'one.mp3', 5, 'audio/mpeg', 'mp3', 'mp3', 1, 1, 1, 1, '{MOMENT}', '{MOMENT}')"
            ),
        ):
            connection.execute(text(statement))
    yield db
    db.close()


def test_jobs_get_ids_that_may_leave_the_server(old: Database) -> None:
    schema.upgrade(old.engine)

    with old.engine.connect() as connection:
        jobs = connection.execute(text("SELECT id, kind, state, done, uuid FROM job ORDER BY id")).all()
    assert [tuple(job)[:4] for job in jobs] == [(1, "maintain", "due", 0), (2, "scan_source", "parked", 3)]
    assert len({job.uuid for job in jobs}) == 2


def test_work_that_waits_still_waits_once(old: Database) -> None:
    schema.upgrade(old.engine)

    with old.engine.connect() as connection:
        indexes = connection.execute(text("SELECT name FROM sqlite_master WHERE tbl_name = 'job'")).scalars().all()
    assert {"ix_job_due", "uq_job_waiting"} <= set(indexes)


def test_sessions_are_those_of_the_door_there_was(old: Database) -> None:
    schema.upgrade(old.engine)

    with old.engine.connect() as connection:
        assert connection.execute(text("SELECT label, door FROM session")).one() == ("phone", "native")


def test_files_lie_in_no_folder_and_their_sound_is_still_to_be_found(old: Database) -> None:
    schema.upgrade(old.engine)

    with old.engine.connect() as connection:
        items = connection.execute(text("SELECT filename, folder, audio_offset, audio_bytes FROM media_item")).all()
        members = connection.execute(text("SELECT role, epoch FROM library_member")).all()
    assert (list(map(tuple, items)), list(map(tuple, members))) == ([("one.mp3", "", 0, None)], [("owner", 0)])
