"""The folder: what counts as music, and that no change of ours overwrites, follows a link, or deletes blindly."""

import os
from pathlib import Path

import pytest

from tutti.domain.errors import AppError
from tutti.syncing import renames
from tutti.syncing.index import Seen
from tutti.syncing.tree import REPLACED, ChangedError, Tree, part_path

ITEM, DIGEST = "11111111-2222-3333-4444-555555555555", "ab" * 32


def put(folder: Path, path: str, content: bytes = b"sound") -> Path:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_bytes(content)
    return folder / path


def seen(tree: Tree, path: str) -> Seen:
    found = tree.read(path)
    assert found is not None
    return found


def downloaded(tree: Tree, path: str, content: bytes = b"fresh") -> str:
    part = part_path(path, ITEM, DIGEST)
    fd = tree.open_part(part)
    os.write(fd, content)
    os.close(fd)
    return part


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class TestScan:
    def test_music_is_found_by_its_ending_and_hidden_names_are_left_out(self, tree: Tree, folder: Path) -> None:
        for path in ("a.mp3", "B/c.FLAC", "B/.hidden.mp3", ".git/x.mp3", "cover.jpg", "notes.txt"):
            put(folder, path)

        assert set(tree.scan().files) == {"a.mp3", "B/c.FLAC"}

    def test_what_belongs_to_an_item_counts_whatever_its_name(self, tree: Tree, folder: Path) -> None:
        put(folder, "B/odd")

        assert set(tree.scan({"B/odd"}).files) == {"B/odd"}

    def test_links_are_not_followed_and_may_be_there(self, tree: Tree, folder: Path, tmp_path: Path) -> None:
        put(tmp_path, "outside/x.mp3")
        (folder / "link.mp3").symlink_to(tmp_path / "outside/x.mp3")
        (folder / "down").symlink_to(tmp_path / "outside")

        found = tree.scan()

        assert found.files == {}
        assert found.is_unread("down/x.mp3")
        assert found.is_unread("link.mp3")

    def test_an_empty_file_is_not_music_yet(self, tree: Tree, folder: Path) -> None:
        put(folder, "begun.mp3", b"")

        found = tree.scan()

        assert (found.files, found.blocked) == ({}, {"begun.mp3"})

    def test_a_folder_that_cannot_be_listed_is_not_empty(self, tree: Tree, folder: Path) -> None:
        put(folder, "x/" * 70 + "deep.mp3")

        found = tree.scan()

        assert found.files == {}
        assert found.is_unread("x/" * 70 + "deep.mp3")

    def test_a_name_that_is_no_text_is_told(self, tree: Tree, folder: Path) -> None:
        put(Path(os.fsdecode(os.fsencode(folder))), os.fsdecode(b"caf\xe9.mp3"))

        found = tree.scan()

        assert (found.files, found.unnamed) == ({}, [b"caf\xe9.mp3"])

    def test_a_folder_that_is_not_there_is_said_so(self, tmp_path: Path) -> None:
        with pytest.raises(AppError, match="there is no such folder"):
            Tree(tmp_path / "gone")


class TestPlacing:
    def test_a_download_gets_its_name(self, tree: Tree, folder: Path) -> None:
        tree.place(downloaded(tree, "New/x.mp3"), "New/x.mp3")

        assert everything(folder) == {"New/x.mp3": b"fresh"}

    def test_what_is_there_is_not_overwritten(self, tree: Tree, folder: Path) -> None:
        put(folder, "x.mp3", b"mine")

        with pytest.raises(FileExistsError):
            tree.place(downloaded(tree, "x.mp3"), "x.mp3")

        assert (folder / "x.mp3").read_bytes() == b"mine"

    def test_no_link_is_followed_on_the_way(self, tree: Tree, folder: Path, tmp_path: Path) -> None:
        (tmp_path / "outside").mkdir()
        (folder / "down").symlink_to(tmp_path / "outside")

        with pytest.raises(OSError, match="down"):
            tree.open_part("down/x.part")

        assert list((tmp_path / "outside").iterdir()) == []

    def test_a_link_in_place_of_a_download_is_not_written_through(
        self, tree: Tree, folder: Path, tmp_path: Path
    ) -> None:
        victim = put(tmp_path, "victim", b"mine")
        (folder / part_path("x.mp3", ITEM, DIGEST)).symlink_to(victim)

        with pytest.raises(OSError, match="part"):
            downloaded(tree, "x.mp3")

        assert victim.read_bytes() == b"mine"


