"""What the server remembers of itself, and the work it still has to do."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import Index, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from tutti.models.base import Base


class ServerFact(Base):
    """A named fact: the hash of the claim token, the access epoch."""

    __tablename__ = "server_fact"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    text: Mapped[str] = mapped_column(String(200), default="")
    number: Mapped[int] = mapped_column(default=0)


class Job(Base):
    """Work that must happen: state is `due`, `running`, `parked` or `cancelled`; a finished job has no row.

    `lease_until` says how long its worker may be silent before another one takes it.
    """

    __tablename__ = "job"
    __table_args__ = (
        Index("ix_job_due", "state", "due_at"),
        Index(
            "uq_job_waiting",
            "kind",
            "ref",
            unique=True,
            sqlite_where=text("state = 'due'"),
            postgresql_where=text("state = 'due'"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[UUID] = mapped_column(unique=True, default=uuid4)
    kind: Mapped[str] = mapped_column(String(40))
    ref: Mapped[str] = mapped_column(String(100))
    state: Mapped[str] = mapped_column(String(10))
    due_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    error: Mapped[str] = mapped_column(String(500), default="")
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]


class AuditEntry(Base):
    """One thing that somebody did or was refused; never changed, and never with a secret in it.

    `mac` is a keyed hash over this entry and the `mac` of the one before it: what was altered or taken out shows.
    """

    __tablename__ = "audit_entry"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    action: Mapped[str] = mapped_column(String(60))
    outcome: Mapped[str] = mapped_column(String(20))
    actor: Mapped[str] = mapped_column(String(200))
    actor_uuid: Mapped[UUID | None]
    target: Mapped[str] = mapped_column(String(400))
    door: Mapped[str] = mapped_column(String(20))
    address: Mapped[str] = mapped_column(String(100))
    request_id: Mapped[str] = mapped_column(String(64))
    mac: Mapped[bytes] = mapped_column(LargeBinary(32))
