"""The server at a glance: everything is counted once."""

import pytest

from support.core import House
from support.errors import raised
from support.music import Song
from tutti.domain.caller import Caller
from tutti.domain.errors import ErrorKind

ONE, TWO = Song("One", audio="one"), Song("Two", audio="two")


@pytest.fixture
def bob(house: House) -> Caller:
    return house.add_user("bob")


class TestOverview:
    def test_bytes_are_counted_once_and_those_in_the_trash_by_themselves(self, house: House, bob: Caller) -> None:
        mine = house.bring(ONE)
        house.bring(ONE, caller=bob)
        house.bring(TWO)
        house.trash.delete(house.ann, mine.uuid)

        found = house.administration.overview(house.ann)

        assert found.stored_bytes == len(ONE.data) + len(TWO.data)
        assert found.trash_bytes == len(ONE.data)
        assert (found.users, found.libraries, found.tracks) == (2, 2, 2)

    def test_what_was_purged_counts_no_more(self, house: House) -> None:
        one = house.bring(ONE)
        house.trash.delete(house.ann, one.uuid)
        house.trash.purge(house.ann, one.uuid)

        found = house.administration.overview(house.ann)

        assert (found.stored_bytes, found.trash_bytes, found.tracks) == (0, 0, 0)

    def test_jobs_and_sources_are_counted_by_their_state(self, house: House) -> None:
        house.sources.rescan(house.source_id)
        house.maintenance.tidy_soon()

        found = house.administration.overview(house.ann)

        assert (dict(found.jobs), dict(found.sources)) == ({"due": 2}, {"new": 1})

    def test_it_is_for_administrators(self, house: House, bob: Caller) -> None:
        assert raised(lambda: house.administration.overview(bob)) == (ErrorKind.FORBIDDEN, "not_allowed")
