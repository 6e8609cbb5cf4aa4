"""Whether the parts are well, also when one of them is not."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.core import House
from support.databases import ON_SQLITE
from support.errors import raised
from tutti.domain.errors import AppError, ErrorKind
from tutti.services.health import HealthReport


@pytest.fixture
def broken(house: House) -> Iterator[House]:
    """A folder lies where the file of the database was."""
    house.db.close()
    path = Path(house.db.engine.url.database or "")
    path.unlink()
    path.mkdir()
    yield house
    path.rmdir()


class TestReport:
    def test_a_house_in_order(self, house: House) -> None:
        assert house.health.report() == HealthReport(
            "ok", ("script",), sources=1, unavailable_sources=0, waiting_jobs=0
        )

    def test_a_folder_that_is_down_is_counted(self, house: House) -> None:
        shutil.rmtree(house.music)
        with pytest.raises(AppError):
            house.scan()

        assert house.health.report().unavailable_sources == 1

    def test_work_that_waits_is_counted(self, house: House) -> None:
        house.sources.rescan_all()

        assert house.health.report().waiting_jobs == 1

    @ON_SQLITE
    def test_a_database_that_does_not_answer_is_a_sentence(self, broken: House) -> None:
        assert broken.health.report().database.endswith(".")


class TestPing:
    def test_a_database_that_answers(self, house: House) -> None:
        house.health.ping()

    @ON_SQLITE
    def test_one_that_does_not(self, broken: House) -> None:
        assert raised(broken.health.ping) == (ErrorKind.UNAVAILABLE, "database_unavailable")

    @ON_SQLITE
    def test_one_whose_file_was_removed(self, house: House) -> None:
        """Open connections go on writing into the deleted file, which dies with the process."""
        house.db.hold_to_file()
        Path(house.db.engine.url.database or "").unlink()

        assert raised(house.health.ping) == (ErrorKind.UNAVAILABLE, "database_unavailable")
        assert house.health.report().database.startswith("The file of the database was removed")

    @ON_SQLITE
    def test_one_whose_file_was_replaced(self, house: House) -> None:
        house.db.hold_to_file()
        path = Path(house.db.engine.url.database or "")
        shutil.copyfile(path, path.with_name("another"))
        path.with_name("another").replace(path)

        assert raised(house.health.ping) == (ErrorKind.UNAVAILABLE, "database_unavailable")


class TestFigures:
    def test_jobs_and_uploads_are_counted(self, house: House) -> None:
        house.sources.rescan_all()
        upload = house.ingest.stage(house.ann, "one.mp3")

        figures = house.health.figures()
        upload.abandon()

        assert figures is not None
        assert (figures.jobs, figures.uploads) == ({"due": 1}, 1)
        assert figures.connections >= 1

    @ON_SQLITE
    def test_a_database_without_an_answer_gives_none(self, broken: House) -> None:
        assert broken.health.figures() is None
