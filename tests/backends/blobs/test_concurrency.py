"""Several threads and one store (reliability.md P03, P07, P08, P10)."""

import contextlib
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import pytest

from support import tiers
from support.blob_places import Place, S3Place, ShiftedClock, hash_of, put
from tutti.domain.errors import AppError, ErrorKind
from tutti.ports.blobs import BlobStore, StoredBlob

T = TypeVar("T")
THREADS = 8


@pytest.fixture
def rounds(place: Place) -> int:
    """How often something is tried; a server takes a hundred times as long as a disk."""
    often = 200 if tiers.is_deep() else 10
    return often // 5 if isinstance(place, S3Place) else often


def at_once(deeds: Iterable[Callable[[], T]]) -> list[T]:
    """Do everything at the same moment; return what each gave."""
    deeds = list(deeds)
    barrier = threading.Barrier(len(deeds))

    def start(deed: Callable[[], T]) -> T:
        barrier.wait()
        return deed()

    with ThreadPoolExecutor(len(deeds)) as pool:
        return list(pool.map(start, deeds))


def test_same_bytes_from_many_threads_are_one_blob(store: BlobStore, rounds: int) -> None:
    bodies = [bytes([number]) * 5000 for number in range(rounds)]

    stored = [blob for data in bodies for blob in at_once([partial(put, store, data)] * THREADS)]

    assert {blob.hash for blob in stored} == {hash_of(data) for data in bodies} == {b.hash for b in store.walk()}
    assert store.sweep(older_than_s=-60) == 0


def test_readers_see_nothing_or_all(store: BlobStore, rounds: int) -> None:
    bodies = [bytes([number]) * 300_000 for number in range(rounds)]
    done = threading.Event()

    def write() -> set[bytes]:
        try:
            for data in bodies:
                put(store, data)
        finally:
            done.set()
        return set()

    def read() -> set[bytes]:
        seen = set()
        while not done.is_set():
            for data in bodies:
                if store.find(hash_of(data)):
                    seen.add(b"".join(store.read(hash_of(data))))
        return seen

    seen = set().union(*at_once([write, read, read, read]))

    assert seen <= set(bodies)


def test_one_of_many_may_resume(store: BlobStore) -> None:
    with store.stage() as staged:
        staged.append(b"begun")
    release = threading.Barrier(THREADS)

    def resume() -> ErrorKind | None:
        try:
            with store.resume(staged.id):
                release.wait()
        except AppError as error:
            release.wait()
            return error.kind
        return None

    outcomes = at_once([resume] * THREADS)

    assert sorted(outcomes, key=str) == sorted([None] + [ErrorKind.CONFLICT] * (THREADS - 1), key=str)


def test_nobody_resumes_into_a_blob(store: BlobStore, rounds: int) -> None:
    bodies = [bytes([number]) * 100 for number in range(rounds)]

    def resume_and_append(staged_id: str) -> None:
        with contextlib.suppress(AppError), store.resume(staged_id) as resumed:
            resumed.append(b"more")

    for data in bodies:
        staged = store.stage()
        staged.append(data)
        deeds: list[Callable[[], object]] = [staged.commit, *[partial(resume_and_append, staged.id)] * THREADS]
        at_once(deeds)

    assert {b"".join(store.read(blob.hash)) for blob in store.walk()} == set(bodies)


def test_collector_never_takes_bytes_that_are_committed_again(
    store: BlobStore, clock: ShiftedClock, rounds: int
) -> None:
    bodies = [bytes([number]) * 100 for number in range(rounds)]
    lost = []

    for data in bodies:
        put(store, data)
        clock.advance(3600)
        deeds: list[Callable[[], object]] = [
            partial(store.delete, hash_of(data), older_than_s=60),
            partial(put, store, data),
        ]
        at_once(deeds)
        lost += [data] if store.find(hash_of(data)) is None else []

    assert lost == []


def test_deleting_once_from_many_threads_is_one_deletion(store: BlobStore) -> None:
    stored: StoredBlob = put(store, b"once")

    assert sum(at_once([lambda: store.delete(stored.hash)] * THREADS)) == 1