class TestReplacing:
    def test_a_file_of_ours_is_replaced(self, tree: Tree, folder: Path) -> None:
        put(folder, "A/x.mp3", b"old")

        stat = tree.replace(downloaded(tree, "A/x.mp3"), "A/x.mp3", seen(tree, "A/x.mp3"), keeps=False)

        assert everything(folder) == {"A/x.mp3": b"fresh"}
        assert stat == tree.scan().files["A/x.mp3"]

    def test_what_we_did_not_download_is_kept_aside(self, tree: Tree, folder: Path) -> None:
        for content in (b"first", b"second"):
            put(folder, "A/x.mp3", content)
            tree.replace(downloaded(tree, "A/x.mp3"), "A/x.mp3", seen(tree, "A/x.mp3"), keeps=True)

        kept = {f"{REPLACED}/A/x.mp3": b"first", f"{REPLACED}/A/2 x.mp3": b"second"}
        assert everything(folder) == {"A/x.mp3": b"fresh", **kept}

    def test_a_file_that_changed_meanwhile_stays(self, tree: Tree, folder: Path) -> None:
        put(folder, "x.mp3", b"old")
        before = seen(tree, "x.mp3")
        put(folder, "x.mp3", b"newer")

        with pytest.raises(ChangedError):
            tree.replace(downloaded(tree, "x.mp3"), "x.mp3", before, keeps=False)

        assert (folder / "x.mp3").read_bytes() == b"newer"


class TestRemoving:
    def test_a_file_that_is_what_it_was_goes(self, tree: Tree, folder: Path) -> None:
        put(folder, "A/x.mp3")

        tree.remove("A/x.mp3", seen(tree, "A/x.mp3"))

        assert everything(folder) == {}

    def test_other_bytes_with_the_old_times_stay(self, tree: Tree, folder: Path) -> None:
        path = put(folder, "x.mp3", b"tags one")
        before = seen(tree, "x.mp3")
        with path.open("r+b") as file:
            file.write(b"tags two")
        os.utime(path, ns=(before.stat.mtime_ns, before.stat.mtime_ns))

        with pytest.raises(ChangedError):
            tree.remove("x.mp3", before)

        assert path.read_bytes() == b"tags two"

    def test_a_part_is_dropped_and_nothing_else_is(self, tree: Tree, folder: Path) -> None:
        part = downloaded(tree, "x.mp3")
        put(folder, "y.mp3")

        tree.drop_part(part)
        tree.drop_part("y.mp3")

        assert everything(folder) == {"y.mp3": b"sound"}


class TestRenaming:
    def test_nothing_is_overwritten(self, tree: Tree, folder: Path) -> None:
        put(folder, "A/x.mp3", b"one")
        put(folder, "A/y.mp3", b"two")

        with pytest.raises(FileExistsError):
            tree.rename("A/x.mp3", "A/y.mp3")

        assert everything(folder) == {"A/x.mp3": b"one", "A/y.mp3": b"two"}


@pytest.mark.parametrize("ways", [renames.WAYS, renames.WAYS[1:], renames.WAYS[2:]], ids=["at once", "link", "neither"])
class TestFileSystems:
    """Systems that can rename without replacing, that have links alone, and that have neither."""

    def test_a_file_moves(self, folder: Path, ways: tuple[renames.Way, ...]) -> None:
        put(folder, "x.mp3", b"one")
        fd = os.open(folder, os.O_RDONLY)

        renames.move(fd, "x.mp3", fd, "y.mp3", ways=ways)

        os.close(fd)
        assert everything(folder) == {"y.mp3": b"one"}

    def test_nothing_is_overwritten(self, folder: Path, ways: tuple[renames.Way, ...]) -> None:
        put(folder, "x.mp3", b"one")
        put(folder, "y.mp3", b"two")
        fd = os.open(folder, os.O_RDONLY)

        with pytest.raises(FileExistsError):
            renames.move(fd, "x.mp3", fd, "y.mp3", ways=ways)

        os.close(fd)
        assert everything(folder) == {"x.mp3": b"one", "y.mp3": b"two"}
