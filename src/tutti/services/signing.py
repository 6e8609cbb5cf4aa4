"""The keys that sign access tokens, as those who run the server see them."""

from collections.abc import Sequence
from datetime import timedelta

from tutti.db.engine import Database
from tutti.domain.audit import Action
from tutti.domain.caller import Actor, Permission
from tutti.ports.identity import SigningKeys
from tutti.services.accounts import access_changed
from tutti.services.auditing import note

LONGEST_TOKEN = timedelta(hours=72)
"""The longest life that a door gives to an access token."""
_OVERLAP = LONGEST_TOKEN + timedelta(minutes=5)
"""Until nobody can hold a token of the key before: leeway, and the moment until every process has seen the next one."""


class Signing:
    """Rotates keys with overlap: a new one signs at once, the one before verifies until all its tokens are old."""

    def __init__(self, db: Database, keys: SigningKeys) -> None:
        self._db = db
        self._keys = keys

    def kids(self, actor: Actor) -> Sequence[str]:
        """Return the ids of the keys, the one that signs last.

        Raises:
            AppError: FORBIDDEN `not_allowed`.
        """
        actor.require(Permission.ADMINISTER)
        return self._keys.kids()

    def rotate(self, actor: Actor) -> str:
        """Sign with a new key from now on; return its id.

        Raises:
            AppError: FORBIDDEN `not_allowed`; UNAVAILABLE `keys_not_written`.
        """
        actor.require(Permission.ADMINISTER)
        kid = self._keys.add()
        with self._db.write() as tx:
            note(tx, Action.KEY_ROTATE, actor, kid)
        return kid

    def retire(self, actor: Actor, *, at_once: bool = False) -> Sequence[str]:
        """Delete keys that no living token was signed with; return their ids.

        Args:
            actor: An administrator.
            at_once: Delete all but the newest, because one got into wrong hands: clients must refresh their tokens.

        Raises:
            AppError: FORBIDDEN `not_allowed`; UNAVAILABLE `keys_not_written`.
        """
        actor.require(Permission.ADMINISTER)
        retired = self._keys.retire(unused_for=timedelta() if at_once else _OVERLAP)
        if retired:
            with self._db.write() as tx:
                access_changed(tx)  # tokens that were verified with them are remembered
                note(tx, Action.KEY_RETIRE, actor, " ".join(retired))
        return retired
