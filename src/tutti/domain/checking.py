"""What a check of a server finds, and how much of its bytes one reads."""

import re
from dataclasses import dataclass, field
from enum import StrEnum

_SHARE = re.compile(
    r"(?P<percent>\d{1,3}(?:\.\d+)?)%|(?P<part>\d{1,6})/(?P<whole>\d{1,6})|(?P<size>\d{1,15})(?P<unit>[KMGT]?)"
)
_UNITS = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}


class Fault(StrEnum):
    """What can be wrong."""

    BLOB_MISSING = "blob_missing"
    BLOB_SIZE = "blob_size"
    BLOB_DAMAGED = "blob_damaged"
    COUNTS = "counts"
    TEXTS = "texts"
    CHANGES = "changes"
    DATABASE = "database"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        ref: The hash of a blob, the name of a library, what the database says.
        is_repaired: Whether it is right now, or, where only its owner can make it right, whether it does no more harm.
    """

    fault: Fault
    ref: str
    detail: str
    is_repaired: bool = False


@dataclass(slots=True)
class CheckReport:
    """What was looked at, and what was found.

    Attributes:
        orphans: Blobs that no row names: uploads that were broken off. They are no damage, and go after a day.
    """

    blobs: int = 0
    orphans: int = 0
    read_blobs: int = 0
    read_bytes: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def is_well(self) -> bool:
        """Whether nothing is wrong any more."""
        return all(finding.is_repaired for finding in self.findings)


@dataclass(frozen=True, slots=True)
class Share:
    """How much of all bytes to read: a part of them, or so many."""

    part: float = 0.0
    count_bytes: int | None = None

    @classmethod
    def parse(cls, text: str) -> "Share":
        """Read `5%`, `1/30`, `500M`, `2G` or a number of bytes.

        Raises:
            ValueError: It is none of these.
        """
        match = _SHARE.fullmatch(text.strip().upper())
        if match is None:
            raise ValueError(f"{text} is no share: write 5%, 1/30 or 2G.")
        if match["size"]:
            return cls(count_bytes=int(match["size"]) << _UNITS[match["unit"]])
        part = float(match["percent"]) / 100 if match["percent"] else int(match["part"]) / max(int(match["whole"]), 1)
        if not 0 <= part <= 1:
            raise ValueError(f"{text} is more than everything.")
        return cls(part=part)

    def of(self, total_bytes: int) -> int:
        """Return how many bytes that is."""
        return round(self.part * total_bytes) if self.count_bytes is None else self.count_bytes
