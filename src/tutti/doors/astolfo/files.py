"""The bytes of a file by the id of its item, past the framework."""

from dataclasses import dataclass

from litestar.types import HTTPScope, Receive, Send

from tutti.domain.caller import Caller
from tutti.doors.http.access import Gate
from tutti.doors.http.delivery import FileDelivery, sendable
from tutti.doors.http.holds import Hold, Holds
from tutti.doors.http.meter import Route
from tutti.services.delivery import Deliveries, Delivery
from tutti.services.listing import Listing

FILE = Route("astolfo", "/api/tracks/{track}/file")


@dataclass(frozen=True, slots=True)
class Files:
    """Answers requests for bytes; lives on the event loop."""

    listing: Listing
    deliveries: Deliveries
    delivery: FileDelivery
    gate: Gate
    holds: Holds

    async def __call__(self, scope: HTTPScope, receive: Receive, send: Send, track: str) -> None:
        """Answer GET and HEAD of one file's bytes; raises AppError before anything was sent."""

        def opened(caller: Caller) -> tuple[Hold, Delivery]:
            item_uuid = self.listing.uuid_of(caller, int(track))
            return Hold(self.holds, caller, item_uuid), self.deliveries.open(caller, item_uuid)

        hold, delivery = await self.gate.call(scope["headers"], opened)
        extra = ((b"x-request-id", scope["state"]["request_id"].encode()),)
        head = scope["method"] == "HEAD"
        file = sendable(delivery, hold, "attachment")
        await self.delivery.deliver(scope, receive, send, file, head=head, extra=extra)
