"""Jobs as administrators see them, and what they decide about those that come to no end."""

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest

from support.core import House
from support.errors import raised
from support.music import Song
from tutti.domain.caller import Caller, Operator
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.jobs import JobKind, JobState
from tutti.jobs.runner import JobContext, Runner, RunnerPolicy, Task
from tutti.kit.backoff import Backoff
from tutti.kit.paging import CursorKind
from tutti.models import Job
from tutti.services.catalog import PageWish

NOT_FOUND = (ErrorKind.NOT_FOUND, "job_not_found")
FORBIDDEN = (ErrorKind.FORBIDDEN, "not_allowed")


def enqueue(house: House, kind: JobKind, *refs: str) -> None:
    for ref in refs:
        with house.db.write() as tx:
            tx.enqueue(kind, ref)


def jobs(house: House, *, state: str | None = None, kind: str | None = None) -> list[Job]:
    return [row.job for row in house.jobs.page(Operator(), PageWish(), state=state, kind=kind).items]


def only(house: House) -> Job:
    [job] = jobs(house)
    return job


def runner(house: House, task: Task, kind: JobKind = JobKind.MAINTAIN) -> Runner:
    policy = RunnerPolicy(max_attempts=1)
    return Runner(house.db, house.bus, {kind: task}, backoff=Backoff(first_s=1), policy=policy)


def fail(_ref: str, _context: JobContext) -> None:
    raise AppError(ErrorKind.UNAVAILABLE, "no_luck", "No luck today.")


@pytest.fixture
def parked(house: House) -> Job:
    """A job that failed too often."""
    enqueue(house, JobKind.MAINTAIN, "all")
    runner(house, fail).run_due()
    return only(house)


class TestPage:
    def test_the_newest_comes_first_and_pages_join(self, house: House) -> None:
        enqueue(house, JobKind.MAINTAIN, "a", "b", "c", "d", "e")

        found: list[str] = []
        wish: PageWish | None = PageWish(None, 2)
        while wish is not None:
            page = house.jobs.page(house.ann, wish)
            found += [row.job.ref for row in page.items]
            wish = PageWish(page.next_cursor, 2) if page.next_cursor else None

        assert found == ["e", "d", "c", "b", "a"]

    def test_it_is_narrowed_by_state_and_kind(self, house: House, parked: Job) -> None:
        enqueue(house, JobKind.MAINTAIN, "again")
        enqueue(house, JobKind.REMOVE_LIBRARY, "7")

        assert [job.ref for job in jobs(house, state="parked")] == ["all"]
        assert [job.ref for job in jobs(house, state="due")] == ["7", "again"]
        assert [job.ref for job in jobs(house, kind="maintain")] == ["again", "all"]
        assert [job.ref for job in jobs(house, state="due", kind="maintain")] == ["again"]
        assert jobs(house, state="asleep") == jobs(house, kind="dance") == []

    def test_a_job_tells_what_it_is_about(self, house: House) -> None:
        item = house.send()
        house.sources.rescan(house.source_id)
        enqueue(house, JobKind.MAINTAIN, "all")

        rows = house.jobs.page(house.ann, PageWish()).items

        assert [(row.job.kind, row.subject) for row in rows] == [
            (JobKind.MAINTAIN, None),
            (JobKind.SCAN_SOURCE, house.sources.mine(house.ann)[0].uuid),
            (JobKind.PROBE_ITEM, item.uuid),
        ]

    def test_what_it_was_about_may_be_gone(self, house: House) -> None:
        enqueue(house, JobKind.PROBE_ITEM, "99")

        assert [row.subject for row in house.jobs.page(house.ann, PageWish()).items] == [None]

    @pytest.mark.parametrize("limit", [0, 501])
    def test_a_page_has_bounds(self, house: House, limit: int) -> None:
        assert raised(lambda: house.jobs.page(house.ann, PageWish(None, limit)))[1] == "bad_limit"

    @pytest.mark.parametrize("cursor", ["x", CursorKind("jobs", (int,)).encode((None,))])
    def test_a_forged_cursor_is_refused(self, house: House, cursor: str) -> None:
        assert raised(lambda: house.jobs.page(house.ann, PageWish(cursor))) == (ErrorKind.INVALID, "bad_cursor")


class TestWho:
    ASKS: tuple[Callable[[House, Caller, UUID], object], ...] = (
        lambda house, caller, _: house.jobs.page(caller, PageWish()),
        lambda house, caller, job: house.jobs.one(caller, job),
        lambda house, caller, job: house.jobs.retry(caller, job),
        lambda house, caller, job: house.jobs.cancel(caller, job),
    )

    @pytest.mark.parametrize("ask", ASKS, ids=["page", "one", "retry", "cancel"])
    def test_only_administrators(self, house: House, parked: Job, ask: Callable[[House, Caller, UUID], object]) -> None:
        bob = house.add_user("bob")

        assert raised(lambda: ask(house, bob, parked.uuid)) == FORBIDDEN
        assert only(house).state == JobState.PARKED

    @pytest.mark.parametrize("ask", ASKS[1:], ids=["one", "retry", "cancel"])
    def test_a_job_that_never_was_is_not_found(
        self, house: House, ask: Callable[[House, Caller, UUID], object]
    ) -> None:
        assert raised(lambda: ask(house, house.ann, uuid4())) == NOT_FOUND


