"""An installation of Astolfo's server comes along: people, files, deletions; nothing twice, nothing of it changed."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select

from support.astolfo import Original
from support.core import PASSWORD, House
from support.errors import raised
from support.music import Song
from tutti.backends.object_folder import ObjectFolder
from tutti.db import originals
from tutti.db.repos.browse import TrackFilter
from tutti.domain.caller import Caller
from tutti.domain.errors import AppError, ErrorKind
from tutti.models import Library, MediaItem, User
from tutti.ports.originals import OriginalObject
from tutti.services.catalog import PageWish
from tutti.services.importing import LIBRARY, Importing, ImportReport
from tutti.services.listing import PhoneFile
from tutti.services.sessions import Client

ONE, TWO = Song("One", audio="one"), Song("Two", audio="two")
SILENT = Song("", (), "", audio="silent")
MADE = datetime(2025, 11, 20, 9, 11, 12, 345678, UTC)


@pytest.fixture
def original(tmp_path: Path) -> Original:
    return Original(tmp_path / "original")


class Broken(ObjectFolder):
    """Objects of which only so many can be opened."""

    def __init__(self, root: Path, good: int) -> None:
        super().__init__(root)
        self.good = good

    @contextmanager
    def open(self, name: str) -> Iterator[OriginalObject | None]:
        self.good -= 1
        if self.good < 0:
            raise AppError(ErrorKind.UNAVAILABLE, "objects_unavailable", "The disk is gone.")
        with super().open(name) as found:
            yield found


def bring(
    house: House,
    original: Original,
    *,
    library: UUID | None = None,
    is_dry: bool = False,
    objects: ObjectFolder | None = None,
) -> ImportReport:
    """Import everything and have it read."""
    importing, report = Importing(house.db, house.ingest), ImportReport()
    members = importing.people(originals.astolfo_users(original.auth), report, is_dry=is_dry)
    place = importing.find_place(None, library) if is_dry else importing.place(None, library, members)
    tracks = originals.astolfo_tracks(original.metadata)
    importing.files(tracks, objects or ObjectFolder(original.objects), place, report, is_dry=is_dry)
    house.probe_all()
    return report


def counts(report: ImportReport) -> tuple[int, int, int, int]:
    return report.users, report.files, report.deleted, report.known


def listed(house: House, caller: Caller | None = None) -> dict[str, str]:
    return {file.filename: file.hash for file in house.listing.phone_list(caller or house.ann)}


class TestPeople:
    def test_they_sign_in_with_the_passwords_they_had(self, house: House, original: Original) -> None:
        original.user("Bob", "hunter2")

        report = bring(house, original)

        assert counts(report) == (1, 0, 0, 0)
        assert house.sessions.sign_in("Bob", "hunter2", Client()).caller.username == "Bob"
        with house.db.read() as tx:
            bob = tx.accounts.by_username("bob")
            assert bob is not None
            assert (bob.password_hash or "").startswith("$argon2id$")
            assert bob.created_at == MADE

    def test_a_name_that_is_taken_here_is_the_same_person_and_keeps_his_password(
        self, house: House, original: Original
    ) -> None:
        original.user("ANN", "hunter2")

        assert counts(bring(house, original)) == (0, 0, 0, 1)
        assert house.sessions.sign_in("ann", PASSWORD, Client()).caller.user_id == house.ann.user_id

    def test_a_hash_that_is_none_opens_nothing(self, house: House, original: Original) -> None:
        original.user("bob", hashed="plain")

        report = bring(house, original)

        assert report.problems[0].what == "bob"
        assert raised(lambda: house.sessions.sign_in("bob", "plain", Client()))[1] == "bad_login"

    @pytest.mark.parametrize("name", ["", " bob", "bo\nb", "x" * 65])
    def test_a_name_that_cannot_be_here_is_reported(self, house: House, original: Original, name: str) -> None:
        original.user(name, "hunter2")

        report = bring(house, original)

        assert (report.users, report.refused) == (0, 1)
        assert report.problems[0].what == name

    def test_of_two_that_differ_in_capitals_the_second_is_reported(self, house: House, original: Original) -> None:
        original.user("bob", "one")
        original.user("Bob", "two")

        report = bring(house, original)

        assert (report.users, report.refused) == (1, 1)
        assert "bob" in report.problems[0].why


class TestLibrary:
    def test_all_that_come_along_may_change_what_they_could(self, house: House, original: Original) -> None:
        original.user("bob", "hunter2")
        original.track(ONE.data, "one.mp3")

        bring(house, original)
        bob = house.accounts.named("bob")

        assert listed(house, bob) == listed(house) == {"one.mp3": hashlib.sha256(ONE.data).hexdigest()}
        assert [row.role for row in house.libraries.mine(bob) if row.name == LIBRARY] == ["editor"]
        assert [row.role for row in house.libraries.mine(house.ann) if row.name == LIBRARY] == ["owner"]

    def test_strangers_see_nothing_of_it(self, house: House, original: Original) -> None:
        original.track(ONE.data, "one.mp3")

        bring(house, original)

        assert house.titles(house.add_user("eve")) == []

    def test_another_one_may_be_named_and_keeps_its_members(self, house: House, original: Original) -> None:
        original.user("bob", "hunter2")
        original.track(ONE.data, "one.mp3")
        library = house.libraries.create(house.ann, "Mine").uuid

        bring(house, original, library=library)

        assert house.titles() == ["One"]
        assert house.titles(house.accounts.named("bob")) == []

    def test_one_of_that_name_that_phones_do_not_see_is_not_used(self, house: House, original: Original) -> None:
        house.libraries.create(house.ann, LIBRARY)

        assert raised(lambda: bring(house, original)) == (ErrorKind.CONFLICT, "library_not_syncing")

    def test_somebody_must_own_it(self, house: House) -> None:
        importing = Importing(house.db, house.ingest)

        assert raised(lambda: importing.place("nobody", None, [])) == (ErrorKind.NOT_FOUND, "user_not_found")


class TestFiles:
    def test_they_come_with_name_and_date(self, house: House, original: Original) -> None:
        original.track(ONE.data, "one.mp3")

        assert counts(bring(house, original)) == (0, 1, 0, 0)
        (file,) = house.listing.legacy_files(house.ann)
        assert (file.filename, file.title, file.added_at) == ("one.mp3", "One", MADE)

    def test_what_the_original_says_is_taken_where_the_file_is_silent(self, house: House, original: Original) -> None:
        original.track(SILENT.data, "silent.mp3", title="Said", artist="Sayer", album="Sayings", duration=7)
        original.track(ONE.data, "one.mp3", title="Said", artist="Sayer", album="Sayings")

        bring(house, original)

        rows = house.catalog.tracks(house.ann, PageWish(), TrackFilter()).items
        assert [(row.title, row.artist_name, row.album_title) for row in rows] == [
            ("One", "Ann", "First"),
            ("Said", "Sayer", "Sayings"),
        ]

    def test_what_was_deleted_is_gone_and_comes_back_with_its_bytes(self, house: House, original: Original) -> None:
        original.delete(original.track(ONE.data, "x.mp3"))
        kept = original.track(TWO.data, "x.mp3")

        report = bring(house, original)
        before, told = house.listing.phone_list(house.ann), house.sync.changes(house.ann).changes
        library = next(row.uuid for row in house.libraries.mine(house.ann) if row.name == LIBRARY)
        house.send(ONE.data, "x.mp3", library=library)

        assert counts(report) == (0, 1, 1, 0)
        assert before == [PhoneFile(kept, "x.mp3")]
        assert [one.hash for one in told if one.is_gone] == [hashlib.sha256(ONE.data).hexdigest()]
        assert len(listed(house)) == 2

    def test_missing_bytes_are_reported(self, house: House, original: Original) -> None:
        original.row("a" * 64, "lost.mp3")

        report = bring(house, original)

        assert (report.files, report.missing) == (0, 1)
        assert report.problems[0].what == "a" * 64
        assert "lost.mp3" in report.problems[0].why

    def test_other_bytes_than_the_hash_says_are_refused(self, house: House, original: Original) -> None:
        content_hash = original.track(ONE.data, "one.mp3")
        (original.objects / content_hash).write_bytes(TWO.data)

        report = bring(house, original)

        assert (report.files, report.damaged) == (0, 1)
        assert listed(house) == {}

    @pytest.mark.parametrize("data", [b"", b"This is no music at all.\n" * 9, b"OggS" + bytes(20_000)])
    def test_what_cannot_be_here_is_reported(self, house: House, original: Original, data: bytes) -> None:
        original.track(data, "bad.mp3")

        report = bring(house, original)

        assert (report.files, report.refused) == (0, 1)

    @pytest.mark.parametrize("content_hash", ["", "x", "../auth.db", "A" * 64, "a" * 64 + "\n"])
    def test_what_is_no_hash_is_never_looked_for(self, house: House, original: Original, content_hash: str) -> None:
        original.row(content_hash, "one.mp3")

        report = bring(house, original)

        assert (report.files, report.missing, report.refused) == (0, 0, 1)

    def test_a_link_is_no_object(self, house: House, original: Original) -> None:
        content_hash = original.track(ONE.data, "one.mp3")
        (original.objects / content_hash).rename(original.folder / "elsewhere")
        (original.objects / content_hash).symlink_to(original.folder / "elsewhere")

        assert bring(house, original).missing == 1

    def test_a_folder_that_is_not_there_is_no_empty_one(self, house: House, original: Original) -> None:
        nowhere = ObjectFolder(original.folder / "nowhere")

        assert raised(lambda: bring(house, original, objects=nowhere))[1] == "objects_unavailable"

    def test_objects_that_nothing_names_are_counted_and_left(self, house: House, original: Original) -> None:
        original.track(ONE.data, "one.mp3")
        (original.objects / ("b" * 64)).write_bytes(b"?")

        assert bring(house, original).orphans == 1


class TestAgain:
    def everything(self, house: House) -> list[object]:
        """All rows that an import could have written."""
        with house.db.engine.connect() as connection:
            tables = [table.__table__ for table in (User, Library, MediaItem)]
            return [tuple(row) for table in tables for row in connection.execute(select(table).order_by(table.c.id))]

    def full(self, original: Original) -> None:
        original.user("bob", "hunter2")
        original.track(ONE.data, "one.mp3")
        original.delete(original.track(TWO.data, "two.mp3"))
        original.track(SILENT.data, "silent.mp3", title="Said")

    def test_a_second_run_changes_nothing(self, house: House, original: Original) -> None:
        self.full(original)
        bring(house, original)
        before = self.everything(house)

        report = bring(house, original)

        assert counts(report) == (0, 0, 0, 4)
        assert self.everything(house) == before

    def test_what_was_deleted_here_since_stays_deleted(self, house: House, original: Original) -> None:
        content_hash = original.track(ONE.data, "one.mp3")
        bring(house, original)
        house.listing.delete(house.ann, content_hash)

        bring(house, original)

        assert listed(house) == {}

    @pytest.mark.parametrize("good", [0, 1])
    def test_a_run_that_was_broken_off_is_gone_on_with(self, house: House, original: Original, good: int) -> None:
        self.full(original)
        broken = Broken(original.objects, good)

        error = raised(lambda: bring(house, original, objects=broken))
        report = bring(house, original)

        assert error == (ErrorKind.UNAVAILABLE, "objects_unavailable")
        assert counts(report) == (0, 2 - good, 1, 1 + good)
        assert len(listed(house)) == 2

    def test_a_dry_run_says_the_same_and_does_nothing(self, house: House, original: Original) -> None:
        self.full(original)
        original.row("a" * 64, "lost.mp3")
        before, there = self.everything(house), original.everything()

        dry = bring(house, original, is_dry=True)
        after = self.everything(house)
        real = bring(house, original)

        assert after == before
        assert original.everything() == there
        assert dry == real

    def test_a_dry_run_beside_what_is_here_tells_them_apart(self, house: House, original: Original) -> None:
        self.full(original)
        bring(house, original)
        original.track(Song("Later").data, "later.mp3")

        assert counts(bring(house, original, is_dry=True)) == (0, 1, 0, 4)
