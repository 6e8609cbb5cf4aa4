"""Runs jobs in threads: claims one, or many alike, calls what the registry names, and finishes, repeats or parks."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from threading import Thread

import structlog

from tutti.db.engine import Database
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.events import Event, job_news
from tutti.domain.jobs import JobKind
from tutti.kit.backoff import Backoff
from tutti.models import Job
from tutti.ports.bus import Bus

_log = structlog.get_logger()

_NOT_NOW = frozenset({ErrorKind.BUSY, ErrorKind.CONFLICT})
"""Failures of the moment: somebody else is at it. They are waited out, however long, and never parked."""
_OUTAGE = "store_failed"
"""The failure that says nothing of the job: it is tried less and less often, and never parked."""


@dataclass(frozen=True, slots=True)
class RunnerPolicy:
    """How jobs are run.

    Attributes:
        lease: How long a job may be silent before another worker takes it.
        poll_s: How often to look without being woken.
        max_attempts: A job that failed so often, or took its process with it so often, is set aside.
        together: As many jobs of a kind that allows it are done at once.
        gather_s: How long a worker that just did several together waits for more of them.
    """

    threads: int = 2
    lease: timedelta = timedelta(minutes=10)
    poll_s: float = 2.0
    max_attempts: int = 5
    together: int = 64
    gather_s: float = 1.0


class JobContext:
    """What a running job may ask of its runner.

    Attributes:
        is_cancelled: The job was told so: nobody wants the rest.
        is_interrupted: The job was told that the server stops: the rest is wanted later.
    """

    def __init__(self, db: Database, job: Job, lease: timedelta, stop: threading.Event) -> None:
        self._db = db
        self._job = job
        self._lease = lease
        self._stop = stop
        self.is_cancelled = False
        self.is_interrupted = False

    def progress(self, done: int, total: int = 0) -> bool:
        """Say how far the work is; False means end soon: the job was cancelled or the server stops."""
        with self._db.write() as tx:
            goes_on = tx.jobs.progress(self._job.id, done=done, total=total, lease_until=tx.now + self._lease)
            tx.emit(_news(self._job, "running" if goes_on else "cancelled", done=done, total=total))
        self.is_cancelled = not goes_on
        self.is_interrupted = self._stop.is_set()
        return goes_on and not self.is_interrupted


def _news(job: Job, state: str, *, done: int = 0, total: int = 0) -> Event:
    return job_news(job.uuid, job.kind, state, done=done, total=total)


Task = Callable[[str, JobContext], None]
"""Does the work on the thing that `ref` names; safe to repeat."""


Batch = Callable[[Sequence[str]], None]
"""Does the same for many things at once; whatever it raises, each is done by itself then."""


class Runner:
    """The worker threads of one process.

    Args:
        db: Has the table of jobs.
        bus: Tells of new ones.
        tasks: What is done for one job.
        together: What is done for many, where there is such a thing.
        backoff: How long a failed job waits.
        policy: The rest.
    """

    def __init__(
        self,
        db: Database,
        bus: Bus,
        tasks: Mapping[JobKind, Task],
        *,
        together: Mapping[JobKind, Batch] | None = None,
        backoff: Backoff,
        policy: RunnerPolicy,
    ) -> None:
        self._db = db
        self._bus = bus
        self._tasks = tasks
        self._together = together or {}
        self._backoff = backoff
        self._policy = policy
        self._stop = threading.Event()
        self._threads: Sequence[Thread] = ()

    def start(self) -> None:
        """Start the threads."""
        names = [f"job-{number}" for number in range(self._policy.threads)]
        self._threads = [threading.Thread(target=self._work, name=name, daemon=True) for name in names]
        for thread in self._threads:
            thread.start()

    def take_over(self) -> None:
        """Claim the work of a server that was killed; only for a process that knows itself to be the only server."""
        with self._db.write() as tx:
            tx.jobs.release()

    def stop(self, timeout_s: float = 10) -> None:
        """Let the running jobs end; what does not end in time is taken up by the next start."""
        self._stop.set()
        self._bus.publish(Event("job.due"))
        for thread in self._threads:
            thread.join(timeout_s)

    def run_due(self) -> int:
        """Run what is due now in this thread; return how many jobs were run."""
        count = 0
        while not self._stop.is_set() and (ran := self._run_next()):
            count += ran
        return count

    def _work(self) -> None:
        with self._bus.subscribe("job.due") as woken:
            while not self._stop.is_set():
                ran = self._look()
                if not ran:
                    woken.get(self._policy.poll_s)
                elif 1 < ran < self._policy.together:
                    self._stop.wait(self._policy.gather_s)
                while woken.get(0) is not None:
                    pass  # whatever called meanwhile is found in the table

    def _look(self) -> int:
        try:
            return self._run_next()
        except AppError as error:
            # The database is busy or away; the table keeps the work.
            _log.warning("job.claim_failed", code=error.code)
        except Exception:  # noqa: BLE001 - the runner's edge: without its threads nothing is ever done again
            _log.exception("job.runner_crashed")
        return 0

    def _run_next(self) -> int:
        """Run the job that is due next, with others of its kind if that can be; return how many."""
        lease, alike = self._policy.lease, list[Job]()
        with self._db.write() as tx:
            job = tx.jobs.claim(list(self._tasks), now=tx.now, lease=lease)
            # A job that failed, or took its process with it, harms nobody else a second time.
            if job is not None and job.kind in self._together and job.attempts == 1:
                alike += tx.jobs.claim_more(job.kind, self._policy.together - 1, now=tx.now, lease=lease)
        if job is None:
            return 0
        if not (alike and self._run_together([job, *alike])):
            for one in (job, *alike):
                self._run(one)
        return 1 + len(alike)

    def _run_together(self, jobs: Sequence[Job]) -> bool:
        kind = JobKind(jobs[0].kind)
        try:
            self._together[kind]([job.ref for job in jobs])
        except Exception as error:  # noqa: BLE001 - what was wrong, and with which, comes out when each is run by itself
            _log.info("job.together_failed", kind=kind, count=len(jobs), error=type(error).__name__)
            return False
        with self._db.write() as tx:
            for job in jobs:
                tx.jobs.finish(job.id)
                tx.emit(_news(job, "done"))
        return True

    def _run(self, job: Job) -> None:
        if job.attempts > self._policy.max_attempts:
            self._park(job, "It never came to an end.")
            return
        context = JobContext(self._db, job, self._policy.lease, self._stop)
        try:
            self._tasks[JobKind(job.kind)](job.ref, context)
        except AppError as error:
            is_outage = error.code == _OUTAGE
            self._failed(job, context, error.message, is_passing=error.kind in _NOT_NOW, is_outage=is_outage)
        except Exception:  # noqa: BLE001 - the runner's edge: one broken job must not stop the others
            _log.exception("job.crashed", kind=job.kind, ref=job.ref)
            self._failed(job, context, "It failed unexpectedly; the log says more.", is_passing=False)
        else:
            self._done(job, context)

    def _done(self, job: Job, context: JobContext) -> None:
        with self._db.write() as tx:
            tx.jobs.finish(job.id)
            tx.emit(_news(job, "cancelled" if context.is_cancelled else "done"))
            if context.is_interrupted and not context.is_cancelled:
                tx.jobs.add(JobKind(job.kind), job.ref, due_at=tx.now)

    def _failed(self, job: Job, context: JobContext, reason: str, *, is_passing: bool, is_outage: bool = False) -> None:
        _log.warning("job.failed", kind=job.kind, ref=job.ref, attempts=job.attempts, reason=reason)
        is_last = job.attempts >= self._policy.max_attempts
        if is_last and not (is_passing or is_outage):
            self._park(job, reason)
            return
        wait = timedelta(seconds=self._backoff.delay_s(job.attempts))
        with self._db.write() as tx:
            if context.is_cancelled:
                tx.jobs.finish(job.id)
            elif is_passing:
                # As a new job, because this was no attempt.
                tx.jobs.finish(job.id)
                tx.jobs.add(JobKind(job.kind), job.ref, due_at=tx.now + wait)
            else:
                tx.jobs.retry(job.id, due_at=tx.now + wait, error=reason, counts=not is_last)

    def _park(self, job: Job, reason: str) -> None:
        _log.error("job.parked", kind=job.kind, ref=job.ref, reason=reason)
        with self._db.write() as tx:
            tx.jobs.park(job.id, error=reason)
            tx.emit(_news(job, "parked"))
