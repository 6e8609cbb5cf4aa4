"""How much of ours an account may fill."""

from tutti.db.engine import Tx
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.values import UserId


def usage_of(tx: Tx, user_id: UserId) -> int:
    """Return the bytes of an account's blob items, deleted ones too until they are purged, and of its uploads."""
    return tx.media.blob_bytes_of(user_id) + tx.uploads.reserved_by(user_id)


def check(tx: Tx, user_id: UserId, more_bytes: int, *, default_bytes: int | None) -> None:
    """Refuse what would not fit.

    Args:
        tx: A write transaction, so that nobody else takes the room meanwhile.
        user_id: Whose room it is.
        more_bytes: What is to be added.
        default_bytes: The quota of accounts that have none of their own; None is no limit.

    Raises:
        AppError: FULL `quota_exceeded`.
    """
    user = tx.accounts.by_id(user_id)
    quota = default_bytes if user is None or user.quota_bytes is None else user.quota_bytes
    if quota is not None and usage_of(tx, user_id) + more_bytes > quota:
        raise AppError(ErrorKind.FULL, "quota_exceeded", f"Your music may take {quota} bytes, and this would be more.")
