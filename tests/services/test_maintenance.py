"""Housekeeping takes what nobody can use any more, and nothing before its time."""

from datetime import timedelta

from support.core import PASSWORD, House
from tutti.domain.jobs import JobKind
from tutti.services.maintenance import Tidied
from tutti.services.sessions import Client

NOTHING = Tidied(sessions=0, uploads=0, staged=0, orphans=0, covers=0, purged=0, audited=0, measured=0, recovered=0)
DAY = timedelta(days=1)


def orphan(house: House) -> None:
    """Leave a blob without a row, as a crash before the commit does."""
    staged = house.blobs.stage()
    staged.append(b"orphan")
    staged.commit()


class TestOrphans:
    def test_a_young_one_is_left_alone_because_its_row_may_come(self, house: House) -> None:
        orphan(house)

        assert house.maintenance.tidy() == NOTHING

    def test_an_old_one_goes(self, house: House) -> None:
        orphan(house)
        house.blob_clock.advance(DAY)

        assert house.maintenance.tidy().orphans == 1
        assert list(house.blobs.walk()) == []

    def test_a_blob_with_a_row_stays(self, house: House) -> None:
        house.send()
        house.blob_clock.advance(DAY * 100)

        assert house.maintenance.tidy() == NOTHING

    def test_bytes_that_are_sent_again_are_young_again(self, house: House) -> None:
        orphan(house)
        house.blob_clock.advance(DAY)
        orphan(house)

        assert house.maintenance.tidy() == NOTHING


class TestStaged:
    def test_an_upload_that_somebody_holds_stays(self, house: House) -> None:
        upload = house.ingest.stage(house.ann, "one.mp3")
        house.blob_clock.advance(DAY * 2)

        assert house.maintenance.tidy().staged == 0
        upload.abandon()

    def test_an_abandoned_one_goes_after_a_day(self, house: House) -> None:
        house.blobs.stage().close()
        house.blob_clock.advance(DAY * 2)

        assert house.maintenance.tidy().staged == 1

    def test_before_that_it_can_be_resumed(self, house: House) -> None:
        house.blobs.stage().close()

        assert house.maintenance.tidy() == NOTHING


class TestSessions:
    def test_an_expired_one_goes(self, house: House) -> None:
        house.sessions.sign_in("ann", PASSWORD, Client())
        house.clock.advance(DAY * 91)

        assert house.maintenance.tidy().sessions == 1

    def test_a_living_one_stays(self, house: House) -> None:
        house.sessions.sign_in("ann", PASSWORD, Client())
        house.clock.advance(DAY * 89)

        assert house.maintenance.tidy() == NOTHING


class TestSoon:
    def test_several_wishes_are_one_job(self, house: House) -> None:
        house.maintenance.tidy_soon()
        house.maintenance.tidy_soon()

        with house.db.read() as tx:
            assert [job.kind for job in tx.jobs.all_jobs()] == [JobKind.MAINTAIN]
