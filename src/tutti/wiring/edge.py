"""What lives on the event loop of one process and all its doors share."""

from typing import NamedTuple

from tutti.doors.http.access import Gate
from tutti.doors.http.far import FarBlobs
from tutti.doors.http.feed import Feed
from tutti.doors.http.holds import Holds
from tutti.doors.http.hop import Hop
from tutti.doors.http.meter import Meter
from tutti.doors.http.pages import FilePages


class Edge(NamedTuple):
    """The ways into the core, the files' side of delivery, and what is counted.

    Attributes:
        hop: The way to use cases.
        stores: The way for what waits for a blob store beyond the network.
        logins: The way for what hashes a password.
        covers: The way for what draws pictures.
        bodies: The way for what is sent to us.
    """

    gate: Gate
    holds: Holds
    pages: FilePages
    far: FarBlobs
    feed: Feed
    meter: Meter
    hop: Hop
    stores: Hop
    logins: Hop
    covers: Hop
    bodies: Hop
