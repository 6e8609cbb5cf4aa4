"""A file that moves stays the same item, however it moved; a stranger never becomes somebody else."""

import shutil
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from support.core import House
from support.music import Song, save
from support.shelves import counted, kept

ONE = Song("One", audio="one")
TWO = Song("Two", audio="two")


def move(house: House, old: str, new: str) -> None:
    target = house.music / new
    target.parent.mkdir(parents=True, exist_ok=True)
    (house.music / old).rename(target)


def copy_and_delete(house: House, old: str, new: str) -> None:
    """Move as between file systems: the new file has an inode that no file had before."""
    held = house.music.parent / "holds-the-inode"
    (house.music / old).rename(held)
    target = house.music / new
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(held, target)


class TestMove:
    @pytest.mark.parametrize(
        ("old", "new"),
        [("a/one.mp3", "a/renamed.mp3"), ("a/one.mp3", "b/one.mp3"), ("z/one.mp3", "a/b/c/other.mp3")],
        ids=["renamed", "to another folder", "to an earlier folder"],
    )
    @pytest.mark.parametrize("how", [move, copy_and_delete])
    def test_a_moved_file_keeps_its_item(self, house: House, how: object, old: str, new: str) -> None:
        house.save(old, ONE)
        house.scan()
        before = house.known()[old]
        house.clock.advance(timedelta(days=1))
        assert callable(how)
        how(house, old, new)

        report = house.scan()

        after = house.known()[new]
        assert (after.uuid, after.added_at, after.is_listed) == (before.uuid, before.added_at, True)
        assert (report.moved, report.added, report.removed) == (1, 0, 0)

    def test_a_renamed_folder_takes_all_its_files_along(self, house: House) -> None:
        for number in range(6):
            house.save(f"old/{number}.mp3", Song(f"Song {number}", audio=str(number)))
        house.scan()
        before = sorted(house.listed().values())
        move(house, "old", "new")

        report = house.scan()

        assert report.moved == 6
        assert sorted(house.listed().values()) == before
        assert kept(house.db) == counted(house.db)

    def test_a_file_that_moved_and_was_retagged_keeps_its_item(self, house: House) -> None:
        house.save("one.mp3", ONE)
        house.scan()
        before = house.listed()["one.mp3"]
        move(house, "one.mp3", "moved.mp3")
        (house.music / "moved.mp3").write_bytes(Song("Another and longer title", audio="one").data)

        house.scan()

        assert house.listed() == {"moved.mp3": before}
        assert house.titles() == ["Another and longer title"]

    def test_only_one_of_two_copies_follows_a_vanished_file(self, house: House) -> None:
        house.save("one.mp3", ONE)
        house.scan()
        before = house.listed()["one.mp3"]
        copy_and_delete(house, "one.mp3", "a.mp3")
        shutil.copyfile(house.music / "a.mp3", house.music / "b.mp3")

        report = house.scan()

        assert (report.moved, report.added) == (1, 1)
        assert house.listed()["a.mp3"] == before

    def test_a_copy_of_a_file_that_stays_is_a_new_item(self, house: House) -> None:
        house.save("one.mp3", ONE)
        house.scan()
        before = house.listed()["one.mp3"]
        shutil.copyfile(house.music / "one.mp3", house.music / "copy.mp3")

        report = house.scan()

        assert (report.moved, report.added) == (0, 1)
        assert house.listed()["one.mp3"] == before

    def test_twins_that_both_move_keep_their_own_items(self, house: House) -> None:
        house.save("a.mp3", ONE)
        house.save("b.mp3", ONE)
        house.scan()
        before = house.listed()
        move(house, "a.mp3", "z.mp3")
        move(house, "b.mp3", "y.mp3")

        house.scan()

        assert house.listed() == {"z.mp3": before["a.mp3"], "y.mp3": before["b.mp3"]}

    def test_a_copy_that_is_met_first_does_not_take_the_item_of_a_file_that_really_moved(self, house: House) -> None:
        house.save("a.mp3", ONE)
        house.save("b.mp3", ONE)
        house.scan()
        before = house.listed()
        copy_and_delete(house, "a.mp3", "first.mp3")
        move(house, "b.mp3", "second.mp3")

        house.scan()

        assert house.listed() == {"first.mp3": before["a.mp3"], "second.mp3": before["b.mp3"]}

    def test_a_stranger_in_a_reused_inode_is_a_new_item(self, house: House) -> None:
        """File systems give the inode of a deleted file to the next one: stars and plays went to other songs."""
        old = house.save("old.mp3", ONE)
        house.scan()
        before = house.listed()["old.mp3"]
        old.rename(house.music / "new.mp3").write_bytes(TWO.data)
        house.save("another.mp3")

        report = house.scan()

        assert house.listed()["new.mp3"] != before
        assert (report.added, report.moved, report.removed) == (2, 0, 1)

    def test_a_file_moved_after_its_loss_was_noticed_is_still_the_same_item(self, house: House, tmp_path: Path) -> None:
        path = house.save("one.mp3", ONE)
        house.save("stays.mp3", TWO)
        house.scan()
        before = house.listed()["one.mp3"]
        path.rename(tmp_path / "away.mp3")
        house.scan()
        (tmp_path / "away.mp3").rename(house.music / "back.mp3")

        house.scan()

        assert house.listed()["back.mp3"] == before

    def test_a_move_over_several_batches_is_followed(self, house: House) -> None:
        for number in range(20):
            house.save(f"old/{number:02}.mp3", Song(f"Song {number}", audio=str(number)))
        house.scan()
        before = house.listed()
        for number in range(20):
            copy_and_delete(house, f"old/{number:02}.mp3", f"new/{number:02}.mp3")

        house.scan()

        assert house.listed() == {path.replace("old", "new"): uuid for path, uuid in before.items()}

    @pytest.mark.parametrize(
        "moves",
        [
            [("1", "x"), ("2", "1"), ("x", "2")],
            [("1", "x"), ("2", "1"), ("3", "2"), ("x", "3")],
            [("3", "4"), ("2", "3"), ("1", "2")],
        ],
        ids=["swapped", "rotated", "counted up"],
    )
    @pytest.mark.parametrize("how", [move, copy_and_delete])
    def test_renumbered_files_keep_their_items(
        self, house: House, how: object, moves: Sequence[tuple[str, str]]
    ) -> None:
        songs = {name: Song(f"Song {name}", audio=name) for name in "123"}
        for name, song in songs.items():
            house.save(f"{name}.mp3", song)
        house.scan()
        before = {uuid: name for name, uuid in house.listed().items()}
        assert callable(how)
        for old, new in moves:
            how(house, f"{old}.mp3", f"{new}.mp3")

        report = house.scan()

        titles = {uuid: house.known()[path].title for path, uuid in house.listed().items()}
        assert titles == {uuid: f"Song {name[0]}" for uuid, name in before.items()}
        assert (report.moved, report.added, report.removed) == (len(moves) - ("x" in dict(moves)), 0, 0)
        assert kept(house.db) == counted(house.db)

    def test_the_place_of_a_moved_file_may_be_taken_by_a_stranger(self, house: House) -> None:
        house.save("one.mp3", ONE)
        house.scan()
        before = house.listed()["one.mp3"]
        move(house, "one.mp3", "moved.mp3")
        house.save("one.mp3", TWO)

        report = house.scan()

        assert house.listed()["moved.mp3"] == before
        assert house.listed()["one.mp3"] != before
        assert (report.moved, report.added) == (1, 1)

    def test_a_file_that_overwrote_another_stays_what_it_was(self, house: House) -> None:
        house.save("one.mp3", ONE)
        house.save("two.mp3", TWO)
        house.scan()
        before = house.listed()
        move(house, "two.mp3", "one.mp3")

        house.scan()

        assert house.listed() == {"one.mp3": before["two.mp3"]}
        assert kept(house.db) == counted(house.db)

    def test_a_moved_file_is_announced_but_never_as_gone(self, house: House) -> None:
        house.save("one.mp3", ONE)
        house.scan()
        item = house.listed()["one.mp3"]
        move(house, "one.mp3", "moved.mp3")

        house.scan()

        assert house.changes() == [(item, False), (item, False)]

    def test_a_file_of_another_source_is_not_followed(self, house: House, tmp_path: Path) -> None:
        save(tmp_path / "other" / "one.mp3", ONE)
        other = house.sources.add(house.ann, tmp_path / "other")
        house.scanner().scan(other)
        (tmp_path / "other" / "one.mp3").rename(house.music / "one.mp3")

        report = house.scan()

        assert (report.added, report.moved) == (1, 0)
