"""The pool: an answer for each file whatever happens, in order, to several callers, from children that may be lost."""

import os
import resource
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from threading import Barrier

import pytest

from support.httpbytes import open_descriptors
from support.media_corpus import media_file
from tutti.backends.media_worker.pool import PooledMediaReader
from tutti.backends.media_worker.process import Child, _Program
from tutti.domain.errors import AppError
from tutti.domain.media import Reading, Refusal, Refused
from tutti.ports.media import MediaFile

PAGE = b"<!DOCTYPE html><p>no music</p>"


@pytest.fixture
def own() -> Iterator[PooledMediaReader]:
    """A reader with one child and little patience, for tests that harm it."""
    pool = PooledMediaReader(1, timeout_s=0.5)
    yield pool
    pool.close()


def _pages(folder: Path, count: int) -> list[MediaFile]:
    paths = [folder / f"{number:04}.mp3" for number in range(count)]
    for path in paths:
        path.write_bytes(PAGE)
    return [media_file(path) for path in paths]


def _reasons(answers: Sequence[Reading | Refused]) -> list[Refusal]:
    return [answer.reason for answer in answers if isinstance(answer, Refused)]


def _pid(reader: PooledMediaReader) -> int:
    child = reader._lanes[0]._child
    assert isinstance(child, Child)
    return child._pid


def test_a_program_that_cannot_be_started_leaves_nothing_open() -> None:
    """P27: a server without descriptors lost one more at each try, until it was collected."""
    before = open_descriptors()
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = (number for number in count() if not Path(f"/proc/self/fd/{number}").exists())
    _, _, third = next(free), next(free), next(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (third, limits[1]))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            _Program()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)

    assert open_descriptors() == before


def _with(files: Sequence[MediaFile], at: int, harm: Callable[[], None]) -> Iterator[MediaFile]:
    """Hand over the files, and do harm before the one at this place."""
    for place, file in enumerate(files):
        if place == at:
            harm()
        yield file


class TestOrder:
    def test_every_file_gets_its_answer_in_the_order_asked(self, reader: PooledMediaReader, tmp_path: Path) -> None:
        (tmp_path / "empty.mp3").touch()
        files = [media_file(tmp_path / "empty.mp3"), *_pages(tmp_path, 1)] * 50

        assert _reasons(list(reader.read(files))) == [Refusal.EMPTY, Refusal.NOT_MEDIA] * 50

    def test_no_files_give_no_answers(self, reader: PooledMediaReader) -> None:
        assert list(reader.read([])) == []

    def test_several_callers_are_served_at_once(self, reader: PooledMediaReader, tmp_path: Path) -> None:
        (tmp_path / "empty.mp3").touch()
        pages, empties = _pages(tmp_path, 1) * 300, [media_file(tmp_path / "empty.mp3")] * 300
        together = Barrier(4)

        def ask(files: Sequence[MediaFile]) -> list[Refusal]:
            together.wait(timeout=30)
            return _reasons(list(reader.read(files)))

        with ThreadPoolExecutor(4) as callers:
            answers = list(callers.map(ask, [pages, empties, pages, empties]))

        assert answers == [[Refusal.NOT_MEDIA] * 300, [Refusal.EMPTY] * 300] * 2

    def test_only_a_bounded_number_of_files_is_read_ahead(self, reader: PooledMediaReader, tmp_path: Path) -> None:
        asked = 0

        def count() -> Iterator[MediaFile]:
            nonlocal asked
            for file in _pages(tmp_path, 1) * 2000:
                asked += 1
                yield file

        answers = reader.read(count())
        next(answers)

        assert asked <= 16 * 8

    def test_a_caller_may_stop_early_and_others_go_on(self, reader: PooledMediaReader, tmp_path: Path) -> None:
        answers = reader.read(_pages(tmp_path, 1) * 500)
        next(answers)
        answers.close()  # type: ignore[attr-defined]  # read() is a generator, the port promises an iterator

        assert len(list(reader.read(_pages(tmp_path, 20)))) == 20

    def test_an_error_of_the_callers_own_iterator_reaches_it(self, reader: PooledMediaReader, tmp_path: Path) -> None:
        def broken() -> Iterator[MediaFile]:
            yield from _pages(tmp_path, 40)
            raise LookupError

        with pytest.raises(LookupError):
            list(reader.read(broken()))


