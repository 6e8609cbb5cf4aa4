"""What the core asks of cryptography: hashed passwords, signed access tokens, signed stream addresses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol
from uuid import UUID, uuid4

from tutti.domain.caller import Role
from tutti.domain.values import ItemUUID, SessionUUID, UserId


class Verdict(StrEnum):
    """What a password was found to be."""

    RIGHT = "right"
    RIGHT_BUT_OUTDATED = "right_but_outdated"
    """Right, and worth hashing again: the stored hash was made in another way or with other costs than today's."""
    WRONG = "wrong"


class PasswordHasher(Protocol):
    """Slow on purpose, and bounded: blocks the calling thread; safe to call from many."""

    def hash(self, password: str) -> str:
        """Return the hash to store.

        Raises:
            AppError: INVALID `password_too_long` beyond 1,024 characters, INVALID `password_not_text` when UTF-8
                cannot carry it; BUSY `password_queue_full` before any work when too many are waiting.
        """
        ...

    def verify(self, password: str, hashed: str | None) -> Verdict:
        """Compare a password, exactly as typed, with a stored hash.

        Args:
            password: What the client sent.
            hashed: What `hash` returned; None when there is no such account or it has no password. That, and a hash
                nobody can read, is WRONG after the same work, so that time tells nothing (reliability.md P39).

        Raises:
            AppError: As `hash`.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessClaims:
    """What an access token says (contracts/collisions.md 6); the issuer is the signer's own.

    Attributes:
        roles, permissions: As they were at minting, for other services; we decide by the live account.
        issued_at, expires_at: Aware UTC; tokens carry whole seconds.
        token_id: The `jti`; random unless given.
    """

    user_uuid: UUID
    user_id: UserId
    username: str
    email: str | None = None
    roles: frozenset[Role] = frozenset()
    permissions: Sequence[str] = ()
    session_uuid: SessionUUID
    issued_at: datetime
    expires_at: datetime
    token_id: str = field(default_factory=lambda: uuid4().hex)


class TokenSigner(Protocol):
    """Makes and checks access tokens; safe to call from many threads."""

    def mint(self, claims: AccessClaims) -> str:
        """Return the signed token."""
        ...

    def verify(self, text: str) -> AccessClaims:
        """Return what a token of ours says; whether its session still lives is for the caller to check.

        Raises:
            AppError: UNAUTHENTICATED `token_expired` for a genuine token past its time (60 s of leeway),
                UNAUTHENTICATED `token_invalid` for anything else.
        """
        ...

    def jwks(self) -> Mapping[str, Sequence[Mapping[str, str]]]:
        """Return the public keys as a JWK Set (RFC 7517 5), ready for JSON."""
        ...


class SigningKeys(Protocol):
    """The keys that sign access tokens: the newest signs, all of them verify; every process sees a change at once."""

    def kids(self) -> Sequence[str]:
        """Return the ids of the keys, the one that signs last."""
        ...

    def add(self) -> str:
        """Make a key that signs from now on; it is durable when this returns. Return its id."""
        ...

    def retire(self, *, unused_for: timedelta) -> Sequence[str]:
        """Delete the keys that have not signed for so long; return their ids. Their tokens are worth nothing then.

        Raises:
            AppError: UNAVAILABLE `keys_not_written`, as `add`.
        """
        ...


@dataclass(frozen=True, slots=True)
class StreamTicket:
    """Leave to fetch one item without a header.

    Attributes:
        session_uuid: The ticket is dead with this session; that is for the caller to check.
        expires_at: Aware UTC; tickets carry whole seconds.
    """

    item_uuid: ItemUUID
    user_uuid: UUID
    session_uuid: SessionUUID
    expires_at: datetime


class TicketSigner(Protocol):
    """Makes and checks stream tickets in microseconds; safe to call from many threads."""

    def mint(self, ticket: StreamTicket) -> str:
        """Return the ticket as URL-safe text."""
        ...

    def verify(self, text: str) -> StreamTicket:
        """Return what a ticket of ours says.

        Raises:
            AppError: UNAUTHENTICATED `ticket_expired` for a genuine ticket past its time, UNAUTHENTICATED
                `ticket_invalid` for anything else.
        """
        ...
