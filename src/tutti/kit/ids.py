"""Names for new things, and secrets nobody can guess."""

from base64 import urlsafe_b64encode
from collections.abc import Callable
from secrets import token_bytes
from uuid import UUID

from tutti.kit.clock import Clock, system_clock

Entropy = Callable[[int], bytes]
"""Returns that many unpredictable bytes."""


def random_uuid(entropy: Entropy = token_bytes) -> UUID:
    """Return a UUID that says nothing (version 4, RFC 9562 5.4)."""
    return UUID(bytes=entropy(16), version=4)


def ordered_uuid(clock: Clock = system_clock, entropy: Entropy = token_bytes) -> UUID:
    """Return a UUID that sorts by the millisecond of its making (version 7, RFC 9562 5.7), and so tells it to anybody.

    Within one millisecond the order is random.
    """
    milliseconds = int(clock().timestamp() * 1000)
    number = int.from_bytes(milliseconds.to_bytes(6, "big") + entropy(10), "big")
    version_and_variant = (0x7 << 76) | (0b10 << 62)
    return UUID(int=number & ~((0xF << 76) | (0b11 << 62)) | version_and_variant)


def random_token(entropy: Entropy = token_bytes, *, size_bytes: int = 32) -> str:
    """Return a secret for URLs and headers: letters, digits, `-` and `_`, without padding."""
    return urlsafe_b64encode(entropy(size_bytes)).rstrip(b"=").decode("ascii")
