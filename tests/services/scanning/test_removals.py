"""What vanished leaves the lists and nothing else; what only seems to have vanished stays."""

import shutil
from datetime import timedelta

import pytest

from support.core import House
from support.music import Song, save
from support.shelves import counted, kept, search_is_in_step
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.scanning import ScanPolicy
from tutti.services.catalog import PageWish

STRICT = ScanPolicy(batch_files=4, max_vanished_share=0.5, min_vanished_files=3)


def fill(house: House, count: int, folder: str = ".") -> None:
    for number in range(count):
        house.save(f"{folder}/{number}.mp3", Song(f"Song {number}", audio=f"{folder}{number}"))


class TestRemoval:
    def test_a_removed_file_leaves_the_list(self, house: House) -> None:
        fill(house, 3)
        house.scan()
        (house.music / "1.mp3").unlink()

        report = house.scan()

        assert (report.removed, report.unchanged) == (1, 2)
        assert house.titles() == ["Song 0", "Song 2"]

    def test_a_removal_is_announced(self, house: House) -> None:
        fill(house, 2)
        house.scan()
        item = house.listed()["1.mp3"]
        (house.music / "1.mp3").unlink()

        house.scan()

        assert house.changes()[-1] == (item, True)

    def test_a_removal_is_announced_once(self, house: House) -> None:
        fill(house, 2)
        house.scan()
        (house.music / "1.mp3").unlink()
        house.scan()
        before = house.changes()

        report = house.scan()

        assert report.removed == 0
        assert house.changes() == before

    def test_a_removed_folder_takes_its_files_off_the_list(self, house: House) -> None:
        fill(house, 2, "a/b")
        fill(house, 3, "kept")
        house.scan()
        shutil.rmtree(house.music / "a")

        report = house.scan()

        assert report.removed == 2
        assert set(house.listed()) == {"kept/0.mp3", "kept/1.mp3", "kept/2.mp3"}

    def test_names_that_nothing_is_left_of_are_seen_no_more(self, house: House) -> None:
        house.save("stays.mp3", Song("Stays", artists=("Ann",)))
        house.save("goes.mp3", Song("Goes", artists=("Bob",), album="Gone", genres=("Jazz",)))
        house.scan()
        (house.music / "goes.mp3").unlink()

        house.scan()

        assert [row.name for row in house.catalog.artists(house.ann, PageWish()).items] == ["Ann"]
        assert house.catalog.search(house.ann, "gone", limit=5).albums == []
        assert kept(house.db) == counted(house.db)
        assert search_is_in_step(house.db)

    def test_a_file_that_comes_back_is_the_same_item(self, house: House) -> None:
        fill(house, 2)
        house.scan()
        before = house.known()["1.mp3"]
        away = (house.music / "1.mp3").rename(house.music.parent / "away")
        house.scan()
        house.clock.advance(timedelta(days=1))
        away.rename(house.music / "1.mp3")

        house.scan()

        assert house.known()["1.mp3"] == before
        assert house.changes()[-1] == (before.uuid, False)

    def test_a_removed_file_cannot_be_fetched(self, house: House) -> None:
        fill(house, 2)
        house.scan()
        item = house.listed()["1.mp3"]
        (house.music / "1.mp3").unlink()
        house.scan()

        with pytest.raises(AppError) as caught:
            house.deliveries.open(house.ann, item)

        assert caught.value.kind is ErrorKind.NOT_FOUND


