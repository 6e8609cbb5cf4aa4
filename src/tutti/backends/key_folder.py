"""The key folder of a running server: notices keys that another process adds or retires."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from tutti.backends.keys import (
    KeyRing,
    SigningKey,
    add_signing_key,
    load_keys,
    load_or_create_keys,
    retire_signing_keys,
    signing_names,
)
from tutti.domain.errors import AppError
from tutti.kit.clock import Clock


class KeyFolder:
    """Implements `SigningKeys`; safe to share between threads.

    Attributes:
        ring: The keys as they were found at the start; what is derived from the master secret never changes.
    """

    def __init__(self, folder: Path, *, clock: Clock) -> None:
        """Read the keys, and make them when there are none; raises as `load_or_create_keys`."""
        self.ring: KeyRing = load_or_create_keys(folder)
        self._folder = folder.resolve()
        self._clock = clock
        self._found = _Found(self._names(), self.ring.signing)

    def signing(self) -> tuple[SigningKey, ...]:
        """Return the signing keys as they are now; they are read again when the names of their files changed.

        A folder that cannot be read just now changes nothing: those who are signed in stay so.
        """
        found = self._found
        try:
            names = self._names()
            if names != found.names:
                self._found = found = _Found(names, load_keys(self._folder).signing)
        except (AppError, OSError) as error:
            import structlog  # noqa: PLC0415 - which takes rich along, unless `serve` has hidden that

            structlog.get_logger().warning("keys.not_read", reason=str(error))
        return found.signing

    def kids(self) -> Sequence[str]:
        """Return the ids of the keys, the one that signs last."""
        return [key.kid for key in self.signing()]

    def add(self) -> str:
        """Make a key that signs from now on; raises as `add_signing_key`."""
        return add_signing_key(self._folder).kid

    def retire(self, *, unused_for: timedelta) -> Sequence[str]:
        """Delete the keys that have not signed for so long; raises as `retire_signing_keys`."""
        return [key.kid for key in retire_signing_keys(self._folder, before=self._clock() - unused_for)]

    def _names(self) -> Sequence[str]:
        return signing_names(self._folder)


class _Found:
    """What was read, under which names; replaced as a whole."""

    __slots__ = ("names", "signing")

    def __init__(self, names: Sequence[str], signing: tuple[SigningKey, ...]) -> None:
        self.names = names
        self.signing = signing
