"""A check, a repair and the collection of garbage are over a bucket what they are over a folder."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import obstore
import pytest

from support import s3
from support.clock import ManualClock
from support.core import House
from tutti.backends.blobs_s3 import Bucket, S3Blobs
from tutti.backends.bus import LocalBus
from tutti.backends.keys import KeyRing
from tutti.db.engine import Database
from tutti.domain.checking import CheckReport, Fault, Share
from tutti.domain.values import BlobHash
from tutti.kit.clock import Clock

EVERYTHING = Share(part=1.0)


@pytest.fixture
def bucket() -> Bucket:
    return Bucket(s3.fresh())


@pytest.fixture
def house(  # noqa: PLR0917 - fixtures
    tmp_path: Path, db: Database, bus: LocalBus, clock: ManualClock, keys: KeyRing, bucket: Bucket
) -> Iterator[House]:
    def in_a_bucket(root: Path, clock: Clock) -> S3Blobs:
        return S3Blobs(bucket, root, clock=clock)

    house = House(tmp_path, db, bus, clock, keys, open_blobs=in_a_bucket)
    house.move_in()
    yield house
    house.close()


def faults(report: CheckReport) -> list[tuple[Fault, str, bool]]:
    return [(one.fault, one.ref, one.is_repaired) for one in report.findings]


def kept(house: House) -> list[BlobHash]:
    return [blob.hash for blob in house.blobs.walk()]


def test_what_nobody_names_goes_after_its_time_and_nothing_else(house: House) -> None:
    sent, gone = house.bring(), house.send(b"OggS and no song")
    house.trash.delete(house.ann, gone.uuid)
    house.trash.purge(house.ann, gone.uuid)
    assert house.maintenance.tidy().orphans == 0

    house.blob_clock.advance(timedelta(days=8))

    assert house.maintenance.tidy().orphans == 1
    assert kept(house) == [sent.blob_hash]


def test_a_check_names_what_is_missing(house: House, bucket: Bucket) -> None:
    sent = house.bring()
    obstore.delete(bucket.writing, bucket.key("blobs", sent.blob_hash))

    assert faults(house.checking.check(repair=True)) == [(Fault.BLOB_MISSING, sent.blob_hash, False)]


@pytest.mark.parametrize(("read", "fault"), [(None, Fault.BLOB_SIZE), (EVERYTHING, Fault.BLOB_DAMAGED)])
def test_what_is_damaged_is_put_aside_and_the_same_bytes_sent_again_take_its_place(
    house: House, bucket: Bucket, read: Share | None, fault: Fault
) -> None:
    sent = house.bring()
    wrong = bytes(sent.size_bytes) if read else b"cut"
    obstore.put(bucket.writing, bucket.key("blobs", sent.blob_hash), wrong)

    assert faults(house.checking.check(repair=True, read=read)) == [(fault, sent.blob_hash, True)]
    aside = [one["path"] for page in obstore.list(bucket.small, bucket.key("damaged")) for one in page]
    assert [sent.blob_hash in path for path in aside] == [True]
    assert kept(house) == []

    assert house.bring().uuid == sent.uuid
    assert house.checking.check(read=EVERYTHING).findings == []
