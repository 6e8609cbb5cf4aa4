"""The job table: who gets which job, and what becomes of one that fails or whose worker falls silent."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import select

from support.clock import START, ManualClock
from support.databases import fresh_database
from tutti.db.engine import Database
from tutti.domain.jobs import JobKind, JobState
from tutti.models import Job

SCAN = JobKind.SCAN_SOURCE
LEASE = timedelta(minutes=10)
WORKERS = 8


def add(db: Database, ref: str, kind: JobKind = SCAN, *, wait: timedelta = timedelta()) -> None:
    with db.write() as tx:
        tx.jobs.add(kind, ref, due_at=tx.now + wait)


def claim(db: Database, *kinds: JobKind) -> Job | None:
    with db.write() as tx:
        return tx.jobs.claim(kinds or list(JobKind), now=tx.now, lease=LEASE)


def claimed(db: Database) -> Job:
    job = claim(db)
    assert job is not None
    return job


def refs(db: Database, state: JobState) -> list[str]:
    with db.engine.connect() as connection:
        return list(connection.scalars(select(Job.ref).where(Job.state == state).order_by(Job.id)))


class TestEnqueueing:
    def test_work_that_is_waiting_already_is_not_added_again(self, db: Database) -> None:
        add(db, "7")
        add(db, "7")

        assert refs(db, JobState.DUE) == ["7"]

    def test_the_same_thing_may_need_two_kinds_of_work(self, db: Database) -> None:
        add(db, "7", JobKind.SCAN_SOURCE)
        add(db, "7", JobKind.PROBE_ITEM)

        assert refs(db, JobState.DUE) == ["7", "7"]

    def test_work_that_runs_may_be_wanted_once_more(self, db: Database) -> None:
        add(db, "7")
        claim(db)
        add(db, "7")

        assert (refs(db, JobState.RUNNING), refs(db, JobState.DUE)) == (["7"], ["7"])


class TestClaiming:
    def test_two_hundred_jobs_go_to_eight_workers_once_each(self, tmp_path: Path, database_kind: str) -> None:
        db = fresh_database(tmp_path, database_kind)
        for number in range(200):
            add(db, str(number))
        start = Barrier(WORKERS)

        def work(_: int) -> list[str]:
            start.wait()
            done = []
            while (job := claim(db)) is not None:
                done.append(job.ref)
                with db.write() as tx:
                    tx.jobs.finish(job.id)
            return done

        with ThreadPoolExecutor(WORKERS) as pool:
            taken = Counter(ref for refs in pool.map(work, range(WORKERS)) for ref in refs)

        assert taken == Counter(map(str, range(200)))
        with db.read() as tx:
            assert tx.jobs.count() == 0
        db.close()

    def test_what_is_due_longest_comes_first(self, db: Database) -> None:
        add(db, "later", wait=timedelta(seconds=-1))
        add(db, "sooner", wait=timedelta(seconds=-2))

        assert [claimed(db).ref, claimed(db).ref] == ["sooner", "later"]

    def test_what_is_not_due_yet_waits(self, db: Database, clock: ManualClock) -> None:
        add(db, "7", wait=timedelta(seconds=5))

        early = claim(db)
        clock.advance(timedelta(seconds=5))

        assert (early, claimed(db).ref) == (None, "7")

    def test_a_worker_gets_only_the_kinds_it_knows(self, db: Database) -> None:
        add(db, "7", JobKind.MAINTAIN)

        assert claim(db, JobKind.SCAN_SOURCE, JobKind.PROBE_ITEM) is None

    def test_a_claim_says_until_when_it_holds(self, db: Database) -> None:
        add(db, "7")

        job = claimed(db)

        assert (job.state, job.attempts, job.lease_until) == (JobState.RUNNING, 1, START + LEASE)


class TestLeases:
    def test_a_job_is_nobody_elses_while_its_lease_lasts(self, db: Database, clock: ManualClock) -> None:
        add(db, "7")
        claim(db)

        clock.advance(LEASE)

        assert claim(db) is None

    def test_a_silent_workers_job_goes_to_the_next_one(self, db: Database, clock: ManualClock) -> None:
        add(db, "7")
        first = claimed(db)

        clock.advance(LEASE + timedelta(seconds=1))

        assert (claimed(db).id, claim(db)) == (first.id, None)

    def test_a_second_try_is_counted(self, db: Database, clock: ManualClock) -> None:
        add(db, "7")
        claim(db)
        clock.advance(LEASE + timedelta(seconds=1))

        assert claimed(db).attempts == 2

    def test_progress_renews_the_lease(self, db: Database, clock: ManualClock) -> None:
        add(db, "7")
        job = claimed(db)
        clock.advance(LEASE)

        with db.write() as tx:
            goes_on = tx.jobs.progress(job.id, done=3, total=9, lease_until=tx.now + LEASE)
        clock.advance(LEASE)

        assert (goes_on, claim(db)) == (True, None)

    def test_progress_of_a_job_that_was_cancelled_says_so(self, db: Database) -> None:
        add(db, "7")
        job = claimed(db)
        with db.engine.begin() as connection:
            connection.execute(Job.__table__.update().values(state=JobState.CANCELLED))  # type: ignore[attr-defined]

        with db.write() as tx:
            assert not tx.jobs.progress(job.id, done=3, total=9, lease_until=tx.now + LEASE)


class TestFailing:
    def test_a_retry_waits_and_says_why(self, db: Database, clock: ManualClock) -> None:
        add(db, "7")
        job = claimed(db)

        with db.write() as tx:
            tx.jobs.retry(job.id, due_at=tx.now + timedelta(minutes=1), error="It was raining.")
        early = claim(db)
        clock.advance(timedelta(minutes=1))
        again = claimed(db)

        assert early is None
        assert (again.id, again.attempts, again.error) == (job.id, 2, "It was raining.")

    def test_a_retry_gives_way_to_its_twin(self, db: Database) -> None:
        add(db, "7")
        job = claimed(db)
        add(db, "7")

        with db.write() as tx:
            tx.jobs.retry(job.id, due_at=tx.now, error="It was raining.")

        assert (refs(db, JobState.DUE), refs(db, JobState.RUNNING)) == (["7"], [])

    def test_a_retry_of_a_job_that_is_gone_does_nothing(self, db: Database) -> None:
        with db.write() as tx:
            tx.jobs.retry(1, due_at=tx.now, error="It was raining.")

        assert claim(db) is None

    def test_a_parked_job_is_claimed_by_nobody(self, db: Database, clock: ManualClock) -> None:
        add(db, "7")
        job = claimed(db)

        with db.write() as tx:
            tx.jobs.park(job.id, error="It always rains.")
        clock.advance(LEASE * 2)

        assert (claim(db), refs(db, JobState.PARKED)) == (None, ["7"])

    def test_a_parked_job_does_not_keep_its_work_from_being_wanted_again(self, db: Database) -> None:
        add(db, "7")
        job = claimed(db)
        with db.write() as tx:
            tx.jobs.park(job.id, error="It always rains.")

        add(db, "7")

        assert claimed(db).ref == "7"


@pytest.mark.parametrize("count", [0, 3])
def test_jobs_are_listed_the_newest_first(db: Database, count: int) -> None:
    for number in range(count):
        add(db, str(number))

    with db.read() as tx:
        assert [job.ref for job in tx.jobs.all_jobs()] == [str(number) for number in reversed(range(count))]
