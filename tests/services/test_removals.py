"""What leaves a library for good, in steps that may end anywhere: a folder it reads, and the library itself."""

from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import func, select

from support.core import PASSWORD, House
from support.errors import raised
from support.music import Song
from support.shelves import counted, kept, search_is_in_step
from tutti.db.repos.browse import TrackFilter
from tutti.db.repos.libraries import LibraryRow
from tutti.domain.caller import Caller
from tutti.domain.errors import ErrorKind
from tutti.domain.jobs import JobKind
from tutti.domain.values import BlobHash, SourceId
from tutti.models import Base, Change, Folder, Library, MediaItem, Source, SourceObject, Track, Upload
from tutti.services import removals
from tutti.services.catalog import PageWish
from tutti.services.sessions import Client

MANY = 7
LIBRARY_GONE = (ErrorKind.NOT_FOUND, "library_not_found")


@pytest.fixture(autouse=True)
def _small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removals, "_BATCH", 3)


@pytest.fixture
def bob(house: House) -> Caller:
    return house.add_user("bob")


def songs(house: House, count: int = MANY, folder: str = "songs") -> None:
    for number in range(count):
        house.save(f"{folder}/{number}.mp3", Song(f"Song {number}", audio=str(number)))


def source_uuid(house: House) -> UUID:
    return house.sources.mine(house.ann)[0].uuid


def waiting(house: House, kind: JobKind) -> list[str]:
    with house.db.read() as tx:
        return [job.ref for job in tx.jobs.all_jobs() if job.kind == kind]


def in_step(house: House) -> bool:
    return kept(house.db) == counted(house.db) and search_is_in_step(house.db)


def count(house: House, table: type[Base], library_id: int | None = None) -> int:
    query = select(func.count()).select_from(table)
    if library_id is not None:
        query = query.where(table.__table__.c.library_id == library_id)
    with house.db.engine.connect() as connection:
        return connection.scalar(query) or 0


