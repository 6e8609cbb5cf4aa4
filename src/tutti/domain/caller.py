"""Who is asking: what every use case is told about the account behind a request."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.values import SessionUUID, UserId


class Permission(StrEnum):
    """What one may do at all; closed. To which libraries it applies is membership."""

    LISTEN = "listen"
    """Read lists, covers and bytes; keep playlists of one's own."""
    UPLOAD = "upload"
    """Bring files in, change and delete them."""
    CONTROL = "control"
    """Steer players that are not one's own."""
    SYNC = "sync"
    """Keep a device in step with a library."""
    CURATE = "curate"
    """Make libraries, choose their members and sources."""
    ADMINISTER = "administer"
    """Decide about accounts and the server."""


class Role(StrEnum):
    """What an account is to the server."""

    ADMIN = "admin"
    USER = "user"
    GUEST = "guest"


SCOPES = frozenset({Permission.LISTEN, Permission.UPLOAD, Permission.CONTROL, Permission.SYNC})
"""What an app key may be for."""

_USERS = SCOPES | {Permission.CURATE}
PERMISSIONS: Mapping[Role, frozenset[Permission]] = {
    Role.GUEST: frozenset({Permission.LISTEN}),
    Role.USER: _USERS,
    Role.ADMIN: _USERS | {Permission.ADMINISTER},
}
"""What each role may do; several roles may do what any of them may."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A known, active account, as it was when it was authenticated.

    Attributes:
        roles: From the live account, never from a token.
        session_uuid: The session the request belongs to; None for app keys, the command line and jobs.
        is_limited: The credential lives longer than an hour, so it carries no administrator or
            credential-changing power, whatever the roles say.
        key_uuid: The app key the request was made with.
        scopes: What an app key is for; it narrows what the roles allow, and None narrows nothing.
    """

    user_id: UserId
    user_uuid: UUID
    username: str
    roles: frozenset[Role]
    session_uuid: SessionUUID | None = None
    is_limited: bool = False
    key_uuid: UUID | None = None
    scopes: frozenset[Permission] | None = None

    @property
    def permissions(self) -> frozenset[Permission]:
        """What the caller may do with this credential."""
        allowed = frozenset().union(*(PERMISSIONS[role] for role in self.roles))
        if self.scopes is not None:
            allowed &= self.scopes
        return allowed - {Permission.ADMINISTER} if self.is_limited else allowed

    def may(self, permission: Permission) -> bool:
        """Whether the caller may do that with this credential."""
        return permission in self.permissions

    def require(self, permission: Permission) -> None:
        """See that the caller may.

        Raises:
            AppError: FORBIDDEN `not_allowed`.
        """
        if not self.may(permission):
            raise AppError(ErrorKind.FORBIDDEN, "not_allowed", _REFUSALS[permission])

    @property
    def is_admin(self) -> bool:
        """Whether administrator power may be used with this credential."""
        return self.may(Permission.ADMINISTER)

    @property
    def may_change_credentials(self) -> bool:
        """Whether passwords, e-mail and keys of the account may be changed with this credential."""
        return not self.is_limited

    def require_credentials(self) -> None:
        """See that passwords, e-mail, sessions and keys of the account may be seen and changed.

        Raises:
            AppError: FORBIDDEN `not_allowed`.
        """
        if not self.may_change_credentials:
            raise AppError(
                ErrorKind.FORBIDDEN, "not_allowed", "That needs a session of one's own: sign in with the password."
            )


@dataclass(frozen=True, slots=True)
class Operator:
    """Whoever can run our program on the data folder: no account, and every power over the server."""

    @property
    def is_admin(self) -> bool:
        """Always."""
        return True

    def require(self, permission: Permission) -> None:
        """Never refuse."""


Actor = Caller | Operator
"""Who may be behind an administrator's use case."""

_REFUSALS: Mapping[Permission, str] = {
    Permission.LISTEN: "This credential is not for listening.",
    Permission.UPLOAD: "This account or app key may not bring in or change files.",
    Permission.CONTROL: "This account or app key may not steer players.",
    Permission.SYNC: "This account or app key may not keep devices in step.",
    Permission.CURATE: "This account or app key may not change libraries and sources.",
    Permission.ADMINISTER: "Only an administrator may do that, with a session of his own.",
}
