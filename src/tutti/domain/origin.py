"""Where a request comes from, known to every use case that asks: it travels with the context, as the request id does.

A door sets it once for each request; the hop carries it into the thread. Most use cases do not care, so it is no
argument.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Final

_IPV6_HOST_BITS = 64


@dataclass(frozen=True, slots=True)
class Origin:
    """The other end of a request.

    Attributes:
        door: The door it came through; `local` is the command line and the background.
        address: Of the client, as the peer or a trusted proxy says; empty where there is none.
    """

    door: str = "local"
    address: str = ""
    request_id: str = ""


_LOCAL: Final = Origin()
_ORIGIN: ContextVar[Origin] = ContextVar("origin", default=_LOCAL)


def origin() -> Origin:
    """Return where the request at hand comes from."""
    return _ORIGIN.get()


def arrive(came_from: Origin) -> None:
    """Say where the request at hand comes from; for doors, in the task that serves it and nothing else."""
    _ORIGIN.set(came_from)


@contextmanager
def arriving(came_from: Origin) -> Iterator[None]:
    """As `arrive`, while the block lasts."""
    token = _ORIGIN.set(came_from)
    try:
        yield
    finally:
        _ORIGIN.reset(token)


def network_of(address: str) -> str:
    """Return what one customer of a network has to himself: an IPv4 address, or the /64 of an IPv6 address.

    What is no address is its own network.
    """
    try:
        known = ip_address(address)
    except ValueError:
        return address
    if not isinstance(known, IPv6Address):
        return str(known)
    if known.ipv4_mapped is not None:
        return str(known.ipv4_mapped)
    return f"{IPv6Address(int(known) >> _IPV6_HOST_BITS << _IPV6_HOST_BITS)}/64"
