"""Walking and watching real folders, with everything that lies about in them."""

import os
import queue
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest

from support.errors import failure, raised
from tutti.backends.folders import LocalFolders
from tutti.domain.errors import ErrorKind
from tutti.ports.folders import FileEntry, Listing

WAIT_S = 30
NOBODY = 65534


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "music"
    folder.mkdir()
    return folder


def put(path: Path, data: bytes = b"la") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def walked(root: Path) -> list[Listing]:
    return list(LocalFolders().walk(bytes(root)))


def names(root: Path) -> dict[bytes, list[bytes]]:
    """Each folder that was listed, with its files."""
    return {listing.path: [file.name for file in listing.files] for listing in walked(root)}


class TestWalk:
    def test_each_folder_comes_before_its_children_and_all_by_name(self, root: Path) -> None:
        for name in ("b/2.mp3", "b/1.mp3", "a/z/0.mp3", "a/a.mp3", "c.mp3"):
            put(root / name)

        listings = walked(root)

        assert [listing.path for listing in listings] == [b"", b"a", b"a/z", b"b"]
        assert [file.name for file in listings[3].files] == [b"1.mp3", b"2.mp3"]

    def test_a_file_comes_with_what_stat_says(self, root: Path) -> None:
        status = put(root / "one.mp3", b"12345").stat()

        [listing] = walked(root)

        assert listing.files == [
            FileEntry(b"one.mp3", 5, status.st_mtime_ns, f"{status.st_dev:x}", f"{status.st_ino:x}")
        ]

    def test_an_empty_folder_is_a_listing_without_files(self, root: Path) -> None:
        assert walked(root) == [Listing(b"", [])]

    @pytest.mark.parametrize("name", [".hidden", "@eaDir", "#recycle", "$RECYCLE.BIN", "lost+found"])
    def test_hidden_and_foreign_folders_are_left_out(self, root: Path, name: str) -> None:
        put(root / name / "one.mp3")

        assert names(root) == {b"": []}

    def test_a_name_that_begins_with_two_dots_is_a_title(self, root: Path) -> None:
        put(root / "...And Justice for All" / "..one.mp3")

        assert names(root) == {b"": [], b"...And Justice for All": [b"..one.mp3"]}

    def test_only_regular_files_count(self, root: Path) -> None:
        os.mkfifo(root / "pipe.mp3")

        assert names(root) == {b"": []}

    @pytest.mark.parametrize("moment", [2**63, 10**19, -(10**18)])
    def test_times_fit_into_a_database(self, root: Path, moment: int) -> None:
        os.utime(put(root / "one.mp3"), ns=(moment, moment))

        [listing] = walked(root)

        assert -(2**63) < listing.files[0].mtime_ns < 2**63


class TestLinks:
    @pytest.mark.parametrize("target", ["outside.mp3", "outside", "music-beside"])
    def test_a_link_that_leaves_the_root_is_left_out(self, root: Path, target: str) -> None:
        put(root.parent / "outside.mp3")
        put(root.parent / "outside" / "one.mp3")
        put(root.parent / "music-beside" / "one.mp3")
        (root / "link.mp3").symlink_to(root.parent / target)

        assert names(root) == {b"": []}

    def test_a_link_to_a_file_inside_is_a_file(self, root: Path) -> None:
        (root / "link.mp3").symlink_to(put(root / "one.mp3"))

        assert names(root) == {b"": [b"link.mp3", b"one.mp3"]}

    @pytest.mark.parametrize("link", ["a", "c", "b/up"])
    def test_a_folder_is_listed_once_and_under_its_own_name(self, root: Path, link: str) -> None:
        put(root / "b" / "one.mp3")
        (root / link).symlink_to(root / "b")

        assert names(root) == {b"": [], b"b": [b"one.mp3"]}

    def test_a_link_is_a_way_into_a_hidden_folder(self, root: Path) -> None:
        put(root / ".store" / "deep" / "one.mp3")
        (root / "a").symlink_to(".store")
        (root / "b").symlink_to(".store")

        assert names(root) == {b"": [], b"a": [], b"a/deep": [b"one.mp3"]}

    def test_a_link_to_the_root_itself_is_left_out(self, root: Path) -> None:
        (root / "again").symlink_to(root)

        assert names(root) == {b"": []}

    def test_links_in_a_circle_are_left_out(self, root: Path) -> None:
        (root / "a").symlink_to("b")
        (root / "b").symlink_to("a")

        assert names(root) == {b"": []}

    def test_links_inside_are_followed_when_the_root_is_a_link(self, root: Path) -> None:
        (root / "link.mp3").symlink_to(put(root / "one.mp3"))
        (root.parent / "by-link").symlink_to(root)

        assert names(root.parent / "by-link") == {b"": [b"link.mp3", b"one.mp3"]}


