"""What the parts of a server tell each other; hints, never the truth."""

from collections.abc import Mapping
from dataclasses import dataclass, field


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
