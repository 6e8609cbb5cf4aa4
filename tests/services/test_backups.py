"""A backup is the server as it was at one moment, and what is restored from it trusts nobody of yesterday."""

from pathlib import Path

import pytest
from sqlalchemy import func, select

from support.core import PASSWORD, House
from support.databases import KINDS, fresh_database
from support.errors import raised
from support.music import Song
from tutti.backends.backup_folder import BackupFolder, copy_file
from tutti.backends.blobs_local import LocalBlobs
from tutti.db import snapshots
from tutti.db.engine import Database
from tutti.db.repos.browse import TrackFilter
from tutti.domain.backups import BlobsIn, Manifest
from tutti.domain.caller import Operator, Permission
from tutti.domain.errors import ErrorKind
from tutti.models import Base, Upload
from tutti.services.backups import copy_blobs
from tutti.services.catalog import PageWish
from tutti.services.maintenance import COLLECTING
from tutti.services.playlists import Playlists, PlaylistWish
from tutti.services.registration import Admission
from tutti.services.sessions import Client


@pytest.fixture
def place(tmp_path: Path) -> BackupFolder:
    return BackupFolder(tmp_path / "backup")


def make(house: House, place: BackupFolder, blobs_in: BlobsIn = BlobsIn.COPY) -> tuple[Manifest, int, list[str]]:
    manifest, copied = house.backups.make(Operator(), place, blobs_in=blobs_in)
    return manifest, copied.blobs, copied.lost


def counted(db: Database) -> dict[str, int | None]:
    """Return how many rows each table has."""
    with db.engine.connect() as connection:
        tables = Base.metadata.sorted_tables
        return {table.name: connection.scalar(select(func.count()).select_from(table)) for table in tables}


class TestMake:
    def test_it_has_the_blobs_that_its_rows_name(self, house: House, place: BackupFolder) -> None:
        sent = [house.send(Song(title).data) for title in ("One", "Two")]

        manifest, copied, lost = make(house, place)

        assert (manifest.blobs, copied, lost) == (2, 2, [])
        assert [row.hash for row in snapshots.blobs_of(place.database(manifest))] == sorted(
            one.blob_hash for one in sent
        )
        assert [blob.hash for blob in place.blobs.walk()] == sorted(one.blob_hash for one in sent)

    def test_the_next_one_in_the_same_folder_copies_what_is_new(self, house: House, place: BackupFolder) -> None:
        house.send(Song("One").data)
        first, _, _ = make(house, place)
        house.send(Song("Two").data)

        second, copied, _ = make(house, place)

        assert (second.blobs, copied) == (2, 1)
        assert place.manifest() == second
        assert raised(lambda: place.database(first)) == (ErrorKind.UNAVAILABLE, "backup_failed")

    def test_by_reference_it_has_only_the_names(self, house: House, place: BackupFolder) -> None:
        house.send(Song("One").data)

        manifest, copied, _ = make(house, place, BlobsIn.REFERENCE)

        assert (manifest.blobs, copied, list(place.blobs.walk())) == (1, 0, [])

    def test_bytes_that_are_damaged_at_their_origin_are_named_and_not_copied(
        self, house: House, place: BackupFolder
    ) -> None:
        blob_hash = house.send(Song("One").data).blob_hash
        (path,) = (Path(bytes(blob.path or b"").decode()) for blob in house.blobs.walk())
        path.chmod(0o600)
        path.write_bytes(b"x" * path.stat().st_size)

        assert make(house, place)[1:] == (0, [blob_hash])
        assert list(place.blobs.walk()) == []

    def test_nothing_is_collected_meanwhile(self, house: House, place: BackupFolder) -> None:
        with house.locks.hold(COLLECTING):
            assert raised(lambda: make(house, place)) == (ErrorKind.CONFLICT, "already_running")
            assert house.maintenance.tidy().orphans == 0

    def test_a_folder_with_something_else_is_left_alone(self, house: House, tmp_path: Path) -> None:
        (tmp_path / "photos").mkdir()
        (tmp_path / "photos" / "cat.jpg").touch()

        assert raised(lambda: make(house, BackupFolder(tmp_path / "photos"))) == (ErrorKind.CONFLICT, "not_a_backup")
        assert [path.name for path in (tmp_path / "photos").iterdir()] == ["cat.jpg"]

    def test_its_files_are_private(self, house: House, place: BackupFolder, tmp_path: Path) -> None:
        manifest, _, _ = make(house, place)

        assert (tmp_path / "backup").stat().st_mode & 0o077 == 0
        assert place.database(manifest).stat().st_mode & 0o077 == 0


