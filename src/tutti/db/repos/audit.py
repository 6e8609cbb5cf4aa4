"""The audit log: a chain of keyed hashes, so that whoever can write into the database cannot alter it unseen."""

import hmac
import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from tutti.db.dialect import insert_into
from tutti.models import AuditEntry, ServerFact

_KEY_BYTES = 32
_BATCH = 1000
_OLDEST, _NEWEST = "audit_oldest", "audit_newest"


class Mark(NamedTuple):
    """An end of the chain: the number and the hash of an entry; `is_genuine` says whether we have written it."""

    number: int
    mac: bytes
    is_genuine: bool = True


_NOTHING = Mark(0, b"")


class AuditRepo:
    """Adds to the chain, reads it, and cuts its oldest end."""

    def __init__(self, session: Session, key: bytes) -> None:
        self._session = session
        self._key = key

    def add(self, entry: AuditEntry) -> None:
        """Append an entry; its number and its hash are set here.

        The mark of the newest entry keeps what was cut off from being forgotten. Where the mark itself is gone or too
        old, a number is left out: the chain goes on, and it shows for ever.
        """
        if len(self._key) != _KEY_BYTES:
            raise RuntimeError("The database was opened without the key of the audit log.")
        newest = self._mark(_NEWEST) or _NOTHING
        last = self._session.scalar(select(func.max(AuditEntry.id))) or 0
        is_torn = newest.number < last
        entry.id = max(newest.number, last) + (2 if is_torn else 1)
        entry.mac = self.mac_of(entry, newest.mac)
        self._session.add(entry)
        self._session.flush()
        self._set_mark(_NEWEST, entry)

    def page(self, *, action: str | None, actor: str | None, after: int | None, limit: int) -> Sequence[AuditEntry]:
        """Return entries, the newest first, behind the one with the number `after`."""
        query = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit)
        if action is not None:
            query = query.where(AuditEntry.action == action)
        if actor is not None:
            query = query.where(AuditEntry.actor == actor)
        return self._session.scalars(query if after is None else query.where(AuditEntry.id < after)).all()

    def walk(self) -> Iterator[AuditEntry]:
        """Yield every entry, the oldest first."""
        after = 0
        while batch := self._session.scalars(
            select(AuditEntry).where(AuditEntry.id > after).order_by(AuditEntry.id).limit(_BATCH)
        ).all():
            yield from batch
            after = batch[-1].id
            self._session.expunge_all()

    def ends(self) -> tuple[Mark, Mark | None]:
        """Return the last entry that was cut off for its age, number 0 when none was, and the newest one."""
        return self._mark(_OLDEST) or _NOTHING, self._mark(_NEWEST)

    def prune(self, before: datetime, limit: int) -> int:
        """Cut off entries older than an instant, up to the first that is not; return how many, at most `limit`."""
        kept = self._session.scalar(select(func.min(AuditEntry.id)).where(AuditEntry.at >= before))
        old = select(AuditEntry).order_by(AuditEntry.id).limit(limit)
        found = self._session.scalars(old if kept is None else old.where(AuditEntry.id < kept)).all()
        if found:
            self._session.execute(delete(AuditEntry).where(AuditEntry.id <= found[-1].id))
            self._set_mark(_OLDEST, found[-1])
        return len(found)

    def mac_of(self, entry: AuditEntry, before: bytes) -> bytes:
        """Return the hash that an entry must have behind one with the hash `before`."""
        told = (entry.action, entry.outcome, entry.actor, str(entry.actor_uuid), entry.target)
        came_from = (entry.door, entry.address, entry.request_id)
        text = json.dumps([before.hex(), entry.id, entry.at.isoformat(), *told, *came_from])
        return hmac.digest(self._key, text.encode(), "sha256")

    def _mark(self, name: str) -> Mark | None:
        row = self._session.execute(
            select(ServerFact.number, ServerFact.text).where(ServerFact.name == name)
        ).one_or_none()
        if row is None:
            return None
        number, text = row
        try:
            mac = bytes.fromhex(text[:64])
        except ValueError:
            return Mark(number, b"", is_genuine=False)
        return Mark(number, mac, is_genuine=hmac.compare_digest(text[64:], self._seal(name, number, mac)))

    def _set_mark(self, name: str, entry: AuditEntry) -> None:
        values = {"number": entry.id, "text": entry.mac.hex() + self._seal(name, entry.id, entry.mac)}
        insert = insert_into(self._session, ServerFact).values(name=name, **values)
        self._session.execute(insert.on_conflict_do_update(index_elements=["name"], set_=values))

    def _seal(self, name: str, number: int, mac: bytes) -> str:
        return hmac.digest(self._key, json.dumps([name, number, mac.hex()]).encode(), "sha256").hex()
