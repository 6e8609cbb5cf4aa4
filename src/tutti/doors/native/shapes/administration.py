"""What administrators see: jobs, and the server at a glance."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from tutti import __version__
from tutti.models import AuditEntry as Noted
from tutti.services.administration import Overview as Counted
from tutti.services.jobs import JobRow


class JobStatus(Struct, frozen=True, kw_only=True):
    """Work that is not done yet; `state` is due, running, parked or cancelled, `about` a source or a track.

    `total` is 0 while nobody knows how much there is.
    """

    id: UUID
    kind: str
    about: UUID | None
    state: str
    done: int
    total: int
    attempts: int
    error: str
    due_at: datetime
    created_at: datetime


class Overview(Struct, frozen=True, kw_only=True):
    """How many there are of everything; `jobs` and `sources` are counted by their state."""

    version: str
    users: int
    libraries: int
    tracks: int
    stored_bytes: int
    trash_bytes: int
    jobs: dict[str, int]
    sources: dict[str, int]


class AuditEntry(Struct, frozen=True, kw_only=True):
    """Something that somebody did or was refused; `outcome` is ok, refused or limited.

    `actor` is the name of an account, `operator` for the command line, and empty for a stranger; `door` is `local` for
    the command line.
    """

    id: int
    at: datetime
    action: str
    outcome: str
    actor: str
    actor_id: UUID | None
    target: str
    door: str
    address: str
    request_id: str


def audit_entry(row: Noted) -> AuditEntry:
    """Shape an entry of the audit log."""
    return AuditEntry(
        id=row.id,
        at=row.at,
        action=row.action,
        outcome=row.outcome,
        actor=row.actor,
        actor_id=row.actor_uuid,
        target=row.target,
        door=row.door,
        address=row.address,
        request_id=row.request_id,
    )


def job(row: JobRow) -> JobStatus:
    """Shape a job."""
    one = row.job
    return JobStatus(
        id=one.uuid,
        kind=one.kind,
        about=row.subject,
        state=one.state,
        done=one.done,
        total=one.total,
        attempts=one.attempts,
        error=one.error,
        due_at=one.due_at,
        created_at=one.created_at,
    )


def overview(found: Counted) -> Overview:
    """Shape the counts."""
    return Overview(
        version=__version__,
        users=found.users,
        libraries=found.libraries,
        tracks=found.tracks,
        stored_bytes=found.stored_bytes,
        trash_bytes=found.trash_bytes,
        jobs=dict(found.jobs),
        sources=dict(found.sources),
    )
