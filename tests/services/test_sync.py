"""A device that asks what changed ends with exactly the files there are, and keeps exactly what its rule says."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from support.core import House
from support.errors import raised
from support.follower import Device, shared
from support.music import Song
from support.tiers import is_deep
from tutti.db.repos.browse import TrackFilter
from tutti.db.repos.playlists import PlaylistRow
from tutti.domain.caller import Caller, Operator
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.sync import Keep
from tutti.models import Library, MediaItem, Playlist, PlaylistEntry
from tutti.services.catalog import PageWish
from tutti.services.playlists import PlaylistWish

SONGS = [Song(f"Song {number}", artists=(f"Singer {number % 3}",), audio=str(number)) for number in range(6)]


def truth(house: House, caller: Caller, keep: Keep) -> dict[UUID, tuple[UUID, str, bool]]:
    """What a device must know, asked of the tables in another way; of a rule its libraries, tracks and limit count."""
    mine = {row.id: row.uuid for row in house.libraries.mine(caller)}
    query = select(MediaItem).where(MediaItem.blob_hash.is_not(None), MediaItem.deleted_at.is_(None))
    with house.db.read() as tx:
        followed = {found for (found,) in tx._session.execute(select(Library.id).where(Library.syncs))}
        items = [item for item in tx._session.scalars(query) if item.library_id in mine.keys() & followed]
        listed = select(PlaylistEntry.item_id, Playlist.uuid, Playlist.user_id, Playlist.is_public).join(Playlist)
        places = [place for place in tx._session.execute(listed) if place[1] in keep.playlists]
    chosen = {item for item, _, owner, is_public in places if is_public or owner == caller.user_id}
    left = keep.max_bytes
    found: dict[UUID, tuple[UUID, str, bool]] = {}
    for item in sorted(items, key=lambda item: (item.added_at, item.id), reverse=True):
        library = mine[item.library_id]
        is_kept = keep.is_everything or library in (keep.libraries or ()) or item.uuid in keep.tracks
        is_kept = is_kept or item.id in chosen
        if is_kept and keep.max_bytes is not None and left is not None:
            is_kept = item.size_bytes <= keep.max_bytes
            left = left - item.size_bytes if is_kept else left
            is_kept = is_kept and left >= 0
        found[item.uuid] = (library, str(item.blob_hash), is_kept)
    return found


Step = Callable[[House, Device, UUID], object]


def tried(act: Callable[[], object]) -> None:
    try:
        act()
    except AppError as error:
        assert error.kind in {ErrorKind.NOT_FOUND, ErrorKind.CONFLICT}  # noqa: PT017


def send(number: int, *, is_shared: bool) -> Step:
    def step(house: House, _: Device, jazz: UUID) -> None:
        house.clock.advance(timedelta(seconds=number % 2))
        house.send(SONGS[number % len(SONGS)].data, library=jazz if is_shared else None)

    return step


def on_some(act: Callable[[House, UUID], object]) -> Callable[[int], Step]:
    def of(number: int) -> Step:
        def step(house: House, _: Device, __: UUID) -> None:
            with house.db.read() as tx:
                items = tx._session.scalars(select(MediaItem.uuid).order_by(MediaItem.id)).all()
            if items:
                tried(lambda: act(house, items[number % len(items)]))

        return step

    return of


def replace(house: House, item: UUID) -> None:
    with house.db.read() as tx:
        found = tx._session.scalars(select(MediaItem).where(MediaItem.uuid == item)).one()
    new = Song(f"New {found.size_bytes}", audio=str(found.id)).data
    begun = house.replacing.begin(house.ann, item, replaces=found.blob_hash or "", sha256=house.hash_of(new))
    begun.append(new)
    house.replacing.finish(begun)


def put_out(house: House, _: Device, jazz: UUID) -> None:
    tried(lambda: house.members.remove(house.ann, jazz, "bob"))


def let_in(house: House, _: Device, jazz: UUID) -> None:
    house.members.put(house.ann, jazz, "bob", "editor")


def the_list(house: House) -> PlaylistRow:
    """Ann's only playlist."""
    return house.playlists.page(house.ann, PageWish()).items[0]


def list_it(house: House, item: UUID) -> None:
    house.playlists.add(house.ann, the_list(house).uuid, [item], position=0)


def take_it_out(house: House, item: UUID) -> None:
    house.playlists.take_out(house.ann, the_list(house).uuid, item)


def show_or_hide(house: House, _: Device, __: UUID) -> None:
    mix = the_list(house)
    house.playlists.change(house.ann, mix.uuid, PlaylistWish(is_public=not mix.is_public))


