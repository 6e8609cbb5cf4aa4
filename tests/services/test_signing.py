"""Keys rotate with overlap, as those who run the server say (reliability.md P36)."""

from datetime import timedelta
from pathlib import Path

import pytest

from support.core import House
from support.errors import raised
from tutti.backends.key_folder import KeyFolder
from tutti.domain.caller import Operator
from tutti.services.signing import Signing


@pytest.fixture
def key_folder(tmp_path: Path, house: House) -> KeyFolder:
    house.clock.now = house.blob_clock.now  # files have the times of the machine
    return KeyFolder(tmp_path / "keys", clock=house.clock)


@pytest.fixture
def signing(house: House, key_folder: KeyFolder) -> Signing:
    return Signing(house.db, key_folder)


def test_a_key_is_retired_when_the_last_token_of_it_is_old(house: House, signing: Signing) -> None:
    (first,) = signing.kids(Operator())
    second = signing.rotate(Operator())
    assert signing.kids(Operator()) == [first, second]
    house.clock.advance(timedelta(hours=72))
    assert signing.retire(Operator()) == []

    house.clock.advance(timedelta(hours=1))

    assert signing.retire(Operator()) == [first]
    assert signing.kids(Operator()) == [second]


def test_what_was_verified_with_a_retired_key_is_forgotten(house: House, signing: Signing) -> None:
    signing.rotate(Operator())
    before = house.accounts.access_epoch()

    house.clock.advance(timedelta(seconds=1))
    assert signing.retire(Operator(), at_once=True)

    assert house.accounts.access_epoch() == before + 1


def test_nothing_to_retire_disturbs_nobody(house: House, signing: Signing) -> None:
    before = house.accounts.access_epoch()

    assert signing.retire(Operator(), at_once=True) == []

    assert house.accounts.access_epoch() == before


def test_it_is_for_administrators(house: House, signing: Signing) -> None:
    bob = house.add_user("bob")

    for act in (lambda: signing.kids(bob), lambda: signing.rotate(bob), lambda: signing.retire(bob)):
        assert raised(act)[1] == "not_allowed"
