"""The runner: every job is done, however its workers fare, and a broken one stops no other."""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from support.clock import ManualClock
from tutti.backends.bus import LocalBus
from tutti.db.engine import Database
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.jobs import JobKind, JobState
from tutti.jobs.runner import Batch, JobContext, Runner, RunnerPolicy, Task
from tutti.kit.backoff import Backoff
from tutti.models import Job

WAIT_S = 30
LEASE = timedelta(minutes=10)
POLICY = RunnerPolicy(threads=2, lease=LEASE, poll_s=WAIT_S, max_attempts=3)


class Bench:
    """A runner of probes whose task a test sets, on a clock that it moves."""

    def __init__(self, db: Database, bus: LocalBus, clock: ManualClock) -> None:
        self.db, self.bus, self.clock = db, bus, clock
        self.done: list[str] = []
        self.task: Task = lambda ref, _: self.done.append(ref)
        self.runner = self.new_runner()

    def new_runner(self, together: Mapping[JobKind, Batch] | None = None) -> Runner:
        tasks = {JobKind.PROBE_ITEM: self._run}
        backoff = Backoff(first_s=8, cap_s=60, random=lambda: 0.5)
        return Runner(self.db, self.bus, tasks, together=together, backoff=backoff, policy=POLICY)

    def _run(self, ref: str, context: JobContext) -> None:
        self.task(ref, context)

    def enqueue(self, *refs: str, kind: JobKind = JobKind.PROBE_ITEM) -> None:
        for ref in refs:
            with self.db.write() as tx:
                tx.enqueue(kind, ref)

    def jobs(self) -> list[Job]:
        with self.db.read() as tx:
            return sorted(tx.jobs.all_jobs(), key=lambda job: job.id)

    def job(self) -> Job:
        [job] = self.jobs()
        return job

    def cancel(self) -> None:
        """Cancel every job, as a person will."""
        with self.db.write() as tx:
            for job in tx.jobs.all_jobs():
                job.state = JobState.CANCELLED

    def fail(self, kind: ErrorKind = ErrorKind.UNAVAILABLE, code: str = "no_luck") -> None:
        def task(ref: str, _: JobContext) -> None:
            self.done.append(ref)
            raise AppError(kind, code, "No luck today.")

        self.task = task


@pytest.fixture
def bench(db: Database, bus: LocalBus, clock: ManualClock) -> Bench:
    return Bench(db, bus, clock)


class TestRun:
    def test_a_due_job_is_run_and_forgotten(self, bench: Bench) -> None:
        bench.enqueue("7")

        count = bench.runner.run_due()

        assert (count, bench.done, bench.jobs()) == (1, ["7"], [])

    def test_jobs_are_run_in_the_order_in_which_they_became_due(self, bench: Bench) -> None:
        bench.enqueue("b", "a", "c")

        bench.runner.run_due()

        assert bench.done == ["b", "a", "c"]

    def test_the_same_work_waits_once(self, bench: Bench) -> None:
        bench.enqueue("7", "7", "7")

        assert bench.runner.run_due() == 1

    def test_work_that_is_wished_for_while_it_is_done_is_done_again(self, bench: Bench) -> None:
        def task(ref: str, _: JobContext) -> None:
            bench.done.append(ref)
            if len(bench.done) == 1:
                bench.enqueue(ref)

        bench.task = task
        bench.enqueue("7")

        bench.runner.run_due()

        assert bench.done == ["7", "7"]

    def test_what_nobody_here_knows_to_do_is_left_to_others(self, bench: Bench) -> None:
        bench.enqueue("all", kind=JobKind.MAINTAIN)

        assert bench.runner.run_due() == 0
        assert bench.job().state == JobState.DUE

    def test_two_workers_never_do_the_same_job(self, bench: Bench) -> None:
        bench.enqueue(*map(str, range(20)))

        with ThreadPoolExecutor(2) as pool:
            counts = list(pool.map(lambda runner: runner.run_due(), [bench.runner, bench.new_runner()]))

        assert sum(counts) == 20
        assert sorted(bench.done, key=int) == [str(number) for number in range(20)]