NUMBERS = st.integers(0, 20)
STEPS = st.one_of(
    st.builds(send, NUMBERS, is_shared=st.booleans()),
    st.builds(send, NUMBERS, is_shared=st.booleans()),
    st.builds(on_some(lambda house, item: house.trash.delete(house.ann, item)), NUMBERS),
    st.builds(on_some(lambda house, item: house.trash.restore(house.ann, item)), NUMBERS),
    st.builds(on_some(lambda house, item: house.trash.purge(house.ann, item)), NUMBERS),
    st.builds(on_some(replace), NUMBERS),
    st.builds(on_some(list_it), NUMBERS),
    st.builds(on_some(take_it_out), NUMBERS),
    st.sampled_from([put_out, let_in, show_or_hide, lambda house, *_: house.probe_all()]),
    st.sampled_from([lambda _, device, __: device.ask(), lambda _, device, __: device.poll()]),
)
SIZE = len(SONGS[0].data)


@settings(
    max_examples=150 if is_deep() else 12,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
)
@given(
    steps=st.lists(STEPS, min_size=3, max_size=25),
    room=st.none() | st.integers(0, 4 * SIZE),
    chosen=st.sampled_from(["everything", "shared", "list", "both"]),
)
def test_a_device_ends_with_what_there_is_and_keeps_what_its_rule_says(
    new_house: Callable[[], AbstractContextManager[House]], steps: list[Step], room: int | None, chosen: str
) -> None:
    with new_house() as house:
        bob = house.add_user("bob")
        jazz = shared(house, "Jazz", "bob")
        mix = house.playlists.create(house.ann, PlaylistWish("Mix", is_public=True)).uuid
        keep = Keep(
            libraries=(jazz,) if chosen in {"shared", "both"} else None,
            playlists=(mix,) if chosen in {"list", "both"} else (),
            max_bytes=room,
        )
        device = Device(house, bob)
        for number, step in enumerate(steps):
            step(house, device, jazz)
            if number == len(steps) // 2:
                device.keeps(keep)

        device.poll()
        late = Device(house, bob, limit=1000)
        late.keeps(keep)
        late.poll()

        assert device.files == late.files == truth(house, bob, keep)
        assert (device.ask().changes, device.ask().has_more) == ([], False)


class TestTold:
    def test_what_a_folder_holds_is_nobodys_to_delete_and_not_told(self, house: House) -> None:
        house.save("one.mp3")
        house.scan()

        assert house.sync.changes(house.ann).changes == []

    def test_a_library_that_is_not_marked_is_not_told(self, house: House) -> None:
        jazz = house.libraries.create(house.ann, "Jazz")
        house.send(library=jazz.uuid)

        assert house.sync.changes(house.ann).changes == []

    def test_a_file_is_told_once_with_its_newest_state(self, house: House) -> None:
        sent = house.bring()
        house.trash.delete(house.ann, sent.uuid)
        house.trash.restore(house.ann, sent.uuid)

        [change] = house.sync.changes(house.ann).changes

        assert (change.item_uuid, change.is_gone, change.hash) == (sent.uuid, False, sent.blob_hash)
        assert (change.audio_hash, change.audio_bytes) == (house.hash_of(b"la"), 2)

    def test_what_cannot_be_read_is_told_all_the_same(self, house: House) -> None:
        """Else a device would delete what it just sent."""
        sent = house.bring(b"OggS and no song")

        [change] = house.sync.changes(house.ann).changes

        assert (change.item_uuid, change.is_gone, change.audio_hash) == (sent.uuid, False, None)

    def test_what_cannot_be_read_comes_out_of_the_trash_too(self, house: House) -> None:
        sent = house.bring(b"OggS and no song")
        house.trash.delete(house.ann, sent.uuid)
        device = Device(house, house.ann)
        device.poll()

        house.trash.restore(house.ann, sent.uuid)
        device.poll()

        assert set(device.files) == {sent.uuid}

    def test_what_was_removed_for_good_is_told_by_the_hash_it_had(self, house: House) -> None:
        sent = house.bring()
        house.trash.delete(house.ann, sent.uuid)
        house.trash.purge(house.ann, sent.uuid)

        [change] = house.sync.changes(house.ann).changes

        assert (change.item_uuid, change.is_gone, change.hash) == (sent.uuid, True, sent.blob_hash)

    def test_a_file_that_comes_back_lies_where_it_is_brought_to(self, house: House) -> None:
        sent = house.send(filename="one.mp3", folder="Old")
        house.trash.delete(house.ann, sent.uuid)

        again = house.send(filename="1.mp3", folder="New/Place")

        [change] = house.sync.changes(house.ann).changes
        assert (again.uuid, change.folder, change.filename) == (sent.uuid, "New/Place", "1.mp3")


