"""The picture of a folder is chosen by rule and followed when it changes."""

from support.core import House
from support.music import Song, touch
from tutti.db.repos.browse import FolderCover


def cover(house: House) -> FolderCover | None:
    """The picture of the folder `a`."""
    with house.db.read() as tx:
        folders = tx.sources.folders(house.source_id)
        return tx.browse.folder_cover(folders[b"a"][0])


class TestPicture:
    def test_the_picture_of_a_new_folder_is_noted(self, house: House) -> None:
        house.save("a/one.mp3")
        house.save("a/folder.jpg", b"PICTURE")

        house.scan()

        found = cover(house)
        assert found is not None
        assert (found.folder, found.name) == (b"a", b"folder.jpg")

    def test_a_better_picture_takes_its_place_although_no_song_changed(self, house: House) -> None:
        house.save("a/one.mp3")
        house.save("a/folder.jpg", b"PICTURE")
        house.scan()
        house.save("a/cover.jpg", b"PICTURE 2")

        report = house.scan()

        found = cover(house)
        assert found is not None
        assert (found.name, report.updated) == (b"cover.jpg", 0)

    def test_a_changed_picture_has_another_stamp(self, house: House) -> None:
        house.save("a/one.mp3")
        path = house.save("a/cover.jpg", b"PICTURE")
        house.scan()
        before = cover(house)
        touch(path)

        house.scan()

        assert cover(house) != before

    def test_an_unchanged_picture_keeps_its_stamp(self, house: House) -> None:
        house.save("a/one.mp3", Song())
        house.save("a/cover.jpg", b"PICTURE")
        house.scan()
        before = cover(house)

        house.scan()

        assert cover(house) == before

    def test_a_removed_picture_is_forgotten(self, house: House) -> None:
        house.save("a/one.mp3")
        path = house.save("a/cover.jpg", b"PICTURE")
        house.scan()
        path.unlink()

        house.scan()

        assert cover(house) is None

    def test_a_folder_that_cannot_be_listed_keeps_its_picture(self, house: House) -> None:
        house.save("a/one.mp3")
        house.save("a/cover.jpg", b"PICTURE")
        house.save("b/one.mp3")
        house.scan()
        before = cover(house)
        house.folders.blind.add(b"a")

        house.scan()

        assert cover(house) == before
