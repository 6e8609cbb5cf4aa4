"""The only place that asks what time it is, so that everything else can be told."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Returns the current instant, aware, in UTC."""


def system_clock() -> datetime:
    """Return the instant of the machine's clock, aware, in UTC."""
    return datetime.now(UTC)
