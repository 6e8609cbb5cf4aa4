"""Quotas: how much an account may keep here, counted from rows that say what it has and what it is sending."""

from dataclasses import dataclass

from tutti.db.engine import Database, Tx
from tutti.domain.caller import Caller
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.values import UserId


@dataclass(frozen=True, slots=True)
class Usage:
    """What an account has; all are bytes.

    Attributes:
        used_bytes: Its blob items of all libraries in full size, what lies in the trash included; neither covers nor
            the files of folders.
        reserved_bytes: What its running uploads may become.
        limit_bytes: None for no limit.
    """

    used_bytes: int
    reserved_bytes: int
    limit_bytes: int | None

    def has_room(self, more_bytes: int) -> bool:
        """Whether so much more may come in."""
        return self.limit_bytes is None or self.used_bytes + self.reserved_bytes + more_bytes <= self.limit_bytes


def usage_of(tx: Tx, user_id: UserId, *, default_bytes: int | None) -> Usage:
    """Return what an account has now; `default_bytes` is the limit of accounts that have none of their own."""
    return _usage(tx, user_id, _limit_of(tx, user_id, default_bytes))


def _usage(tx: Tx, user_id: UserId, limit_bytes: int | None) -> Usage:
    return Usage(tx.media.stored_bytes(user_id), tx.uploads.reserved_by(user_id), limit_bytes)


def _limit_of(tx: Tx, user_id: UserId, default_bytes: int | None) -> int | None:
    own = tx.accounts.quota_of(user_id)
    return default_bytes if own is None else own


def check(tx: Tx, user_id: UserId, more_bytes: int, *, default_bytes: int | None) -> None:
    """Refuse what would pass the quota; within a write transaction nobody else can take the room meanwhile.

    Raises:
        AppError: FULL `quota_exceeded`.
    """
    limit_bytes = _limit_of(tx, user_id, default_bytes)
    if limit_bytes is None:
        return  # most accounts, whose files need not be counted then
    usage = _usage(tx, user_id, limit_bytes)
    if not usage.has_room(more_bytes):
        free = max(0, limit_bytes - usage.used_bytes - usage.reserved_bytes)
        raise AppError(
            ErrorKind.FULL, "quota_exceeded", f"That needs {more_bytes} bytes, and the account has {free} left."
        )


class Quotas:
    """Answers how much there is, and how much there may be."""

    def __init__(self, db: Database, *, default_bytes: int | None) -> None:
        self._db = db
        self.default_bytes = default_bytes

    def usage(self, caller: Caller) -> Usage:
        """Return what the caller has."""
        with self._db.read() as tx:
            return usage_of(tx, caller.user_id, default_bytes=self.default_bytes)
