"""The job table: what is due, who works on it, what failed."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session

from tutti.db.bulk import insert_rows
from tutti.domain.jobs import JobKind, JobState
from tutti.models import Job, MediaItem, Source

_OF_SOURCES = (JobKind.SCAN_SOURCE, JobKind.REMOVE_SOURCE)
_OF_ITEMS = (JobKind.PROBE_ITEM,)


class JobRepo:
    """Questions about jobs."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, kind: JobKind, ref: str, *, due_at: datetime) -> None:
        """Insert a job unless the same one is waiting already."""
        values = {"kind": kind, "ref": ref, "state": JobState.DUE, "due_at": due_at, "created_at": due_at}
        defaults = {"uuid": uuid4(), "attempts": 0, "error": "", "done": 0, "total": 0}
        insert_rows(self._session, Job, [values | defaults], skip_known=True)

    def claim(self, kinds: Sequence[JobKind], *, now: datetime, lease: timedelta) -> Job | None:
        """Take the job that is due longest, or whose worker fell silent; one statement, so two never get the same."""
        waiting = (Job.state == JobState.DUE) & (Job.due_at <= now)
        silent = (Job.state == JobState.RUNNING) & (Job.lease_until < now)
        oldest = (
            select(Job.id)
            .where(Job.kind.in_(kinds), or_(waiting, silent))
            .order_by(Job.due_at, Job.id)
            .limit(1)
            .with_for_update(skip_locked=True)
            .scalar_subquery()
        )
        taken = {"state": JobState.RUNNING, "lease_until": now + lease, "attempts": Job.attempts + 1}
        statement = update(Job).where(Job.id == oldest).values(**taken).returning(Job)
        return self._session.scalar(statement.execution_options(synchronize_session=False))

    def claim_more(self, kind: str, limit: int, *, now: datetime, lease: timedelta) -> Sequence[Job]:
        """Take jobs of a kind that are due and were never begun, those that are due longest first."""
        fresh = (
            select(Job.id)
            .where(Job.kind == kind, Job.state == JobState.DUE, Job.due_at <= now, Job.attempts == 0)
            .order_by(Job.due_at, Job.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
            .cte("fresh")  # done once, whatever the plan; a subquery may be asked again and take others
        )
        taken = {"state": JobState.RUNNING, "lease_until": now + lease, "attempts": 1}
        statement = update(Job).where(Job.id.in_(select(fresh.c.id))).values(**taken).returning(Job)
        jobs = self._session.scalars(statement.execution_options(synchronize_session=False))
        return sorted(jobs, key=lambda job: (job.due_at, job.id))

    def progress(self, job_id: int, *, done: int, total: int, lease_until: datetime) -> bool:
        """Renew the lease and note how far the work is; False when somebody cancelled it."""
        statement = update(Job).where(Job.id == job_id, Job.state == JobState.RUNNING)
        values = {"done": done, "total": total, "lease_until": lease_until}
        return self._session.scalar(statement.values(**values).returning(Job.id)) is not None

    def release(self) -> None:
        """Let what a worker left behind be claimed at once; work that waits already is not made to wait twice.

        What was cancelled meanwhile goes.
        """
        self._session.execute(delete(Job).where(Job.state == JobState.CANCELLED))
        for job in self._session.scalars(select(Job).where(Job.state == JobState.RUNNING)).all():
            self.retry(job.id, due_at=job.due_at, error=job.error)
            self._session.flush()

    def finish(self, job_id: int) -> None:
        """Remove a job that was done."""
        self._session.execute(delete(Job).where(Job.id == job_id))

    def retry(self, job_id: int, *, due_at: datetime, error: str, counts: bool = True) -> None:
        """Let a failed job wait; if the same work was enqueued meanwhile, that one stays and this one goes.

        One that was cancelled goes, too. An attempt that does not count is as if it had not been made.
        """
        job = self._session.get(Job, job_id)
        if job is None:
            return
        if job.state == JobState.CANCELLED:
            self._session.delete(job)
            return
        twin = select(Job.id).where(Job.kind == job.kind, Job.ref == job.ref, Job.state == JobState.DUE)
        if self._session.scalar(twin) is not None:
            self._session.delete(job)
            return
        job.state, job.due_at, job.lease_until, job.error = JobState.DUE, due_at, None, error
        job.attempts -= not counts

    def park(self, job_id: int, *, error: str) -> None:
        """Set a job aside that failed too often; a person decides, who may have cancelled it."""
        self._session.execute(delete(Job).where(Job.id == job_id, Job.state == JobState.CANCELLED))
        values = {"state": JobState.PARKED, "lease_until": None, "error": error}
        self._session.execute(update(Job).where(Job.id == job_id).values(**values))

    def by_uuid(self, job_uuid: UUID) -> Job | None:
        """Return the job, None when it is done or never was."""
        return self._session.scalar(select(Job).where(Job.uuid == job_uuid))

    def page(self, *, state: str | None, kind: str | None, after: int | None, limit: int) -> Sequence[Job]:
        """Return jobs, the newest first, behind the one with the id `after`."""
        query = select(Job).order_by(Job.id.desc()).limit(limit)
        if state is not None:
            query = query.where(Job.state == state)
        if kind is not None:
            query = query.where(Job.kind == kind)
        return self._session.scalars(query if after is None else query.where(Job.id < after)).all()

    def cancel(self, job: Job) -> None:
        """Let a job not be done: a running one is told at its next sign of life, any other goes at once."""
        if job.state == JobState.RUNNING:
            job.state = JobState.CANCELLED
            self._session.flush()
        elif job.state != JobState.CANCELLED:
            self._session.delete(job)
            self._session.flush()

    def subjects(self, jobs: Sequence[Job]) -> dict[int, UUID]:
        """Return what jobs are about, where that is something with an id outside: job to source or item."""
        found: dict[int, UUID] = {}
        for table, kinds in ((Source, _OF_SOURCES), (MediaItem, _OF_ITEMS)):
            refs = {job.id: int(job.ref) for job in jobs if job.kind in kinds}
            rows = self._session.execute(select(table.id, table.uuid).where(table.id.in_(set(refs.values()))))
            known = {row[0]: row[1] for row in rows}
            found |= {job_id: known[ref] for job_id, ref in refs.items() if ref in known}
        return found

    def by_state(self) -> dict[str, int]:
        """Return how many jobs stand where."""
        rows = self._session.execute(select(Job.state, func.count()).group_by(Job.state))
        return {row[0]: row[1] for row in rows}

    def count(self) -> int:
        """Return how many jobs are not done."""
        return self._session.scalar(select(func.count()).select_from(Job)) or 0

    def all_jobs(self) -> Sequence[Job]:
        """Return every job, the newest first; at most 500."""
        return self._session.scalars(select(Job).order_by(Job.id.desc()).limit(500)).all()
