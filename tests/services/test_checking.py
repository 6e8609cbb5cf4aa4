"""A check finds every kind of damage, calls nothing else damage, and repairs only what cannot get worse (P05)."""

import os
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, select, update

from support.core import House
from support.music import Song
from tutti.domain.checking import CheckReport, Fault, Share
from tutti.domain.values import BlobHash
from tutti.models import Change, Library, LibraryAlbum, MediaItem, TrackText
from tutti.services.catalog import PageWish

EVERYTHING = Share(part=1)


@pytest.fixture
def kept(house: House) -> tuple[House, BlobHash]:
    """A house with one uploaded song and one in the folder."""
    house.send(Song(title="Kept").data, "kept.mp3")
    house.save("found.mp3", Song(title="Found"))
    house.scan()
    (blob,) = house.blobs.walk()
    return house, blob.hash


def file_of(house: House, blob_hash: BlobHash) -> Path:
    found = house.blobs.find(blob_hash)
    assert found is not None
    assert found.path is not None
    return Path(os.fsdecode(found.path))


def faults(report: CheckReport) -> list[tuple[Fault, bool]]:
    return [(finding.fault, finding.is_repaired) for finding in report.findings]


class TestBytes:
    def test_a_healthy_server_has_nothing_to_report(self, kept: tuple[House, BlobHash]) -> None:
        house, _ = kept

        report = house.checking.check(read=EVERYTHING)

        assert report.is_well
        assert (report.findings, report.blobs, report.orphans, report.read_blobs) == ([], 1, 0, 1)

    def test_missing_bytes_are_named_with_the_file_that_needs_them(self, kept: tuple[House, BlobHash]) -> None:
        house, blob_hash = kept
        file_of(house, blob_hash).unlink()

        report = house.checking.check(repair=True)

        assert faults(report) == [(Fault.BLOB_MISSING, False)]
        assert report.findings[0].ref == blob_hash
        assert "kept.mp3" in report.findings[0].detail
        assert not report.is_well

    def test_a_blob_that_lost_its_end_is_found_without_reading(self, kept: tuple[House, BlobHash]) -> None:
        house, blob_hash = kept
        path = file_of(house, blob_hash)
        path.chmod(0o600)
        path.write_bytes(path.read_bytes()[:-1])

        assert faults(house.checking.check()) == [(Fault.BLOB_SIZE, False)]

    def test_a_flipped_bit_is_found_by_reading(self, kept: tuple[House, BlobHash]) -> None:
        house, blob_hash = kept
        path = file_of(house, blob_hash)
        path.chmod(0o600)
        damaged = bytearray(path.read_bytes())
        damaged[0] ^= 1
        path.write_bytes(damaged)

        assert faults(house.checking.check()) == []
        assert faults(house.checking.check(read=EVERYTHING)) == [(Fault.BLOB_DAMAGED, False)]

    def test_damaged_bytes_are_put_aside_and_the_same_bytes_sent_again_take_their_place(
        self, kept: tuple[House, BlobHash]
    ) -> None:
        house, blob_hash = kept
        path = file_of(house, blob_hash)
        path.chmod(0o600)
        path.write_bytes(b"damaged")

        assert faults(house.checking.check(repair=True)) == [(Fault.BLOB_SIZE, True)]
        assert house.blobs.find(blob_hash) is None
        house.send(Song(title="Kept").data, "kept.mp3")

        assert house.checking.check(read=EVERYTHING).findings == []

    def test_bytes_without_a_row_are_counted_and_no_damage(self, house: House) -> None:
        staged = house.blobs.stage()
        staged.append(b"orphan")
        staged.commit()

        report = house.checking.check()

        assert (report.is_well, report.orphans) == (True, 1)

    def test_shares_add_up_to_everything(self, house: House) -> None:
        for number in range(4):
            house.send(Song(title=f"Song {number}").data)
        (first, *others) = [file_of(house, blob.hash) for blob in house.blobs.walk()]
        for path in (first, *others):
            path.chmod(0o600)
            path.write_bytes(bytes(len(path.read_bytes())))

        found = set()
        for _ in range(4):
            house.clock.advance(timedelta(minutes=1))
            report = house.checking.check(read=Share(count_bytes=1))
            assert report.read_blobs == 1
            found |= {finding.ref for finding in report.findings}

        assert len(found) == 4


class TestRows:
    def test_a_wrong_count_is_found_and_mended(self, kept: tuple[House, BlobHash]) -> None:
        house, _ = kept
        with house.db.engine.begin() as connection:
            connection.execute(update(LibraryAlbum).values(track_count=99))

        assert faults(house.checking.check()) == [(Fault.COUNTS, False)]
        assert faults(house.checking.check(repair=True)) == [(Fault.COUNTS, True)]
        assert house.checking.check().findings == []

    def test_an_album_that_no_list_shows_is_found_and_mended(self, kept: tuple[House, BlobHash]) -> None:
        house, _ = kept
        with house.db.engine.begin() as connection:
            connection.execute(delete(LibraryAlbum))

        assert faults(house.checking.check(repair=True)) == [(Fault.COUNTS, True)]
        assert house.checking.check().findings == []
        assert len(house.catalog.albums(house.ann, PageWish(limit=9)).items) == 1

    def test_a_track_that_no_search_finds_is_found_and_mended(self, kept: tuple[House, BlobHash]) -> None:
        house, _ = kept
        with house.db.engine.begin() as connection:
            connection.execute(delete(TrackText))

        assert faults(house.checking.check(repair=True)) == [(Fault.TEXTS, True)]
        assert house.checking.check().findings == []

    def test_a_counter_behind_its_changes_would_hide_them_and_is_raised(self, kept: tuple[House, BlobHash]) -> None:
        house, _ = kept
        with house.db.engine.begin() as connection:
            item_id = connection.scalar(select(MediaItem.id).limit(1))
            row = {"library_id": house.library_id, "seq": 1000, "item_id": item_id, "is_gone": False}
            connection.execute(insert(Change).values(row))

        assert faults(house.checking.check(repair=True)) == [(Fault.CHANGES, True)]
        with house.db.engine.connect() as connection:
            query = select(Library.change_seq).where(Library.id == house.library_id)
            assert connection.scalar(query) == 1000


class TestShare:
    @pytest.mark.parametrize(
        ("text", "share"),
        [("5%", 50), ("12.5%", 125), ("1/4", 250), ("100%", 1000), ("7", 7), ("2k", 2048), ("1G", 1 << 30), ("0/1", 0)],
    )
    def test_it_is_a_part_or_so_many_bytes(self, text: str, share: int) -> None:
        assert Share.parse(text).of(1000) == share

    @pytest.mark.parametrize("text", ["", "101%", "3/2", "-1", "half", "1/0x", "1.5", "%", "1e9"])
    def test_anything_else_is_refused_with_the_forms_there_are(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"no share|more than everything"):
            Share.parse(text)
