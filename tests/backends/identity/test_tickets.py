"""A stream ticket opens one item for one session until its time, and cannot be rewritten."""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutti.backends.keys import KeyRing, Purpose
from tutti.backends.tickets import TICKET_CHARS, HMACTickets
from tutti.backends.tokens import RS256Tokens
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.values import ItemUUID, SessionUUID, UserId
from tutti.ports.identity import AccessClaims, StreamTicket

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
TICKET = StreamTicket(ItemUUID(UUID(int=1)), UUID(int=2), SessionUUID(UUID(int=3)), NOW + timedelta(hours=6))
SPELLING = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def tickets_at(keys: KeyRing, instant: datetime) -> HMACTickets:
    return HMACTickets(keys, clock=lambda: instant)


def assert_refused(tickets: HMACTickets, text: str, code: str = "ticket_invalid") -> None:
    with pytest.raises(AppError) as caught:
        tickets.verify(text)

    assert (caught.value.kind, caught.value.code) == (ErrorKind.UNAUTHENTICATED, code)


class TestMint:
    @given(st.uuids(), st.uuids(), st.uuids(), st.integers(1, 2**32 - 1 - int(NOW.timestamp())))
    def test_a_ticket_says_what_was_put_in(
        self, keys: KeyRing, item: UUID, user: UUID, session: UUID, seconds: int
    ) -> None:
        ticket = StreamTicket(ItemUUID(item), user, SessionUUID(session), NOW + timedelta(seconds=seconds))

        text = tickets_at(keys, NOW).mint(ticket)

        assert tickets_at(keys, NOW).verify(text) == ticket
        assert len(text) == TICKET_CHARS
        assert set(text) <= set(SPELLING)


class TestTime:
    def test_a_ticket_is_good_until_its_second(self, keys: KeyRing) -> None:
        text = tickets_at(keys, NOW).mint(TICKET)

        assert tickets_at(keys, TICKET.expires_at - timedelta(seconds=1)).verify(text) == TICKET

    def test_then_it_has_expired(self, keys: KeyRing) -> None:
        text = tickets_at(keys, NOW).mint(TICKET)

        assert_refused(tickets_at(keys, TICKET.expires_at), text, "ticket_expired")


class TestForgery:
    @given(st.integers(0, TICKET_CHARS - 1), st.sampled_from(SPELLING + "+/=.é"))
    def test_one_changed_character_is_noticed(self, keys: KeyRing, at: int, other: str) -> None:
        tickets = tickets_at(keys, NOW)
        genuine = tickets.mint(TICKET)
        changed = genuine[:at] + other + genuine[at + 1 :]

        if changed == genuine:
            assert tickets.verify(changed) == TICKET
        else:
            assert_refused(tickets, changed)

    def test_the_ticket_of_another_server_is_refused(self, keys: KeyRing, other_keys: KeyRing) -> None:
        assert_refused(tickets_at(keys, NOW), tickets_at(other_keys, NOW).mint(TICKET))

    def test_an_access_token_is_no_ticket(self, keys: KeyRing) -> None:
        """O-JWT5."""
        claims = AccessClaims(
            user_uuid=TICKET.user_uuid,
            user_id=UserId(2),
            username="ann",
            session_uuid=TICKET.session_uuid,
            issued_at=NOW,
            expires_at=TICKET.expires_at,
        )

        assert_refused(tickets_at(keys, NOW), RS256Tokens(keys, issuer="tutti", clock=lambda: NOW).mint(claims))

    @given(st.text() | st.text(SPELLING, min_size=TICKET_CHARS, max_size=TICKET_CHARS))
    def test_no_text_is_more_than_refused(self, keys: KeyRing, text: str) -> None:
        assert_refused(tickets_at(keys, NOW), text)

    def test_a_ticket_of_another_version_is_refused(self, keys: KeyRing) -> None:
        tickets = tickets_at(keys, NOW)
        body = b"\x02" + urlsafe_b64decode(tickets.mint(TICKET))[1:-16]
        mac = hmac.digest(keys.derive(Purpose.TICKETS), body, "sha256")[:16]

        assert_refused(tickets, urlsafe_b64encode(body + mac).decode())

    def test_there_is_one_spelling(self, keys: KeyRing) -> None:
        tickets = tickets_at(keys, NOW)
        ticket = StreamTicket(ItemUUID(UUID(int=2**128 - 1)), TICKET.user_uuid, TICKET.session_uuid, TICKET.expires_at)
        text = tickets.mint(ticket)
        assert "_" in text

        assert_refused(tickets, text.replace("_", "/"))
        assert_refused(tickets, text + "=")
        assert_refused(tickets, text + "\n")