class TestOne:
    def test_a_running_one_tells_how_far_it_is(self, house: House) -> None:
        enqueue(house, JobKind.MAINTAIN, "all")
        uuid, seen = only(house).uuid, []

        def task(_: str, context: JobContext) -> None:
            context.progress(3, 7)
            job = house.jobs.one(house.ann, uuid).job
            seen.append((job.state, job.done, job.total))

        runner(house, task).run_due()

        assert seen == [(JobState.RUNNING, 3, 7)]

    def test_a_finished_one_is_not_there_any_more(self, house: House) -> None:
        enqueue(house, JobKind.MAINTAIN, "all")
        uuid = only(house).uuid

        runner(house, lambda _ref, _context: None).run_due()

        assert raised(lambda: house.jobs.one(house.ann, uuid)) == NOT_FOUND


class TestRetry:
    def test_what_was_set_aside_begins_anew(self, house: House, parked: Job) -> None:
        done: list[str] = []
        assert (parked.state, parked.error) == (JobState.PARKED, "No luck today.")

        with house.bus.subscribe("job.due") as told:
            house.jobs.retry(house.ann, parked.uuid)
            assert told.get(0) is not None

        assert (only(house).state, only(house).attempts, only(house).error) == (JobState.DUE, 0, "")
        runner(house, lambda ref, _: done.append(ref)).run_due()
        assert (done, jobs(house)) == (["all"], [])

    def test_when_the_same_work_waits_already_that_is_the_one(self, house: House, parked: Job) -> None:
        enqueue(house, JobKind.MAINTAIN, "all")

        house.jobs.retry(house.ann, parked.uuid)

        assert (only(house).state, only(house).uuid == parked.uuid) == (JobState.DUE, False)

    def test_only_what_was_set_aside(self, house: House) -> None:
        enqueue(house, JobKind.MAINTAIN, "all")

        assert raised(lambda: house.jobs.retry(house.ann, only(house).uuid)) == (ErrorKind.CONFLICT, "job_not_parked")


class TestCancel:
    def test_what_waits_goes_at_once(self, house: House) -> None:
        enqueue(house, JobKind.MAINTAIN, "all")

        house.jobs.cancel(house.ann, only(house).uuid)

        assert jobs(house) == []
        assert runner(house, fail).run_due() == 0

    def test_what_was_set_aside_goes_at_once(self, house: House, parked: Job) -> None:
        house.jobs.cancel(house.ann, parked.uuid)

        assert jobs(house) == []

    def test_what_runs_ends_at_its_next_step_and_does_not_come_back(self, house: House) -> None:
        enqueue(house, JobKind.MAINTAIN, "all")
        steps: list[bool] = []

        def task(_: str, context: JobContext) -> None:
            steps.append(context.progress(1))
            house.jobs.cancel(house.ann, only(house).uuid)
            steps.append(context.progress(2))

        runner(house, task).run_due()

        assert steps == [True, False]
        assert jobs(house) == []

    def test_what_fails_after_it_was_cancelled_is_not_set_aside(self, house: House) -> None:
        enqueue(house, JobKind.MAINTAIN, "all")

        def task(ref: str, context: JobContext) -> None:
            house.jobs.cancel(house.ann, only(house).uuid)
            fail(ref, context)

        runner(house, task).run_due()

        assert jobs(house) == []

    def test_cancelling_twice_does_no_harm(self, house: House) -> None:
        enqueue(house, JobKind.MAINTAIN, "all")
        states: list[str] = []

        def task(_: str, context: JobContext) -> None:
            for _turn in range(2):
                house.jobs.cancel(house.ann, only(house).uuid)
                states.append(only(house).state)

        runner(house, task).run_due()

        assert states == [JobState.CANCELLED] * 2

    def test_administrators_are_told(self, house: House) -> None:
        enqueue(house, JobKind.MAINTAIN, "all")
        uuid = only(house).uuid

        with house.bus.subscribe("job.progress") as told:
            house.jobs.cancel(house.ann, uuid)
            event = told.get(0)

        assert event is not None
        assert (event.data["job"], event.data["kind"], event.data["state"]) == (str(uuid), "maintain", "cancelled")

    def test_a_cancelled_scan_is_gone_on_with_by_the_next(self, house: House) -> None:
        for number in range(10):
            house.save(f"{number}.mp3", Song(f"Song {number}", audio=str(number)))
        house.sources.rescan(house.source_id)

        def task(ref: str, context: JobContext) -> None:
            house.jobs.cancel(house.ann, only(house).uuid)
            house.scanner().scan(house.source_id, progress=lambda so_far: context.progress(so_far.seen))

        runner(house, task, JobKind.SCAN_SOURCE).run_due()
        broken_off = (len(house.titles()) < 10, house.state()[0], jobs(house))
        house.scan()

        assert broken_off == (True, "stopped", [])
        assert (len(house.titles()), house.state()[0]) == (10, "ok")
