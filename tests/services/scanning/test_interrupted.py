"""A scan that is stopped, killed or doubled leaves a library that the next one completes."""

from collections.abc import Callable
from threading import Event, Thread

import pytest

from support.core import SMALL_BATCHES, House
from support.music import Song
from support.shelves import counted, kept, search_is_in_step
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.scanning import ScanReport

FILES = 12
AT = [0, 3, 4, 5, 8, 11]
WAIT_S = 30


class Killed(BaseException):
    """As a kill: nothing of ours catches it."""


def fill(house: House) -> None:
    for number in range(FILES):
        album = f"Album {number % 3}"
        house.save(f"{album}/{number:02}.mp3", Song(f"Song {number}", album=album, audio=str(number)))


def stopping_after(calls: int) -> Callable[[ScanReport], bool]:
    left = iter(range(calls - 1))
    return lambda _: next(left, None) is not None


class TestStopped:
    def test_a_stopped_scan_says_that_it_is_not_complete(self, house: House) -> None:
        fill(house)

        report = house.scanner().scan(house.source_id, progress=stopping_after(1))

        assert not report.is_complete

    def test_what_was_read_before_the_stop_is_listed_and_counted(self, house: House) -> None:
        fill(house)

        report = house.scanner().scan(house.source_id, progress=stopping_after(2))

        assert len(house.listed()) == report.added > 0
        assert kept(house.db) == counted(house.db)

    def test_the_next_scan_reads_only_the_rest(self, house: House) -> None:
        fill(house)
        first = house.scanner().scan(house.source_id, progress=stopping_after(2))

        second = house.scan()

        assert second.unchanged == first.added
        assert first.added + second.added == FILES

    def test_a_scan_stopped_on_its_way_removes_nothing(self, house: House) -> None:
        fill(house)
        house.scan()
        (house.music / "Album 0" / "00.mp3").unlink()

        report = house.scanner().scan(house.source_id, progress=lambda _: False)

        assert (report.is_complete, report.removed) == (False, 0)

    def test_a_rescan_that_reads_nothing_can_be_stopped_too(self, house: House) -> None:
        fill(house)
        house.scan()

        assert not house.scanner().scan(house.source_id, progress=lambda _: False).is_complete


class TestKilled:
    @pytest.mark.parametrize("at", AT)
    def test_a_kill_while_reading_leaves_whole_batches(self, house: House, at: int) -> None:
        fill(house)
        self.kill_at(house, at)

        with pytest.raises(Killed):
            house.scan()

        assert len(house.listed()) % SMALL_BATCHES.batch_files == 0
        assert search_is_in_step(house.db)

    @pytest.mark.parametrize("at", AT)
    def test_the_next_scan_completes_it_with_right_counts(self, house: House, at: int) -> None:
        fill(house)
        self.kill_at(house, at)
        with pytest.raises(Killed):
            house.scan()
        house.media.before_answer = lambda _: None

        house.scan()

        assert len(house.listed()) == FILES
        assert kept(house.db) == counted(house.db)

    @pytest.mark.parametrize("then", ["stopped", "unavailable"])
    def test_counts_are_taken_again_even_after_another_failure(self, house: House, then: str) -> None:
        """The next scan overwrote the mark that the one before was broken off, and nobody counted its tracks."""
        fill(house)
        house.scan()
        for number in range(FILES, FILES + 6):
            house.save(f"Album 0/{number}.mp3", Song(f"Song {number}", album="Album 0", audio=str(number)))
        self.kill_at(house, 5)
        with pytest.raises(Killed):
            house.scan()
        house.media.before_answer = lambda _: None
        self.fail_again(house, then)

        house.scan()

        assert kept(house.db) == counted(house.db)

    def test_a_kill_between_removal_and_count_is_made_good(self, house: House) -> None:
        fill(house)
        house.scan()
        (house.music / "Album 0" / "00.mp3").unlink()
        scanner = house.scanner()
        scanner._recount = self.kill  # type: ignore[method-assign, assignment]
        with pytest.raises(Killed):
            scanner.scan(house.source_id)

        house.scan()

        assert kept(house.db) == counted(house.db)

    def kill(self, *_: object) -> None:
        raise Killed

    def kill_at(self, house: House, at: int) -> None:
        left = iter(range(at))

        def answer(_: bytes) -> None:
            if next(left, None) is None:
                raise Killed

        house.media.before_answer = answer

    def fail_again(self, house: House, how: str) -> None:
        if how == "stopped":
            house.scanner().scan(house.source_id, progress=lambda _: False)
            return
        away = house.music.rename(house.music.parent / "away")
        with pytest.raises(AppError):
            house.scan()
        away.rename(house.music)


class TestReaderFails:
    def test_its_sentence_is_the_state_of_the_source(self, house: House) -> None:
        fill(house)

        def fail(_: bytes) -> None:
            raise AppError(ErrorKind.UNAVAILABLE, "media_worker_unavailable", "No child starts.")

        house.media.before_answer = fail
        with pytest.raises(AppError, match="No child starts"):
            house.scan()

        assert house.state() == ("unavailable", "No child starts.")

    def test_a_failure_that_says_nothing_of_the_folder_is_gone_on_from(self, house: House) -> None:
        fill(house)

        def busy(report: ScanReport) -> bool:
            raise AppError(ErrorKind.BUSY, "database_busy", "The database is busy.")

        with pytest.raises(AppError, match="busy"):
            house.scanner().scan(house.source_id, progress=busy)

        assert house.state()[0] == "stopped"
        assert len(house.listed()) + house.scan().added == FILES
        assert kept(house.db) == counted(house.db)


class TestTwoAtOnce:
    def test_the_second_is_refused(self, house: House) -> None:
        fill(house)
        inside, go_on = Event(), Event()

        def pause(_: bytes) -> None:
            inside.set()
            go_on.wait(WAIT_S)

        house.media.before_answer = pause
        first = Thread(target=house.scan)
        first.start()
        inside.wait(WAIT_S)

        with pytest.raises(AppError) as caught:
            house.scan()

        go_on.set()
        first.join(WAIT_S)
        assert (caught.value.kind, caught.value.code) == (ErrorKind.CONFLICT, "already_running")
        assert len(house.listed()) == FILES

    def test_after_a_failure_the_way_is_free(self, house: House) -> None:
        house.folders.blind.add(b"")
        house.save("one.mp3")
        house.scan()
        house.folders.blind.clear()

        assert house.scan().added == 1