class TestTogether:
    """Jobs of a kind that allows it are done many at once."""

    @pytest.fixture
    def batches(self, bench: Bench) -> list[Sequence[str]]:
        """What was done together; whatever has an `x` in it fails."""
        batches: list[Sequence[str]] = []

        def together(refs: Sequence[str]) -> None:
            batches.append(refs)
            if "x" in refs:
                raise AppError(ErrorKind.UNAVAILABLE, "no_luck", "No luck today.")

        bench.runner = bench.new_runner({JobKind.PROBE_ITEM: together})
        return batches

    def test_what_waits_is_done_at_once_in_its_order(self, bench: Bench, batches: list[Sequence[str]]) -> None:
        bench.enqueue("b", "a", "c")

        assert bench.runner.run_due() == 3
        assert (batches, bench.done, bench.jobs()) == ([["b", "a", "c"]], [], [])

    def test_there_are_so_many_at_once_and_no_more(self, bench: Bench, batches: list[Sequence[str]]) -> None:
        bench.enqueue(*map(str, range(2 * POLICY.together + 1)))

        bench.runner.run_due()

        assert [len(refs) for refs in batches] == [POLICY.together, POLICY.together]
        assert bench.done == [str(2 * POLICY.together)]  # the last one is alone

    def test_when_it_fails_each_is_done_by_itself(self, bench: Bench, batches: list[Sequence[str]]) -> None:
        def task(ref: str, _: JobContext) -> None:
            if ref == "x":
                raise AppError(ErrorKind.UNAVAILABLE, "no_luck", "No luck today.")
            bench.done.append(ref)

        bench.task = task
        bench.enqueue("a", "x", "b")

        bench.runner.run_due()

        assert bench.done == ["a", "b"]
        assert (bench.job().ref, bench.job().attempts, bench.job().error) == ("x", 1, "No luck today.")

    def test_what_failed_before_takes_nobody_along(self, bench: Bench, batches: list[Sequence[str]]) -> None:
        bench.fail()
        bench.enqueue("x")
        bench.runner.run_due()
        bench.clock.now += timedelta(hours=1)
        bench.enqueue("a", "b")

        bench.runner.run_due()

        assert bench.done == ["x", "x"]
        assert batches == [["a", "b"]]

    def test_two_workers_never_do_the_same(self, bench: Bench, batches: list[Sequence[str]]) -> None:
        refs = [str(number) for number in range(200)]
        bench.enqueue(*refs)

        with ThreadPoolExecutor(4) as pool:
            counts = list(pool.map(lambda _: bench.runner.run_due(), range(4)))

        assert sum(counts) == 200
        assert sorted([*bench.done, *(ref for some in batches for ref in some)]) == sorted(refs)


