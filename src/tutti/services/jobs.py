"""Jobs as administrators see them: what waits, what runs and how far it is, what was set aside."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from tutti.db.engine import Database, Tx
from tutti.db.repos.browse import Key
from tutti.domain.caller import Actor, Permission
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.events import Event, job_news
from tutti.domain.jobs import JobState
from tutti.kit.paging import CursorKind, Page, page_of
from tutti.models import Job
from tutti.services.catalog import PageWish, opened

_JOBS = CursorKind("jobs", (int,))


class JobRow(NamedTuple):
    """One job, and the id of the source or item it is about, None where it is about neither."""

    job: Job
    subject: UUID | None


class Jobs:
    """Looks at jobs and decides about those that do not come to an end."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def page(self, actor: Actor, wish: PageWish, *, state: str | None = None, kind: str | None = None) -> Page[JobRow]:
        """Return a page of jobs, the newest first.

        Raises:
            AppError: FORBIDDEN `not_allowed` unless the actor is an administrator; INVALID `bad_cursor`, `bad_limit`.
        """
        actor.require(Permission.ADMINISTER)
        after, limit = opened(wish, _JOBS)
        behind = None if after is None else _behind(after)
        with self._db.read() as tx:
            jobs = tx.jobs.page(state=state, kind=kind, after=behind, limit=limit + 1)
            rows = _rows(jobs, tx.jobs.subjects(jobs))
        return page_of(rows, limit, _JOBS, lambda row: (row.job.id,))

    def one(self, actor: Actor, job_uuid: UUID) -> JobRow:
        """Return one job; a finished one is not there any more.

        Raises:
            AppError: FORBIDDEN `not_allowed`; NOT_FOUND `job_not_found`.
        """
        actor.require(Permission.ADMINISTER)
        with self._db.read() as tx:
            job = _job(tx, job_uuid)
            return _rows([job], tx.jobs.subjects([job]))[0]

    def retry(self, actor: Actor, job_uuid: UUID) -> None:
        """Let a job that was set aside begin anew; when the same work waits already, that is the one.

        Raises:
            AppError: As `one`; CONFLICT `job_not_parked`.
        """
        actor.require(Permission.ADMINISTER)
        with self._db.write() as tx:
            job = _job(tx, job_uuid)
            if job.state != JobState.PARKED:
                raise AppError(ErrorKind.CONFLICT, "job_not_parked", "Only a job that was set aside begins anew.")
            job.attempts = 0
            tx.jobs.retry(job.id, due_at=tx.now, error="")
            tx.emit(Event("job.due", job.ref))

    def cancel(self, actor: Actor, job_uuid: UUID) -> None:
        """Let a job not be done: what waits goes at once, what runs ends at its next step.

        Raises:
            AppError: As `one`.
        """
        actor.require(Permission.ADMINISTER)
        with self._db.write() as tx:
            job = _job(tx, job_uuid)
            tx.jobs.cancel(job)
            tx.emit(job_news(job.uuid, job.kind, "cancelled", done=job.done, total=job.total))


def _behind(after: Key) -> int:
    if not isinstance(after[0], int):
        raise AppError(ErrorKind.INVALID, "bad_cursor", "The cursor is not one of this list.")
    return after[0]


def _job(tx: Tx, job_uuid: UUID) -> Job:
    job = tx.jobs.by_uuid(job_uuid)
    if job is None:
        raise AppError(ErrorKind.NOT_FOUND, "job_not_found", "There is no such job.")
    return job


def _rows(jobs: Sequence[Job], subjects: Mapping[int, UUID]) -> Sequence[JobRow]:
    return [JobRow(job, subjects.get(job.id)) for job in jobs]
