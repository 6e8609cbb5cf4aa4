"""Files that are opened to be sent, and rendered covers that are kept."""

import os
from pathlib import Path

import pytest

from support.errors import raised
from tutti.backends.files import FolderCovers, LocalFiles
from tutti.domain.errors import ErrorKind
from tutti.ports.media import MediaFile

GONE = (ErrorKind.GONE, "file_missing")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "music"
    folder.mkdir()
    (folder / "one.mp3").write_bytes(b"sound")
    return folder


def media(path: Path, root: Path | None = None) -> MediaFile:
    return MediaFile(bytes(path), None if root is None else bytes(root))


class TestOpen:
    def test_a_file_comes_open_with_its_size_and_time(self, root: Path) -> None:
        opened = LocalFiles().open(media(root / "one.mp3", root))

        assert os.pread(opened.descriptor.fd, 100, 0) == b"sound"
        assert (opened.size_bytes, opened.mtime_ns) == (5, (root / "one.mp3").stat().st_mtime_ns)

    def test_it_is_closed_when_the_last_one_lets_go(self, root: Path) -> None:
        opened = LocalFiles().open(media(root / "one.mp3", root))
        fd = opened.descriptor.fd

        del opened

        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(fd)

    @pytest.mark.parametrize("name", ["nothing.mp3", "one.mp3/below", "", "x" * 300])
    def test_what_is_no_file_is_gone(self, root: Path, name: str) -> None:
        assert raised(lambda: LocalFiles().open(media(root / name, root))) == GONE

    def test_a_pipe_is_gone_and_holds_nobody(self, root: Path) -> None:
        os.mkfifo(root / "pipe.mp3")

        assert raised(lambda: LocalFiles().open(media(root / "pipe.mp3", root))) == GONE

    def test_a_link_inside_the_root_is_followed(self, root: Path) -> None:
        (root / "link.mp3").symlink_to("one.mp3")

        assert LocalFiles().open(media(root / "link.mp3", root)).size_bytes == 5

    @pytest.mark.parametrize("name", ["link.mp3", "linked/secret.mp3", "../outside/secret.mp3"])
    def test_nothing_outside_of_the_root_is_opened(self, root: Path, name: str) -> None:
        outside = root.parent / "outside"
        outside.mkdir()
        (outside / "secret.mp3").write_bytes(b"secret")
        (root / "link.mp3").symlink_to(outside / "secret.mp3")
        (root / "linked").symlink_to(outside)

        assert raised(lambda: LocalFiles().open(media(root / name, root))) == GONE

    def test_a_file_of_ours_is_never_a_link(self, root: Path) -> None:
        (root / "link.mp3").symlink_to("one.mp3")

        assert raised(lambda: LocalFiles().open(media(root / "link.mp3"))) == GONE


@pytest.fixture
def covers(tmp_path: Path) -> FolderCovers:
    return FolderCovers(tmp_path / "covers")


class TestCovers:
    def test_what_is_kept_is_found(self, covers: FolderCovers) -> None:
        covers.keep("key", 300, b"picture")

        assert covers.find("key", 300) == b"picture"

    @pytest.mark.parametrize(("key", "size_px"), [("key", 150), ("other", 300), ("../key", 300)])
    def test_nothing_else_is(self, covers: FolderCovers, key: str, size_px: int) -> None:
        covers.keep("key", 300, b"picture")

        assert covers.find(key, size_px) is None

    def test_a_newer_one_takes_the_place_of_an_older_one(self, covers: FolderCovers) -> None:
        covers.keep("key", 300, b"old")
        covers.keep("key", 300, b"new")

        assert covers.find("key", 300) == b"new"

    def test_no_half_of_one_is_left_lying_about(self, covers: FolderCovers, tmp_path: Path) -> None:
        covers.keep("key", 300, b"picture")

        assert [path.suffix for path in tmp_path.rglob("*") if path.is_file()] == [".webp"]

    def test_where_there_is_no_room_nothing_is_kept_and_nobody_is_told(
        self, covers: FolderCovers, tmp_path: Path
    ) -> None:
        (tmp_path / "covers").write_bytes(b"in the way")

        covers.keep("key", 300, b"picture")

        assert covers.find("key", 300) is None

    def test_a_key_may_be_any_text(self, covers: FolderCovers) -> None:
        covers.keep("a/b\n" * 1000, 300, b"picture")

        assert covers.find("a/b\n" * 1000, 300) == b"picture"


class TestShrink:
    @pytest.fixture
    def covers(self, covers: FolderCovers, tmp_path: Path) -> FolderCovers:
        """Three covers of four bytes, `one` longest unused."""
        for used_at, key in enumerate(["one", "two", "three"]):
            covers.keep(key, 64, b"data")
            newest = max((tmp_path / "covers").glob("*/*"), key=lambda path: path.stat().st_ctime_ns)
            os.utime(newest, (used_at, used_at))
        return covers

    def kept(self, covers: FolderCovers) -> list[str]:
        return [key for key in ("one", "two", "three") if covers.find(key, 64)]

    def test_the_longest_unused_go_first(self, covers: FolderCovers) -> None:
        assert covers.shrink(8) == 1
        assert self.kept(covers) == ["two", "three"]

    def test_a_cover_that_was_shown_stays(self, covers: FolderCovers) -> None:
        covers.find("one", 64)

        covers.shrink(8)

        assert self.kept(covers) == ["one", "three"]

    def test_what_fits_stays(self, covers: FolderCovers) -> None:
        assert covers.shrink(12) == 0

    def test_nothing_may_be_kept(self, covers: FolderCovers) -> None:
        assert covers.shrink(0) == 3

    def test_an_empty_cache_is_small_enough(self, tmp_path: Path) -> None:
        assert FolderCovers(tmp_path / "never").shrink(0) == 0
