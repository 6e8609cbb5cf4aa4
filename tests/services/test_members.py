"""Who may use a library: let in with a role, put out at once, and never without an owner."""

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from support.core import PASSWORD, House
from support.errors import raised
from support.music import Song
from tutti.db.repos.libraries import LibraryRow
from tutti.domain.caller import Caller, Permission
from tutti.domain.errors import ErrorKind
from tutti.services.catalog import PageWish
from tutti.services.sessions import Client

NOT_FOUND = (ErrorKind.NOT_FOUND, "library_not_found")
NOT_AN_OWNER = (ErrorKind.FORBIDDEN, "not_an_owner")
LAST_OWNER = (ErrorKind.CONFLICT, "last_owner")


@pytest.fixture
def bob(house: House) -> Caller:
    house.add_user("bob")
    return house.sessions.sign_in("bob", PASSWORD, Client()).caller


@pytest.fixture
def jazz(house: House) -> LibraryRow:
    """A shared library of Ann's."""
    return house.libraries.create(house.ann, "Jazz")


def members(house: House, library: UUID) -> dict[str, str]:
    return {row.username: row.role for row in house.members.of(house.ann, library)}


def personal(house: House) -> UUID:
    return next(row.uuid for row in house.libraries.mine(house.ann) if row.is_personal)


class TestOf:
    @pytest.mark.parametrize("role", ["owner", "editor", "listener"])
    def test_every_member_may_know_who_there_is(self, house: House, bob: Caller, jazz: LibraryRow, role: str) -> None:
        house.members.put(house.ann, jazz.uuid, "bob", role)

        assert [(row.username, row.role) for row in house.members.of(bob, jazz.uuid)] == [
            ("ann", "owner"),
            ("bob", role),
        ]

    def test_a_stranger_does_not_learn_that_it_exists(self, house: House, bob: Caller, jazz: LibraryRow) -> None:
        assert raised(lambda: house.members.of(bob, jazz.uuid)) == NOT_FOUND
        assert raised(lambda: house.members.of(bob, uuid4())) == NOT_FOUND


class TestPut:
    @pytest.mark.parametrize("role", ["owner", "editor", "listener"])
    def test_somebody_is_let_in_with_a_role(self, house: House, bob: Caller, jazz: LibraryRow, role: str) -> None:
        row = house.members.put(house.ann, jazz.uuid, "bob", role)

        assert (row.uuid, row.username, row.role) == (bob.user_uuid, "bob", role)
        assert [row.role for row in house.libraries.mine(bob) if row.uuid == jazz.uuid] == [role]

    @pytest.mark.parametrize("name", ["BOB", " Bob ", "id"])
    def test_he_is_named_by_his_id_or_his_name_as_it_reads(
        self, house: House, bob: Caller, jazz: LibraryRow, name: str
    ) -> None:
        house.members.put(house.ann, jazz.uuid, str(bob.user_uuid) if name == "id" else name, "listener")

        assert members(house, jazz.uuid) == {"ann": "owner", "bob": "listener"}

    def test_a_role_is_changed(self, house: House, bob: Caller, jazz: LibraryRow) -> None:
        house.members.put(house.ann, jazz.uuid, "bob", "editor")

        house.members.put(house.ann, jazz.uuid, "bob", "listener")

        assert members(house, jazz.uuid) == {"ann": "owner", "bob": "listener"}
        assert raised(lambda: house.send(caller=bob, library=jazz.uuid)) == (ErrorKind.FORBIDDEN, "not_an_editor")

    @pytest.mark.parametrize("user", ["nobody", "", str(UUID(int=1))])
    def test_an_account_that_is_not_there_cannot_be_let_in(self, house: House, jazz: LibraryRow, user: str) -> None:
        assert raised(lambda: house.members.put(house.ann, jazz.uuid, user, "listener")) == (
            ErrorKind.NOT_FOUND,
            "user_not_found",
        )

    @pytest.mark.parametrize("role", ["", "Owner", "admin"])
    def test_there_are_no_other_roles(self, house: House, bob: Caller, jazz: LibraryRow, role: str) -> None:
        assert raised(lambda: house.members.put(house.ann, jazz.uuid, "bob", role)) == (ErrorKind.INVALID, "bad_role")

    @pytest.mark.parametrize("role", ["editor", "listener"])
    def test_only_an_owner_lets_anybody_in(self, house: House, bob: Caller, jazz: LibraryRow, role: str) -> None:
        house.members.put(house.ann, jazz.uuid, "bob", role)
        house.add_user("eve")

        assert raised(lambda: house.members.put(bob, jazz.uuid, "eve", "listener")) == NOT_AN_OWNER
        assert raised(lambda: house.members.put(bob, jazz.uuid, "bob", "owner")) == NOT_AN_OWNER

    def test_a_stranger_does_not_learn_that_it_exists(self, house: House, bob: Caller, jazz: LibraryRow) -> None:
        assert raised(lambda: house.members.put(bob, jazz.uuid, "bob", "owner")) == NOT_FOUND

    def test_to_run_the_server_is_to_own_nothing(self, house: House, bob: Caller) -> None:
        his = house.libraries.create(bob, "His")

        assert raised(lambda: house.members.put(house.ann, his.uuid, "ann", "listener")) == NOT_FOUND

    def test_an_app_key_lets_nobody_in(self, house: House, bob: Caller, jazz: LibraryRow) -> None:
        key = replace(house.ann, scopes=frozenset({Permission.LISTEN, Permission.UPLOAD}))

        assert raised(lambda: house.members.put(key, jazz.uuid, "bob", "owner"))[1] == "not_allowed"


