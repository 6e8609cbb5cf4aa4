"""What an installation of an original server holds, as far as it is brought along."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class OriginalUser:
    """An account of Astolfo's `auth.db`; the password is a bcrypt hash, or whatever stood in its place."""

    username: str
    password: str
    created_at: datetime | None


@dataclass(frozen=True, slots=True)
class OriginalTrack:
    """A row of Astolfo's `metadata.db`; deleted ones have no bytes any more. Times are aware, None when unreadable.

    Attributes:
        duration: Without a unit in the original; taken as seconds (docs/contracts/collisions.md 7).
    """

    hash: str
    filename: str
    title: str
    artist: str
    album: str
    duration: int
    created_at: datetime | None
    deleted_at: datetime | None
    is_deleted: bool