class TestDamaged:
    def test_a_database_that_is_not_as_it_was_written_is_refused(self, house: House, place: BackupFolder) -> None:
        manifest, _, _ = make(house, place)
        path = place.database(manifest)
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)

        assert raised(lambda: place.database(manifest)) == (ErrorKind.CONFLICT, "backup_damaged")

    def test_a_file_that_is_no_database_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "x.db").write_bytes(b"This is no database.\n" * 100)

        assert raised(lambda: snapshots.check(tmp_path / "x.db")) == (ErrorKind.CONFLICT, "backup_damaged")

    @pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": 2}', "\xff"])
    def test_a_manifest_that_is_none_is_no_backup(self, place: BackupFolder, tmp_path: Path, text: str) -> None:
        (tmp_path / "backup").mkdir()
        (tmp_path / "backup" / "manifest.json").write_text(text)

        assert raised(place.manifest) == (ErrorKind.CONFLICT, "not_a_backup")

    def test_one_of_a_newer_program_says_so(self, house: House, place: BackupFolder, tmp_path: Path) -> None:
        make(house, place)
        file = tmp_path / "backup" / "manifest.json"
        file.write_text(file.read_text().replace('"format": 1', '"format": 2'))

        assert raised(place.manifest) == (ErrorKind.CONFLICT, "newer_backup")


class TestComeToLife:
    def test_what_could_have_been_revoked_since_ends(self, house: House) -> None:
        """P59"""
        house.sessions.sign_in("ann", PASSWORD, Client())
        house.app_keys.create(house.ann, "radio", frozenset({Permission.LISTEN}))
        house.registration(Admission.INVITE).invite(Operator())
        house.ingest.pause(house.ingest.create(house.ann, "x.mp3", library_uuid=None, length=9, described=""))

        ended = house.backups.come_to_life(Operator())

        assert ended == (1, 1, 1, 1)
        assert house.backups.come_to_life(Operator()) == (0, 0, 0, 0)
        with house.db.engine.connect() as connection:
            assert connection.scalar(select(func.count()).select_from(Upload)) == 0

    def test_a_backup_with_secrets_and_a_restore_are_noted(self, house: House, place: BackupFolder) -> None:
        house.backups.make(Operator(), place, has_keys=True)
        house.backups.come_to_life(Operator())

        noted = [(one.action, one.target) for one in house.audit.page(house.ann, PageWish(limit=2)).items]
        assert noted == [("restore", "0 sessions and 0 app keys ended"), ("backup", "0 files, with keys")]


@pytest.mark.parametrize("kind", KINDS)
def test_a_snapshot_becomes_a_database_of_either_kind(
    house: House, place: BackupFolder, tmp_path: Path, kind: str
) -> None:
    house.save("one.mp3", Song("Überfall"))
    house.scan()
    house.send(Song("Sent").data)
    [track] = house.catalog.tracks(house.ann, PageWish(), TrackFilter()).items
    mix = house.playlists.create(house.ann, PlaylistWish("Mix"), [track.uuid]).uuid
    before = counted(house.db)
    manifest, _, _ = make(house, place)
    target = fresh_database(tmp_path, kind)
    try:
        copy_file(place.database(manifest), tmp_path / "passing.db")
        snapshots.put(tmp_path / "passing.db", target.engine)
        assert counted(target) == before
        assert Playlists(target).add(house.ann, mix, [track.uuid]).track_count == 2  # its ids go on behind the copied
    finally:
        target.close()
    blobs = LocalBlobs(tmp_path / "there")
    copied = copy_blobs(snapshots.blobs_of(place.database(manifest)), place.blobs, blobs)
    assert (copied.blobs, copied.lost) == (1, [])
