"""What is true of the bucket alone (ADR 0031; reliability.md P03, P06, P07, P21, P22)."""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import obstore
import pytest

from support import s3
from support.blob_places import hash_of, put
from support.faults import Fault, FaultProxy
from support.server import wait_until
from tutti.backends.blobs_s3 import Bucket, S3Address, S3Blobs
from tutti.backends.blobs_s3.breaker import Breaker
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.values import BlobHash

MEBIBYTE = 1 << 20
LARGE = os.urandom(9 * MEBIBYTE)
FAILED = (ErrorKind.UNAVAILABLE, "store_failed")


@pytest.fixture
def address() -> S3Address:
    return s3.fresh()


@pytest.fixture
def bucket(address: S3Address) -> Bucket:
    return Bucket(address)


@pytest.fixture
def blobs(bucket: Bucket, tmp_path: Path) -> S3Blobs:
    return S3Blobs(bucket, tmp_path / "store")


@pytest.fixture
def proxy() -> Iterator[FaultProxy]:
    with FaultProxy(s3.server().address) as proxy:
        yield proxy


@pytest.fixture
def shaky(proxy: FaultProxy, address: S3Address, tmp_path: Path) -> S3Blobs:
    """The same bucket, reached through the proxy."""
    reached = s3.place(address.prefix, endpoint=f"http://{proxy.address}")
    return S3Blobs(Bucket(reached), tmp_path / "shaky")


def keys(bucket: Bucket) -> list[str]:
    """Return the names of all objects, without the folder of the test."""
    found = [one["path"] for page in obstore.list(bucket.small, bucket.address.prefix) for one in page]
    return sorted(path.removeprefix(f"{bucket.address.prefix}/") for path in found)


def place_object(bucket: Bucket, folder: str, name: str, data: bytes = b"") -> None:
    obstore.put(bucket.small, bucket.key(folder, name), data)


def refused(caught: pytest.ExceptionInfo[AppError]) -> tuple[ErrorKind, str]:
    return caught.value.kind, caught.value.code


class TestCommit:
    def test_a_large_file_is_sent_in_parts_and_is_whole(self, blobs: S3Blobs) -> None:
        stored = put(blobs, LARGE)

        assert b"".join(blobs.read(stored.hash)) == LARGE

    @pytest.mark.parametrize("fault", [Fault.REFUSE, Fault.RESET])
    def test_one_that_fails_leaves_nothing_to_be_seen_and_can_be_tried_again(
        self, bucket: Bucket, shaky: S3Blobs, proxy: FaultProxy, fault: Fault
    ) -> None:
        with shaky.stage() as staged:
            staged.append(LARGE)
            proxy.break_with(fault)
            with pytest.raises(AppError) as caught:
                staged.commit()
        proxy.mend()

        assert (refused(caught), keys(bucket)) == (FAILED, [])
        shaky = S3Blobs(Bucket(shaky._bucket.address), shaky._fetched.parent)
        with shaky.resume(staged.id) as resumed:
            assert resumed.commit().hash == hash_of(LARGE)

    def test_a_blob_of_the_wrong_size_is_replaced_by_the_good_copy(self, bucket: Bucket, tmp_path: Path) -> None:
        repaired: list[BlobHash] = []
        blobs = S3Blobs(bucket, tmp_path / "store", on_repair=repaired.append)
        place_object(bucket, "blobs", hash_of(b"whole"), b"who")

        put(blobs, b"whole")

        assert (b"".join(blobs.read(hash_of(b"whole"))), repaired) == (b"whole", [hash_of(b"whole")])

    def test_first_commit_leaves_one_object(self, blobs: S3Blobs, bucket: Bucket) -> None:
        put(blobs, b"one")

        assert keys(bucket) == [f"blobs/{hash_of(b'one')}"]


