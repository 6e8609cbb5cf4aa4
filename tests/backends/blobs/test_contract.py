"""What every blob store promises (ports/blobs.py)."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from support.blob_places import Place, ShiftedClock, hash_of, put
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.values import BlobHash
from tutti.ports.blobs import BlobStore, StagedBlob, StoredBlob

PIECE_BYTES = 1 << 20
MISSING = BlobHash("ab" * 32)
NO_HASHES = ["", "ab", "AB" * 32, "ab" * 31 + "a", "ab" * 33, "g" * 64, "ab" * 31 + "a\n", "../" * 21 + "x", "/" * 64]
NO_IDS = ["", "a" * 31, "a" * 33, "A" * 32, "g" * 32, "a" * 31 + "\n", "a" * 31 + "*", "../blobs", "/etc/passwd"]


def refusal(deed: Callable[[], object]) -> tuple[ErrorKind, str]:
    with pytest.raises(AppError) as caught:
        deed()
    return caught.value.kind, caught.value.code


class TestCommit:
    @pytest.mark.parametrize("data", [b"", b"x", b"x" * (PIECE_BYTES + 1)], ids=len)
    def test_committed_bytes_are_named_by_their_hash(self, store: BlobStore, data: bytes) -> None:
        stored = put(store, data)

        assert (stored.hash, stored.size_bytes) == (hash_of(data), len(data))

    def test_appended_pieces_are_one_blob(self, store: BlobStore) -> None:
        with store.stage() as staged:
            staged.append(b"one ")
            staged.append(memoryview(b"two"))
            stored = staged.commit()

        assert b"".join(store.read(stored.hash)) == b"one two"

    def test_nothing_is_visible_before_commit(self, store: BlobStore) -> None:
        with store.stage() as staged:
            staged.append(b"soon")
            staged.sync()

            assert (store.find(staged.hash), list(store.walk())) == (None, [])

    def test_hash_and_offset_are_known_before_commit(self, store: BlobStore) -> None:
        with store.stage() as staged:
            staged.append(b"soon")

            assert (staged.hash, staged.offset) == (hash_of(b"soon"), 4)

    def test_same_bytes_twice_are_one_blob(self, store: BlobStore) -> None:
        first, second = put(store, b"same"), put(store, b"same")

        assert list(store.walk()) == [first] == [second]

    def test_blob_is_there_after_a_restart(self, store: BlobStore, place: Place) -> None:
        stored = put(store, b"kept")

        assert place.open().find(stored.hash) == stored

    def test_committed_bytes_cannot_be_resumed(self, store: BlobStore) -> None:
        with store.stage() as staged:
            staged.commit()

        assert refusal(lambda: store.resume(staged.id)) == (ErrorKind.NOT_FOUND, "staged_not_found")

    @pytest.mark.parametrize("end", ["commit", "discard", "close"])
    @pytest.mark.parametrize(
        "deed", [lambda staged: staged.append(b"late"), lambda staged: staged.sync(), lambda staged: staged.commit()]
    )
    def test_nothing_goes_on_after_the_end(
        self, store: BlobStore, end: str, deed: Callable[[StagedBlob], object]
    ) -> None:
        staged = store.stage()
        getattr(staged, end)()

        with pytest.raises(ValueError, match="closed"):
            deed(staged)

    @pytest.mark.parametrize("end", ["commit", "discard", "close"])
    def test_discard_and_close_do_nothing_after_the_end(self, store: BlobStore, end: str) -> None:
        staged = store.stage()
        getattr(staged, end)()
        blobs = list(store.walk())

        staged.discard()
        staged.close()

        assert list(store.walk()) == blobs


class TestResume:
    def test_resume_goes_on_where_the_bytes_ended(self, store: BlobStore, place: Place) -> None:
        with store.stage() as first:
            first.append(b"one ")

        with place.open().resume(first.id) as second:
            offset = second.offset
            second.append(b"two")
            stored = second.commit()

        assert (offset, stored.hash) == (4, hash_of(b"one two"))

    def test_sync_returns_the_offset_that_resume_finds(self, store: BlobStore) -> None:
        with store.stage() as staged:
            staged.append(b"x" * 1000)
            durable = staged.sync()

        with store.resume(staged.id) as resumed:
            assert (resumed.offset, resumed.hash) == (durable, hash_of(b"x" * 1000))

    def test_nothing_was_appended_yet(self, store: BlobStore) -> None:
        with store.stage() as staged:
            pass

        with store.resume(staged.id) as resumed:
            assert resumed.offset == 0

    def test_bytes_that_somebody_holds_are_busy(self, store: BlobStore, place: Place) -> None:
        with store.stage() as staged:
            assert refusal(lambda: place.open().resume(staged.id)) == (ErrorKind.CONFLICT, "staged_busy")

    def test_resumed_bytes_are_busy_again(self, store: BlobStore) -> None:
        with store.stage() as staged:
            pass

        with store.resume(staged.id):
            assert refusal(lambda: store.resume(staged.id)) == (ErrorKind.CONFLICT, "staged_busy")

    def test_discarded_bytes_are_gone(self, store: BlobStore) -> None:
        with store.stage() as staged:
            staged.discard()

        assert refusal(lambda: store.resume(staged.id)) == (ErrorKind.NOT_FOUND, "staged_not_found")

    @pytest.mark.parametrize("staged_id", ["0" * 32, *NO_IDS])
    def test_unknown_id_is_not_found(self, store: BlobStore, staged_id: str) -> None:
        assert refusal(lambda: store.resume(staged_id)) == (ErrorKind.NOT_FOUND, "staged_not_found")


class TestRead:
    DATA = bytes(range(256)) * (10 * PIECE_BYTES // 1024)

    @pytest.mark.parametrize(
        ("offset", "count"),
        [(0, None), (7, None), (0, 0), (3, 5), (1, 2 * PIECE_BYTES), (len(DATA), None), (len(DATA), 0)],
    )
    def test_exactly_the_asked_bytes_come(self, store: BlobStore, offset: int, count: int | None) -> None:
        stored = put(store, self.DATA)

        data = b"".join(store.read(stored.hash, offset=offset, count=count))

        assert data == self.DATA[offset:][:count]

    def test_pieces_are_at_most_a_mebibyte(self, store: BlobStore) -> None:
        stored = put(store, self.DATA)

        assert max(len(piece) for piece in store.read(stored.hash)) <= PIECE_BYTES

    @pytest.mark.parametrize(("offset", "count"), [(0, 5), (3, 2), (4, 1), (9, 1)])
    def test_bytes_that_are_not_there_fail_before_the_first_piece(
        self, store: BlobStore, offset: int, count: int
    ) -> None:
        stored = put(store, b"four")
        pieces = store.read(stored.hash, offset=offset, count=count)

        assert refusal(lambda: next(pieces)) == (ErrorKind.UNAVAILABLE, "store_failed")

    @pytest.mark.parametrize("blob_hash", [MISSING, *NO_HASHES])
    def test_unknown_hash_is_not_found(self, store: BlobStore, blob_hash: BlobHash) -> None:
        assert refusal(lambda: next(store.read(blob_hash))) == (ErrorKind.NOT_FOUND, "blob_not_found")

    def test_reader_of_a_deleted_blob_gets_all_of_it(self, store: BlobStore) -> None:
        stored = put(store, self.DATA)
        pieces = store.read(stored.hash)

        first = next(pieces)
        store.delete(stored.hash)

        assert first + b"".join(pieces) == self.DATA


class TestAtHand:
    def test_blob_is_a_file_while_it_is_needed(self, store: BlobStore) -> None:
        stored = put(store, b"needed")

        with store.at_hand(stored.hash) as path:
            assert Path(os.fsdecode(path)).read_bytes() == b"needed"

    @pytest.mark.parametrize("blob_hash", [MISSING, *NO_HASHES])
    def test_unknown_hash_is_not_found(self, store: BlobStore, blob_hash: BlobHash) -> None:
        assert refusal(lambda: store.at_hand(blob_hash).__enter__()) == (ErrorKind.NOT_FOUND, "blob_not_found")


class TestSetAside:
    def test_bytes_set_aside_are_gone_for_readers(self, store: BlobStore) -> None:
        stored = put(store, b"damaged")

        assert store.set_aside(stored.hash)
        assert (store.find(stored.hash), list(store.walk())) == (None, [])

    def test_same_bytes_sent_again_take_their_place(self, store: BlobStore) -> None:
        stored = put(store, b"damaged")
        store.set_aside(stored.hash)

        assert put(store, b"damaged") == store.find(stored.hash)

    @pytest.mark.parametrize("blob_hash", [MISSING, *NO_HASHES])
    def test_unknown_hash_was_not_there(self, store: BlobStore, blob_hash: BlobHash) -> None:
        assert not store.set_aside(blob_hash)


class TestFindAndWalk:
    @pytest.mark.parametrize("blob_hash", [MISSING, *NO_HASHES])
    def test_unknown_hash_is_none(self, store: BlobStore, blob_hash: BlobHash) -> None:
        assert store.find(blob_hash) is None

    def test_find_gives_what_commit_gave(self, store: BlobStore) -> None:
        stored = put(store, b"found")

        assert store.find(stored.hash) == stored

    def test_walk_is_in_the_order_of_hashes(self, store: BlobStore) -> None:
        stored = [put(store, bytes([number])) for number in range(40)]

        assert list(store.walk()) == sorted(stored, key=lambda blob: blob.hash)


class TestDelete:
    def test_deleted_blob_is_gone(self, store: BlobStore) -> None:
        stored = put(store, b"gone")

        assert store.delete(stored.hash)
        assert (store.find(stored.hash), list(store.walk())) == (None, [])

    @pytest.mark.parametrize("blob_hash", [MISSING, *NO_HASHES])
    def test_unknown_hash_was_not_there(self, store: BlobStore, blob_hash: BlobHash) -> None:
        assert not store.delete(blob_hash)

    def test_deleted_bytes_can_be_stored_again(self, store: BlobStore) -> None:
        stored = put(store, b"back")
        store.delete(stored.hash)

        assert put(store, b"back") == store.find(stored.hash)

    def test_young_blob_is_spared(self, store: BlobStore, clock: ShiftedClock) -> None:
        stored = put(store, b"young")
        clock.advance(50)

        assert not store.delete(stored.hash, older_than_s=60)

    def test_old_blob_is_removed(self, store: BlobStore, clock: ShiftedClock) -> None:
        stored = put(store, b"old")
        clock.advance(70)

        assert store.delete(stored.hash, older_than_s=60)

    def test_committing_old_bytes_makes_them_young(self, store: BlobStore, clock: ShiftedClock) -> None:
        put(store, b"renewed")
        clock.advance(70)
        stored = put(store, b"renewed")

        assert not store.delete(stored.hash, older_than_s=60)


class TestSweep:
    def test_old_staged_bytes_are_removed(self, store: BlobStore, clock: ShiftedClock) -> None:
        store.stage().close()
        clock.advance(70)

        assert store.sweep(older_than_s=60) == 1

    def test_removed_bytes_cannot_be_resumed(self, store: BlobStore) -> None:
        with store.stage() as staged:
            pass
        store.sweep(older_than_s=-60)

        assert refusal(lambda: store.resume(staged.id)) == (ErrorKind.NOT_FOUND, "staged_not_found")

    def test_young_staged_bytes_stay(self, store: BlobStore, clock: ShiftedClock) -> None:
        store.stage().close()
        clock.advance(50)

        assert store.sweep(older_than_s=60) == 0

    def test_held_bytes_stay_however_old(self, store: BlobStore, clock: ShiftedClock) -> None:
        with store.stage() as staged:
            clock.advance(1e6)

            assert store.sweep(older_than_s=60) == 0
            assert staged.commit() == store.find(staged.hash)

    def test_blobs_are_not_swept(self, store: BlobStore, clock: ShiftedClock) -> None:
        stored = put(store, b"safe")
        clock.advance(1e6)
        store.sweep(older_than_s=60)

        assert store.find(stored.hash) == stored


class TestFullDisk:
    def test_nothing_can_be_staged(self, place: Place) -> None:
        place.fill()

        assert refusal(place.open().stage) == (ErrorKind.FULL, "disk_full")

    def test_resumed_bytes_cannot_grow_and_are_kept(self, store: BlobStore, place: Place) -> None:
        with store.stage() as staged:
            staged.append(b"first")
        place.fill()

        with place.open().resume(staged.id) as resumed:
            assert refusal(lambda: resumed.append(b"more")) == (ErrorKind.FULL, "disk_full")
        with store.resume(staged.id) as again:
            assert again.hash == hash_of(b"first")

    def test_after_a_failure_nothing_goes_on(self, store: BlobStore, place: Place) -> None:
        with store.stage() as staged:
            pass
        place.fill()

        with place.open().resume(staged.id) as resumed:
            refusal(lambda: resumed.append(b"more"))
            with pytest.raises(ValueError, match="failed"):
                resumed.commit()

    def test_what_is_there_can_be_read_and_deleted(self, store: BlobStore, place: Place) -> None:
        stored = put(store, b"there")
        place.fill()
        full = place.open()

        assert b"".join(full.read(stored.hash)) == b"there"
        assert full.delete(stored.hash)


def test_stored_blob_says_where_a_local_file_can_be_opened(store: BlobStore) -> None:
    stored: StoredBlob = put(store, b"local")

    assert stored.path is None or stored.path.endswith(stored.hash.encode())
