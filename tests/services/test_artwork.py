"""Covers: which picture is shown, in which sizes, and how often it is rendered."""

import os
from uuid import UUID, uuid4

import pytest

from support.core import House
from support.errors import raised
from support.music import Song
from support.scripted_media import PICTURE
from tutti.domain.errors import ErrorKind
from tutti.domain.values import ItemId
from tutti.ports.media import COVER_SIZES
from tutti.services.catalog import PageWish

FRONT = PICTURE + b" front"
INSIDE = "PICTURE inside"


def album(house: House) -> UUID:
    return house.catalog.albums(house.ann, PageWish()).items[0].uuid


def rendered(house: House) -> list[str]:
    """The names of the files that were rendered."""
    return [os.fsdecode(path).rpartition("/")[2] for path, _ in house.media.rendered]


class TestAlbum:
    def test_the_picture_of_the_folder_comes_first(self, house: House) -> None:
        house.save("a/one.mp3", Song(cover=INSIDE))
        house.save("a/cover.jpg", FRONT)
        house.scan()

        house.artwork.of_album(house.ann, album(house), 300)

        assert rendered(house) == ["cover.jpg"]

    def test_without_one_the_picture_in_a_track_is_shown(self, house: House) -> None:
        house.save("a/one.mp3", Song(audio="one"))
        house.save("a/two.mp3", Song(audio="two", cover=INSIDE))
        house.scan()

        house.artwork.of_album(house.ann, album(house), 300)

        assert rendered(house) == ["two.mp3"]

    def test_a_picture_that_cannot_be_decoded_gives_way_to_the_next(self, house: House) -> None:
        house.save("a/one.mp3", Song(cover=INSIDE))
        house.save("a/cover.jpg", b"no picture")
        house.scan()

        house.artwork.of_album(house.ann, album(house), 300)

        assert rendered(house) == ["one.mp3"]

    def test_when_none_can_be_decoded_the_reason_is_the_answer(self, house: House) -> None:
        house.save("a/one.mp3")
        house.save("a/cover.jpg", b"no picture")
        house.scan()

        assert raised(lambda: house.artwork.of_album(house.ann, album(house), 300)) == (
            ErrorKind.UNSUPPORTED,
            "bad_picture",
        )

    def test_a_picture_that_became_a_link_out_of_the_folder_is_not_shown(self, house: House) -> None:
        house.save("a/one.mp3")
        path = house.save("a/cover.jpg", FRONT)
        house.scan()
        secret = path.rename(house.music.parent / "secret.jpg")
        path.symlink_to(secret)

        assert raised(lambda: house.artwork.of_album(house.ann, album(house), 300))[1] == "bad_picture"

    def test_an_album_without_pictures_has_no_cover(self, house: House) -> None:
        house.save("a/one.mp3")
        house.scan()

        assert raised(lambda: house.artwork.of_album(house.ann, album(house), 300)) == (ErrorKind.NOT_FOUND, "no_cover")

    def test_an_unknown_album_is_not_found(self, house: House) -> None:
        assert raised(lambda: house.artwork.of_album(house.ann, uuid4(), 300)) == (
            ErrorKind.NOT_FOUND,
            "album_not_found",
        )


class TestTrack:
    def test_its_own_picture_comes_first(self, house: House) -> None:
        house.save("a/one.mp3", Song(cover=INSIDE))
        house.save("a/cover.jpg", FRONT)
        house.scan()

        house.artwork.of_track(house.ann, house.listed()["a/one.mp3"], 300)

        assert rendered(house) == ["one.mp3"]

    def test_without_one_that_of_its_folder_is_shown(self, house: House) -> None:
        house.save("a/one.mp3")
        house.save("a/cover.jpg", FRONT)
        house.scan()

        house.artwork.of_track(house.ann, house.listed()["a/one.mp3"], 300)

        assert rendered(house) == ["cover.jpg"]

    def test_a_file_of_ours_has_its_own(self, house: House) -> None:
        uuid = _upload(house, Song(cover=INSIDE))

        assert house.artwork.of_track(house.ann, uuid, 300).data

    def test_a_file_of_ours_whose_bytes_are_lost_says_so(self, house: House) -> None:
        uuid = _upload(house, Song(cover=INSIDE))
        for blob in list(house.blobs.walk()):
            house.blobs.delete(blob.hash)

        assert raised(lambda: house.artwork.of_track(house.ann, uuid, 300)) == (ErrorKind.UNAVAILABLE, "blob_damaged")

    def test_a_track_that_is_gone_has_none(self, house: House) -> None:
        house.save("stays.mp3", Song(audio="stays"))
        path = house.save("one.mp3", Song(cover=INSIDE))
        house.scan()
        item = house.listed()["one.mp3"]
        path.unlink()
        house.scan()

        assert raised(lambda: house.artwork.of_track(house.ann, item, 300)) == (ErrorKind.NOT_FOUND, "track_not_found")


class TestRendering:
    @pytest.fixture
    def item(self, house: House) -> UUID:
        house.save("a/one.mp3", Song(cover=INSIDE))
        house.scan()
        return house.listed()["a/one.mp3"]

    @pytest.mark.parametrize("size_px", COVER_SIZES)
    def test_each_fixed_size_can_be_asked_for(self, house: House, item: UUID, size_px: int) -> None:
        house.artwork.of_track(house.ann, item, size_px)

        assert [size for _, size in house.media.rendered] == [size_px]

    @pytest.mark.parametrize("size_px", [0, -1, 1, 65, 1201, 10**9])
    def test_no_other_size(self, house: House, item: UUID, size_px: int) -> None:
        assert raised(lambda: house.artwork.of_track(house.ann, item, size_px)) == (
            ErrorKind.INVALID,
            "bad_cover_size",
        )

    def test_a_size_is_rendered_once(self, house: House, item: UUID) -> None:
        first = house.artwork.of_track(house.ann, item, 300)

        assert house.artwork.of_track(house.ann, item, 300) == first
        assert len(house.media.rendered) == 1

    def test_each_size_has_a_validator_of_its_own(self, house: House, item: UUID) -> None:
        covers = [house.artwork.of_track(house.ann, item, size_px) for size_px in COVER_SIZES]

        assert len({cover.etag for cover in covers}) == len(COVER_SIZES)

    def test_tracks_with_the_same_picture_share_it(self, house: House, item: UUID) -> None:
        house.save("a/two.mp3", Song("Two", audio="two", cover=INSIDE))
        house.scan()
        house.artwork.of_track(house.ann, item, 300)

        house.artwork.of_track(house.ann, house.listed()["a/two.mp3"], 300)

        assert len(house.media.rendered) == 1

    def test_a_changed_picture_of_a_folder_is_rendered_anew(self, house: House, item: UUID) -> None:
        house.save("a/cover.jpg", FRONT)
        house.scan()
        before = house.artwork.of_album(house.ann, album(house), 300)
        house.save("a/cover.jpg", PICTURE + b" another")
        house.scan()

        after = house.artwork.of_album(house.ann, album(house), 300)

        assert before.etag != after.etag
        assert before.data != after.data

    def test_a_kept_cover_is_shown_while_the_folder_is_down(self, house: House, item: UUID) -> None:
        before = house.artwork.of_track(house.ann, item, 300)
        house.music.rename(house.music.parent / "unmounted")

        assert house.artwork.of_track(house.ann, item, 300) == before


def _upload(house: House, song: Song) -> UUID:
    accepted = house.send(song.data)
    with house.db.read() as tx:
        [job] = tx.jobs.all_jobs()
    house.probing.probe([ItemId(int(job.ref))])
    return accepted.uuid
