"""The closed list of work that must happen."""

from enum import StrEnum


class JobKind(StrEnum):
    """What a job does; `ref` names the thing it does it to."""

    PROBE_ITEM = "probe_item"
    SCAN_SOURCE = "scan_source"
    MAINTAIN = "maintain"
    EMPTY_TRASH = "empty_trash"
    REMOVE_SOURCE = "remove_source"
    REMOVE_LIBRARY = "remove_library"


class JobState(StrEnum):
    """Where a job stands; a finished one has no row."""

    DUE = "due"
    RUNNING = "running"
    PARKED = "parked"
    CANCELLED = "cancelled"