class TestLostChildren:
    def test_a_child_that_is_killed_once_costs_no_file(self, own: PooledMediaReader, tmp_path: Path) -> None:
        files = _pages(tmp_path, 160)

        answers = list(own.read(_with(files, 100, lambda: os.kill(_pid(own), signal.SIGKILL))))

        assert _reasons(answers) == [Refusal.NOT_MEDIA] * 160

    def test_a_hanging_child_costs_one_file(self, own: PooledMediaReader, tmp_path: Path) -> None:
        files = _pages(tmp_path, 160)

        answers = list(own.read(_with(files, 100, lambda: os.kill(_pid(own), signal.SIGSTOP))))

        reasons = _reasons(answers)
        assert len(answers) == 160
        assert reasons.count(Refusal.TOO_SLOW) == 1
        assert reasons.count(Refusal.NOT_MEDIA) == 159

    def test_a_dead_keeper_is_started_again(self, own: PooledMediaReader, tmp_path: Path) -> None:
        first = list(own.read(_pages(tmp_path, 3)))
        program = own._keeper._program
        assert program is not None
        os.kill(program._process.pid, signal.SIGKILL)
        program._process.wait(timeout=30)

        assert list(own.read(_pages(tmp_path, 3))) == first

    def test_each_caller_gets_a_child_of_its_own(self, own: PooledMediaReader, tmp_path: Path) -> None:
        list(own.read(_pages(tmp_path, 1)))
        first = _pid(own)

        list(own.read(_pages(tmp_path, 1)))

        assert _pid(own) != first

    def test_a_closed_reader_tells_who_still_waits(self, tmp_path: Path) -> None:
        closing = PooledMediaReader(1)
        answers = closing.read(_pages(tmp_path, 1) * 1000)
        next(answers)
        closing.close()

        with pytest.raises(AppError) as error:
            list(answers)

        assert error.value.code == "media_worker_unavailable"

    def test_closing_an_unused_reader_is_nothing(self) -> None:
        PooledMediaReader(2).close()


class TestOpening:
    def test_a_link_out_of_the_library_is_not_followed(self, reader: PooledMediaReader, tmp_path: Path) -> None:
        """reliability.md N11."""
        (tmp_path / "secret.mp3").write_bytes(PAGE)
        library = tmp_path / "library"
        library.mkdir()
        (library / "link.mp3").symlink_to(tmp_path / "secret.mp3")

        assert _reasons(list(reader.read([media_file(library / "link.mp3")]))) == [Refusal.UNREADABLE]

    def test_a_folder_that_leads_out_of_the_library_is_not_followed(
        self, reader: PooledMediaReader, tmp_path: Path
    ) -> None:
        outside, library = tmp_path / "outside", tmp_path / "library"
        outside.mkdir()
        library.mkdir()
        (outside / "a.mp3").write_bytes(PAGE)
        (library / "folder").symlink_to(outside)
        file = MediaFile(os.fsencode(library / "folder" / "a.mp3"), os.fsencode(library))

        assert _reasons(list(reader.read([file]))) == [Refusal.UNREADABLE]

    def test_a_link_within_the_library_is_followed(self, reader: PooledMediaReader, tmp_path: Path) -> None:
        (tmp_path / "a.mp3").write_bytes(PAGE)
        (tmp_path / "b.mp3").symlink_to(tmp_path / "a.mp3")

        assert _reasons(list(reader.read([media_file(tmp_path / "b.mp3")]))) == [Refusal.NOT_MEDIA]

    def test_a_library_that_is_itself_a_link_is_read(self, reader: PooledMediaReader, tmp_path: Path) -> None:
        (tmp_path / "real").mkdir()
        (tmp_path / "real" / "a.mp3").write_bytes(PAGE)
        (tmp_path / "link").symlink_to(tmp_path / "real")

        assert _reasons(list(reader.read([media_file(tmp_path / "link" / "a.mp3")]))) == [Refusal.NOT_MEDIA]

    def test_a_link_among_our_own_files_is_not_followed(self, reader: PooledMediaReader, tmp_path: Path) -> None:
        (tmp_path / "a.mp3").write_bytes(PAGE)
        (tmp_path / "b.mp3").symlink_to(tmp_path / "a.mp3")

        assert _reasons(list(reader.read([MediaFile(os.fsencode(tmp_path / "b.mp3"))]))) == [Refusal.UNREADABLE]

    def test_a_pipe_without_a_writer_holds_nobody(self, reader: PooledMediaReader, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "a.mp3")

        assert _reasons(list(reader.read([media_file(tmp_path / "a.mp3")]))) == [Refusal.UNREADABLE]

    @pytest.mark.parametrize("name", [b"gone.mp3", b"nul\0.mp3", b"x" * 300, b"\xff\xfe.mp3"])
    def test_a_path_that_cannot_be_opened_is_one_refusal(
        self, reader: PooledMediaReader, tmp_path: Path, name: bytes
    ) -> None:
        root = os.fsencode(tmp_path)

        assert _reasons(list(reader.read([MediaFile(root + b"/" + name, root)]))) == [Refusal.UNREADABLE]

    def test_the_good_files_of_a_batch_are_read_beside_bad_paths(
        self, reader: PooledMediaReader, tmp_path: Path
    ) -> None:
        gone, (page,) = media_file(tmp_path / "gone.mp3"), _pages(tmp_path, 1)

        reasons = _reasons(list(reader.read([gone, page, gone, page])))

        assert reasons == [Refusal.UNREADABLE, Refusal.NOT_MEDIA] * 2
