"""What a scan makes of files that are new, unchanged, changed or copied."""

import os
from datetime import timedelta

import pytest

from support.core import House
from support.music import Song, retag, touch
from support.shelves import counted, kept, search_is_in_step
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.scanning import ScanReport
from tutti.domain.values import SourceId
from tutti.services.catalog import PageWish
from tutti.services.scanning import comparing


class TestFirstScan:
    def test_every_audio_file_becomes_a_track(self, house: House) -> None:
        house.save("one.mp3", Song("One"))
        house.save("deep/er/two.flac", Song("Two"))

        report = house.scan()

        assert house.titles() == ["One", "Two"]
        assert (report.seen, report.added, report.is_complete) == (2, 2, True)

    @pytest.mark.parametrize("more", [-1, 0, 1])
    def test_any_number_of_folders_is_read(self, house: House, more: int) -> None:
        """The root is one folder of the first group, so -1 fills it to the brim."""
        folders = comparing._GROUP_FOLDERS + more
        for number in range(folders):
            (house.music / str(number)).mkdir()
        house.save(f"{folders - 1}/one.mp3", Song("One"))

        house.scan()

        assert house.titles() == ["One"]

    @pytest.mark.parametrize("name", ["song.MP3", "song.Flac", "song.opus", "song.m4a", "song.wma", "song.aac"])
    def test_the_end_of_the_name_is_read_in_any_case(self, house: House, name: str) -> None:
        house.save(name)

        assert house.scan().added == 1

    @pytest.mark.parametrize("name", ["cover.jpg", "notes.txt", "mp3", "song.mp3.part", "song.cue"])
    def test_other_files_are_not_even_read(self, house: House, name: str) -> None:
        house.save(name, b"something else")

        assert house.scan().seen == 0
        assert house.asked() == []

    def test_the_same_file_twice_is_two_items(self, house: House) -> None:
        house.save("one.mp3")
        house.save("copy.mp3")

        house.scan()

        assert len(set(house.listed().values())) == 2

    def test_a_hard_link_is_a_second_item(self, house: House) -> None:
        (house.music / "again.mp3").hardlink_to(house.save("one.mp3"))

        house.scan()

        assert len(set(house.listed().values())) == 2

    def test_a_new_item_is_announced_to_devices(self, house: House) -> None:
        house.save("one.mp3")

        house.scan()

        assert house.changes() == [(house.listed()["one.mp3"], False)]

    def test_the_source_says_when_it_was_scanned(self, house: House) -> None:
        house.scan()

        source = house.sources.mine(house.ann)[0]
        assert (source.state, source.scanned_at) == ("ok", house.clock.now)

    def test_the_end_is_told_to_whoever_listens(self, house: House) -> None:
        with house.bus.subscribe("source.scanned") as told:
            house.scan()

            event = told.get(0)
        assert event is not None
        assert event.ref == str(house.source_id)

    def test_an_empty_folder_is_no_problem_as_long_as_it_never_had_files(self, house: House) -> None:
        assert house.scan().is_complete
        assert house.state() == ("ok", "")

    def test_every_shelf_counts_what_was_found(self, house: House) -> None:
        house.save("a/one.mp3", Song("One", artists=("Ann", "Bob"), album="First", genres=("Pop", "Jazz")))
        house.save("a/two.mp3", Song("Two", artists=("Bob",), album="First", composers=("Cid",)))
        house.save("b/three.mp3", Song("Three", album="Second", is_compilation=True))

        house.scan()

        assert kept(house.db) == counted(house.db)
        assert search_is_in_step(house.db)

    def test_a_source_that_does_not_exist_is_not_found(self, house: House) -> None:
        with pytest.raises(AppError) as caught:
            house.scanner().scan(SourceId(99))

        assert (caught.value.kind, caught.value.code) == (ErrorKind.NOT_FOUND, "source_not_found")


class TestUnchangedLibrary:
    def test_a_rescan_reads_no_file(self, house: House) -> None:
        for number in range(10):
            house.save(f"{number}.mp3")
        house.scan()
        house.asked()

        report = house.scan()

        assert house.asked() == []
        assert (report.seen, report.unchanged, report.added, report.updated) == (10, 10, 0, 0)

    def test_a_rescan_announces_nothing(self, house: House) -> None:
        house.save("one.mp3")
        house.scan()
        before = house.changes()

        house.scan()

        assert house.changes() == before

    def test_a_rescan_tells_its_progress_although_nothing_is_read(self, house: House) -> None:
        house.save("one.mp3")
        house.scan()
        told: list[int] = []

        def progress(report: ScanReport) -> bool:
            told.append(report.seen)
            return True

        house.scanner().scan(house.source_id, progress=progress)

        assert told[-1] == 1


class TestChangedFile:
    def test_a_file_with_another_time_is_read_again(self, house: House) -> None:
        path = house.save("one.mp3")
        house.save("two.mp3")
        house.scan()
        house.asked()
        touch(path)

        report = house.scan()

        assert house.asked() == ["one.mp3"]
        assert (report.updated, report.unchanged) == (1, 1)

    def test_a_file_with_another_size_is_read_again(self, house: House) -> None:
        path = house.save("one.mp3", Song("Short"))
        house.scan()
        times = path.stat()
        path.write_bytes(Song("Much longer").data)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

        house.scan()

        assert house.titles() == ["Much longer"]

    def test_an_edit_in_place_keeps_the_item(self, house: House) -> None:
        house.save("one.mp3", Song("Before"))
        house.scan()
        before = house.known()["one.mp3"]
        house.clock.advance(timedelta(days=1))
        house.save("one.mp3", Song("After"))

        house.scan()

        after = house.known()["one.mp3"]
        assert (after.uuid, after.added_at, after.title) == (before.uuid, before.added_at, "After")

    def test_a_tagger_that_renames_a_new_file_over_it_keeps_the_item(self, house: House) -> None:
        path = house.save("one.mp3", Song("Before"))
        house.scan()
        before = house.listed()
        retag(path, Song("After"))

        house.scan()

        assert house.listed() == before
        assert house.titles() == ["After"]

    def test_a_new_album_takes_the_track_off_the_old_shelf(self, house: House) -> None:
        house.save("one.mp3", Song(album="Old", genres=("Pop",)))
        house.scan()
        house.save("one.mp3", Song(album="New", genres=("Jazz",), artists=("Bob",)))

        house.scan()

        assert [row.title for row in house.catalog.albums(house.ann, PageWish()).items] == ["New"]
        assert [row.name for row in house.catalog.artists(house.ann, PageWish()).items] == ["Bob"]
        assert [row.name for row in house.catalog.genres(house.ann, PageWish()).items] == ["Jazz"]

    def test_a_change_is_announced_again(self, house: House) -> None:
        path = house.save("one.mp3")
        house.scan()
        touch(path)

        house.scan()

        assert house.changes() == [(house.listed()["one.mp3"], False)] * 2

    @pytest.mark.parametrize("moment", [10**19, -(10**18), 2**63], ids=["year 2286", "year 1938", "past 64 bits"])
    def test_a_time_from_nowhere_is_taken(self, house: House, moment: int) -> None:
        os.utime(house.save("one.mp3"), ns=(moment, moment))

        house.scan()

        assert house.scan().unchanged == 1
