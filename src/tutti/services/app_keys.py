"""App keys: named, scoped, revocable secrets for clients that cannot sign in."""

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid4

from tutti.db.engine import Database
from tutti.domain.audit import Action
from tutti.domain.caller import SCOPES, Caller, Permission
from tutti.domain.errors import AppError, ErrorKind
from tutti.kit.text import clean
from tutti.models import AppKey
from tutti.services.accounts import APP_KEY_PREFIX, access_changed, digest_of
from tutti.services.auditing import note

_NAME_MAX = 200
_KEYS_MAX = 50


@dataclass(frozen=True, slots=True)
class KnownKey:
    """An app key as its owner sees it; `scopes` are in order."""

    uuid: UUID
    name: str
    scopes: Sequence[Permission]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A new app key; its text is shown here and never again."""

    known: KnownKey
    text: str = field(repr=False)


class AppKeys:
    """The keys that people hand to their clients; all of it needs a credential that may change credentials."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def mine(self, caller: Caller) -> Sequence[KnownKey]:
        """Return the caller's app keys that were not revoked.

        Raises:
            AppError: FORBIDDEN `not_allowed`.
        """
        caller.require_credentials()
        with self._db.read() as tx:
            return [_known(key) for key in tx.access.keys_of(caller.user_id)]

    def create(
        self, caller: Caller, name: str, scopes: Collection[Permission], *, expires_at: datetime | None = None
    ) -> MadeKey:
        """Make an app key; it may do what its scopes and the account's roles both allow.

        Raises:
            AppError: FORBIDDEN `not_allowed`; INVALID `bad_name`, `bad_scopes`, `bad_expiry`; CONFLICT
                `too_many_app_keys`.
        """
        caller.require_credentials()
        label = clean(name, _NAME_MAX)
        if not label:
            raise AppError(ErrorKind.INVALID, "bad_name", "An app key needs a name.")
        if not scopes or not SCOPES.issuperset(scopes):
            raise AppError(ErrorKind.INVALID, "bad_scopes", f"Scopes are some of: {', '.join(sorted(SCOPES))}.")
        text = APP_KEY_PREFIX + secrets.token_urlsafe(32)
        with self._db.write() as tx:
            if expires_at is not None and expires_at <= tx.now:
                raise AppError(ErrorKind.INVALID, "bad_expiry", "An app key must expire in the future, or never.")
            if tx.access.key_count(caller.user_id) >= _KEYS_MAX:
                raise AppError(ErrorKind.CONFLICT, "too_many_app_keys", f"There may be {_KEYS_MAX}; revoke one first.")
            key = AppKey(
                uuid=uuid4(),
                user_id=caller.user_id,
                name=label,
                key_hash=digest_of(text),
                scopes=" ".join(sorted(set(scopes))),
                created_at=tx.now,
                expires_at=expires_at,
            )
            tx.access.add_key(key)
            note(tx, Action.APP_KEY_MAKE, caller, f"{label} {key.scopes}")
            return MadeKey(_known(key), text)

    def revoke(self, caller: Caller, uuid: UUID) -> None:
        """End one of the caller's app keys, everywhere and within a second.

        Raises:
            AppError: FORBIDDEN `not_allowed`; NOT_FOUND `app_key_not_found`, also for one of somebody else.
        """
        caller.require_credentials()
        with self._db.write() as tx:
            key = tx.access.key_by_uuid(uuid)
            if key is None or key.user_id != caller.user_id or key.revoked_at is not None:
                raise AppError(ErrorKind.NOT_FOUND, "app_key_not_found", "There is no such app key.")
            key.revoked_at = tx.now
            access_changed(tx)
            note(tx, Action.APP_KEY_REVOKE, caller, key.name)


def _known(key: AppKey) -> KnownKey:
    scopes = [Permission(scope) for scope in key.scopes.split()]
    return KnownKey(key.uuid, key.name, scopes, key.created_at, key.expires_at, key.last_used_at)
