"""Devices, what they may ask, and what a question costs."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from support.core import House
from support.databases import ON_SQLITE
from support.errors import raised
from support.follower import Device, shared
from support.music import Song
from support.statements import counted, plan
from tutti.db.repos.sync import Rule, Standing
from tutti.domain.errors import ErrorKind
from tutti.domain.sync import Keep
from tutti.models import Library

SONGS = [Song(f"Song {number}", audio=str(number)) for number in range(2)]
NOT_FOUND = (ErrorKind.NOT_FOUND, "device_not_found")


class TestDevices:
    def test_there_may_be_a_hundred(self, house: House) -> None:
        for number in range(100):
            house.devices.put(house.ann, UUID(int=number), "Phone")

        refused = raised(lambda: house.devices.put(house.ann, uuid4(), "Phone"))

        assert refused == (ErrorKind.LIMITED, "too_many_devices")
        assert house.devices.put(house.ann, UUID(int=7), "Tablet").name == "Tablet"

    def test_a_name_is_cleaned_and_needed(self, house: House) -> None:
        assert house.devices.put(house.ann, uuid4(), " My\tphone ").name == "My phone"
        assert raised(lambda: house.devices.put(house.ann, uuid4(), " \t")) == (ErrorKind.INVALID, "bad_name")

    def test_one_that_asks_is_seen(self, house: House) -> None:
        device = Device(house, house.ann)
        house.clock.advance(timedelta(hours=2))

        device.poll()

        assert house.devices.mine(house.ann)[0].seen_at == house.clock.now

    def test_two_accounts_may_choose_the_same_id(self, house: House) -> None:
        bob, same = house.add_user("bob"), uuid4()
        house.devices.put(house.ann, same, "Ann's")
        house.devices.put(bob, same, "Bob's")

        house.devices.remove(bob, same)

        assert [one.name for one in house.devices.mine(house.ann)] == ["Ann's"]
        assert raised(lambda: house.devices.keep(bob, same, Keep())) == NOT_FOUND
        assert raised(lambda: house.sync.changes(bob, device_uuid=same)) == NOT_FOUND


class TestHave:
    def test_what_was_deleted_is_not_there(self, house: House) -> None:
        sent, gone = house.send(SONGS[0].data), house.send(SONGS[1].data)
        house.trash.delete(house.ann, gone.uuid)

        found = house.sync.have(house.ann, [sent.blob_hash, gone.blob_hash])

        assert [(row.hash, row.uuid) for row in found] == [(sent.blob_hash, sent.uuid)]

    def test_whoever_may_only_listen_is_told_nothing(self, house: House) -> None:
        bob = house.add_user("bob")
        jazz = shared(house, "Jazz", "bob", role="listener")

        refused = raised(lambda: house.sync.have(bob, ["0" * 64], library_uuid=jazz))

        assert refused == (ErrorKind.FORBIDDEN, "not_an_editor")

    @pytest.mark.parametrize("hashes", [["x"], ["A" * 64], ["0" * 64 + "\n"], ["0" * 64] * 1001])
    def test_what_are_no_hashes_is_refused(self, house: House, hashes: list[str]) -> None:
        assert raised(lambda: house.sync.have(house.ann, hashes)) == (ErrorKind.INVALID, "bad_hashes")


class TestCost:
    """A poll without news reads the libraries and the device, whatever is in the libraries (performance.md A9)."""

    def test_without_news_no_change_is_read(self, house: House) -> None:
        for number in range(3):
            shared(house, f"Library {number}")
        house.bring()
        device = Device(house, house.ann)
        device.keeps(Keep(max_bytes=10))
        device.poll()

        with counted(house.db) as statements:
            told = device.ask()

        asked = [one for one in statements if one.lstrip().upper().startswith("SELECT")]
        assert told.changes == []
        assert len(asked) == 2
        assert not any("media_item" in one or "change." in one for one in asked)

    def test_an_answer_without_news_is_short(self, house: House) -> None:
        for number in range(10):
            shared(house, f"Library {number}")

        assert len(house.sync.changes(house.ann).cursor) < 600

    @ON_SQLITE  # the planner of PostgreSQL walks small tables
    def test_news_are_found_by_their_numbers(self, house: House) -> None:
        with house.db.write() as tx:
            [library] = tx._session.scalars(select(Library).where(Library.is_personal))
            standing = Standing(library.id, library.uuid, 0, 0)
        with counted(house.db) as statements, house.db.read() as tx:
            tx.sync.standing(house.ann.user_id)
            tx.sync.page(library.id, Rule(house.ann.user_id, Keep(), [standing], None), after=7, limit=5)

        plans = [plan(house.db, one) for one in statements if one.startswith("SELECT")]

        assert len(plans) == 2
        assert not any(line.startswith("SCAN") for lines in plans for line in lines), plans
        assert any("ix_change_item_id_seq" in line for line in plans[1])
        assert not any("TEMP B-TREE" in line for line in plans[1])