class TestSource:
    def test_its_tracks_leave_the_lists_and_the_files_stay(self, house: House) -> None:
        songs(house)
        house.scan()
        house.sources.remove(house.ann, source_uuid(house))

        assert house.removals.source(house.source_id)

        assert house.titles() == []
        assert house.sources.mine(house.ann) == house.sources.everywhere() == []
        assert house.catalog.roots(house.ann) == []
        assert len(list(house.music.rglob("*.mp3"))) == MANY
        assert in_step(house)

    def test_devices_are_told_of_every_track(self, house: House) -> None:
        songs(house)
        house.scan()
        gone = set(house.listed().values())
        house.sources.remove(house.ann, source_uuid(house))

        house.removals.source(house.source_id)

        assert {uuid for uuid, is_gone in house.changes() if is_gone} == gone

    def test_what_others_and_uploads_have_stays(self, house: House, bob: Caller, tmp_path: Path) -> None:
        songs(house)
        house.scan()
        house.scanner().scan(house.sources.add(bob, house.music))
        house.bring(Song("Mine", audio="mine"))
        house.sources.remove(house.ann, source_uuid(house))

        house.removals.source(house.source_id)

        assert (house.titles(), len(house.titles(bob))) == (["Mine"], MANY)

    def test_stopped_in_the_middle_it_goes_on_later(self, house: House) -> None:
        songs(house)
        house.scan()
        house.sources.remove(house.ann, source_uuid(house))

        told: list[int] = []

        def stop(so_far: int) -> bool:
            told.append(so_far)
            return False

        is_complete = house.removals.source(house.source_id, progress=stop)
        rest = len(house.titles())
        house.maintenance.tidy()

        assert (is_complete, told, rest) == (False, [3], MANY - 3)
        assert waiting(house, JobKind.REMOVE_SOURCE) == [str(house.source_id)]
        assert house.removals.source(house.source_id)
        assert house.titles() == []
        assert in_step(house)

    def test_meanwhile_it_is_neither_shown_nor_scanned_nor_added(self, house: House) -> None:
        house.sources.remove(house.ann, source_uuid(house))

        assert house.sources.mine(house.ann) == []
        assert raised(house.scan) == (ErrorKind.NOT_FOUND, "source_not_found")
        assert raised(lambda: house.sources.add(house.ann, house.music)) == (ErrorKind.BUSY, "source_leaving")

    def test_a_scan_that_runs_ends_soon_and_says_nothing(self, house: House) -> None:
        songs(house, 12)
        uuid = source_uuid(house)
        batches: list[int] = []

        def stop(seen: int) -> bool:
            batches.append(seen)
            if len(batches) == 1:
                house.sources.remove(house.ann, uuid)
            return True

        report = house.scanner().scan(house.source_id, progress=lambda so_far: stop(so_far.seen))

        assert not report.is_complete
        assert house.removals.source(house.source_id)
        assert (house.titles(), house.sources.everywhere()) == ([], [])

    def test_while_it_is_being_scanned_it_waits(self, house: House) -> None:
        house.sources.remove(house.ann, source_uuid(house))

        with house.locks.hold(f"source-{house.source_id}"):
            refused = raised(lambda: house.removals.source(house.source_id))

        assert refused == (ErrorKind.CONFLICT, "already_running")
        assert house.removals.source(house.source_id)

    def test_what_is_not_leaving_is_left_alone(self, house: House) -> None:
        songs(house)
        house.scan()

        assert house.removals.source(house.source_id)
        assert house.removals.source(SourceId(99))
        assert len(house.titles()) == MANY

    def test_its_end_is_told_to_those_who_may_change_the_library(self, house: House) -> None:
        uuid = source_uuid(house)

        with house.bus.subscribe("source.state") as told:
            house.sources.remove(house.ann, uuid)
            house.removals.source(house.source_id)
            events = [told.get(0), told.get(0), told.get(0)]

        states = [(event.ref, event.data["source"], event.data["state"]) for event in events if event]
        assert states == [(str(house.library_id), str(uuid), state) for state in ("removing", "removed")]

    def test_a_listener_and_a_stranger_cannot_remove_it(self, house: House, bob: Caller) -> None:
        uuid = source_uuid(house)
        refused = (ErrorKind.NOT_FOUND, "source_not_found")

        assert raised(lambda: house.sources.remove(bob, uuid)) == refused
        house.join(bob, house.library_id, "listener")
        assert raised(lambda: house.sources.remove(bob, uuid)) == refused
        assert house.state()[0] == "new"

    def test_removing_it_twice_is_one_removal(self, house: House) -> None:
        uuid = source_uuid(house)
        house.sources.remove(house.ann, uuid)

        assert raised(lambda: house.sources.remove(house.ann, uuid))[1] == "source_not_found"
        assert waiting(house, JobKind.REMOVE_SOURCE) == [str(house.source_id)]


class TestAddedAgain:
    def remove(self, house: House) -> None:
        house.sources.remove(house.ann, source_uuid(house))
        house.removals.source(house.source_id)

    def test_it_is_the_same_source_and_its_tracks_are_the_same(self, house: House) -> None:
        songs(house)
        house.scan()
        before, titles = house.listed(), house.titles()
        self.remove(house)

        assert house.sources.add(house.ann, house.music) == house.source_id
        house.scan()

        assert (house.listed(), house.titles(), house.state()[0]) == (before, titles, "ok")
        assert [row.name for row in house.catalog.roots(house.ann)] == ["music"]
        assert in_step(house)

    def test_no_track_is_new(self, house: House) -> None:
        songs(house)
        house.scan()
        self.remove(house)

        house.sources.add(house.ann, house.music)
        report = house.scan()

        assert (report.added, len(house.titles())) == (0, MANY)

    def test_a_file_that_was_renamed_meanwhile_is_the_same_track(self, house: House) -> None:
        path = house.save("one.mp3", Song("One", audio="one"))
        house.scan()
        uuid = house.listed()["one.mp3"]
        self.remove(house)
        path.rename(path.with_name("other.mp3"))

        house.sources.add(house.ann, house.music)
        house.scan()

        assert house.listed() == {"other.mp3": uuid}

    def test_a_file_that_is_gone_by_then_stays_away(self, house: House) -> None:
        songs(house)
        house.scan()
        self.remove(house)
        (house.music / "songs" / "0.mp3").unlink()

        house.sources.add(house.ann, house.music)
        house.scan()

        assert len(house.titles()) == MANY - 1

    def test_a_folder_above_it_can_be_added_instead(self, house: House) -> None:
        refused = raised(lambda: house.sources.add(house.ann, house.music.parent))
        self.remove(house)

        above = house.sources.add(house.ann, house.music.parent)

        assert refused == (ErrorKind.CONFLICT, "source_overlaps")
        assert above != house.source_id
        assert raised(lambda: house.sources.add(house.ann, house.music)) == (ErrorKind.CONFLICT, "source_overlaps")

    @pytest.mark.parametrize("other", ["music/a", "music/a/b"])
    def test_a_folder_below_another_is_refused(self, house: House, other: str) -> None:
        folder = house.music.parent / other
        folder.mkdir(parents=True)

        assert raised(lambda: house.sources.add(house.ann, folder))[1] == "source_overlaps"

    def test_a_folder_whose_name_only_begins_alike_is_another(self, house: House) -> None:
        beside = house.music.with_name("music 2")
        beside.mkdir()

        assert house.sources.add(house.ann, beside) != house.source_id


