"""A device that follows libraries, as a program would: by what it is told alone."""

from uuid import UUID, uuid4

import pytest

from support.core import House
from tutti.domain.caller import Caller
from tutti.domain.sync import Keep
from tutti.services.sync import Told


def shared(house: House, name: str = "Jazz", *members: str, role: str = "editor") -> UUID:
    """Make a library of Ann's that devices follow, and let others in."""
    library = house.libraries.create(house.ann, name)
    house.libraries.change(house.ann, library.uuid, syncs=True)
    for member in members:
        house.members.put(house.ann, library.uuid, member, role)
    return library.uuid


class Device:
    """Knows what it was told: item to library, hash, and whether it keeps it."""

    def __init__(self, house: House, caller: Caller, *, limit: int = 2) -> None:
        self._house, self._caller, self._limit = house, caller, limit
        self.uuid = uuid4()
        self.cursor: str | None = None
        self.files: dict[UUID, tuple[UUID, str, bool]] = {}
        house.devices.put(caller, self.uuid, "Phone")

    def keeps(self, keep: Keep) -> None:
        self._house.devices.keep(self._caller, self.uuid, keep)

    def ask(self) -> Told:
        """Ask once, and do what the answer says."""
        told = self._house.sync.changes(self._caller, cursor=self.cursor, device_uuid=self.uuid, limit=self._limit)
        assert len(told.changes) <= self._limit
        self.files = {item: file for item, file in self.files.items() if file[0] not in told.reset}
        for one in told.changes:
            if one.is_gone:
                self.files.pop(one.item_uuid, None)
            else:
                self.files[one.item_uuid] = (one.library_uuid, one.hash, one.is_kept)
        self.cursor = told.cursor
        return told

    def poll(self) -> None:
        """Ask until there is no more."""
        for _ in range(200):
            if not self.ask().has_more:
                return
        pytest.fail("there is always more")

    @property
    def kept(self) -> set[UUID]:
        return {item for item, (_, _, is_kept) in self.files.items() if is_kept}
