"""Stream tickets: 69 signed bytes that let a player fetch one item without a header (design: Access)."""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from struct import Struct
from typing import NoReturn
from uuid import UUID

from tutti.backends.keys import KeyRing, Purpose
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.values import ItemUUID, SessionUUID
from tutti.kit.clock import Clock
from tutti.ports.identity import StreamTicket

TICKET_CHARS = 92

_VERSION = 1
_BODY = Struct("!B16s16s16sI")  # version, item, account, session, Unix seconds until 2106
_MAC_BYTES = 16


class HMACTickets:
    """Implements `TicketSigner` by HMAC-SHA256, cut to 128 bits (RFC 2104 5).

    The text is base64url of version, item, account, session, expiry, MAC: whole groups of three bytes, so there is
    exactly one spelling.
    """

    def __init__(self, keys: KeyRing, *, clock: Clock) -> None:
        self._key = keys.derive(Purpose.TICKETS)
        self._clock = clock

    def mint(self, ticket: StreamTicket) -> str:
        """Return the ticket as URL-safe text of `TICKET_CHARS` characters."""
        body = _BODY.pack(
            _VERSION,
            ticket.item_uuid.bytes,
            ticket.user_uuid.bytes,
            ticket.session_uuid.bytes,
            int(ticket.expires_at.timestamp()),
        )
        return urlsafe_b64encode(body + self._mac(body)).decode()

    def verify(self, text: str) -> StreamTicket:
        """Return what a ticket of ours says.

        Raises:
            AppError: UNAUTHENTICATED `ticket_expired` for a genuine ticket past its time, UNAUTHENTICATED
                `ticket_invalid` for anything else.
        """
        body = self._genuine(text)
        version, item, user, session, seconds = _BODY.unpack(body)
        if version != _VERSION:
            _refuse()
        expires_at = datetime.fromtimestamp(seconds, UTC)
        if expires_at <= self._clock():
            raise AppError(ErrorKind.UNAUTHENTICATED, "ticket_expired", "The stream address has expired.")
        return StreamTicket(ItemUUID(UUID(bytes=item)), UUID(bytes=user), SessionUUID(UUID(bytes=session)), expires_at)

    def _genuine(self, text: str) -> bytes:
        if len(text) != TICKET_CHARS or not text.isascii():
            _refuse()
        try:
            raw = urlsafe_b64decode(text)
        except ValueError:
            _refuse()
        body, mac = raw[: _BODY.size], raw[_BODY.size :]
        if not hmac.compare_digest(mac, self._mac(body)) or urlsafe_b64encode(raw).decode() != text:
            _refuse()
        return body

    def _mac(self, body: bytes) -> bytes:
        return hmac.digest(self._key, body, "sha256")[:_MAC_BYTES]


def _refuse() -> NoReturn:
    raise AppError(ErrorKind.UNAUTHENTICATED, "ticket_invalid", "The stream address is not valid.")
