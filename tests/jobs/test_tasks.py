"""Which job calls which use case, on a core as a server has it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.clock import ManualClock
from tutti import settings
from tutti.domain.caller import Caller, Operator
from tutti.domain.values import SourceId
from tutti.services.accounts import NewUser
from tutti.wiring.background import runner_of
from tutti.wiring.core import Core, open_core


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Core]:
    data = tmp_path_factory.mktemp("core") / "data"
    with open_core(
        settings.load({"TUTTI_DATA_DIR": str(data), "TUTTI_SCAN__WORKERS": "1"}), clock=ManualClock()
    ) as core:
        yield core


@pytest.fixture(scope="module")
def ann(core: Core) -> Caller:
    return core.accounts.add(Operator(), NewUser("ann", "correct horse battery"))


@pytest.fixture
def music(tmp_path: Path) -> Path:
    folder = tmp_path / "music"
    folder.mkdir()
    return folder


def waiting(core: Core, source_id: SourceId) -> int:
    with core.db.read() as tx:
        return sum(job.ref == str(source_id) for job in tx.jobs.all_jobs())


class TestScan:
    def test_the_folder_is_read(self, core: Core, ann: Caller, music: Path) -> None:
        (music / "noise.mp3").write_bytes(b"no music")
        source_id = core.sources.add(ann, music)
        core.sources.rescan(source_id)

        runner_of(core).run_due()

        source = next(one for one in core.sources.mine(ann) if one.id == source_id)
        assert source.state == "ok"
        assert [one.name for one in core.sources.refused(ann, source.uuid)] == [b"noise.mp3"]
        assert waiting(core, source_id) == 0

    def test_a_folder_that_is_down_is_left_to_the_schedule(self, core: Core, ann: Caller, music: Path) -> None:
        """Every hour it failed five times and left another parked job behind."""
        source_id = core.sources.add(ann, music)
        shutil.rmtree(music)
        core.sources.rescan(source_id)

        runner_of(core).run_due()

        assert waiting(core, source_id) == 0
        assert next(one for one in core.sources.mine(ann) if one.id == source_id).state == "unavailable"

    def test_a_source_that_is_gone_is_nothing_to_scan(self, core: Core) -> None:
        source_id = SourceId(999)
        core.sources.rescan(source_id)

        runner_of(core).run_due()

        assert waiting(core, source_id) == 0

    def test_while_somebody_else_scans_it_waits(self, core: Core, ann: Caller, music: Path) -> None:
        source_id = core.sources.add(ann, music)
        core.sources.rescan(source_id)
        with core.locks.hold(f"source-{source_id}"):
            runner_of(core).run_due()

            assert waiting(core, source_id) == 1


class TestMaintain:
    def test_it_tidies(self, core: Core) -> None:
        core.maintenance.tidy_soon()

        assert runner_of(core).run_due() >= 1