class TestCondemnation:
    """Whoever deletes and whoever commits the same bytes see each other."""

    def test_a_commit_waits_and_brings_back_what_was_deleted(self, blobs: S3Blobs, bucket: Bucket) -> None:
        stored = put(blobs, b"again")
        place_object(bucket, "condemned", stored.hash)
        with ThreadPoolExecutor(1) as pool:
            commit = pool.submit(put, blobs, b"again")
            wait_until(lambda: f"renewed/{stored.hash}" in keys(bucket), what="the commit has come to the condemnation")
            obstore.delete(bucket.small, bucket.key("blobs", stored.hash))
            is_waiting = not commit.done()
            obstore.delete(bucket.small, bucket.key("condemned", stored.hash))

            assert (commit.result(30), is_waiting) == (stored, True)
        assert b"".join(blobs.read(stored.hash)) == b"again"

    def test_a_commit_gives_up_when_it_lasts(self, blobs: S3Blobs, bucket: Bucket) -> None:
        blobs._waiting.set()
        place_object(bucket, "condemned", hash_of(b"again"))

        with pytest.raises(AppError) as caught:
            put(blobs, b"again")

        assert refused(caught) == FAILED

    def test_two_deletions_are_one(self, blobs: S3Blobs, bucket: Bucket) -> None:
        stored = put(blobs, b"once")
        place_object(bucket, "condemned", stored.hash)

        assert not blobs.delete(stored.hash)
        assert blobs.find(stored.hash) == stored

    @pytest.mark.parametrize("older_than_s", [0.0, 3600.0])
    def test_a_deletion_leaves_nothing_behind(self, blobs: S3Blobs, bucket: Bucket, older_than_s: float) -> None:
        stored = put(blobs, b"gone")
        put(blobs, b"gone")

        blobs.delete(stored.hash, older_than_s=older_than_s)

        assert not any(key.startswith("condemned/") for key in keys(bucket))


class TestReading:
    def test_a_body_that_breaks_off_fails_instead_of_ending_short(
        self, blobs: S3Blobs, shaky: S3Blobs, proxy: FaultProxy
    ) -> None:
        stored = put(blobs, LARGE)
        proxy.break_with(Fault.CUT, after_bytes=MEBIBYTE)

        with pytest.raises(AppError) as caught:
            b"".join(shaky.read(stored.hash))

        assert refused(caught) == FAILED

    def test_a_body_that_breaks_off_sometimes_is_read_on(
        self, blobs: S3Blobs, shaky: S3Blobs, proxy: FaultProxy
    ) -> None:
        stored = put(blobs, LARGE)
        proxy.break_with(Fault.CUT, share=0.5, after_bytes=4 * MEBIBYTE)

        assert b"".join(shaky.read(stored.hash)) == LARGE

    def test_other_bytes_are_not_given_at_hand(self, blobs: S3Blobs, bucket: Bucket, tmp_path: Path) -> None:
        place_object(bucket, "blobs", hash_of(b"mine"), b"mind")

        with pytest.raises(AppError) as caught, blobs.at_hand(hash_of(b"mine")):
            pass

        assert (refused(caught), list((tmp_path / "store" / "fetched").iterdir())) == (FAILED, [])

    def test_what_was_fetched_by_a_process_that_died_is_swept(self, blobs: S3Blobs, tmp_path: Path) -> None:
        left = tmp_path / "store" / "fetched" / f"{hash_of(b'left')}-00000000"
        left.touch()

        blobs.sweep(older_than_s=-60)

        assert not left.exists()


class TestOutage:
    def test_it_is_never_taken_for_a_blob_that_is_not_there(self, shaky: S3Blobs, proxy: FaultProxy) -> None:
        proxy.break_with(Fault.REFUSE)

        for deed in (
            lambda: shaky.find(hash_of(b"x")),
            lambda: next(shaky.read(hash_of(b"x"))),
            lambda: shaky.delete(hash_of(b"x")),
            lambda: shaky.set_aside(hash_of(b"x")),
            lambda: next(shaky.walk()),
        ):
            with pytest.raises(AppError) as caught:
                deed()
            assert refused(caught) == FAILED

    def test_a_bucket_that_is_missing_is_one(self, tmp_path: Path) -> None:
        blobs = S3Blobs(Bucket(s3.place("", bucket="nobody-made-this")), tmp_path / "store")

        with pytest.raises(AppError) as caught:
            next(blobs.read(hash_of(b"x")))

        assert refused(caught) == FAILED

    def test_the_operator_is_told_of_it_without_secrets(self, tmp_path: Path, address: S3Address) -> None:
        said: list[str] = []
        wrong = S3Address(address.bucket, "", address.endpoint, address.region, s3.ACCESS_KEY, "guessed-secret")

        with pytest.raises(AppError):
            next(S3Blobs(Bucket(wrong, on_failure=said.append), tmp_path / "store").walk())

        assert said == ["SignatureDoesNotMatch"]


class TestBreaker:
    def test_it_asks_now_and_then_once_a_store_is_known_to_be_down(self) -> None:
        now_s = [0.0]
        breaker = Breaker(now_s=lambda: now_s[0])
        for _ in range(5):
            assert breaker.may_try()
            breaker.failed()
        assert not breaker.may_try()

        now_s[0] = 2.5

        assert [breaker.may_try(), breaker.may_try()] == [True, False]
        breaker.succeeded()
        assert all(breaker.may_try() for _ in range(9))

    def test_it_counts_failures_of_all_threads(self) -> None:
        breaker = Breaker(now_s=lambda: 0.0)
        threads = [threading.Thread(target=breaker.failed) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert not breaker.may_try()