class TestFailure:
    def test_a_failed_job_waits_with_its_reason(self, bench: Bench) -> None:
        bench.fail()
        bench.enqueue("7")

        bench.runner.run_due()

        job = bench.job()
        assert (job.state, job.error, job.attempts) == (JobState.DUE, "No luck today.", 1)
        assert job.due_at == bench.clock.now + timedelta(seconds=4)

    def test_every_time_it_waits_longer(self, bench: Bench) -> None:
        bench.fail()
        bench.enqueue("7")
        bench.runner.run_due()
        bench.clock.advance(timedelta(seconds=4))

        bench.runner.run_due()

        assert bench.job().due_at == bench.clock.now + timedelta(seconds=8)

    def test_before_its_time_it_is_not_tried(self, bench: Bench) -> None:
        bench.fail()
        bench.enqueue("7")
        bench.runner.run_due()
        bench.clock.advance(timedelta(seconds=3))

        assert bench.runner.run_due() == 0

    def test_success_in_the_end_is_success(self, bench: Bench) -> None:
        bench.fail()
        bench.enqueue("7")
        bench.runner.run_due()
        bench.clock.advance(timedelta(seconds=4))
        bench.task = lambda _ref, _: None

        bench.runner.run_due()

        assert bench.jobs() == []

    def test_after_too_many_it_is_parked_for_a_person(self, bench: Bench) -> None:
        bench.fail()
        bench.enqueue("7")
        for _ in range(5):
            bench.runner.run_due()
            bench.clock.advance(timedelta(minutes=1))

        assert (bench.job().state, bench.job().error) == (JobState.PARKED, "No luck today.")
        assert len(bench.done) == POLICY.max_attempts

    def test_while_the_store_is_down_it_is_tried_again_however_often(self, bench: Bench) -> None:
        """Else what came in during a long outage would stay unread until a person looks."""
        bench.fail(code="store_failed")
        bench.enqueue("7")
        for _ in range(3 * POLICY.max_attempts):
            bench.runner.run_due()
            bench.clock.advance(timedelta(minutes=1))
        assert (bench.job().state, len(bench.done)) == (JobState.DUE, 3 * POLICY.max_attempts)

        bench.fail()
        bench.runner.run_due()

        assert bench.job().state == JobState.PARKED

    def test_the_same_work_can_be_wished_for_again(self, bench: Bench) -> None:
        bench.fail()
        bench.enqueue("7")
        for _ in range(3):
            bench.runner.run_due()
            bench.clock.advance(timedelta(minutes=1))
        bench.task = lambda _ref, _: None
        bench.enqueue("7")

        bench.runner.run_due()

        assert bench.job().state == JobState.PARKED

    def test_a_crash_is_caught_and_tells_nothing_of_its_inside(self, bench: Bench) -> None:
        def crash(ref: str, _: JobContext) -> None:
            raise RuntimeError("secret of " + ref)

        bench.task = crash
        bench.enqueue("7")

        bench.runner.run_due()

        assert (bench.job().state, bench.job().error) == (JobState.DUE, "It failed unexpectedly; the log says more.")

    def test_a_broken_job_stops_no_other(self, bench: Bench) -> None:
        def crash_on_seven(ref: str, _: JobContext) -> None:
            bench.done.append(str(10 // (int(ref) - 7)))

        bench.task = crash_on_seven
        bench.enqueue("7", "8")

        bench.runner.run_due()

        assert bench.done == ["10"]

    def test_a_failure_gives_way_to_the_same_work_wished_for_meanwhile(self, bench: Bench) -> None:
        def task(ref: str, _: JobContext) -> None:
            bench.enqueue(ref)
            bench.task = lambda _ref, _: None
            raise AppError(ErrorKind.UNAVAILABLE, "no_luck", "No luck today.")

        bench.task = task
        bench.enqueue("7")

        assert bench.runner.run_due() == 2
        assert bench.jobs() == []


class TestNotNow:
    """A scan that met another scan failed five times within a minute and was parked; so was every later one."""

    @pytest.mark.parametrize("kind", [ErrorKind.CONFLICT, ErrorKind.BUSY])
    def test_it_is_waited_out_however_long(self, bench: Bench, kind: ErrorKind) -> None:
        bench.fail(kind)
        bench.enqueue("7")
        for _ in range(10):
            bench.runner.run_due()
            bench.clock.advance(timedelta(minutes=1))

        assert len(bench.done) == 10
        assert (bench.job().state, bench.job().attempts) == (JobState.DUE, 0)

    def test_there_is_a_pause_before_the_next_try(self, bench: Bench) -> None:
        bench.fail(ErrorKind.CONFLICT)
        bench.enqueue("7")

        assert bench.runner.run_due() == 1
        assert bench.job().due_at > bench.clock.now


class TestProgress:
    def test_it_is_noted_and_renews_the_lease(self, bench: Bench) -> None:
        seen: list[Job] = []

        def task(_ref: str, context: JobContext) -> None:
            bench.clock.advance(timedelta(minutes=9))
            assert context.progress(5, 10)
            seen.append(bench.job())

        bench.task = task
        bench.enqueue("7")

        bench.runner.run_due()

        assert [(job.done, job.total, job.lease_until) for job in seen] == [(5, 10, bench.clock.now + LEASE)]

    def test_a_cancelled_job_is_told_to_end_and_is_gone(self, bench: Bench) -> None:
        told: list[bool] = []

        def task(_ref: str, context: JobContext) -> None:
            bench.cancel()
            told.append(context.progress(1))

        bench.task = task
        bench.enqueue("7")

        bench.runner.run_due()

        assert (told, bench.jobs()) == ([False], [])

    def test_a_cancelled_job_that_fails_is_not_tried_again(self, bench: Bench) -> None:
        def task(_ref: str, context: JobContext) -> None:
            bench.cancel()
            context.progress(1)
            raise AppError(ErrorKind.UNAVAILABLE, "no_luck", "No luck today.")

        bench.task = task
        bench.enqueue("7")

        bench.runner.run_due()

        assert bench.jobs() == []

    def test_a_job_that_the_end_of_the_server_interrupts_is_due_again(self, bench: Bench) -> None:
        """Such a scan counted as done, and the rest of the folder waited for the next one."""
        told: list[bool] = []

        def task(_ref: str, context: JobContext) -> None:
            bench.runner.stop()
            told.append(context.progress(1))

        bench.task = task
        bench.enqueue("7")

        bench.runner.run_due()

        assert told == [False]
        assert (bench.job().state, bench.job().due_at, bench.job().attempts) == (JobState.DUE, bench.clock.now, 0)

    def test_a_cancelled_job_is_not_due_again_at_the_end_of_the_server(self, bench: Bench) -> None:
        def task(_ref: str, context: JobContext) -> None:
            bench.cancel()
            bench.runner.stop()
            context.progress(1)

        bench.task = task
        bench.enqueue("7")

        bench.runner.run_due()

        assert bench.jobs() == []


class TestLostWorker:
    def lose(self, bench: Bench) -> None:
        """Claim a job and never be heard of again."""
        with bench.db.write() as tx:
            tx.jobs.claim([JobKind.PROBE_ITEM], now=tx.now, lease=LEASE)

    def test_its_job_is_left_alone_while_it_may_live(self, bench: Bench) -> None:
        bench.enqueue("7")
        self.lose(bench)
        bench.clock.advance(LEASE)

        assert bench.runner.run_due() == 0

    def test_its_job_is_taken_up_when_it_was_silent_too_long(self, bench: Bench) -> None:
        bench.enqueue("7")
        self.lose(bench)
        bench.clock.advance(LEASE + timedelta(seconds=1))

        bench.runner.run_due()

        assert (bench.done, bench.jobs()) == (["7"], [])

    def test_the_only_server_takes_it_over_at_once(self, bench: Bench) -> None:
        bench.enqueue("7")
        self.lose(bench)

        bench.runner.take_over()

        assert bench.runner.run_due() == 1

    def test_work_wished_for_meanwhile_is_not_done_twice(self, bench: Bench) -> None:
        bench.enqueue("7")
        self.lose(bench)
        bench.enqueue("7")

        bench.runner.take_over()

        assert bench.runner.run_due() == 1

    def test_a_job_that_takes_every_process_with_it_is_parked(self, bench: Bench) -> None:
        bench.enqueue("7")
        for _ in range(POLICY.max_attempts):
            self.lose(bench)
            bench.clock.advance(LEASE + timedelta(seconds=1))

        bench.runner.run_due()

        assert bench.done == []
        assert (bench.job().state, bench.job().error) == (JobState.PARKED, "It never came to an end.")


class TestThreads:
    @pytest.fixture
    def until_done(self, bench: Bench) -> Callable[[], bool]:
        """Runs jobs in threads and waits for the first one that is done."""
        is_done = threading.Event()
        bench.task = lambda _ref, _: is_done.set()
        return lambda: is_done.wait(WAIT_S)

    def test_work_that_waited_before_the_start_is_done(self, bench: Bench, until_done: Callable[[], bool]) -> None:
        bench.enqueue("7")

        bench.runner.start()

        assert until_done()
        bench.runner.stop()

    def test_new_work_wakes_a_sleeping_thread(self, bench: Bench, until_done: Callable[[], bool]) -> None:
        bench.runner.start()
        bench.enqueue("7")

        assert until_done()
        bench.runner.stop()

    def test_stopping_wakes_them_all(self, bench: Bench) -> None:
        bench.runner.start()

        bench.runner.stop(timeout_s=WAIT_S)

        assert not [thread for thread in bench.runner._threads if thread.is_alive()]

    @pytest.mark.parametrize("fault", [AppError(ErrorKind.BUSY, "database_busy", "Busy."), ZeroDivisionError()])
    def test_neither_a_busy_database_nor_a_fault_of_ours_is_the_end_of_a_thread(
        self, bench: Bench, until_done: Callable[[], bool], fault: Exception
    ) -> None:
        runner, faults = bench.runner, iter([fault])
        run_due = runner.run_due

        def faulty() -> int:
            for one in faults:
                raise one
            return run_due()

        runner.run_due = faulty  # type: ignore[method-assign]
        runner.start()
        bench.enqueue("7", "8")

        assert until_done()
        runner.stop()
