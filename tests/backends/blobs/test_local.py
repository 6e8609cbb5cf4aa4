"""What only the store in a folder promises: its layout, its order of syncing, how it meets a bad disk."""

import errno
import os
import resource
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support import tiers
from support.blob_places import ShiftedClock, hash_of, put
from tutti.backends.blobs_local import LocalBlobs
from tutti.backends.blobs_local.disk import begin_writing_back, fsync, hold
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.values import BlobHash
from tutti.ports.blobs import StagedBlob

MEBIBYTE = 1 << 20


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


def path_of(root: Path, data: bytes) -> Path:
    name = hash_of(data)
    return root / "blobs" / name[:2] / name[2:4] / name


def staged_files(root: Path) -> list[Path]:
    return list((root / "staging").iterdir())


def cut(path: Path, size_bytes: int) -> None:
    path.chmod(0o600)
    os.truncate(path, size_bytes)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


class Fsyncs:
    """Notes what is synced by its path; fails when told to."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.failing: str | None = None

    def __call__(self, fd: int) -> None:
        path = str(Path(f"/proc/self/fd/{fd}").readlink())
        self.seen.append(path)
        if self.failing and self.failing in path:
            raise OSError(errno.EIO, "injected")
        fsync(fd)


@pytest.fixture
def fsyncs() -> Fsyncs:
    tiers.require_that(Path("/proc/self/fd").is_dir(), "there is no /proc to name a descriptor by")
    return Fsyncs()


class TestWritingBack:
    """A large file is on its way to the disk while it comes."""

    @pytest.fixture
    def asked(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
        tiers.require_that(hasattr(os, "posix_fadvise"), "the kernel cannot be asked")
        ranges: list[tuple[int, int]] = []
        monkeypatch.setattr(os, "posix_fadvise", lambda _fd, offset, count, _how: ranges.append((offset, count)))
        return ranges

    def test_each_byte_is_sent_on_its_way_once(self, root: Path, asked: list[tuple[int, int]]) -> None:
        with LocalBlobs(root).stage() as file:
            for count in (3, 3, 3, 20, 3):
                file.append(bytes(count * MEBIBYTE))

        assert asked == [(0, 9 * MEBIBYTE), (9 * MEBIBYTE, 20 * MEBIBYTE)]

    def test_what_was_cut_off_and_comes_again_is_sent_again(self, root: Path, asked: list[tuple[int, int]]) -> None:
        with LocalBlobs(root).stage() as file:
            file.append(bytes(9 * MEBIBYTE))
            file.rewind(5 * MEBIBYTE)
            file.append(bytes(8 * MEBIBYTE))

        assert asked == [(0, 9 * MEBIBYTE), (5 * MEBIBYTE, 8 * MEBIBYTE)]

    def test_a_file_system_that_knows_no_such_thing_is_no_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object) -> None:
            raise OSError(errno.ENOTSUP, "injected")

        monkeypatch.setattr(os, "posix_fadvise", refuse, raising=False)

        begin_writing_back(0, 0, 1)


class TestLayout:
    def test_blob_lies_under_two_levels_of_its_hash(self, root: Path) -> None:
        stored = put(LocalBlobs(root), b"laid")

        assert stored.path == bytes(path_of(root, b"laid"))

    def test_nothing_is_left_in_staging(self, root: Path) -> None:
        blobs = LocalBlobs(root)
        put(blobs, b"twice")
        put(blobs, b"twice")

        assert staged_files(root) == []

    def test_files_and_folders_are_for_the_owner_alone(self, root: Path) -> None:
        blobs = LocalBlobs(root)
        put(blobs, b"mine")
        path = path_of(root, b"mine")
        blobs.stage().close()

        assert [mode_of(p) for p in (path, path.parent, path.parent.parent, root)] == [0o400, 0o700, 0o700, 0o700]
        assert [mode_of(p) for p in (root / "staging", *staged_files(root))] == [0o700, 0o600]

    def test_foreign_files_are_left_alone(self, root: Path) -> None:
        blobs = LocalBlobs(root)
        stored = put(blobs, b"ours")
        (root / "blobs" / "00" / "00").mkdir(parents=True)
        names = ["staging/notes.txt", "blobs/README", "blobs/0f", f"blobs/00/00/{'a' * 64}"]
        foreign = [root / name for name in names]
        for path in foreign:
            path.touch()

        assert (list(blobs.walk()), blobs.sweep(older_than_s=-60)) == ([stored], 0)
        assert all(path.exists() for path in foreign)

    def test_link_in_place_of_a_blob_is_not_followed(self, root: Path, tmp_path: Path) -> None:
        blobs = LocalBlobs(root)
        put(blobs, b"swapped")
        (tmp_path / "secret").write_bytes(b"secret!")
        path_of(root, b"swapped").unlink()
        path_of(root, b"swapped").symlink_to(tmp_path / "secret")

        with pytest.raises(AppError, match="failed"):
            next(blobs.read(hash_of(b"swapped")))
        assert blobs.find(hash_of(b"swapped")) is None


class TestOrder:
    """File, then every folder up to the root, before `commit` returns (reliability.md P01, P02)."""

    def test_first_blob_syncs_its_file_then_all_new_folders(self, root: Path, fsyncs: Fsyncs) -> None:
        blobs = LocalBlobs(root, fsync=fsyncs)
        fsyncs.seen.clear()

        with blobs.stage() as staged:
            staged.append(b"first")
            staged.commit()

        folder = path_of(root, b"first").parent
        assert fsyncs.seen == [str(p) for p in (root / "staging" / staged.id, root / "blobs", folder.parent, folder)]

    def test_known_folders_are_not_synced_again(self, root: Path, fsyncs: Fsyncs) -> None:
        blobs = LocalBlobs(root, fsync=fsyncs)
        put(blobs, b"again")
        fsyncs.seen.clear()

        put(blobs, b"again")

        assert fsyncs.seen[1:] == [str(path_of(root, b"again").parent)]

    def test_folders_of_another_process_are_synced_since_it_may_have_died(self, root: Path, fsyncs: Fsyncs) -> None:
        put(LocalBlobs(root), b"again")
        blobs = LocalBlobs(root, fsync=fsyncs)
        fsyncs.seen.clear()

        put(blobs, b"again")

        assert len(fsyncs.seen) == 4

    def test_folder_that_was_removed_is_made_and_synced_again(self, root: Path, fsyncs: Fsyncs) -> None:
        blobs = LocalBlobs(root, fsync=fsyncs)
        stored = put(blobs, b"removed")
        blobs.delete(stored.hash)
        path_of(root, b"removed").parent.rmdir()
        fsyncs.seen.clear()

        put(blobs, b"removed")

        assert len(fsyncs.seen) == 4

    def test_sync_makes_the_name_durable_once(self, root: Path, fsyncs: Fsyncs) -> None:
        with LocalBlobs(root, fsync=fsyncs).stage() as staged:
            fsyncs.seen.clear()
            staged.sync()
            staged.sync()

        file, folder = str(root / "staging" / staged.id), str(root / "staging")
        assert fsyncs.seen == [file, folder, file]

    def test_deletion_syncs_the_folder(self, root: Path, fsyncs: Fsyncs) -> None:
        blobs = LocalBlobs(root, fsync=fsyncs)
        stored = put(blobs, b"gone")
        fsyncs.seen.clear()

        blobs.delete(stored.hash)

        assert fsyncs.seen == [str(path_of(root, b"gone").parent)]


class TestFailedFsync:
    """Promise P14: never acknowledged, never tried again."""

    @pytest.mark.parametrize("failing", ["store/staging", "store/blobs"])
    def test_commit_fails(self, root: Path, fsyncs: Fsyncs, failing: str) -> None:
        blobs = LocalBlobs(root, fsync=fsyncs)
        fsyncs.failing = failing

        with blobs.stage() as staged, pytest.raises(AppError) as caught:
            staged.commit()

        assert (caught.value.kind, caught.value.code) == (ErrorKind.UNAVAILABLE, "store_failed")

    def test_it_is_not_tried_again(self, root: Path, fsyncs: Fsyncs) -> None:
        blobs = LocalBlobs(root, fsync=fsyncs)
        fsyncs.failing = "staging"
        with blobs.stage() as staged:
            with pytest.raises(AppError):
                staged.sync()
            fsyncs.seen.clear()
            with pytest.raises(ValueError, match="failed"):
                staged.commit()

        assert fsyncs.seen == []

    def test_bytes_of_unknown_fate_cannot_be_resumed(self, root: Path, fsyncs: Fsyncs) -> None:
        blobs = LocalBlobs(root, fsync=fsyncs)
        fsyncs.failing = "staging"
        with blobs.stage() as staged, pytest.raises(AppError):
            staged.sync()
        fsyncs.failing = None

        with pytest.raises(AppError, match="ended"):
            blobs.resume(staged.id)

    def test_folder_that_cannot_be_synced_by_its_file_system_is_no_failure(self, root: Path) -> None:
        def fsync_files_only(fd: int) -> None:
            if stat.S_ISDIR(os.fstat(fd).st_mode):
                raise OSError(errno.EINVAL, "not on this file system")

        stored = put(LocalBlobs(root, fsync=fsync_files_only), b"on CIFS")

        assert stored.hash == hash_of(b"on CIFS")


class TestDamage:
    """Promise P04: never served as good, healed where a good copy comes by."""

    def test_blob_of_the_wrong_size_is_replaced_by_the_good_copy(self, root: Path) -> None:
        repaired: list[BlobHash] = []
        blobs = LocalBlobs(root, on_repair=repaired.append)
        put(blobs, b"whole")
        cut(path_of(root, b"whole"), 2)

        put(blobs, b"whole")

        assert (path_of(root, b"whole").read_bytes(), repaired) == (b"whole", [hash_of(b"whole")])

    def test_good_copy_that_is_there_stays(self, root: Path) -> None:
        blobs = LocalBlobs(root)
        put(blobs, b"stays")
        inode = path_of(root, b"stays").stat().st_ino

        put(blobs, b"stays")

        assert path_of(root, b"stays").stat().st_ino == inode

    def test_staged_file_that_somebody_cut_is_not_committed(self, root: Path) -> None:
        with LocalBlobs(root).stage() as staged:
            staged.append(b"whole")
            cut(root / "staging" / staged.id, 2)

            with pytest.raises(AppError, match="failed"):
                staged.commit()

        assert not path_of(root, b"whole").exists()

    def test_blob_cut_under_its_reader_fails_instead_of_ending_short(self, root: Path) -> None:
        blobs = LocalBlobs(root)
        data = b"x" * (3 * MEBIBYTE)
        put(blobs, data)
        pieces = blobs.read(hash_of(data))
        next(pieces)
        cut(path_of(root, data), MEBIBYTE)

        with pytest.raises(AppError, match="failed"):
            next(pieces)


class TestNoRoom:
    """Promise P13: refused cleanly, everything else goes on, and it recovers by itself."""

    def test_reserve_is_left_free(self, small_disk: Path) -> None:
        blobs = LocalBlobs(small_disk / "store", reserve_bytes=2 * MEBIBYTE)

        with blobs.stage() as staged, pytest.raises(AppError) as caught:
            append_until_refused(staged)

        assert (caught.value.kind, staged.offset) == (ErrorKind.FULL, 6 * MEBIBYTE)

    def test_limit_on_the_size_of_files_fails_the_upload(self, root: Path) -> None:
        blobs = LocalBlobs(root)

        with file_size_limit(MEBIBYTE), blobs.stage() as staged, pytest.raises(AppError) as caught:
            staged.append(bytes(2 * MEBIBYTE))

        assert (caught.value.kind, staged.offset) == (ErrorKind.UNAVAILABLE, 0)

    def test_what_arrived_before_a_failure_can_be_resumed(self, root: Path) -> None:
        data = bytes(2 * MEBIBYTE)
        blobs = LocalBlobs(root)
        with file_size_limit(MEBIBYTE), blobs.stage() as staged, pytest.raises(AppError):
            staged.append(data)

        with blobs.resume(staged.id) as resumed:
            offset = resumed.offset
            resumed.append(data[offset:])
            stored = resumed.commit()

        assert (offset, stored.hash) == (MEBIBYTE, hash_of(data))

    def test_full_disk_refuses_serves_and_recovers(self, small_disk: Path) -> None:
        blobs = LocalBlobs(small_disk / "store")
        kept = put(blobs, bytes(6 * MEBIBYTE))
        with blobs.stage() as staged, pytest.raises(AppError, match="no room"):
            append_until_refused(staged)

        served_bytes = sum(map(len, blobs.read(kept.hash)))
        blobs.delete(kept.hash)

        assert (served_bytes, put(blobs, b"room again").size_bytes) == (6 * MEBIBYTE, 10)

    def test_disk_filled_by_others_while_we_write_is_full(self, small_disk: Path) -> None:
        blobs = LocalBlobs(small_disk / "store")
        with blobs.stage() as staged:
            staged.append(bytes(MEBIBYTE))
            (small_disk / "others").write_bytes(bytes(6 * MEBIBYTE))

            with pytest.raises(AppError) as caught:
                staged.append(bytes(3 * MEBIBYTE))

        assert caught.value.kind is ErrorKind.FULL

    def test_missing_rights_make_the_store_unavailable(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()

        with pytest.raises(AppError) as caught:
            LocalBlobs(tmp_path / "file" / "store")

        assert caught.value.kind is ErrorKind.UNAVAILABLE


class TestHolding:
    def test_file_that_lost_its_name_is_not_held(self, tmp_path: Path) -> None:
        path = tmp_path / "staged"
        with path.open("wb") as file:
            path.rename(tmp_path / "blob")

            assert not hold(file.fileno(), path)

    def test_file_whose_name_is_another_one_now_is_not_held(self, tmp_path: Path) -> None:
        path = tmp_path / "staged"
        with path.open("wb") as file:
            path.rename(tmp_path / "blob")
            path.touch()

            assert not hold(file.fileno(), path)


class TestDescriptors:
    def test_forgotten_staged_blob_warns_and_is_closed(self, root: Path) -> None:
        blobs = LocalBlobs(root)
        staged = blobs.stage()

        with pytest.warns(ResourceWarning, match=staged.id):
            staged.__del__()

        blobs.resume(staged.id).close()

    def test_nothing_stays_open(self, root: Path, clock: ShiftedClock) -> None:
        tiers.require_that(Path("/proc/self/fd").is_dir(), "there is no /proc to count descriptors in")
        blobs = LocalBlobs(root, clock=clock)
        before = open_descriptors()

        stored = put(blobs, b"closed")
        list(blobs.read(stored.hash))
        blobs.stage().close()
        blobs.sweep(older_than_s=-60)
        blobs.delete(stored.hash)
        with blobs.stage() as staged, pytest.raises(AppError):
            blobs.resume(staged.id)

        assert open_descriptors() == before


def append_until_refused(staged: StagedBlob) -> None:
    while True:
        staged.append(bytes(MEBIBYTE))


def open_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@contextmanager
def file_size_limit(size_bytes: int) -> Iterator[None]:
    """Have the kernel refuse writes beyond that size with EFBIG (Python ignores SIGXFSZ)."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MiB of its own."""
    tiers.require("mount")
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    reason = next(iter(mounted.stderr.splitlines()), "")
    tiers.require_that(mounted.returncode == 0, f"a tmpfs cannot be mounted: {reason}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)