class TestOwners:
    def test_the_last_one_stays_one(self, house: House, bob: Caller, jazz: LibraryRow) -> None:
        house.members.put(house.ann, jazz.uuid, "bob", "editor")

        assert raised(lambda: house.members.put(house.ann, jazz.uuid, "ann", "editor")) == LAST_OWNER
        assert raised(lambda: house.members.remove(house.ann, jazz.uuid, "ann")) == LAST_OWNER
        assert members(house, jazz.uuid) == {"ann": "owner", "bob": "editor"}

    def test_a_library_is_handed_over_by_making_an_owner_and_leaving(
        self, house: House, bob: Caller, jazz: LibraryRow
    ) -> None:
        house.members.put(house.ann, jazz.uuid, "bob", "owner")
        house.members.remove(house.ann, jazz.uuid, "ann")

        assert [(row.username, row.role) for row in house.members.of(bob, jazz.uuid)] == [("bob", "owner")]
        assert raised(lambda: house.libraries.one(house.ann, jazz.uuid)) == NOT_FOUND

    def test_of_two_one_may_step_back(self, house: House, bob: Caller, jazz: LibraryRow) -> None:
        house.members.put(house.ann, jazz.uuid, "bob", "owner")

        house.members.put(bob, jazz.uuid, "ann", "listener")

        assert members(house, jazz.uuid) == {"ann": "listener", "bob": "owner"}

    def test_a_personal_library_keeps_its_one(self, house: House, bob: Caller) -> None:
        mine = personal(house)
        refused = (ErrorKind.CONFLICT, "personal_library")

        assert raised(lambda: house.members.put(house.ann, mine, "bob", "owner")) == refused
        assert raised(lambda: house.members.put(house.ann, mine, "ann", "editor")) == refused
        assert raised(lambda: house.members.remove(house.ann, mine, "ann")) == LAST_OWNER
        assert members(house, mine) == {"ann": "owner"}

    @pytest.mark.parametrize("role", ["editor", "listener"])
    def test_others_may_be_let_into_a_personal_library(self, house: House, bob: Caller, role: str) -> None:
        house.members.put(house.ann, personal(house), "bob", role)

        assert members(house, personal(house)) == {"ann": "owner", "bob": role}


class TestRemove:
    @pytest.mark.parametrize("role", ["editor", "listener"])
    def test_everybody_may_leave(self, house: House, bob: Caller, jazz: LibraryRow, role: str) -> None:
        house.members.put(house.ann, jazz.uuid, "bob", role)

        house.members.remove(bob, jazz.uuid, "bob")

        assert members(house, jazz.uuid) == {"ann": "owner"}

    def test_only_an_owner_puts_others_out(self, house: House, bob: Caller, jazz: LibraryRow) -> None:
        house.members.put(house.ann, jazz.uuid, "bob", "editor")
        house.add_user("eve")
        house.members.put(house.ann, jazz.uuid, "eve", "listener")

        assert raised(lambda: house.members.remove(bob, jazz.uuid, "eve")) == NOT_AN_OWNER
        assert raised(lambda: house.members.remove(bob, jazz.uuid, "ann")) == NOT_AN_OWNER
        house.members.remove(house.ann, jazz.uuid, "eve")
        assert members(house, jazz.uuid) == {"ann": "owner", "bob": "editor"}

    @pytest.mark.parametrize("user", ["bob", "nobody", str(UUID(int=1))])
    def test_who_is_no_member_cannot_be_put_out(self, house: House, bob: Caller, jazz: LibraryRow, user: str) -> None:
        assert raised(lambda: house.members.remove(house.ann, jazz.uuid, user)) == (
            ErrorKind.NOT_FOUND,
            "member_not_found",
        )

    def test_a_stranger_does_not_learn_that_it_exists(self, house: House, bob: Caller, jazz: LibraryRow) -> None:
        assert raised(lambda: house.members.remove(bob, jazz.uuid, "ann")) == NOT_FOUND

    def test_what_he_brought_in_stays(self, house: House, bob: Caller, jazz: LibraryRow) -> None:
        house.members.put(house.ann, jazz.uuid, "bob", "editor")
        brought = house.send(caller=bob, library=jazz.uuid)

        house.members.remove(house.ann, jazz.uuid, "bob")

        assert house.deliveries.open(house.ann, brought.uuid).etag == brought.blob_hash


