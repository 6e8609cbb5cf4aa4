"""Addresses for players that cannot send a header (N70, N71; O-JWT5)."""

from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx2
import pytest

from doors.native.conftest import Served
from support.api import Thing, bearer, code_of
from support.clock import ManualClock
from tutti.backends.keys import load_or_create_keys
from tutti.backends.tickets import HMACTickets
from tutti.domain.values import ItemUUID
from tutti.kit.clock import system_clock
from tutti.ports.identity import StreamTicket


@pytest.fixture
def address(served: Served) -> str:
    """An address of Ada's long track."""
    return served.ada.ticket("Long")


@pytest.fixture
def ticket(address: str) -> str:
    """What makes it work."""
    return parse_qs(urlsplit(address).query)["ticket"][0]


def stream_of(served: Served, title: str) -> str:
    """Return where the bytes of a track of Ada's are, without a ticket."""
    return f"/tracks/{served.ada.track(title)['id']}/stream"


def made(served: Served) -> Thing:
    """Return an answer to the wish for a ticket."""
    answer = served.ada.post(f"/tracks/{served.ada.track('Long')['id']}/ticket")
    assert answer.status_code == 201
    return dict(answer.json())


@pytest.mark.parametrize("host", ["[half", "a b", "user@host", "host/path", "host:port", "?"])
def test_a_host_that_is_none_makes_no_address(served: Served, host: str) -> None:
    path = f"/tracks/{served.ada.track('Long')['id']}/ticket"

    assert served.ada.request("POST", path, headers={"Host": host}).status_code == 400


def test_an_address_needs_no_header(served: Served, address: str) -> None:
    assert address.startswith(f"{served.server.url}/api/v1/tracks/")
    assert httpx2.get(address).content == (served.music / "Long" / "long.wav").read_bytes()
    assert httpx2.head(address).status_code == 200
    assert httpx2.get(address, headers={"Range": "bytes=5-9"}).headers["content-range"].startswith("bytes 5-9/")


def test_an_address_works_for_six_hours(served: Served) -> None:
    before = system_clock()

    ends_at = datetime.fromisoformat(made(served)["expires_at"])

    assert before - timedelta(seconds=1) <= ends_at - timedelta(hours=6) <= system_clock()


def test_an_address_is_of_one_track(served: Served, ticket: str) -> None:
    assert code_of(served.nobody.get(stream_of(served, "Moon"), ticket=ticket)) == (401, "ticket_invalid")


@pytest.mark.parametrize("place", [0, 20, 60, -1])
def test_an_altered_ticket_is_refused(served: Served, ticket: str, place: int) -> None:
    letters = list(ticket)
    letters[place] = "A" if letters[place] != "A" else "B"

    answer = served.nobody.get(stream_of(served, "Long"), ticket="".join(letters))

    assert code_of(answer) == (401, "ticket_invalid")


@pytest.mark.parametrize(
    "change", [str.lower, str.upper, lambda text: text[:-1], lambda text: text + "=", lambda _: ""]
)
def test_what_looks_like_a_ticket_is_none(served: Served, ticket: str, change: object) -> None:
    assert callable(change)

    assert code_of(served.nobody.get(stream_of(served, "Long"), ticket=change(ticket)))[0] == 401


@pytest.mark.parametrize("query", ["ticket={0}&ticket={0}", "ticket=&ticket={0}", "ticket={0}&ticket=x"])
def test_two_tickets_are_none(served: Served, ticket: str, query: str) -> None:
    answer = served.nobody.request("GET", f"{stream_of(served, 'Long')}?{query.format(ticket)}")

    assert code_of(answer) == (401, "ticket_invalid")


def test_more_parameters_than_anybody_needs_are_refused(served: Served, ticket: str) -> None:
    query = "&".join(f"k{number}=1" for number in range(100))

    answer = served.nobody.request("GET", f"{stream_of(served, 'Long')}?{query}&ticket={ticket}")

    assert code_of(answer) == (401, "ticket_invalid")


def test_other_parameters_do_not_matter(served: Served, ticket: str) -> None:
    answer = served.nobody.request("HEAD", f"{stream_of(served, 'Long')}?t=1&ticket={ticket}&x=y")

    assert answer.status_code == 200


def test_an_expired_ticket_is_refused(served: Served) -> None:
    """With the server's own key: only the time is wrong."""
    tickets = HMACTickets(load_or_create_keys(served.server.data_dir / "keys"), clock=ManualClock())
    me = served.ada.read("/me")
    gone = system_clock() - timedelta(seconds=1)
    session = UUID(int=0)
    item = ItemUUID(UUID(served.ada.track("Long")["id"]))

    text = tickets.mint(StreamTicket(item, UUID(me["id"]), session, gone))  # type: ignore[arg-type]  # any session

    assert code_of(served.nobody.get(stream_of(served, "Long"), ticket=text)) == (401, "ticket_expired")


@pytest.mark.parametrize("path", ["/me", "/tracks", "/tracks/{track}", "/tracks/{track}/cover", "/libraries"])
def test_a_ticket_opens_nothing_else(served: Served, ticket: str, path: str) -> None:
    path = path.format(track=served.ada.track("Long")["id"])

    assert code_of(served.nobody.get(path, ticket=ticket)) == (401, "token_missing")
    assert code_of(served.nobody.get(path, bearer(ticket))) == (401, "token_invalid")


def test_a_ticket_is_no_token_even_for_its_stream(served: Served, ticket: str) -> None:
    assert code_of(served.nobody.get(stream_of(served, "Long"), bearer(ticket))) == (401, "token_invalid")


def test_a_token_is_no_ticket(served: Served) -> None:
    answer = served.nobody.get(stream_of(served, "Long"), ticket=served.ada.token)

    assert code_of(answer) == (401, "ticket_invalid")


def test_a_wrong_ticket_is_not_saved_by_a_right_token(served: Served) -> None:
    answer = served.ada.get(stream_of(served, "Long"), ticket="wrong")

    assert code_of(answer) == (401, "ticket_invalid")


@pytest.mark.parametrize("name", ["access_token", "token", "jwt", "Ticket"])
def test_no_other_parameter_signs_in(served: Served, name: str) -> None:
    answer = served.nobody.request("GET", stream_of(served, "Long"), params={name: served.ada.token})

    assert code_of(answer) == (401, "token_missing")


def test_a_ticket_is_in_no_log(served: Served, address: str, ticket: str) -> None:
    httpx2.get(address)
    httpx2.get(address + "x")

    assert not [line for line in served.server.log if ticket in line or served.ada.token in line]