@contextmanager
def unprivileged() -> Iterator[None]:
    """Be somebody for whom permissions count."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


class TestUnreadable:
    @pytest.fixture
    def root(self) -> Iterator[Path]:
        """A folder that everybody can reach."""
        folder = Path(tempfile.mkdtemp())
        folder.chmod(0o755)
        yield folder
        for path in folder.rglob("*"):
            path.chmod(0o755)
        shutil.rmtree(folder)

    @pytest.mark.parametrize("mode", [0o000, 0o444, 0o111], ids=["shut", "not to be entered", "not to be listed"])
    def test_a_folder_without_permission_is_a_problem_and_not_an_empty_folder(self, root: Path, mode: int) -> None:
        put(root / "shut" / "one.mp3")
        put(root / "shut" / "below" / "two.mp3")
        put(root / "open" / "three.mp3")
        (root / "shut").chmod(mode)

        with unprivileged():
            listings = {listing.path: listing for listing in walked(root)}

        assert set(listings) == {b"", b"open", b"shut"}
        assert listings[b"shut"].problem == "Permission denied"

    def test_a_root_without_permission_is_unavailable(self, root: Path) -> None:
        (root / "music").mkdir(mode=0o000)

        with unprivileged():
            error = failure(lambda: walked(root / "music"))

        assert error.message == "The folder cannot be read: permission denied."

    @pytest.mark.parametrize("name", ["nothing", "file"])
    def test_a_root_that_is_no_folder_is_unavailable(self, root: Path, name: str) -> None:
        put(root / "file")

        assert raised(lambda: walked(root / name)) == (ErrorKind.UNAVAILABLE, "source_unavailable")

    def test_a_path_that_is_too_long_is_a_problem_of_its_folder_alone(self, root: Path) -> None:
        names = ["x" * 250] * 17
        where = os.open(root, os.O_RDONLY)
        for name in names:
            os.mkdir(name, dir_fd=where)
            below = os.open(name, os.O_RDONLY, dir_fd=where)
            os.close(where)
            where = below
        os.close(where)

        listings = walked(root)

        shutil.rmtree(root / names[0])
        assert [bool(listing.problem) for listing in listings] == [False] * 16 + [True]

    def test_a_link_into_a_folder_without_permission_is_left_out(self, root: Path) -> None:
        put(root / "shut" / "deep" / "one.mp3")
        (root / "link.mp3").symlink_to("shut/deep/one.mp3")
        (root / "shut").chmod(0o000)

        with unprivileged():
            listings = walked(root)

        assert [(listing.path, list(listing.files)) for listing in listings] == [(b"", []), (b"shut", [])]


class TestCount:
    SUFFIXES = frozenset({b".mp3", b".flac"})

    def test_it_counts_what_a_scan_will_see(self, root: Path) -> None:
        for name in ("1.mp3", "2.MP3", "a/3.flac", "a/b/4.mp3", "a/cover.jpg", ".h.mp3", "@eaDir/x.mp3"):
            put(root / name)

        assert LocalFolders().count(bytes(root), self.SUFFIXES, Event()) == 4

    def test_it_ends_when_told(self, root: Path) -> None:
        put(root / "1.mp3")
        stop = Event()
        stop.set()

        assert LocalFolders().count(bytes(root), self.SUFFIXES, stop) == 0


class TestIsFile:
    @pytest.mark.parametrize(
        ("path", "is_there"), [(b"one.mp3", True), (b"a/two.mp3", True), (b"a", False), (b"nothing", False)]
    )
    def test_it_looks(self, root: Path, path: bytes, is_there: bool) -> None:  # noqa: FBT001
        put(root / "one.mp3")
        put(root / "a" / "two.mp3")

        assert LocalFolders().is_file(bytes(root), path) is is_there


class Watcher:
    """A thread that watches, and what it told."""

    def __init__(self, roots: Callable[[], list[bytes]]) -> None:
        self.told: queue.Queue[bytes] = queue.Queue()
        self.stop = Event()
        folders = LocalFolders(settle_ms=50, poll_s=0.1)
        self.thread = Thread(target=folders.watch, args=(roots, self.told.put, self.stop))

    def waits_for(self, change: Callable[[], object], *wanted: bytes) -> set[bytes]:
        """Make changes until all of these roots were told; return what was told."""
        heard: set[bytes] = set()
        for _ in range(WAIT_S * 5):
            change()
            try:
                heard.add(self.told.get(timeout=0.2))
            except queue.Empty:
                continue
            if heard >= set(wanted):
                return heard
        raise AssertionError(f"only {heard} within {WAIT_S} s")


@pytest.fixture
def watching() -> Iterator[Callable[[Callable[[], list[bytes]]], Watcher]]:
    watchers: list[Watcher] = []

    def watch(roots: Callable[[], list[bytes]]) -> Watcher:
        watchers.append(Watcher(roots))
        watchers[-1].thread.start()
        return watchers[-1]

    yield watch
    for watcher in watchers:
        watcher.stop.set()
        watcher.thread.join(WAIT_S)
        assert not watcher.thread.is_alive()


Watch = Callable[[Callable[[], list[bytes]]], Watcher]


class TestWatch:
    def test_a_change_below_a_root_is_told(self, root: Path, watching: Watch) -> None:
        (root / "deep" / "er").mkdir(parents=True)
        watcher = watching(lambda: [bytes(root)])

        heard = watcher.waits_for(lambda: put(root / "deep" / "er" / "one.mp3"), bytes(root))

        assert heard == {bytes(root)}

    def test_a_root_in_a_root_is_told_with_it(self, root: Path, watching: Watch) -> None:
        """Only the first of them was told, and the other library waited for the schedule."""
        (root / "jazz").mkdir()
        roots = [bytes(root), bytes(root / "jazz")]
        watcher = watching(lambda: roots)

        assert watcher.waits_for(lambda: put(root / "jazz" / "one.mp3"), *roots) == set(roots)

    def test_only_the_root_that_changed_is_told(self, root: Path, watching: Watch) -> None:
        other = root.parent / "music-beside"
        other.mkdir()
        watcher = watching(lambda: [bytes(root), bytes(other)])

        assert watcher.waits_for(lambda: put(other / "one.mp3"), bytes(other)) == {bytes(other)}

    def test_a_root_that_comes_later_is_watched_too(self, root: Path, watching: Watch) -> None:
        roots = [bytes(root)]
        watcher = watching(lambda: roots)
        watcher.waits_for(lambda: put(root / "one.mp3"), bytes(root))
        later = root.parent / "later"
        later.mkdir()
        roots.append(bytes(later))

        assert bytes(later) in watcher.waits_for(lambda: put(later / "one.mp3"), bytes(later))

    @pytest.mark.parametrize("name", ["unmounted", "file"])
    def test_a_root_that_is_away_does_not_disturb_the_others(self, root: Path, watching: Watch, name: str) -> None:
        put(root.parent / "file")
        away = root.parent / name
        watcher = watching(lambda: [bytes(away), bytes(root)])

        assert watcher.waits_for(lambda: put(root / "one.mp3"), bytes(root)) == {bytes(root)}

    def test_a_folder_that_was_put_in_the_place_of_a_root_is_watched(self, root: Path, watching: Watch) -> None:
        """As after a mount: the watch stayed with the folder below it."""
        watcher = watching(lambda: [bytes(root)])
        watcher.waits_for(lambda: put(root / "one.mp3"), bytes(root))
        root.rename(root.parent / "unmounted")
        root.mkdir()

        watcher.waits_for(lambda: put(root / "two.mp3"), bytes(root))

    def test_without_a_root_it_waits_for_one(self, root: Path, watching: Watch) -> None:
        roots: list[bytes] = []
        watcher = watching(lambda: roots)
        roots.append(bytes(root))

        watcher.waits_for(lambda: put(root / "one.mp3"), bytes(root))
