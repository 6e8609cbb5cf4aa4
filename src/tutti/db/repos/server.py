"""Facts about the server itself: the claim, the access epoch."""

from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session

from tutti.db.dialect import insert_into
from tutti.models import ServerFact

_EPOCH = "access_epoch"
_CLAIM = "claim_hash"


class ServerRepo:
    """Questions about the server."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def ping(self) -> None:
        """Ask for the smallest possible answer."""
        self._session.execute(text("SELECT 1"))

    def epoch(self) -> int:
        """Return the access epoch: whoever cached an answer about access drops it when this number grows."""
        return self._session.scalar(select(ServerFact.number).where(ServerFact.name == _EPOCH)) or 0

    def raise_epoch(self) -> None:
        """Make every process forget what it cached about access."""
        insert = insert_into(self._session, ServerFact).values(name=_EPOCH, text="", number=1)
        self._session.execute(
            insert.on_conflict_do_update(index_elements=["name"], set_={"number": ServerFact.number + 1})
        )

    def claim_hash(self) -> str:
        """Return the hex SHA-256 of the open claim token, empty when none is open."""
        return self._session.scalar(select(ServerFact.text).where(ServerFact.name == _CLAIM)) or ""

    def open_claim(self, token_hash: str) -> None:
        """Replace the claim token."""
        insert = insert_into(self._session, ServerFact).values(name=_CLAIM, text=token_hash, number=0)
        self._session.execute(insert.on_conflict_do_update(index_elements=["name"], set_={"text": token_hash}))

    def close_claim(self) -> None:
        """Forget the claim token."""
        self._session.execute(delete(ServerFact).where(ServerFact.name == _CLAIM))
