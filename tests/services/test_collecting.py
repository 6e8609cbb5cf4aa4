"""Bytes that are sent again while the collector is after them (P07)."""

import os
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from support import tiers
from support.core import House
from support.music import Song
from tutti.domain.values import BlobHash
from tutti.services.ingest import Accepted

ROUNDS = 1_000 if tiers.is_deep() else 4
LONG_AGO = 1_000_000_000
"""An instant in seconds, long before any grace period."""


def forget(house: House, accepted: Accepted) -> None:
    """Let the bytes be an orphan, and an old one."""
    house.trash.delete(house.ann, accepted.uuid)
    house.trash.purge(house.ann, accepted.uuid)
    blob = house.blobs.find(BlobHash(accepted.blob_hash))
    assert blob is not None
    assert blob.path is not None
    os.utime(blob.path, (LONG_AGO, LONG_AGO))


def test_bytes_that_are_sent_again_survive_the_collector(house: House) -> None:
    song = Song("One", audio="one")
    accepted = house.bring(song)
    start, outcomes, lost = Barrier(2), set(), []

    def collect() -> int:
        start.wait()
        return house.maintenance.tidy().orphans

    def send() -> Accepted:
        start.wait()
        return house.bring(song)

    with ThreadPoolExecutor(2) as pool:
        for number in range(ROUNDS):
            forget(house, accepted)
            collecting, sending = pool.submit(collect), pool.submit(send)
            collected, accepted = collecting.result(), sending.result()
            outcomes.add(collected)
            blob = house.blobs.find(BlobHash(accepted.blob_hash))
            if blob is None or b"".join(house.blobs.read(BlobHash(accepted.blob_hash))) != song.data:
                lost.append(number)

    assert lost == []
    assert outcomes <= {0, 1}
    assert house.deliveries.open(house.ann, accepted.uuid).file.size_bytes == len(song.data)
