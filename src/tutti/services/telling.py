"""What services tell those who listen: hints, sent after the commit, from which whoever may hear them is told later."""

from tutti.db.engine import WriteTx
from tutti.domain.events import Event
from tutti.models import Source
from tutti.services.accounts import access_changed


def tell_state(tx: WriteTx, source: Source, state: str) -> None:
    """Say how a source is now."""
    data = {"source": str(source.uuid), "state": state}
    tx.emit(Event("source.state", str(source.library_id), data))


def tell_access(tx: WriteTx, library_id: int) -> None:
    """Say that somebody's access to a library, or its name, changed: every process forgets what it knew of access."""
    access_changed(tx)
    tx.emit(Event("library.changed", str(library_id)))
