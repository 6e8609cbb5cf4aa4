"""Files by their content; what was lost leaves the lists, and is back with its bytes."""

from hashlib import sha256

import pytest

from support.core import House
from support.errors import raised
from support.music import Song
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.values import BlobHash

ONE = Song("One", audio="one")
TWO = Song("Two", audio="two")
NOT_FOUND = (ErrorKind.NOT_FOUND, "track_not_found")


def hash_of(song: Song) -> BlobHash:
    return BlobHash(sha256(song.data).hexdigest())


def lose(house: House, song: Song) -> None:
    """Take bytes away behind our back."""
    assert house.blobs.delete(hash_of(song))


def listed(house: House) -> set[str]:
    return {file.hash for file in house.listing.phone_list(house.ann)}


@pytest.fixture
def two_songs(house: House) -> House:
    house.send(ONE.data, "one.mp3")
    house.send(TWO.data, "two.mp3")
    house.probe_all()
    return house


def test_what_is_there_is_opened(two_songs: House) -> None:
    item_uuid, delivery = two_songs.handing.open(two_songs.ann, hash_of(ONE))

    assert item_uuid == two_songs.listing.by_hash(two_songs.ann, hash_of(ONE))
    assert delivery.etag == hash_of(ONE)


class TestLost:
    def test_it_is_not_found_and_leaves_the_list(self, two_songs: House) -> None:
        lose(two_songs, ONE)

        assert raised(lambda: two_songs.handing.open(two_songs.ann, hash_of(ONE))) == NOT_FOUND

        assert listed(two_songs) == {hash_of(TWO)}
        assert two_songs.titles() == ["Two"]

    def test_no_device_is_told_to_part_with_its_copy_and_all_may_send_it(self, two_songs: House) -> None:
        lose(two_songs, ONE)
        raised(lambda: two_songs.handing.open(two_songs.ann, hash_of(ONE)))

        told = two_songs.sync.changes(two_songs.ann).changes
        assert [one.is_gone for one in told] == [False, False]
        assert list(two_songs.sync.have(two_songs.ann, [hash_of(ONE)])) == []

    def test_sent_again_it_is_the_item_it_was(self, two_songs: House) -> None:
        item_uuid = two_songs.listing.by_hash(two_songs.ann, hash_of(ONE))
        lose(two_songs, ONE)
        raised(lambda: two_songs.handing.open(two_songs.ann, hash_of(ONE)))

        again = two_songs.send(ONE.data, "one.mp3")
        two_songs.probe_all()

        assert again.uuid == item_uuid
        assert listed(two_songs) == {hash_of(ONE), hash_of(TWO)}
        assert two_songs.titles() == ["One", "Two"]

    def test_when_its_bytes_are_back_maintenance_lists_it_again(self, two_songs: House) -> None:
        lose(two_songs, ONE)
        raised(lambda: two_songs.handing.open(two_songs.ann, hash_of(ONE)))
        staged = two_songs.blobs.stage()
        staged.append(ONE.data)
        staged.commit()

        assert two_songs.maintenance.tidy().recovered == 1
        two_songs.probe_all()

        assert listed(two_songs) == {hash_of(ONE), hash_of(TWO)}
        assert two_songs.titles() == ["One", "Two"]
        assert two_songs.handing.recover() == 0

    def test_a_store_that_lost_everything_is_down_and_no_row_changes(self, two_songs: House) -> None:
        lose(two_songs, ONE)
        lose(two_songs, TWO)

        for song in (ONE, TWO):
            found = raised(lambda one=song: two_songs.handing.open(two_songs.ann, hash_of(one)))  # type: ignore[misc]
            assert found == (ErrorKind.UNAVAILABLE, "store_failed")

        assert listed(two_songs) == {hash_of(ONE), hash_of(TWO)}

    def test_a_store_that_is_down_changes_no_row(self, two_songs: House, monkeypatch: pytest.MonkeyPatch) -> None:
        def down(_: BlobHash) -> None:
            raise AppError(ErrorKind.UNAVAILABLE, "store_failed", "The store cannot be reached.")

        monkeypatch.setattr(two_songs.blobs, "find", down)

        found = raised(lambda: two_songs.handing.open(two_songs.ann, hash_of(ONE)))

        assert found == (ErrorKind.UNAVAILABLE, "store_failed")
        assert listed(two_songs) == {hash_of(ONE), hash_of(TWO)}
