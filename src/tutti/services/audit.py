"""The audit log as administrators read it, the proof that nobody has altered it, and how long it is kept."""

from dataclasses import dataclass
from datetime import timedelta

from tutti.db.engine import Database, Tx
from tutti.db.repos.audit import Mark
from tutti.domain.caller import Actor, Permission
from tutti.kit.paging import CursorKind, Page, page_of
from tutti.models import AuditEntry
from tutti.services.catalog import PageWish, opened

_ENTRIES = CursorKind("audit", (int,))
_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Verified:
    """What became of looking at the whole chain.

    Attributes:
        entries: How many fit, from the oldest on.
        wrong: The number of the first entry that does not fit, or is missing; None when all is well.
        reason: What is wrong, in a sentence.
    """

    entries: int
    wrong: int | None = None
    reason: str = ""


class Audit:
    """Who did what, when and from where."""

    def __init__(self, db: Database, *, keep: timedelta) -> None:
        self._db = db
        self._keep = keep

    def page(
        self, actor: Actor, wish: PageWish, *, action: str | None = None, by: str | None = None
    ) -> Page[AuditEntry]:
        """Return a page of entries, the newest first; of one action, and by one account, when named.

        Raises:
            AppError: FORBIDDEN `not_allowed` unless the actor is an administrator; INVALID `bad_cursor`, `bad_limit`.
        """
        actor.require(Permission.ADMINISTER)
        after, limit = opened(wish, _ENTRIES)
        behind = None if after is None else int(after[0])
        with self._db.read() as tx:
            entries = tx.audit.page(action=action, actor=by, after=behind, limit=limit + 1)
        return page_of(entries, limit, _ENTRIES, lambda entry: (entry.id,))

    def verify(self, actor: Actor) -> Verified:
        """Look at every entry: whether it is as it was written, and none is missing, at neither end.

        Raises:
            AppError: FORBIDDEN `not_allowed` unless the actor is an administrator.
        """
        actor.require(Permission.ADMINISTER)
        with self._db.read() as tx:
            return _verified(tx)

    def prune(self) -> int:
        """Cut off what is older than it is kept; return how many entries that were."""
        count = 0
        while True:
            with self._db.write() as tx:
                gone = tx.audit.prune(tx.now - self._keep, _BATCH)
            count += gone
            if gone < _BATCH:
                return count


def _verified(tx: Tx) -> Verified:
    before, newest = tx.audit.ends()
    if not before.is_genuine:
        return Verified(0, before.number, "The mark of what was cut off for its age was altered.")
    count = 0
    for entry in tx.audit.walk():
        if entry.id != before.number + 1:
            return Verified(count, before.number + 1, "The entry is missing.")
        if entry.mac != tx.audit.mac_of(entry, before.mac):
            return Verified(count, entry.id, "The entry was altered.")
        before, count = Mark(entry.id, entry.mac), count + 1
    return _ended(count, before, newest)


def _ended(count: int, last: Mark, newest: Mark | None) -> Verified:
    if newest is None and last.number == 0:
        return Verified(count)
    if newest is None or not newest.is_genuine:
        return Verified(count, last.number, "The mark of the newest entry was taken away or altered.")
    if (newest.number, newest.mac) != (last.number, last.mac):
        return Verified(count, last.number + 1, "The entry is missing.")
    return Verified(count)
