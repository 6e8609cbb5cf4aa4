"""The bytes of a track, past the framework: one lookup in a cache of grants, then the file goes out."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

from litestar.types import HTTPScope, Receive, Send

from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.files import Descriptor, OpenedFile
from tutti.doors.http.access import Gate, bearer
from tutti.doors.http.answers import Field
from tutti.doors.http.app import identify
from tutti.doors.http.delivery import FileDelivery, OpenFile, sendable
from tutti.doors.http.express import AtHand
from tutti.doors.http.holds import Hold, Holds
from tutti.doors.http.hop import Hop
from tutti.doors.http.meter import Route
from tutti.kit.clock import Clock
from tutti.services.accounts import Access, Accounts
from tutti.services.delivery import Deliveries, Delivery

STREAM_PATH = "/api/v1/tracks/{track}/stream"
STREAM = Route("native", STREAM_PATH)

_GRANTS = 256
_GRANT_S = 10.0
"""A file of somebody else's folder may be replaced: after so long it is opened anew."""

Key = tuple[bool, str, str]
"""Whether it is a ticket, its text, the item: a ticket must never pass for a token."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Leave to read one open file, until something changes."""

    file: OpenFile
    descriptor: Descriptor | None
    access: Access
    generation: int
    opened_at_s: float


class Streams:
    """Answers requests for bytes; lives on the event loop."""

    def __init__(
        self,
        accounts: Accounts,
        deliveries: Deliveries,
        delivery: FileDelivery,
        *,
        gate: Gate,
        holds: Holds,
        hop: Hop,
        clock: Clock,
    ) -> None:
        self._accounts = accounts
        self._deliveries = deliveries
        self._delivery = delivery
        self._gate = gate
        self._holds = holds
        self._hop = hop
        self._clock = clock
        self._grants: OrderedDict[Key, Grant] = OrderedDict()

    async def __call__(self, scope: HTTPScope, receive: Receive, send: Send, track: str) -> None:
        """Answer GET and HEAD of one track's bytes; raises AppError before anything was sent."""
        key = _key(track, scope["query_string"], scope["headers"])
        grant = self._granted(key) or await self._open(key)
        extra = ((b"x-request-id", scope["state"]["request_id"].encode()),)
        await self._delivery.deliver(scope, receive, send, grant.file, head=scope["method"] == "HEAD", extra=extra)

    def reach(self, track: str, query: bytes, fields: Sequence[Field]) -> AtHand | None:
        """Return the file if whoever asks was given it a moment ago; for `Shortcut.reach`."""
        try:
            grant = self._granted(_key(track, query, fields))
        except AppError:
            return None
        if grant is None or grant.descriptor is None:
            return None
        return AtHand(grant.file, ((b"x-request-id", identify(fields).encode()),), grant.descriptor, STREAM)

    def _granted(self, key: Key) -> Grant | None:
        grant = self._grants.get(key)
        if grant is None:
            return None
        is_old = monotonic() - grant.opened_at_s > _GRANT_S
        if is_old or grant.generation != self._gate.generation or grant.access.until <= self._clock():
            del self._grants[key]
            return None
        self._grants.move_to_end(key)
        return grant

    async def _open(self, key: Key) -> Grant:
        is_ticket, credential, track = key
        item_uuid = UUID(track)
        generation = self._gate.generation

        def opened() -> tuple[Access, Delivery]:
            access = (
                self._accounts.redeem(credential, item_uuid) if is_ticket else self._accounts.authenticate(credential)
            )
            return access, self._deliveries.open(access.caller, item_uuid)

        access, delivery = await self._hop(opened)
        if generation != self._gate.generation:  # what was just allowed may not be any more
            return await self._open(key)
        hold = Hold(self._holds, access.caller, item_uuid)
        descriptor = delivery.file.descriptor if isinstance(delivery.file, OpenedFile) else None
        grant = Grant(sendable(delivery, hold, "inline"), descriptor, access, generation, monotonic())
        self._keep(key, grant)
        return grant

    def _keep(self, key: Key, grant: Grant) -> None:
        oldest = monotonic() - _GRANT_S
        self._grants[key] = grant
        while len(self._grants) > _GRANTS or next(iter(self._grants.values())).opened_at_s < oldest:
            self._grants.popitem(last=False)


def _key(track: str, query: bytes, fields: Iterable[Field]) -> Key:
    if query.startswith(b"ticket=") or b"&ticket=" in query:
        return True, _ticket(query.decode("latin-1")), track
    return False, bearer(fields), track


def _ticket(query: str) -> str:
    try:
        tickets = parse_qs(query, keep_blank_values=True, max_num_fields=20).get("ticket", [])
    except ValueError:  # more than that
        tickets = []
    if len(tickets) != 1:
        raise AppError(ErrorKind.UNAUTHENTICATED, "ticket_invalid", "The stream address is not valid.")
    return tickets[0]


def describe_stream() -> dict[str, Any]:
    """Return this path's item of the OpenAPI document."""
    header = {"schema": {"type": "string"}, "required": False, "in": "header"}
    parameters = [
        {"name": "track", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}},
        {
            "name": "ticket",
            "in": "query",
            "required": False,
            "schema": {"type": "string", "maxLength": 200},
            "description": "Instead of the Authorization header; from `/tracks/{track}/ticket`.",
        },
        {"name": "Range", **header, "description": "RFC 9110 14.2; one or several byte ranges."},
        {"name": "If-Range", **header, "description": "RFC 9110 13.1.5."},
        {"name": "If-None-Match", **header, "description": "RFC 9110 13.1.2."},
    ]
    bytes_ = {"content": {"audio/*": {"schema": {"type": "string", "format": "binary"}}}}
    responses = {
        "200": {"description": "The whole file.", **bytes_},
        "206": {"description": "The ranges that were asked for.", **bytes_},
        "304": {"description": "The client has it."},
        "412": {"description": "It is not the file that was meant."},
        "416": {"description": "No range lies within the file."},
    }
    operation = {"tags": ["catalog"], "parameters": parameters, "responses": responses, "x-policy": "signed_in"}
    security: list[dict[str, list[str]]] = [{"bearer": []}, {}]
    return {
        "get": {
            "operationId": "stream_track",
            "summary": "Get the bytes of a track",
            "description": "Return the file as it is, whole or in ranges.",
            "security": security,
            **operation,
        },
        "head": {
            "operationId": "stream_track_head",
            "summary": "Get the size and type of a track",
            "description": "Return what GET would say, without the bytes.",
            "security": security,
            **operation,
        },
    }