class TestFollowed:
    """Whoever owns a shared library says whether devices follow it; a personal one they always follow."""

    def test_it_begins_when_the_owner_says_so(self, house: House) -> None:
        jazz = house.libraries.create(house.ann, "Jazz").uuid
        sent = house.bring(library=jazz)
        device = Device(house, house.ann)
        device.poll()
        assert device.files == {}

        changed = house.libraries.change(house.ann, jazz, syncs=True)

        device.poll()
        assert (changed.name, changed.syncs, set(device.files)) == ("Jazz", True, {sent.uuid})

    def test_it_ends_when_he_says_so_and_what_devices_have_stays(self, house: House) -> None:
        jazz = shared(house)
        house.bring(library=jazz)
        device = Device(house, house.ann)
        device.poll()

        house.libraries.change(house.ann, jazz, syncs=False)

        told = device.ask()
        assert (list(told.reset), told.changes) == ([jazz], [])  # nothing is told of as gone

    def test_whoever_missed_the_pause_misses_nothing(self, house: House) -> None:
        jazz = shared(house)
        house.bring(library=jazz)
        device = Device(house, house.ann)
        device.poll()

        house.libraries.change(house.ann, jazz, syncs=False)
        sent = house.bring(SONGS[1], library=jazz)
        house.libraries.change(house.ann, jazz, syncs=True)

        device.poll()
        assert len(device.files) == 2
        assert sent.uuid in device.files

    def test_another_name_changes_nothing_else(self, house: House) -> None:
        jazz = shared(house)

        assert house.libraries.change(house.ann, jazz, name="Blues").syncs
        assert house.libraries.change(house.ann, jazz).name == "Blues"

    def test_editors_do_not_decide(self, house: House) -> None:
        bob = house.add_user("bob")
        jazz = shared(house, "Jazz", "bob")

        assert raised(lambda: house.libraries.change(bob, jazz, syncs=False)) == (ErrorKind.FORBIDDEN, "not_an_owner")

    def test_a_personal_library_is_always_followed(self, house: House) -> None:
        mine = next(row for row in house.libraries.mine(house.ann) if row.is_personal)

        assert raised(lambda: house.libraries.change(house.ann, mine.uuid, name="Me", syncs=False)) == (
            ErrorKind.CONFLICT,
            "personal_library",
        )
        assert house.libraries.one(house.ann, mine.uuid).name == mine.name


class TestReset:
    @pytest.fixture
    def bob(self, house: House) -> Caller:
        return house.add_user("bob")

    @pytest.fixture
    def jazz(self, house: House, bob: Caller) -> UUID:
        library = shared(house, "Jazz", bob.username)
        house.bring(library=library)
        return library

    @pytest.fixture
    def device(self, house: House, bob: Caller, jazz: UUID) -> Device:
        device = Device(house, bob)
        device.poll()
        assert len(device.files) == 1
        return device

    def test_whoever_is_put_out_forgets(self, house: House, device: Device, jazz: UUID) -> None:
        house.members.remove(house.ann, jazz, "bob")

        told = device.ask()

        assert (list(told.reset), told.changes, device.files) == ([jazz], [], {})
        assert device.ask().reset == []

    def test_whoever_was_away_meanwhile_is_told_from_the_beginning(
        self, house: House, device: Device, jazz: UUID
    ) -> None:
        house.members.remove(house.ann, jazz, "bob")
        house.members.put(house.ann, jazz, "bob", "listener")

        told = device.ask()

        assert (list(told.reset), len(told.changes)) == ([jazz], 1)
        assert device.ask().changes == []

    def test_another_role_is_the_same_membership(self, house: House, device: Device, jazz: UUID) -> None:
        house.members.put(house.ann, jazz, "bob", "listener")

        assert device.ask().reset == []

    def test_a_library_that_is_gone_is_forgotten(self, house: House, device: Device, jazz: UUID) -> None:
        house.libraries.delete(house.ann, jazz)

        assert list(device.ask().reset) == [jazz]

    def test_a_server_that_was_put_back_tells_everything_anew(self, house: House, device: Device, jazz: UUID) -> None:
        house.backups.come_to_life(Operator())

        told = device.ask()

        assert (jazz in told.reset, len(device.files)) == (True, 1)

    def test_a_number_that_was_never_given_counts_for_nothing(self, house: House, device: Device, jazz: UUID) -> None:
        with house.db.write() as tx:
            for library in tx._session.scalars(select(Library).where(Library.uuid == jazz)):
                library.change_seq = 1

        assert list(device.ask().reset) == [jazz]


