"""A playlist is a list of tracks that its owner keeps, and everybody hears when it is public."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.core import House
from support.errors import raised
from support.music import Song
from support.tiers import is_deep
from tutti.domain.caller import Caller, Permission
from tutti.domain.errors import ErrorKind
from tutti.services import playlists
from tutti.services.catalog import PageWish
from tutti.services.playlists import PlaylistWish

NOT_FOUND = (ErrorKind.NOT_FOUND, "playlist_not_found")
NOT_OWNED = (ErrorKind.FORBIDDEN, "not_the_owner")


def songs(house: House, count: int) -> list[UUID]:
    return [house.bring(Song(f"Song {number}", audio=str(number))).uuid for number in range(count)]


def made(house: House, *tracks: UUID, name: str = "Mix", is_public: bool = False) -> UUID:
    return house.playlists.create(house.ann, PlaylistWish(name, is_public=is_public), tracks).uuid


def heard(house: House, playlist: UUID, *, caller: Caller | None = None, limit: int = 500) -> list[UUID]:
    """What is in a playlist, read page by page."""
    found: list[UUID] = []
    cursor: str | None = None
    while True:
        page = house.playlists.tracks(caller or house.ann, playlist, PageWish(cursor, limit))
        found += [row.uuid for row in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return found


def changes(house: House, caller: Caller, mix: UUID) -> Sequence[Callable[[], object]]:
    """All that an owner may do to a playlist."""
    return (
        lambda: house.playlists.change(caller, mix, PlaylistWish("Mine")),
        lambda: house.playlists.delete(caller, mix),
        lambda: house.playlists.add(caller, mix, []),
        lambda: house.playlists.replace(caller, mix, []),
        lambda: house.playlists.take_out(caller, mix, uuid4()),
    )


class TestMade:
    def test_it_is_of_its_tracks_in_their_order_and_private(self, house: House) -> None:
        one, two = songs(house, 2)

        playlist = house.playlists.create(house.ann, PlaylistWish("Mix"), [two, one, two])

        assert heard(house, playlist.uuid) == [two, one, two]
        assert (playlist.track_count, playlist.is_public, playlist.description) == (3, False, "")
        assert (playlist.owner_name, playlist.owner_uuid) == ("ann", house.ann.user_uuid)
        assert playlist.duration_ms == sum(
            house.catalog.track(house.ann, track)[0].duration_ms for track in (two, one, two)
        )

    def test_names_and_descriptions_are_text_that_can_be_shown(self, house: House) -> None:
        playlist = house.playlists.create(house.ann, PlaylistWish(" M\nix\u202e ", "One\x00\r\ntwo"))

        assert (playlist.name, playlist.description) == ("M ix", "One\ntwo")

    @pytest.mark.parametrize("name", [None, "", " \x00"])
    def test_it_needs_a_name(self, house: House, name: str | None) -> None:
        assert raised(lambda: house.playlists.create(house.ann, PlaylistWish(name))) == (ErrorKind.INVALID, "bad_name")

    def test_a_description_has_an_end(self, house: House) -> None:
        wish = PlaylistWish("Mix", "x" * 10_001)

        assert raised(lambda: house.playlists.create(house.ann, wish)) == (ErrorKind.INVALID, "bad_description")

    def test_of_a_track_that_is_not_there_nothing_is_made(self, house: House) -> None:
        [one] = songs(house, 1)

        assert raised(lambda: made(house, one, uuid4())) == (ErrorKind.NOT_FOUND, "track_not_found")
        assert house.playlists.page(house.ann, PageWish()).items == []

    def test_tracks_of_others_are_not_there(self, house: House) -> None:
        bob = house.add_user("bob")
        hidden = house.bring(caller=bob).uuid

        assert raised(lambda: made(house, hidden)) == (ErrorKind.NOT_FOUND, "track_not_found")

    def test_there_are_bounds(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(playlists, "MOST_TRACKS", 2)
        monkeypatch.setattr(playlists, "_MOST_PLAYLISTS", 2)
        [one] = songs(house, 1)
        full = made(house, one, one)

        for act in (lambda: made(house, one, one, one), lambda: house.playlists.add(house.ann, full, [one])):
            assert raised(act) == (ErrorKind.INVALID, "too_many_tracks")
        made(house)
        assert raised(lambda: made(house)) == (ErrorKind.LIMITED, "too_many_playlists")

    def test_all_together_have_bounds(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(playlists, "_MOST_OF_ALL", 3)
        [one] = songs(house, 1)
        first, second = made(house, one, one), made(house, one)

        assert raised(lambda: house.playlists.add(house.ann, first, [one])) == (ErrorKind.INVALID, "too_many_tracks")
        house.playlists.delete(house.ann, second)
        assert house.playlists.add(house.ann, first, [one]).track_count == 3

    def test_a_credential_that_is_not_for_listening_does_nothing(self, house: House) -> None:
        mute = Caller(
            house.ann.user_id, house.ann.user_uuid, "ann", house.ann.roles, scopes=frozenset({Permission.SYNC})
        )
        mix = made(house)
        acts: Sequence[Callable[[], object]] = (
            lambda: house.playlists.page(mute, PageWish()),
            lambda: house.playlists.one(mute, mix),
            lambda: house.playlists.create(mute, PlaylistWish("Mix")),
            lambda: house.playlists.tracks(mute, mix, PageWish()),
        )

        assert {raised(act) for act in (*acts, *changes(house, mute, mix))} == {(ErrorKind.FORBIDDEN, "not_allowed")}


class TestSeen:
    def test_a_private_one_is_there_for_its_owner_alone(self, house: House) -> None:
        bob = house.add_user("bob")
        mix = made(house)
        looks: Sequence[Callable[[], object]] = (
            lambda: house.playlists.one(bob, mix),
            lambda: house.playlists.tracks(bob, mix, PageWish()),
        )

        assert {raised(act) for act in (*looks, *changes(house, bob, mix))} == {NOT_FOUND}
        assert house.playlists.page(bob, PageWish()).items == []

    def test_a_public_one_is_heard_by_all_and_changed_by_its_owner(self, house: House) -> None:
        bob = house.add_user("bob")
        mix = made(house, is_public=True)

        assert {raised(act) for act in changes(house, bob, mix)} == {NOT_OWNED}
        assert [row.uuid for row in house.playlists.page(bob, PageWish()).items] == [mix]
        assert house.playlists.one(bob, mix).name == "Mix"

    def test_of_a_public_one_everybody_hears_what_he_may_hear(self, house: House) -> None:
        bob = house.add_user("bob")
        jazz = house.libraries.create(house.ann, "Jazz").uuid
        house.members.put(house.ann, jazz, "bob", "listener")
        mine = house.bring(Song("Mine", audio="1")).uuid
        ours = house.bring(Song("Ours", audio="2"), library=jazz).uuid
        mix = made(house, mine, ours, mine, is_public=True)

        assert heard(house, mix, caller=bob) == [ours]
        assert (house.playlists.one(bob, mix).track_count, house.playlists.one(house.ann, mix).track_count) == (1, 3)

    def test_they_come_by_name_in_pages(self, house: House) -> None:
        names = ["Mix 10", "The Alphabet", "Mix 9"]
        for name in names:
            made(house, name=name)

        found, cursor = [], None
        for _ in range(3):
            page = house.playlists.page(house.ann, PageWish(cursor, 1))
            found += [row.name for row in page.items]
            cursor = page.next_cursor

        assert (found, cursor) == (["The Alphabet", "Mix 9", "Mix 10"], None)

    def test_they_go_with_their_owner(self, house: House) -> None:
        bob = house.add_user("bob")
        mix = house.playlists.create(bob, PlaylistWish("Mix", is_public=True)).uuid

        house.administration.delete(house.ann, bob.user_uuid)

        assert raised(lambda: house.playlists.one(house.ann, mix)) == NOT_FOUND


class TestChanged:
    def test_what_is_left_out_stays_as_it_is(self, house: House) -> None:
        mix = house.playlists.create(house.ann, PlaylistWish("Mix", "For the road", is_public=True))

        house.playlists.change(house.ann, mix.uuid, PlaylistWish("Road"))
        house.playlists.change(house.ann, mix.uuid, PlaylistWish(description=""))
        same = house.playlists.change(house.ann, mix.uuid, PlaylistWish())

        assert (same.name, same.description, same.is_public, same.revision) == ("Road", "", True, mix.revision)

    def test_it_is_deleted_and_its_tracks_are_not(self, house: House) -> None:
        [one] = songs(house, 1)
        mix = made(house, one)

        house.playlists.delete(house.ann, mix)

        assert raised(lambda: house.playlists.one(house.ann, mix)) == NOT_FOUND
        assert house.catalog.track(house.ann, one)[0].uuid == one

    def test_whoever_looked_before_somebody_changed_it_changes_nothing(self, house: House) -> None:
        one, two = songs(house, 2)
        mix = made(house, one)
        before = house.playlists.one(house.ann, mix).revision
        house.playlists.add(house.ann, mix, [two])

        late = raised(lambda: house.playlists.replace(house.ann, mix, [one], revision=before))

        assert late == (ErrorKind.CONFLICT, "playlist_changed")
        now = house.playlists.one(house.ann, mix).revision
        assert house.playlists.replace(house.ann, mix, [two], revision=now).track_count == 1

    def test_what_is_not_in_it_cannot_be_taken_out(self, house: House) -> None:
        one, two = songs(house, 2)
        mix = made(house, one)

        gone = raised(lambda: house.playlists.take_out(house.ann, mix, two))

        assert gone == (ErrorKind.NOT_FOUND, "track_not_found")

    def test_each_change_of_its_tracks_is_another_revision(self, house: House) -> None:
        [one] = songs(house, 1)
        mix = made(house, one)
        acts: Sequence[Callable[[], object]] = (
            lambda: house.playlists.add(house.ann, mix, [one]),
            lambda: house.playlists.replace(house.ann, mix, [one]),
            lambda: house.playlists.take_out(house.ann, mix, one),
        )
        seen = [house.playlists.one(house.ann, mix).revision]
        for act in acts:
            act()
            seen.append(house.playlists.one(house.ann, mix).revision)

        assert seen == sorted(set(seen))


class TestLibraries:
    def test_the_tracks_of_a_library_that_is_removed_leave_the_lists(self, house: House) -> None:
        jazz = house.libraries.create(house.ann, "Jazz")
        [one] = songs(house, 1)
        ours = house.bring(Song("Ours", audio="ours"), library=jazz.uuid).uuid
        mix = made(house, ours, one)
        house.libraries.delete(house.ann, jazz.uuid)
        assert heard(house, mix) == [one]

        house.removals.library(jazz.id)

        assert heard(house, mix) == [one]


class TestTrash:
    def test_what_is_deleted_is_not_heard_and_comes_back_to_its_place(self, house: House) -> None:
        one, two, three = songs(house, 3)
        mix = made(house, one, two, three)

        house.trash.delete(house.ann, two)
        assert heard(house, mix) == [one, three]
        house.playlists.add(house.ann, mix, [one], position=1)
        house.trash.restore(house.ann, two)

        assert heard(house, mix) == [one, two, one, three]

    def test_what_cannot_be_heard_survives_other_tracks(self, house: House) -> None:
        one, two = songs(house, 2)
        mix = made(house, one, two)
        house.trash.delete(house.ann, one)
        house.playlists.replace(house.ann, mix, [two, two])

        house.trash.restore(house.ann, one)

        assert heard(house, mix) == [two, two, one]


INDEX = st.integers(0, 4)
STEPS = st.one_of(
    st.tuples(st.just("add"), st.lists(INDEX, max_size=3), st.none() | st.integers(0, 12)),
    st.tuples(st.just("add"), st.lists(INDEX, max_size=3), st.none() | st.integers(0, 12)),
    st.tuples(st.just("take_out"), INDEX.map(lambda one: [one]), st.none()),
    st.tuples(st.just("replace"), st.lists(INDEX, max_size=6), st.none()),
)


@settings(
    max_examples=100 if is_deep() else 8,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
)
@given(steps=st.lists(STEPS, max_size=12), limit=st.integers(1, 4))
def test_whatever_is_done_to_it_it_is_what_a_list_would_be(
    new_house: Callable[[], AbstractContextManager[House]],
    steps: list[tuple[str, list[int], int | None]],
    limit: int,
) -> None:
    with new_house() as house:
        tracks = songs(house, 5)
        mix, other = made(house), made(house, *tracks)
        model: list[UUID] = []
        for verb, chosen, position in steps:
            named = [tracks[number] for number in chosen]
            if verb == "add":
                house.playlists.add(house.ann, mix, named, position=position)
                place = len(model) if position is None else min(position, len(model))
                model[place:place] = named
            elif verb == "replace":
                house.playlists.replace(house.ann, mix, named)
                model = named
            elif named[0] in model:
                house.playlists.take_out(house.ann, mix, named[0])
                model = [one for one in model if one != named[0]]

            assert heard(house, mix, limit=limit) == model

        assert house.playlists.one(house.ann, mix).track_count == len(model)
        assert heard(house, other) == tracks
