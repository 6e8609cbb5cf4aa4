"""Plans: what is done about every difference, and that two devices and a server become equal and stay so."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.sync_world import TRANSFERS, Cloud, Phone, settled, sound_of
from tutti.domain.errors import AppError
from tutti.syncing.plan import Action, Binding, Kind, Remote, View, Wish, plan

ITEM = "item"


def view(
    *, local: str | None = "b", base: str = "b", remote: str | None = "b", is_ours: bool = True, keep: bool = True
) -> View:
    """One file at `x.mp3` that belongs to an item, beside two more that are in step."""
    bindings = {ITEM: Binding(ITEM, "x.mp3", base, is_ours, sound_of(base))}
    there = Remote(remote or "", "", "x.mp3", sound_of(remote or ""), is_gone=remote is None, keep=keep)
    remotes = {ITEM: there}
    files = {} if local is None else {"x.mp3": local}
    for other in ("y", "z"):
        bindings[other] = Binding(other, f"{other}.mp3", other)
        remotes[other] = Remote(other, "", f"{other}.mp3")
        files[f"{other}.mp3"] = other
    sounds = {"x.mp3": sound_of(local)} if local else {}
    return View(files, bindings, remotes, sounds)


def kinds(actions: list[Action]) -> list[Kind]:
    return [action.kind for action in actions]


DELETES = Wish(deletes=True, day="2026-11-26", device="lap")
KEEPS = Wish(day="2026-11-26", device="lap")


class TestOneFile:
    @pytest.mark.parametrize(
        ("sides", "wish", "expected"),
        [
            (view(), KEEPS, []),
            (view(local="c-1", base="b-1"), KEEPS, [Kind.STEP_ASIDE, Kind.UPLOAD, Kind.DOWNLOAD]),
            (view(local="n-1", base="s-1", remote="s-1"), KEEPS, [Kind.PUSH]),
            (view(local="s-2", base="s-1", remote="s-1"), KEEPS, [Kind.PUSH_TAGS]),
            (view(local="s-1", base="s-1", remote="n-1"), KEEPS, [Kind.PULL]),
            (view(local="s-1", base="s-1", remote="s-2"), KEEPS, [Kind.PULL_TAGS]),
            (view(local="s-2", base="s-1", remote="s-2"), KEEPS, [Kind.ADOPT]),
            (view(local="s-2", base="s-1", remote="s-3"), KEEPS, [Kind.STEP_ASIDE, Kind.UPLOAD, Kind.DOWNLOAD]),
            (view(local=None), KEEPS, [Kind.UNWANT]),
            (view(local=None), DELETES, [Kind.TRASH]),
            (view(local=None, remote="new"), DELETES, [Kind.FORGET, Kind.DOWNLOAD]),
            (view(local=None, remote=None), KEEPS, [Kind.FORGET]),
            (view(remote=None), KEEPS, []),
            (view(remote=None), DELETES, [Kind.REMOVE]),
            (view(remote=None, is_ours=False), DELETES, []),
            (view(local="mine", remote=None), DELETES, [Kind.FORGET, Kind.UPLOAD]),
            (view(keep=False), KEEPS, [Kind.REMOVE]),
            (view(keep=False, is_ours=False), KEEPS, []),
            (view(keep=False, remote="new"), KEEPS, [Kind.REMOVE]),
            (view(local=None, keep=False), DELETES, [Kind.FORGET]),
        ],
    )
    def test_what_changed_alone_wins_and_both_are_kept(self, sides: View, wish: Wish, expected: list[Kind]) -> None:
        assert kinds(plan(sides, wish)) == expected

    def test_of_two_versions_the_one_of_the_server_gets_the_name(self) -> None:
        actions = plan(view(local="mine", base="old", remote="theirs"), KEEPS)

        aside = "x (conflict lap 2026-11-26).mp3"
        assert actions == [
            Action(Kind.STEP_ASIDE, "x.mp3", other=aside),
            Action(Kind.UPLOAD, aside),
            Action(Kind.DOWNLOAD, "x.mp3", ITEM),
        ]

    def test_an_item_that_nobody_tells_of_any_more_is_left_alone(self) -> None:
        known = view(local="changed")

        assert (
            plan(View(known.local, known.bindings, {"y": known.remotes["y"], "z": known.remotes["z"]}), DELETES) == []
        )

    def test_a_file_that_could_not_be_looked_at_is_not_gone(self) -> None:
        known = view(local=None)

        assert (
            plan(View(known.local, known.bindings, known.remotes, unread=lambda path: path == "x.mp3"), DELETES) == []
        )


class TestDirections:
    @pytest.mark.parametrize("local", [None, "b", "mine"])
    @pytest.mark.parametrize("remote", [None, "b", "theirs"])
    def test_upload_only_changes_no_file(self, local: str | None, remote: str | None) -> None:
        found = plan(view(local=local, remote=remote), Wish(downloads=False, deletes=True))

        assert not set(kinds(found)) & {Kind.REMOVE, Kind.STEP_ASIDE, Kind.PULL, Kind.PULL_TAGS, Kind.DOWNLOAD}

    @pytest.mark.parametrize("local", [None, "b", "mine"])
    @pytest.mark.parametrize("remote", [None, "b", "theirs"])
    def test_download_only_changes_no_item(self, local: str | None, remote: str | None) -> None:
        found = plan(view(local=local, remote=remote), Wish(uploads=False, deletes=True))

        assert not set(kinds(found)) & {Kind.TRASH, Kind.PUSH, Kind.PUSH_TAGS, Kind.UPLOAD}


class TestVanished:
    def test_when_more_than_half_are_gone_nothing_is_done(self) -> None:
        known = view()

        with pytest.raises(AppError, match="2 of 3 files") as refused:
            plan(View({"x.mp3": "b"}, known.bindings, known.remotes), DELETES)

        assert refused.value.code == "too_much_vanished"

    def test_an_empty_folder_at_first_is_no_vanishing(self) -> None:
        assert kinds(plan(View({}, {}, view().remotes), DELETES)) == [Kind.DOWNLOAD] * 3

    def test_files_that_moved_have_not_vanished(self) -> None:
        known = view()
        moved = {f"new/{path}": content for path, content in known.local.items()}

        assert set(kinds(plan(View(moved, known.bindings, known.remotes), DELETES))) == {Kind.MOVE}

    def test_files_that_changed_places_are_followed(self) -> None:
        known = view()
        swapped = {"x.mp3": "y", "y.mp3": "b", "z.mp3": "z"}

        actions = plan(View(swapped, known.bindings, known.remotes), DELETES)

        assert {(action.kind, action.path, action.item) for action in actions} == {
            (Kind.MOVE, "y.mp3", ITEM),
            (Kind.MOVE, "x.mp3", "y"),
        }


class TestNewFiles:
    def test_a_file_with_the_bytes_of_an_item_belongs_to_it(self) -> None:
        actions = plan(View({"own/place.mp3": "b"}, {}, {ITEM: Remote("b", "", "x.mp3")}), KEEPS)

        assert actions == [Action(Kind.ADOPT, "own/place.mp3", ITEM)]

    def test_a_second_copy_is_not_sent(self) -> None:
        known = view()

        assert plan(View({**known.local, "copy.mp3": "b"}, known.bindings, known.remotes), KEEPS) == []

    def test_items_that_want_one_name_get_distinct_ones(self) -> None:
        remotes = {
            "1": Remote("a", "Abba", "x.mp3"),
            "2": Remote("b", "Abba", "x.mp3"),
            "3": Remote("c", "ABBA", "X.mp3"),
        }

        paths = [action.path for action in plan(View({}, {}, remotes), KEEPS)]

        assert sorted(paths) == ["ABBA/X (3).mp3", "Abba/x (2).mp3", "Abba/x.mp3"]

    def test_an_item_that_was_deleted_here_does_not_come_again(self) -> None:
        assert plan(View({}, {}, {ITEM: Remote("b", "", "x.mp3", is_unwanted=True)}), KEEPS) == []

    def test_it_belongs_here_again_when_its_bytes_do(self) -> None:
        remotes = {ITEM: Remote("b", "", "x.mp3", is_unwanted=True)}

        assert kinds(plan(View({"x.mp3": "b"}, {}, remotes), KEEPS)) == [Kind.ADOPT]


PATHS = st.sampled_from(["a.mp3", "b.mp3", "X/a.mp3", "X/b.mp3", "x/A.mp3", "c.flac", "X/Y/d.ogg"])
CONTENTS = st.builds("s{}-t{}".format, st.integers(0, 4), st.integers(0, 3))
Edit = tuple[int, str, str, str, str]
EDITS = st.lists(
    st.tuples(st.sampled_from([0, 1]), st.sampled_from(["write", "delete", "move", "sync"]), PATHS, PATHS, CONTENTS),
    max_size=14,
)


def edited(phones: list[Phone], edits: list[Edit]) -> None:
    """Have people do things, and devices run in between; a run that is refused does nothing."""
    for which, what, path, other, content in edits:
        phone = phones[which]
        if what == "write" and path.casefold() not in {one.casefold() for one in phone.files.keys() - {path}}:
            phone.edit(path, content)
        elif what == "delete":
            phone.files.pop(path, None)
        elif what == "move" and path in phone.files and other.casefold() not in map(str.casefold, phone.files):
            phone.files[other] = phone.files.pop(path)
        elif what == "sync":
            ran(phone)


def ran(phone: Phone) -> None:
    try:
        phone.run()
    except AppError:  # most has vanished: what --start-over does
        phone.bindings = {}
        phone.unwanted = set()


def world(wish: Wish) -> list[Phone]:
    """Two devices that both brought something in and are in step."""
    cloud = Cloud()
    one, two = (Phone(cloud, Wish(deletes=wish.deletes, device=name, day="day")) for name in ("one", "two"))
    one.files = {"a.mp3": "s0-t0", "X/a.mp3": "s1-t0", "c.flac": "s2-t0"}
    two.files = {"b.mp3": "s3-t0", "X/b.mp3": "s4-t0", "X/Y/d.ogg": "s5-t0"}
    assert settled([one, two])
    return [one, two]


class TestTwoDevices:
    @given(edits=EDITS, deletes=st.booleans())
    def test_they_come_to_rest_with_the_same_music(self, edits: list[Edit], *, deletes: bool) -> None:
        phones = world(Wish(deletes=deletes))
        edited(phones, edits)
        for phone in phones:
            ran(phone)

        assert settled(phones)

        live = {remote.hash for remote in phones[0].cloud.items.values() if not remote.is_gone}
        for phone in phones:
            unwanted = {phone.cloud.items[item].hash for item in phone.unwanted}
            kept = {one.base for item, one in phone.bindings.items() if phone.cloud.items[item].is_gone}
            assert live - unwanted <= set(phone.files.values())
            assert set(phone.files.values()) <= live | kept

    @given(edits=EDITS, deletes=st.booleans())
    def test_no_run_deletes_what_the_index_does_not_call_its_own(self, edits: list[Edit], *, deletes: bool) -> None:
        phones = world(Wish(deletes=deletes))
        edited(phones, edits)
        for phone in phones:
            ran(phone)

        settled(phones)

        assert [content for phone in phones for content, is_ours in phone.deleted if not is_ours] == []

    @given(EDITS)
    def test_without_deletions_no_version_is_ever_lost(self, edits: list[Edit]) -> None:
        phones = world(Wish())
        edited(phones, [edit for edit in edits if edit[1] in {"sync", "move"}])
        old = {remote.hash for remote in phones[0].cloud.items.values()}
        edited(phones, [edit for edit in edits if edit[1] == "write"])
        before = {content for phone in phones for content in phone.files.values()} - old
        for phone in phones:
            ran(phone)
        settled(phones)

        after = {content for phone in phones for content in [*phone.files.values(), *phone.shelved]}
        assert before <= after | {remote.hash for remote in phones[0].cloud.items.values()}

    @given(st.dictionaries(PATHS, CONTENTS, max_size=7), st.dictionaries(PATHS, CONTENTS, max_size=7))
    def test_from_scratch_both_trees_become_equal(self, one: dict[str, str], two: dict[str, str]) -> None:
        cloud = Cloud()
        phones = [Phone(cloud, KEEPS, distinct(one)), Phone(cloud, KEEPS, distinct(two))]

        assert settled(phones)

        assert sorted(set(phones[0].files.values())) == sorted(set(phones[1].files.values()))
        assert not [action for phone in phones for action in phone.run() if action.kind in TRANSFERS]


def distinct(files: dict[str, str]) -> dict[str, str]:
    """Return files of which no two have one content or names that differ in case alone."""
    found: dict[str, str] = {}
    names: set[str] = set()
    for path, content in files.items():
        if content not in found.values() and path.casefold() not in names:
            found[path] = content
            names.add(path.casefold())
    return found
