"""How both halves of this door keep people signed in, and what they ask of new accounts."""

from datetime import timedelta

from tutti.domain.accounts import AccountRules
from tutti.services.sessions import SessionPolicy

RULES = AccountRules()
"""The original asks nothing of names and passwords; the server's floor counts."""

POLICY = SessionPolicy(
    access=timedelta(hours=72), refresh=timedelta(hours=72), absolute=timedelta(hours=72), door="astolfo", is_exact=True
)
"""A phone has no refresh token: it signs in again when its token is over (docs/contracts/collisions.md 6)."""
