"""The folders that libraries read: named once, scanned soon, shown to those who may change the library."""

from pathlib import Path
from uuid import uuid4

import pytest

from support.core import House
from support.errors import raised
from tutti.domain.caller import Caller
from tutti.domain.errors import ErrorKind
from tutti.domain.jobs import JobKind


@pytest.fixture
def bob(house: House) -> Caller:
    return house.add_user("bob")


def waiting(house: House) -> list[tuple[str, str]]:
    with house.db.read() as tx:
        return sorted((job.kind, job.ref) for job in tx.jobs.all_jobs())


class TestAdd:
    def test_a_folder_named_again_is_the_same_source(self, house: House) -> None:
        assert house.sources.add(house.ann, house.music) == house.source_id

    def test_it_is_the_same_by_whatever_way_it_is_named(self, house: House, tmp_path: Path) -> None:
        link = tmp_path / "link"
        link.symlink_to(house.music)

        assert house.sources.add(house.ann, link / ".." / "music") == house.source_id

    def test_two_libraries_may_read_the_same_folder(self, house: House, bob: Caller) -> None:
        assert house.sources.add(bob, house.music) != house.source_id

    def test_a_library_that_nobody_owns_can_have_one(self, house: House) -> None:
        library_id = house.libraries.open_shared("Music")

        source_id = house.sources.add_to(library_id, house.music)

        assert source_id in [source.id for source in house.sources.everywhere()]

    @pytest.mark.parametrize("name", ["nothing", "file.mp3", "circle", "nul\0"])
    def test_what_is_no_folder_is_refused(self, house: House, tmp_path: Path, name: str) -> None:
        (tmp_path / "file.mp3").touch()
        (tmp_path / "circle").symlink_to("circle")

        assert raised(lambda: house.sources.add(house.ann, tmp_path / name)) == (ErrorKind.INVALID, "not_a_folder")

    def test_a_library_of_somebody_else_is_not_found(self, house: House, bob: Caller) -> None:
        mine = house.libraries.mine(house.ann)[0].uuid

        assert raised(lambda: house.sources.add(bob, house.music, library_uuid=mine)) == (
            ErrorKind.NOT_FOUND,
            "library_not_found",
        )


class TestMine:
    def test_an_editor_sees_it(self, house: House, bob: Caller) -> None:
        house.join(bob, house.library_id, "editor")

        assert [source.id for source in house.sources.mine(bob)] == [house.source_id]

    def test_a_listener_does_not(self, house: House, bob: Caller) -> None:
        house.join(bob, house.library_id, "listener")

        assert house.sources.mine(bob) == []


class TestRefused:
    def test_a_stranger_gets_no_list(self, house: House, bob: Caller) -> None:
        mine = house.sources.mine(house.ann)[0].uuid

        assert raised(lambda: house.sources.refused(bob, mine)) == (ErrorKind.NOT_FOUND, "source_not_found")

    def test_what_does_not_exist_has_none(self, house: House) -> None:
        assert raised(lambda: house.sources.refused(house.ann, uuid4())) == (ErrorKind.NOT_FOUND, "source_not_found")


class TestRescan:
    def test_several_wishes_are_one_scan(self, house: House) -> None:
        house.sources.rescan(house.source_id)
        house.sources.rescan_mine(house.ann, house.sources.mine(house.ann)[0].uuid)
        house.sources.rescan_all()

        assert waiting(house) == [(JobKind.SCAN_SOURCE, str(house.source_id))]

    def test_workers_are_told(self, house: House) -> None:
        with house.bus.subscribe("job.due") as told:
            house.sources.rescan(house.source_id)

            assert told.get(0) is not None

    def test_all_means_all(self, house: House, bob: Caller, tmp_path: Path) -> None:
        other = house.sources.add(bob, tmp_path)

        house.sources.rescan_all()

        assert [ref for _, ref in waiting(house)] == sorted([str(house.source_id), str(other)])

    def test_a_stranger_cannot_wish_for_one(self, house: House, bob: Caller) -> None:
        mine = house.sources.mine(house.ann)[0].uuid

        assert raised(lambda: house.sources.rescan_mine(bob, mine)) == (ErrorKind.NOT_FOUND, "source_not_found")
        assert waiting(house) == []