class TestNothingIsRemoved:
    def fails(self, house: House, policy: ScanPolicy = STRICT) -> AppError:
        with pytest.raises(AppError) as caught:
            house.scan(policy=policy)
        assert (caught.value.kind, caught.value.code) == (ErrorKind.UNAVAILABLE, "source_unavailable")
        return caught.value

    def test_when_the_folder_is_empty_though_it_had_files(self, house: House) -> None:
        fill(house, 2)
        house.scan()
        before = house.listed()
        house.music.rename(house.music.parent / "away")
        house.music.mkdir()

        self.fails(house)

        assert house.listed() == before

    def test_when_the_folder_is_gone(self, house: House) -> None:
        fill(house, 2)
        house.scan()
        before = house.listed()
        house.music.rename(house.music.parent / "unmounted")

        self.fails(house)

        assert house.listed() == before

    def test_when_a_file_lies_where_the_folder_was(self, house: House) -> None:
        fill(house, 2)
        house.scan()
        house.music.rename(house.music.parent / "unmounted")
        save(house.music, b"no folder")

        self.fails(house)

    def test_when_more_than_the_share_vanished_at_once(self, house: House) -> None:
        fill(house, 10)
        house.scan()
        before = house.listed()
        for number in range(6):
            (house.music / f"{number}.mp3").unlink()

        error = self.fails(house)

        assert error.message == "6 of 10 files vanished at once; nothing was removed."
        assert house.listed() == before

    def test_and_the_source_says_so(self, house: House) -> None:
        fill(house, 2)
        house.scan()
        shutil.rmtree(house.music)

        error = self.fails(house)

        assert house.state() == ("unavailable", error.message)

    def test_and_whoever_listens_is_told(self, house: House) -> None:
        shutil.rmtree(house.music)
        with house.bus.subscribe("source.failed") as told:
            self.fails(house)

            assert told.get(0) is not None

    def test_while_a_folder_cannot_be_listed(self, house: House) -> None:
        fill(house, 2, "open")
        fill(house, 2, "shut")
        fill(house, 2, "shut/below")
        house.scan()
        before = house.listed()
        house.folders.blind.add(b"shut")

        report = house.scan()

        assert report.unread_folders == [b"shut"]
        assert (report.removed, house.listed()) == (0, before)

    def test_while_the_root_itself_cannot_be_listed(self, house: House) -> None:
        fill(house, 2, "below")
        house.scan()
        house.folders.blind.add(b"")

        self.fails(house)

    def test_in_a_folder_whose_name_only_begins_like_an_unlisted_one(self, house: House) -> None:
        fill(house, 2, "shut")
        fill(house, 2, "shutters")
        fill(house, 2, "stays")
        house.scan()
        house.folders.blind.add(b"shut")
        shutil.rmtree(house.music / "shutters")

        assert house.scan().removed == 2


class TestRemovalIsBelieved:
    def test_below_the_share(self, house: House) -> None:
        fill(house, 10)
        house.scan()
        for number in range(5):
            (house.music / f"{number}.mp3").unlink()

        assert house.scan(policy=STRICT).removed == 5

    def test_of_few_files_whatever_their_share(self, house: House) -> None:
        fill(house, 3)
        house.scan()
        for number in range(2):
            (house.music / f"{number}.mp3").unlink()

        assert house.scan(policy=STRICT).removed == 2

    def test_of_a_folder_that_moved_because_nothing_vanished(self, house: House) -> None:
        fill(house, 10, "old")
        house.scan()
        (house.music / "old").rename(house.music / "new")

        assert house.scan(policy=STRICT).moved == 10

    def test_of_most_files_when_a_person_says_so(self, house: House) -> None:
        fill(house, 10)
        house.scan()
        for number in range(9):
            (house.music / f"{number}.mp3").unlink()

        report = house.scan(policy=STRICT, believe_removals=True)

        assert report.removed == 9
        assert house.titles() == ["Song 9"]

    def test_of_all_files_when_a_person_says_so(self, house: House) -> None:
        fill(house, 4)
        house.scan()
        for path in list(house.music.iterdir()):
            path.unlink()

        house.scan(policy=STRICT, believe_removals=True)

        assert house.titles() == []
        assert kept(house.db) == counted(house.db)


class TestAfterwards:
    def test_a_source_that_is_back_is_well_again(self, house: House) -> None:
        fill(house, 2)
        house.scan()
        away = house.music.rename(house.music.parent / "unmounted")
        with pytest.raises(AppError):
            house.scan()
        away.rename(house.music)

        report = house.scan()

        assert report.unchanged == 2
        assert house.state() == ("ok", "")

    def test_counts_are_right_although_the_scan_that_added_files_was_not_believed(self, house: House) -> None:
        """What the scan had stored before it gave up was never counted: the album kept its old number of tracks."""
        fill(house, 10)
        house.save("other/one.mp3", Song("One", album="Other", audio="one"))
        house.scan()
        for number in range(9):
            (house.music / f"{number}.mp3").unlink()
        house.save("other/new.mp3", Song("New", album="Other", audio="new"))

        with pytest.raises(AppError):
            house.scan(policy=STRICT)

        assert kept(house.db) == counted(house.db)
