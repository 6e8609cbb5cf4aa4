"""What a device remembers between runs."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tutti.domain.errors import AppError
from tutti.syncing.index import Index, Seen, Stat, Told
from tutti.syncing.plan import Binding, Remote

SEEN = Seen(Stat(10, 1_700_000_000_123_456_789, 99), "a" * 64)
TOLD = Told("item", "library", "a" * 64, 10, "Abba", "x.mp3", "b" * 64, 100, 900)


def test_what_was_remembered_is_there_the_next_time(tmp_path: Path) -> None:
    with closing(Index.open(tmp_path / "deep" / "index.db")) as index:
        index.see({"Abba/x.mp3": SEEN})
        index.hear([TOLD])
        index.bind(Binding("item", "Abba/x.mp3", "a" * 64, is_ours=True, audio_hash="b" * 64))
        index.note("cursor", "c1")

    with closing(Index.open(tmp_path / "deep" / "index.db")) as index:
        bound = {"item": Binding("item", "Abba/x.mp3", "a" * 64, is_ours=True, audio_hash="b" * 64)}
        assert index.files() == ({"Abba/x.mp3": SEEN}, bound)
        assert index.remotes() == {"item": Remote("a" * 64, "Abba", "x.mp3", "b" * 64)}
        assert index.told("item") == TOLD
        assert index.fact("cursor") == "c1"


def test_a_file_belongs_to_one_item_and_an_item_to_one_file(index: Index) -> None:
    index.see({"x.mp3": SEEN, "y.mp3": SEEN})
    index.bind(Binding("one", "x.mp3", "a"))
    index.bind(Binding("two", "y.mp3", "b"))

    index.bind(Binding("one", "y.mp3", "a"))

    assert index.files()[1] == {"one": Binding("one", "y.mp3", "a")}


def test_what_was_deleted_here_stays_unwanted_whatever_the_server_tells(index: Index) -> None:
    index.hear([TOLD])
    index.unwant("item")

    index.forget_libraries(["library"])
    index.hear([TOLD._replace(hash="c" * 64)])

    assert index.remotes()["item"] == Remote("c" * 64, "Abba", "x.mp3", "b" * 64, is_unwanted=True)


def test_a_library_that_is_forgotten_takes_no_file_along(index: Index) -> None:
    index.see({"x.mp3": SEEN})
    index.hear([TOLD, TOLD._replace(item="other", library="mine")])
    index.bind(Binding("item", "x.mp3", "a" * 64))

    index.forget_libraries(["library"])

    assert set(index.remotes()) == {"other"}
    assert set(index.files()[1]) == {"item"}


def test_items_that_are_gone_are_swept_when_no_file_is_left(index: Index) -> None:
    index.see({"x.mp3": SEEN})
    index.hear([TOLD._replace(is_gone=True), TOLD._replace(item="bound", is_gone=True)])
    index.bind(Binding("bound", "x.mp3", "a" * 64))

    index.sweep()

    assert set(index.remotes()) == {"bound"}


def test_a_file_that_belongs_to_an_item_is_not_lost_with_its_name(index: Index) -> None:
    index.see({"x.mp3": SEEN, "y.mp3": SEEN})
    index.bind(Binding("item", "x.mp3", "a"))

    index.lose(["x.mp3", "y.mp3"])

    assert set(index.files()[0]) == {"x.mp3"}


def test_an_upload_is_resumed_with_the_same_bytes_only(index: Index) -> None:
    index.begin_upload("x.mp3", "a" * 64, "upload")

    assert (index.upload_of("x.mp3", "a" * 64), index.upload_of("x.mp3", "b" * 64)) == ("upload", None)


def test_a_batch_that_fails_leaves_nothing(index: Index) -> None:
    def interrupted() -> None:
        with index.batch():
            index.note("cursor", "new")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        interrupted()

    assert index.fact("cursor") == ""


@pytest.mark.parametrize("content", [b"no database at all" * 100, b""])
def test_a_damaged_index_is_said_so_and_an_empty_one_is_new(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "index.db").write_bytes(content)

    if content:
        with pytest.raises(AppError, match="--start-over"):
            Index.open(tmp_path / "index.db")
    else:
        Index.open(tmp_path / "index.db").close()


def test_an_index_of_a_later_program_is_not_touched(tmp_path: Path) -> None:
    Index.open(tmp_path / "index.db").close()
    with closing(sqlite3.connect(tmp_path / "index.db")) as database:
        database.execute("PRAGMA user_version = 99")

    with pytest.raises(AppError, match="version 99"):
        Index.open(tmp_path / "index.db")
