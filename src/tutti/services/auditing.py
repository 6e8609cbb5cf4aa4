"""How a use case notes in the audit log what it does, and what it refuses."""

from tutti.db.engine import Database, WriteTx
from tutti.domain.audit import Action, Outcome
from tutti.domain.caller import Actor, Caller
from tutti.domain.errors import AppError
from tutti.domain.origin import origin
from tutti.kit.text import clean
from tutti.models import AuditEntry

OPERATOR = "operator"
"""Who did it when the command line did."""


def note(tx: WriteTx, action: Action, actor: Actor | None, target: str = "", *, outcome: Outcome = Outcome.OK) -> None:
    """Note something in the transaction that it happens in.

    Args:
        tx: That transaction.
        action: What it is.
        actor: Who does it; None is a stranger.
        target: Whom or what it is done to, in words for people; never a secret, nor what might be one.
        outcome: What becomes of it.
    """
    came_from = origin()
    caller = actor if isinstance(actor, Caller) else None
    name = "" if actor is None else OPERATOR if caller is None else caller.username
    tx.audit.add(
        AuditEntry(
            at=tx.now,
            action=action,
            outcome=outcome,
            actor=clean(name, 200),
            actor_uuid=None if caller is None else caller.user_uuid,
            target=clean(target, 400),
            door=clean(came_from.door, 20),
            address=clean(came_from.address, 100),
            request_id=clean(came_from.request_id, 64),
        )
    )


def note_refused(
    db: Database, action: Action, actor: Actor | None, target: str = "", *, outcome: Outcome = Outcome.REFUSED
) -> None:
    """Note something that was refused, in a transaction of its own; it stays refused where nothing can be written."""
    try:
        with db.write() as tx:
            note(tx, action, actor, target, outcome=outcome)
    except AppError as error:
        import structlog  # noqa: PLC0415 - a server loads it without rich, so no command may be before it

        structlog.get_logger().error("audit.not_written", action=action, outcome=outcome, reason=error.code)
