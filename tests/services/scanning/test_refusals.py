"""Files that are no music are named with their reason, and never stop a scan."""

import os

import pytest

from support.core import House
from support.music import Song, save, touch
from support.shelves import counted, kept
from tutti.domain.media import Refusal, Refused
from tutti.domain.scanning import RefusedPath

DAMAGED = b"no song at all"


def refused(house: House) -> list[tuple[bytes, str]]:
    """What the owner is shown: path and reason."""
    source = house.sources.mine(house.ann)[0]
    return [(one.folder + b"/" + one.name, one.reason) for one in house.sources.refused(house.ann, source.uuid)]


class TestRefusal:
    def test_a_refused_file_is_reported_by_name_and_reason(self, house: House) -> None:
        house.save("a/bad.mp3", DAMAGED)
        house.save("good.mp3")

        report = house.scan()

        assert report.problems == [RefusedPath(b"a/bad.mp3", Refusal.DAMAGED, "The file is damaged.")]
        assert (report.refused, report.added) == (1, 1)

    def test_its_owner_can_list_it_later(self, house: House) -> None:
        house.save("a/empty.mp3", b"")

        house.scan()

        assert refused(house) == [(b"a/empty.mp3", "empty")]

    def test_it_is_not_read_again_while_it_stays_as_it_is(self, house: House) -> None:
        house.save("bad.mp3", DAMAGED)
        house.scan()
        house.asked()

        report = house.scan()

        assert house.asked() == []
        assert report.unchanged == 1

    def test_a_file_that_was_mended_becomes_a_track(self, house: House) -> None:
        house.save("bad.mp3", DAMAGED)
        house.scan()
        house.save("bad.mp3", Song("Mended"))

        report = house.scan()

        assert (report.added, house.titles()) == (1, ["Mended"])
        assert refused(house) == []

    def test_a_removed_one_is_shown_no_more(self, house: House) -> None:
        path = house.save("bad.mp3", DAMAGED)
        house.save("good.mp3")
        house.scan()
        path.unlink()

        house.scan()

        assert refused(house) == []

    def test_a_folder_of_bad_files_alone_is_not_taken_for_an_empty_one(self, house: House) -> None:
        house.save("bad.mp3", DAMAGED)
        house.scan()

        assert house.scan().is_complete


class TestGoodFileThatBecomesDamaged:
    def test_it_leaves_the_list_and_the_shelves(self, house: House) -> None:
        house.save("one.mp3", Song("One"))
        house.save("two.mp3", Song("Two"))
        house.scan()
        house.save("one.mp3", DAMAGED)

        report = house.scan()

        assert (report.refused, house.titles()) == (1, ["Two"])
        assert kept(house.db) == counted(house.db)

    def test_its_loss_is_announced_once_however_often_it_stays_damaged(self, house: House) -> None:
        house.save("one.mp3")
        house.scan()
        item = house.listed()["one.mp3"]
        house.save("one.mp3", DAMAGED)
        house.scan()
        touch(house.music / "one.mp3")

        house.scan()

        assert house.changes() == [(item, False), (item, True)]

    def test_it_returns_as_the_same_item(self, house: House) -> None:
        house.save("one.mp3")
        house.scan()
        before = house.known()
        house.save("one.mp3", DAMAGED)
        house.scan()
        house.save("one.mp3")

        house.scan()

        assert house.known() == before
        assert kept(house.db) == counted(house.db)


class TestPassingRefusal:
    """Permission and slowness change without a trace in size and time; such files were refused for ever."""

    @pytest.mark.parametrize("reason", [Refusal.UNREADABLE, Refusal.TOO_SLOW])
    def test_it_is_tried_again_by_the_next_scan(self, house: House, reason: Refusal) -> None:
        path = house.save("one.mp3", Song("One"))
        house.media.answers[os.fsencode(path)] = Refused(reason, "Not now.")
        house.scan()
        house.media.answers.clear()

        report = house.scan()

        assert (report.added, house.titles()) == (1, ["One"])

    def test_a_track_that_suffers_it_returns_as_the_same_item(self, house: House) -> None:
        path = house.save("one.mp3")
        house.scan()
        before = house.known()
        touch(path)
        house.media.answers[os.fsencode(path)] = Refused(Refusal.UNREADABLE, "Not now.")
        house.scan()
        house.media.answers.clear()

        house.scan()

        assert house.known() == before

    def test_trying_again_in_vain_announces_nothing(self, house: House) -> None:
        path = house.save("one.mp3")
        house.scan()
        touch(path)
        house.media.answers[os.fsencode(path)] = Refused(Refusal.TOO_SLOW, "Not now.")
        house.scan()
        before = house.changes()

        house.scan()

        assert house.changes() == before

    def test_a_link_out_of_the_folder_that_appears_between_listing_and_reading_is_not_followed(
        self, house: House
    ) -> None:
        outside = save(house.music.parent / "outside.mp3", Song("Secret"))
        path = house.save("one.mp3")

        def swap(_: bytes) -> None:
            path.unlink(missing_ok=True)
            path.symlink_to(outside)

        house.media.before_answer = swap

        report = house.scan()

        assert [one.reason for one in report.problems] == [Refusal.UNREADABLE]
