"""The list of files fits into what phones take, or says where it is told in pages."""

from typing import Any, cast

import pytest

from support.errors import failure
from tutti.domain.caller import Caller
from tutti.domain.errors import ErrorKind
from tutti.doors.astolfo.gen.sync_pb2 import GetSyncResponse
from tutti.doors.astolfo.services import list_for
from tutti.services.listing import Listing, PhoneFile

NOBODY: Any = None


class LongListing:
    """Stands in for a library of any size."""

    def __init__(self, count: int) -> None:
        self._files = [PhoneFile(f"{number:064x}", f"A song of some length {number}.flac") for number in range(count)]

    def phone_list(self, _: Caller) -> list[PhoneFile]:
        return self._files


def answer(count: int) -> bytes:
    return list_for(cast("Listing", LongListing(count)), NOBODY)


@pytest.mark.parametrize(("count", "has_hashes"), [(0, True), (20_000, True), (35_000, False)])
def test_hashes_are_left_out_where_there_is_no_room(count: int, has_hashes: bool) -> None:  # noqa: FBT001 - a case
    message = answer(count)
    found = GetSyncResponse.FromString(message)

    assert len(message) < 4 << 20
    assert (len(found.files), found.has_hashes, len(found.hashes)) == (count, has_hashes, count if has_hashes else 0)


def test_a_list_that_is_too_long_says_where_there_are_pages() -> None:
    error = failure(lambda: answer(60_000))

    assert (error.kind, error.code) == (ErrorKind.TOO_LARGE, "list_too_large")
    assert "tutti.v1.SyncService" in error.message
