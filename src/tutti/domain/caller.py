"""Who is asking: what every use case is told about the account behind a request."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from tutti.domain.values import SessionUUID, UserId


class Role(StrEnum):
    """What an account may do to the server; what it may do to a library is membership."""

    ADMIN = "admin"
    USER = "user"


@dataclass(frozen=True, slots=True)
class Caller:
    """A known, active account, as it was when it was authenticated.

    Attributes:
        roles: From the live account, never from a token.
        session_uuid: The session the request belongs to; None for the command line and jobs.
        is_limited: The credential lives longer than an hour, so it carries no administrator or
            credential-changing power, whatever the roles say.
    """

    user_id: UserId
    user_uuid: UUID
    username: str
    roles: frozenset[Role]
    session_uuid: SessionUUID | None = None
    is_limited: bool = False

    @property
    def is_admin(self) -> bool:
        """Whether administrator power may be used with this credential."""
        return Role.ADMIN in self.roles and not self.is_limited

    @property
    def may_change_credentials(self) -> bool:
        """Whether passwords, e-mail and keys of the account may be changed with this credential."""
        return not self.is_limited


@dataclass(frozen=True, slots=True)
class Operator:
    """Whoever can run our program on the data folder: no account, and every power over the server."""

    @property
    def is_admin(self) -> bool:
        """Always."""
        return True


Actor = Caller | Operator
"""Who may be behind an administrator's use case."""
