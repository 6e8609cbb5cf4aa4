"""Access is membership: what there is, and for whom."""

from dataclasses import replace
from uuid import uuid4

import pytest

from support.core import House
from support.errors import raised
from support.music import Song
from tutti.domain.errors import ErrorKind
from tutti.domain.values import UserId
from tutti.services.libraries import editable_library


class TestMine:
    def test_everybody_sees_his_own_and_those_he_was_let_into(self, house: House) -> None:
        bob = house.add_user("bob")
        house.join(bob, house.library_id, "listener")

        assert [(row.name, row.role) for row in house.libraries.mine(bob)] == [("ann", "listener"), ("bob", "owner")]

    def test_listed_tracks_are_counted(self, house: House) -> None:
        house.save("one.mp3")
        path = house.save("two.mp3", Song(audio="two"))
        house.scan()
        path.unlink()
        house.scan()

        assert house.libraries.mine(house.ann)[0].track_count == 1


class TestCreate:
    def test_whoever_makes_a_library_owns_it(self, house: House) -> None:
        made = house.libraries.create(house.ann, "Jazz")

        assert made.uuid in {row.uuid for row in house.libraries.mine(house.ann)}
        assert (made.name, made.role, made.is_personal) == ("Jazz", "owner", False)

    def test_nobody_else_sees_it(self, house: House) -> None:
        bob = house.add_user("bob")

        house.libraries.create(house.ann, "Jazz")

        assert [row.name for row in house.libraries.mine(bob)] == ["bob"]

    def test_its_name_is_text_that_can_be_shown(self, house: House) -> None:
        assert house.libraries.create(house.ann, " Ja\nzz\u202e ").name == "Ja zz"

    @pytest.mark.parametrize("name", ["", "  ", "\x00"])
    def test_it_needs_a_name(self, house: House, name: str) -> None:
        assert raised(lambda: house.libraries.create(house.ann, name)) == (ErrorKind.INVALID, "bad_name")


class TestOpenShared:
    def test_before_anybody_exists_nobody_owns_it(self, empty_house: House) -> None:
        library_id = empty_house.libraries.open_shared("Music")

        with empty_house.db.read() as tx:
            assert [library.id for library in tx.libraries.without_owner()] == [library_id]

    def test_later_the_administrator_owns_it(self, house: House) -> None:
        house.libraries.open_shared("Music")

        assert ("Music", "owner") in [(row.name, row.role) for row in house.libraries.mine(house.ann)]

    def test_asked_again_it_is_the_same(self, house: House) -> None:
        assert house.libraries.open_shared("Music") == house.libraries.open_shared("Music")

    def test_a_personal_library_of_that_name_is_another(self, house: House) -> None:
        assert house.libraries.open_shared("ann") != house.library_id


class TestEditableLibrary:
    def test_without_a_name_it_is_the_callers_own(self, house: House) -> None:
        with house.db.read() as tx:
            assert editable_library(tx, house.ann, None) == house.library_id

    def test_an_account_that_is_gone_has_none(self, house: House) -> None:
        ghost = replace(house.ann, user_id=UserId(99))

        with house.db.read() as tx:
            assert raised(lambda: editable_library(tx, ghost, None)) == (ErrorKind.NOT_FOUND, "library_not_found")

    @pytest.mark.parametrize("role", ["owner", "editor"])
    def test_owners_and_editors_may_change_it(self, house: House, role: str) -> None:
        bob = house.add_user("bob")
        made = house.libraries.create(house.ann, "Jazz")
        with house.db.write() as tx:
            tx.libraries.add_member(made.id, bob.user_id, role)

            assert editable_library(tx, bob, made.uuid) == made.id

    def test_a_listener_may_not(self, house: House) -> None:
        bob = house.add_user("bob")
        made = house.libraries.create(house.ann, "Jazz")
        with house.db.write() as tx:
            tx.libraries.add_member(made.id, bob.user_id, "listener")

            assert raised(lambda: editable_library(tx, bob, made.uuid)) == (ErrorKind.FORBIDDEN, "not_an_editor")

    def test_a_stranger_does_not_learn_that_it_exists(self, house: House) -> None:
        bob = house.add_user("bob")
        made = house.libraries.create(house.ann, "Jazz")

        with house.db.read() as tx:
            foreign = raised(lambda: editable_library(tx, bob, made.uuid))
            unknown = raised(lambda: editable_library(tx, bob, uuid4()))

        assert foreign == unknown == (ErrorKind.NOT_FOUND, "library_not_found")
