"""The server at a glance, for whoever administers it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from tutti.db.engine import Database
from tutti.domain.caller import Actor
from tutti.domain.errors import AppError, ErrorKind


@dataclass(frozen=True, slots=True)
class Overview:
    """How many there are of everything; sizes are bytes.

    Attributes:
        stored_bytes: Of all blobs, each counted once.
        trash_bytes: Of what lies in the trash.
    """

    users: int
    libraries: int
    tracks: int
    stored_bytes: int
    trash_bytes: int
    jobs: Mapping[str, int]
    sources: Mapping[str, int]


class Administration:
    """Answers questions about the whole server."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def overview(self, actor: Actor) -> Overview:
        """Count everything.

        Raises:
            AppError: FORBIDDEN `not_allowed` unless the actor is an administrator.
        """
        if not actor.is_admin:
            raise AppError(ErrorKind.FORBIDDEN, "not_allowed", "Only an administrator may do that.")
        with self._db.read() as tx:
            return Overview(
                users=tx.accounts.count(),
                libraries=tx.libraries.count(),
                tracks=tx.libraries.track_count_everywhere(),
                stored_bytes=tx.trash.stored_bytes(),
                trash_bytes=tx.trash.trashed_bytes(),
                jobs=tx.jobs.by_state(),
                sources=Counter(source.state for source in tx.sources.all_sources()),
            )