class TestLibrary:
    @pytest.fixture
    def jazz(self, house: House) -> LibraryRow:
        """A library with a folder of its own, uploads, something in its trash, and Bob."""
        made = house.libraries.create(house.ann, "Jazz")
        house.add_user("bob")
        house.members.put(house.ann, made.uuid, "bob", "listener")
        songs(house, MANY, "jazz/a")
        house.scanner().scan(house.sources.add(house.ann, house.music / "jazz", library_uuid=made.uuid))
        sent = [house.bring(Song(f"Sent {number}", audio=f"sent {number}"), library=made.uuid) for number in range(3)]
        house.trash.delete(house.ann, sent[-1].uuid)
        return made

    def test_it_is_gone_for_everybody_at_once(self, house: House, jazz: LibraryRow) -> None:
        bob = house.sessions.sign_in("bob", PASSWORD, Client()).caller
        track = house.catalog.tracks(bob, PageWish(), TrackFilter()).items[0].uuid

        house.libraries.delete(house.ann, jazz.uuid)

        for caller in (house.ann, bob):
            assert raised(lambda: house.libraries.one(caller, jazz.uuid)) == LIBRARY_GONE  # noqa: B023
            assert house.titles(caller) == []
            assert raised(lambda: house.deliveries.open(caller, track))[1] == "track_not_found"  # noqa: B023
        assert [row.name for row in house.libraries.mine(bob)] == ["bob"]
        assert house.trash.page(house.ann, PageWish()).items == []
        assert house.administration.overview(house.ann).libraries == 2

    def test_a_job_takes_the_rest(self, house: House, jazz: LibraryRow) -> None:
        house.libraries.delete(house.ann, jazz.uuid)
        assert waiting(house, JobKind.REMOVE_LIBRARY) == [str(jazz.id)]

        assert house.removals.library(jazz.id)

        assert [count(house, table, jazz.id) for table in (MediaItem, Track, Change, Source)] == [0] * 4
        assert (count(house, SourceObject), count(house, Folder)) == (0, 0)
        assert count(house, Library) == 2
        assert len(list(house.music.rglob("*.mp3"))) == MANY
        assert in_step(house)

    def test_bytes_go_unless_another_library_has_them(self, house: House, jazz: LibraryRow) -> None:
        shared = house.send(Song("Sent 0", audio="sent 0").data)
        house.libraries.delete(house.ann, jazz.uuid)
        house.removals.library(jazz.id)
        house.blob_clock.advance(timedelta(days=2))

        assert house.maintenance.tidy().orphans == 2
        assert [blob.hash for blob in house.blobs.walk()] == [BlobHash(shared.blob_hash)]
        assert house.deliveries.open(house.ann, shared.uuid).etag == shared.blob_hash

    def test_stopped_in_the_middle_it_goes_on_later(self, house: House, jazz: LibraryRow) -> None:
        house.libraries.delete(house.ann, jazz.uuid)

        assert not house.removals.library(jazz.id, progress=lambda _: False)
        left = count(house, MediaItem, jazz.id)
        with house.db.write() as tx:
            for job in tx.jobs.all_jobs():
                tx.jobs.finish(job.id)
        house.maintenance.tidy()

        assert left == MANY + 3 - 3
        assert waiting(house, JobKind.REMOVE_LIBRARY) == [str(jazz.id)]
        assert house.removals.library(jazz.id)
        assert count(house, Library) == 2

    def test_while_a_source_of_it_is_scanned_it_waits(self, house: House, jazz: LibraryRow) -> None:
        with house.db.read() as tx:
            [source] = tx.sources.in_library(jazz.id)
        house.libraries.delete(house.ann, jazz.uuid)

        with ExitStack() as stack:
            stack.enter_context(house.locks.hold(f"source-{source.id}"))
            refused = raised(lambda: house.removals.library(jazz.id))

        assert refused == (ErrorKind.CONFLICT, "already_running")
        assert house.removals.library(jazz.id)

    def test_its_folder_is_scanned_no_more(self, house: House, jazz: LibraryRow) -> None:
        with house.db.read() as tx:
            [source] = tx.sources.in_library(jazz.id)
        house.libraries.delete(house.ann, jazz.uuid)

        assert raised(lambda: house.scanner().scan(SourceId(source.id)))[1] == "source_not_found"
        assert source.id not in [one.id for one in house.sources.everywhere()]

    def test_what_is_coming_in_is_refused_at_its_end(self, house: House, jazz: LibraryRow) -> None:
        upload = house.ingest.stage(house.ann, "one.mp3", library_uuid=jazz.uuid)
        upload.append(Song(audio="late").data)
        house.libraries.delete(house.ann, jazz.uuid)
        house.removals.library(jazz.id)

        assert raised(lambda: house.ingest.accept(upload)) == LIBRARY_GONE
        assert count(house, Upload) == 0

    def test_a_library_of_the_same_name_is_another(self, house: House, jazz: LibraryRow) -> None:
        house.libraries.delete(house.ann, jazz.uuid)
        again = house.libraries.create(house.ann, "Jazz")

        assert house.removals.library(jazz.id)
        assert house.removals.library(again.id)
        assert house.libraries.one(house.ann, again.uuid).name == "Jazz"

    def test_a_personal_library_cannot_be_deleted(self, house: House) -> None:
        mine = next(row.uuid for row in house.libraries.mine(house.ann) if row.is_personal)

        assert raised(lambda: house.libraries.delete(house.ann, mine)) == (ErrorKind.CONFLICT, "personal_library")

    @pytest.mark.parametrize("role", ["editor", "listener"])
    def test_only_an_owner_deletes_or_renames_it(self, house: House, jazz: LibraryRow, role: str) -> None:
        house.members.put(house.ann, jazz.uuid, "bob", role)
        bob = house.sessions.sign_in("bob", PASSWORD, Client()).caller
        eve = house.add_user("eve")

        assert raised(lambda: house.libraries.delete(bob, jazz.uuid)) == (ErrorKind.FORBIDDEN, "not_an_owner")
        assert raised(lambda: house.libraries.change(bob, jazz.uuid, name="Mine")) == (
            ErrorKind.FORBIDDEN,
            "not_an_owner",
        )
        assert raised(lambda: house.libraries.delete(eve, jazz.uuid)) == LIBRARY_GONE
        assert raised(lambda: house.libraries.change(eve, jazz.uuid, name="Mine")) == LIBRARY_GONE
        assert house.libraries.one(house.ann, jazz.uuid).name == "Jazz"

    def test_a_new_name_is_text_that_can_be_shown(self, house: House, jazz: LibraryRow) -> None:
        renamed = house.libraries.change(house.ann, jazz.uuid, name=" Blu\nes\u202e ")

        assert (renamed.name, renamed.track_count) == ("Blu es", MANY + 2)
        assert house.libraries.one(house.ann, jazz.uuid) == renamed
        assert raised(lambda: house.libraries.change(house.ann, jazz.uuid, name=" \x00"))[1] == "bad_name"
