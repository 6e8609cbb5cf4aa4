"""Runs jobs in threads: claims one, calls what the registry names, and finishes, retries or parks it."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from threading import Event, Thread

import structlog

from tutti.db.engine import Database
from tutti.domain.errors import AppError
from tutti.domain.jobs import JobKind
from tutti.kit.backoff import Backoff
from tutti.models import Job
from tutti.ports.bus import Bus

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class RunnerPolicy:
    """How jobs are run.

    Attributes:
        lease: How long a job may be silent before another worker takes it.
        poll_s: How often to look without being woken.
    """

    threads: int = 2
    lease: timedelta = timedelta(minutes=10)
    poll_s: float = 2.0
    max_attempts: int = 5


class JobContext:
    """What a running job may ask of its runner."""

    def __init__(self, db: Database, job_id: int, lease: timedelta, stop: Event) -> None:
        self._db = db
        self._job_id = job_id
        self._lease = lease
        self._stop = stop

    def progress(self, done: int, total: int = 0) -> bool:
        """Say how far the work is; False means end soon: the job was cancelled or the server stops."""
        with self._db.write() as tx:
            goes_on = tx.jobs.progress(self._job_id, done=done, total=total, lease_until=tx.now + self._lease)
        return goes_on and not self._stop.is_set()


Task = Callable[[str, JobContext], None]
"""Does the work on the thing that `ref` names; safe to repeat."""


class Runner:
    """The worker threads of one process."""

    def __init__(
        self,
        db: Database,
        bus: Bus,
        tasks: Mapping[JobKind, Task],
        *,
        backoff: Backoff,
        policy: RunnerPolicy,
    ) -> None:
        self._db = db
        self._bus = bus
        self._tasks = tasks
        self._backoff = backoff
        self._policy = policy
        self._stop = Event()
        self._threads: Sequence[Thread] = ()

    def start(self) -> None:
        """Start the threads."""
        names = [f"job-{number}" for number in range(self._policy.threads)]
        self._threads = [threading.Thread(target=self._work, name=name, daemon=True) for name in names]
        for thread in self._threads:
            thread.start()

    def stop(self, timeout_s: float = 10) -> None:
        """Let the running jobs end; what does not end in time is taken up by the next start."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout_s)

    def run_due(self) -> int:
        """Run what is due now in this thread; return how many jobs were run."""
        count = 0
        while not self._stop.is_set() and self._run_one():
            count += 1
        return count

    def _work(self) -> None:
        with self._bus.subscribe("job.due") as woken:
            while not self._stop.is_set():
                try:
                    self.run_due()
                except AppError as error:
                    # The database is busy or away; the table keeps the work.
                    _log.warning("job.claim_failed", code=error.code)
                woken.get(self._policy.poll_s)

    def _run_one(self) -> bool:
        with self._db.write() as tx:
            job = tx.jobs.claim(list(self._tasks), now=tx.now, lease=self._policy.lease)
        if job is None:
            return False
        try:
            self._tasks[JobKind(job.kind)](job.ref, JobContext(self._db, job.id, self._policy.lease, self._stop))
        except AppError as error:
            self._failed(job, error.message)
        except Exception:  # noqa: BLE001 - the runner's edge: one broken job must not stop the others
            _log.exception("job.crashed", kind=job.kind, ref=job.ref)
            self._failed(job, "It failed unexpectedly; the log says more.")
        else:
            with self._db.write() as tx:
                tx.jobs.finish(job.id)
        return True

    def _failed(self, job: Job, reason: str) -> None:
        with self._db.write() as tx:
            if job.attempts >= self._policy.max_attempts:
                tx.jobs.park(job.id, error=reason)
            else:
                wait = timedelta(seconds=self._backoff.delay_s(job.attempts))
                tx.jobs.retry(job.id, due_at=tx.now + wait, error=reason)
        _log.warning("job.failed", kind=job.kind, ref=job.ref, attempts=job.attempts, reason=reason)