class TestKept:
    @pytest.fixture
    def device(self, house: House) -> Device:
        return Device(house, house.ann, limit=100)

    def bring(self, house: House, song: Song) -> UUID:
        house.clock.advance(timedelta(minutes=1))
        return house.bring(song).uuid

    def test_the_newest_as_far_as_there_is_room(self, house: House, device: Device) -> None:
        first, second = (self.bring(house, song) for song in SONGS[:2])
        device.keeps(Keep(max_bytes=2 * SIZE + 1))
        device.poll()
        assert device.kept == {first, second}

        third = self.bring(house, SONGS[2])
        device.poll()

        assert device.kept == {second, third}
        assert set(device.files) == {first, second, third}

    def test_what_was_left_out_is_kept_when_there_is_room_again(self, house: House, device: Device) -> None:
        first, second = (self.bring(house, song) for song in SONGS[:2])
        device.keeps(Keep(max_bytes=SIZE + 1))
        device.poll()
        assert device.kept == {second}

        house.trash.delete(house.ann, second)
        device.poll()

        assert device.kept == {first}

    def test_a_file_that_never_fits_takes_no_room(self, house: House, device: Device) -> None:
        first = self.bring(house, SONGS[0])
        self.bring(house, Song("x" * 2 * SIZE, audio="long"))
        device.keeps(Keep(max_bytes=SIZE + 1))

        device.poll()

        assert device.kept == {first}

    def test_chosen_artists_albums_and_tracks(self, house: House, device: Device) -> None:
        songs = [
            Song("One", artists=("Ann",), album="First", audio="1"),
            Song("Two", artists=("Bea",), album="Second", audio="2"),
            Song("Three", artists=("Cid",), album="Third", audio="3"),
            Song("Four", artists=("Dan",), album="Fourth", album_artists=("Ann",), audio="4"),
            Song("Five", artists=("Eve",), album="Fifth", audio="5"),
        ]
        one, two, three, four, _ = (self.bring(house, song) for song in songs)
        wish = PageWish(limit=50)
        artists = {row.name: row.uuid for row in house.catalog.artists(house.ann, wish).items}
        rows = house.catalog.tracks(house.ann, wish, TrackFilter()).items
        albums = {row.album_title: row.album_uuid for row in rows}

        device.keeps(Keep(artists=(artists["Ann"],), albums=(albums["Second"],), tracks=(three,)))
        device.poll()

        assert device.kept == {one, two, three, four}

    def test_chosen_playlists_as_they_are_now(self, house: House, device: Device) -> None:
        one, two, three = (self.bring(house, song) for song in SONGS[:3])
        mix = house.playlists.create(house.ann, PlaylistWish("Mix"), [one, two]).uuid
        device.keeps(Keep(playlists=(mix,)))
        device.poll()
        assert device.kept == {one, two}
        assert device.ask().changes == []

        house.playlists.replace(house.ann, mix, [two, three])
        device.poll()
        assert device.kept == {two, three}

        house.playlists.delete(house.ann, mix)
        device.poll()
        assert (device.kept, set(device.files)) == (set(), {one, two, three})

    def test_playlists_of_others_while_they_are_public(self, house: House) -> None:
        bob = house.add_user("bob")
        jazz = shared(house, "Jazz", "bob")
        sent = house.bring(library=jazz).uuid
        mix = house.playlists.create(house.ann, PlaylistWish("Mix", is_public=True), [sent]).uuid
        device = Device(house, bob)
        device.keeps(Keep(playlists=(mix,)))
        device.poll()
        assert device.kept == {sent}

        house.playlists.change(house.ann, mix, PlaylistWish(is_public=False))
        device.poll()

        assert (device.kept, set(device.files)) == (set(), {sent})

    def test_chosen_libraries_and_none(self, house: House, device: Device) -> None:
        jazz = shared(house)
        mine, theirs = house.bring(SONGS[0]).uuid, house.bring(SONGS[1], library=jazz).uuid
        device.keeps(Keep(libraries=(jazz,)))
        device.poll()
        assert device.kept == {theirs}

        device.keeps(Keep(libraries=()))
        device.poll()

        assert (device.kept, set(device.files)) == (set(), {mine, theirs})

    def test_another_rule_tells_everything_again_and_forgets_nothing(self, house: House, device: Device) -> None:
        sent = house.bring()
        device.poll()
        device.keeps(Keep(max_bytes=0))

        told = device.ask()

        assert (told.reset, [(one.item_uuid, one.is_kept) for one in told.changes]) == ([], [(sent.uuid, False)])

    def test_the_same_rule_again_changes_nothing(self, house: House, device: Device) -> None:
        house.bring()
        device.keeps(Keep(max_bytes=10))
        device.poll()
        device.keeps(Keep(max_bytes=10))

        assert device.ask().changes == []

    @pytest.mark.parametrize("keep", [Keep(max_bytes=-1), Keep(max_bytes=1 << 62), Keep(tracks=(uuid4(),) * 1001)])
    def test_a_rule_has_bounds(self, house: House, device: Device, keep: Keep) -> None:
        assert raised(lambda: device.keeps(keep)) == (ErrorKind.INVALID, "bad_keep")
