"""What the parts of a server tell each other; hints, never the truth."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

TOPICS = ("library.changed", "item.added", "item.changed", "item.gone", "source.state", "job.progress")
"""What clients may be told of; the other topics are between the parts of a server."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened.

    Attributes:
        topic: `noun.past_verb`, from a small set.
        ref: The thing it happened to.
        data: What a listener may want to know without asking.
    """

    topic: str
    ref: str = ""
    data: Mapping[str, str | int] = field(default_factory=dict)


def job_news(job_uuid: UUID, kind: str, state: str, *, done: int, total: int) -> Event:
    """Say how far a job is; `state` is `running`, `done`, `parked` or `cancelled`."""
    data: Mapping[str, str | int] = {"job": str(job_uuid), "kind": kind, "state": state, "done": done, "total": total}
    return Event("job.progress", data=data)