class TestLoss:
    @pytest.fixture
    def track(self, house: House, bob: Caller) -> UUID:
        """A track in Ann's library, which Bob may hear."""
        house.save("one.mp3", Song("One"))
        house.scan()
        house.members.put(house.ann, personal(house), "bob", "listener")
        return house.listed()["one.mp3"]

    ASKS: tuple[Callable[[House, Caller, UUID], object], ...] = (
        lambda house, bob, track: house.catalog.track(bob, track),
        lambda house, bob, track: house.deliveries.open(bob, track),
        lambda house, bob, track: house.deliveries.ticket(bob, track),
    )

    @pytest.mark.parametrize("ask", ASKS, ids=["catalog", "bytes", "address"])
    def test_single_things_go_at_once(
        self, house: House, bob: Caller, track: UUID, ask: Callable[[House, Caller, UUID], object]
    ) -> None:
        assert ask(house, bob, track)

        house.members.remove(house.ann, personal(house), "bob")

        assert raised(lambda: ask(house, bob, track)) == (ErrorKind.NOT_FOUND, "track_not_found")

    def test_lists_and_search_go_at_once(self, house: House, bob: Caller, track: UUID) -> None:
        assert house.titles(bob) == ["One"]

        house.members.remove(house.ann, personal(house), "bob")

        assert house.titles(bob) == []
        assert house.catalog.albums(bob, PageWish()).items == []
        assert house.catalog.search(bob, "one", limit=5).tracks == []
        assert raised(lambda: house.libraries.changes(bob, personal(house), after=0, limit=5)) == NOT_FOUND

    def test_what_is_being_sent_may_not_go_on(self, house: House, bob: Caller, track: UUID) -> None:
        sends = [(bob, track), (house.ann, track)]
        assert house.deliveries.may_go_on(sends)[0]

        house.members.remove(house.ann, personal(house), "bob")

        assert not house.deliveries.may_go_on(sends)[0]

    def test_what_is_coming_in_is_refused_at_its_end(self, house: House, bob: Caller, jazz: LibraryRow) -> None:
        house.members.put(house.ann, jazz.uuid, "bob", "editor")
        upload = house.ingest.stage(bob, "one.mp3", library_uuid=jazz.uuid)
        upload.append(Song().data)

        house.members.remove(house.ann, jazz.uuid, "bob")

        assert raised(lambda: house.ingest.accept(upload)) == NOT_FOUND
        assert house.quotas.usage(bob).reserved_bytes == 0


class TestTold:
    CHANGES: tuple[Callable[[House, UUID], object], ...] = (
        lambda house, library: house.members.put(house.ann, library, "eve", "listener"),
        lambda house, library: house.members.put(house.ann, library, "bob", "editor"),
        lambda house, library: house.members.remove(house.ann, library, "bob"),
        lambda house, library: house.libraries.change(house.ann, library, name="Blues"),
        lambda house, library: house.libraries.delete(house.ann, library),
    )

    @pytest.mark.parametrize("change", CHANGES, ids=["let in", "other role", "put out", "renamed", "deleted"])
    def test_whatever_changes_access_raises_the_epoch_and_is_told(
        self, house: House, bob: Caller, jazz: LibraryRow, change: Callable[[House, UUID], object]
    ) -> None:
        house.add_user("eve")
        house.members.put(house.ann, jazz.uuid, "bob", "listener")
        before = house.accounts.access_epoch()

        with house.bus.subscribe("access.changed", "library.changed") as told:
            change(house, jazz.uuid)
            heard = [told.get(0), told.get(0)]

        assert house.accounts.access_epoch() > before
        assert [(event.topic, event.ref) for event in heard if event] == [
            ("access.changed", ""),
            ("library.changed", str(jazz.id)),
        ]

    def test_the_same_role_again_is_no_news(self, house: House, bob: Caller, jazz: LibraryRow) -> None:
        house.members.put(house.ann, jazz.uuid, "bob", "listener")
        before = house.accounts.access_epoch()

        house.members.put(house.ann, jazz.uuid, "bob", "listener")

        assert house.accounts.access_epoch() == before

    def test_a_refused_wish_is_no_news(self, house: House, jazz: LibraryRow) -> None:
        before = house.accounts.access_epoch()

        raised(lambda: house.members.remove(house.ann, jazz.uuid, "ann"))

        assert house.accounts.access_epoch() == before
