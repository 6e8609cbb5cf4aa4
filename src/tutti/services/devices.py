"""The devices of an account, and what each of them keeps."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tutti.db.engine import Database, Tx
from tutti.domain.caller import Caller, Permission
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.sync import CHOICES, Keep, keep_of
from tutti.kit.text import clean
from tutti.models import Device

_NAME_MAX = 200
_MOST_DEVICES = 100
MOST_KEPT = 1000
"""Libraries, artists, albums, tracks, playlists: of each so many can be named."""


@dataclass(frozen=True, slots=True)
class KnownDevice:
    """A device; `seen_at` is when it last asked, as far as an hour."""

    uuid: UUID
    name: str
    created_at: datetime
    seen_at: datetime
    keep: Keep


class Devices:
    """Devices have an id of their own choice, so that one that lost an answer can ask again."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def put(self, caller: Caller, device_uuid: UUID, name: str) -> KnownDevice:
        """Make a device known, or give it another name; a new one keeps everything.

        Raises:
            AppError: INVALID `bad_name`; LIMITED `too_many_devices`; FORBIDDEN `not_allowed`.
        """
        caller.require(Permission.SYNC)
        wanted = clean(name, _NAME_MAX)
        if not wanted:
            raise AppError(ErrorKind.INVALID, "bad_name", "A device needs a name.")
        with self._db.write() as tx:
            device = tx.sync.device(caller.user_id, device_uuid)
            if device is None:
                if len(tx.sync.devices(caller.user_id)) >= _MOST_DEVICES:
                    raise AppError(ErrorKind.LIMITED, "too_many_devices", "There are too many devices already.")
                device = Device(
                    uuid=device_uuid,
                    user_id=caller.user_id,
                    name=wanted,
                    keep="",
                    keep_tag=0,
                    created_at=tx.now,
                    seen_at=tx.now,
                )
                tx.sync.add(device)
            device.name, device.seen_at = wanted, tx.now
            return _known(device)

    def mine(self, caller: Caller) -> Sequence[KnownDevice]:
        """Return the devices of the caller, by name.

        Raises:
            AppError: FORBIDDEN `not_allowed`.
        """
        caller.require(Permission.SYNC)
        with self._db.read() as tx:
            return [_known(device) for device in tx.sync.devices(caller.user_id)]

    def remove(self, caller: Caller, device_uuid: UUID) -> None:
        """Forget a device; what it has it keeps.

        Raises:
            AppError: NOT_FOUND `device_not_found`; FORBIDDEN `not_allowed`.
        """
        caller.require(Permission.SYNC)
        with self._db.write() as tx:
            if not tx.sync.remove(caller.user_id, device_uuid):
                raise _not_found()

    def keep(self, caller: Caller, device_uuid: UUID, keep: Keep) -> KnownDevice:
        """Say what a device keeps; with its next question it is told of every file again, with the answer.

        What the caller may not read, or what there is not, is kept when it is there.

        Raises:
            AppError: NOT_FOUND `device_not_found`; INVALID `bad_keep`; FORBIDDEN `not_allowed`.
        """
        caller.require(Permission.SYNC)
        _check(keep)
        with self._db.write() as tx:
            device = found_device(tx, caller, device_uuid)
            text = keep.to_text()
            if device.keep != text:
                device.keep, device.keep_tag = text, 1 + secrets.randbelow((1 << 31) - 1)
            device.seen_at = tx.now
            return _known(device)


def found_device(tx: Tx, caller: Caller, device_uuid: UUID) -> Device:
    """Return a device of the caller.

    Raises:
        AppError: NOT_FOUND `device_not_found`.
    """
    device = tx.sync.device(caller.user_id, device_uuid)
    if device is None:
        raise _not_found()
    return device


def _check(keep: Keep) -> None:
    named = (keep.libraries or (), *map(keep.chosen, CHOICES))
    if max(map(len, named)) > MOST_KEPT:
        raise AppError(ErrorKind.INVALID, "bad_keep", f"Of each kind at most {MOST_KEPT} can be named.")
    if keep.max_bytes is not None and not 0 <= keep.max_bytes < 1 << 62:
        raise AppError(ErrorKind.INVALID, "bad_keep", "The limit is a number of bytes.")


def _known(device: Device) -> KnownDevice:
    return KnownDevice(device.uuid, device.name, device.created_at, device.seen_at, keep_of(device.keep))


def _not_found() -> AppError:
    return AppError(ErrorKind.NOT_FOUND, "device_not_found", "There is no such device.")
