"""A lane with children that are made to fail: a file is blamed only when it deserves it."""

import errno
import os
from collections import deque
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from threading import Thread

import pytest

from support.errors import raised
from support.media_corpus import media_file
from tutti.backends.media_worker import wire
from tutti.backends.media_worker.agenda import Agenda, Batch
from tutti.backends.media_worker.lanes import Lane
from tutti.backends.media_worker.process import ChildLostError
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.media import Reading, Refusal, Refused
from tutti.ports.media import MediaFile


class ScriptedChild:
    """Answers with what is in the file, unless that is an order to fail."""

    def __init__(self) -> None:
        self.asked = deque[bytes]()

    def send(self, request: wire.Request, descriptors: Sequence[int]) -> None:
        for descriptor in descriptors:
            self.asked.append(os.read(descriptor, 100))
            os.close(descriptor)

    def receive(self, timeout_s: float) -> wire.Answer:
        said = self.asked.popleft()
        if said in {b"die", b"hang"}:
            raise ChildLostError(is_hung=said == b"hang")
        if said == b"draw":
            return wire.Drawn(b"")
        return wire.NotTaken(Refusal.DAMAGED, said.decode())

    def kill(self) -> None:
        self.asked.clear()


class ScriptedKeeper:
    """Gives out children, or none."""

    def __init__(self, *, refuses: bool = False) -> None:
        self.started = 0
        self.refuses = refuses

    def start(self) -> ScriptedChild:
        self.started += 1
        if self.refuses:
            raise AppError(ErrorKind.UNAVAILABLE, "media_worker_unavailable", "No child starts.")
        return ScriptedChild()


def _answers(keeper: ScriptedKeeper, folder: Path, said: Sequence[str]) -> list[Reading | Refused]:
    """Read files with these contents, four to a batch, through one lane."""
    agenda, caller = Agenda(), object()
    batches = [
        Batch(caller, [_written(folder, at, said) for at in range(start, min(start + 4, len(said)))])
        for start in range(0, len(said), 4)
    ]
    for batch in batches:
        agenda.put(batch)
    thread = Thread(target=Lane(agenda, keeper.start, 1).run)
    thread.start()
    try:
        return [answer for batch in batches for answer in batch.done.result(timeout=60)]
    finally:
        agenda.close()
        thread.join()


def _written(folder: Path, at: int, said: Sequence[str]) -> MediaFile:
    path = folder / f"{at}.mp3"
    path.write_text(said[at])
    return media_file(path)


def _open_descriptors() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def _told(answers: Sequence[Reading | Refused]) -> list[str]:
    return [answer.message for answer in answers if isinstance(answer, Refused)]


def test_a_file_over_which_two_children_died_is_refused_alone(tmp_path: Path) -> None:
    keeper = ScriptedKeeper()

    told = _told(_answers(keeper, tmp_path, ["a", "b", "die", "c", "d", "e", "f"]))

    assert (told[:2], told[3:]) == (["a", "b"], ["c", "d", "e", "f"])
    assert told[2].startswith("The file breaks the program")
    assert keeper.started == 3


def test_a_file_that_hangs_is_not_tried_again(tmp_path: Path) -> None:
    keeper = ScriptedKeeper()

    told = _told(_answers(keeper, tmp_path, ["a", "hang", "b", "c", "d"]))

    assert told == ["a", "Reading the file took too long.", "b", "c", "d"]
    assert keeper.started == 2


def test_without_descriptors_no_file_is_blamed_and_none_stays_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server ran out of them while it opened the third of four; a file that could not be opened has no fault."""
    real, opened, before = os.open, count(1), _open_descriptors()

    def scarce(path: bytes, flags: int) -> int:
        if next(opened) == 3:
            raise OSError(errno.EMFILE, "Too many open files")
        return real(path, flags)

    monkeypatch.setattr("tutti.backends.media_worker.opening.os.open", scarce)

    assert raised(lambda: _answers(ScriptedKeeper(), tmp_path, ["a", "b", "c", "d"])) == (
        ErrorKind.BUSY,
        "server_busy",
    )
    assert _open_descriptors() == before
    assert _told(_answers(ScriptedKeeper(), tmp_path, ["a", "b", "c", "d"])) == ["a", "b", "c", "d"]


def test_an_answer_to_another_question_ends_the_child(tmp_path: Path) -> None:
    told = _told(_answers(ScriptedKeeper(), tmp_path, ["draw", "a"]))

    assert told[0].startswith("The file breaks the program")
    assert told[1] == "a"


def test_callers_are_told_when_no_child_starts_and_nothing_is_left_open(tmp_path: Path) -> None:
    before = _open_descriptors()

    with pytest.raises(AppError) as error:
        _answers(ScriptedKeeper(refuses=True), tmp_path, ["a", "b", "c"])

    assert error.value.code == "media_worker_unavailable"
    assert _open_descriptors() == before
