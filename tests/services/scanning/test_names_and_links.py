"""Hostile names are only data; links are followed inside of the folder and nowhere else."""

import os

import pytest

from support.core import House
from support.music import Song, save
from tutti.domain.formats import EXTENSIONS
from tutti.services.catalog import PageWish
from tutti.services.scanning.comparing import readable, suffix_of

HOSTILE = {
    "bytes that are no UTF-8": b"caf\xe9 \xff.mp3",
    "newline": b"one\ntwo.mp3",
    "leading dash": b"-rf.mp3",
    "255 bytes": b"x" * 251 + b".mp3",
    "emoji": "🎸🎶.mp3".encode(),
    "right-to-left override": "song\u202e3pm.mp3".encode(),
    "decomposed": "Bjo\u0308rk.mp3".encode(),
    "control characters": b"bell\x07\x1b[31m.mp3",
    "quotes": b"'; DROP TABLE track; --\".mp3",
    "wildcards": b"%_*?[].mp3",
    "backslash": b"x\\..\\..\\up.mp3",
    "three dots": b"...And Justice for All.mp3",
    "spaces": b"  .mp3",
}


@pytest.fixture(params=list(HOSTILE.values()), ids=list(HOSTILE))
def name(request: pytest.FixtureRequest) -> bytes:
    hostile: bytes = request.param
    return hostile


class TestHostileNames:
    def test_a_file_of_that_name_is_listed_and_opens(self, house: House, name: bytes) -> None:
        save(bytes(house.music) + b"/" + name, Song("One"))

        house.scan()

        [item] = house.listed().values()
        assert house.deliveries.open(house.ann, item).file.size_bytes == len(Song("One").data)

    def test_a_folder_of_that_name_is_shown_as_text(self, house: House, name: bytes) -> None:
        save(bytes(house.music) + b"/" + name + b"/one.mp3", Song("One", album=""))

        house.scan()

        root = house.catalog.roots(house.ann)[0]
        shown = house.catalog.subfolders(house.ann, root.uuid, PageWish()).items[0].name
        assert shown == readable(name)
        assert shown.isprintable()

    def test_a_file_without_tags_has_a_title_that_can_be_shown(self, house: House, name: bytes) -> None:
        save(bytes(house.music) + b"/" + name, Song(title=""))

        house.scan()

        [title] = house.titles()
        assert title.isprintable()
        assert title


class TestSkippedNames:
    @pytest.mark.parametrize(
        "name",
        [".hidden.mp3", ".hidden/one.mp3", "@eaDir/one.mp3", "#recycle/one.mp3", "lost+found/one.mp3", "._one.mp3"],
    )
    def test_hidden_files_and_what_appliances_leave_are_skipped(self, house: House, name: str) -> None:
        house.save(name)

        assert house.scan().seen == 0


class TestLinks:
    def test_a_link_to_a_file_outside_is_not_followed(self, house: House) -> None:
        outside = save(house.music.parent / "outside.mp3", Song("Secret"))
        (house.music / "link.mp3").symlink_to(outside)

        assert house.scan().seen == 0

    def test_a_link_to_a_folder_outside_is_not_followed(self, house: House) -> None:
        save(house.music.parent / "outside" / "one.mp3", Song("Secret"))
        (house.music / "link").symlink_to(house.music.parent / "outside")

        assert house.scan().seen == 0

    def test_a_link_to_a_folder_beside_it_whose_name_begins_alike_is_not_followed(self, house: House) -> None:
        save(house.music.parent / "music-of-others" / "one.mp3", Song("Secret"))
        (house.music / "link").symlink_to(house.music.parent / "music-of-others")

        assert house.scan().seen == 0

    def test_a_link_to_a_file_inside_is_an_item_of_its_own(self, house: House) -> None:
        (house.music / "link.mp3").symlink_to(house.save("one.mp3"))

        house.scan()

        assert set(house.listed()) == {"link.mp3", "one.mp3"}

    def test_a_folder_reached_in_two_ways_is_read_once(self, house: House) -> None:
        house.save("real/one.mp3")
        (house.music / "again").symlink_to(house.music / "real")

        assert house.scan().seen == 1

    def test_links_in_a_circle_end(self, house: House) -> None:
        house.save("a/one.mp3")
        (house.music / "a" / "up").symlink_to(house.music)
        (house.music / "a" / "self").symlink_to("self")

        assert house.scan().seen == 1

    def test_a_link_to_nothing_is_skipped(self, house: House) -> None:
        (house.music / "gone.mp3").symlink_to(house.music / "never")

        assert house.scan().seen == 0

    def test_a_source_may_itself_be_a_link(self, house: House) -> None:
        house.save("one.mp3", Song("One"))
        house.music.rename(house.music.parent / "disk")
        house.music.symlink_to(house.music.parent / "disk")

        house.scan()

        assert house.titles() == ["One"]

    def test_a_pipe_named_like_a_song_does_not_hold_the_scan(self, house: House) -> None:
        os.mkfifo(house.music / "pipe.mp3")

        assert house.scan().seen == 0


class TestNamesAsText:
    @pytest.mark.parametrize(
        ("name", "shown"),
        [(b"caf\xe9", "caf\ufffd"), (b"a\nb", "a b"), ("e\u0301".encode(), "\xe9"), (b"\x01\x02", "?"), (b" x ", "x")],
    )
    def test_a_name_becomes_text_that_can_be_stored(self, name: bytes, shown: str) -> None:
        assert readable(name) == shown

    @pytest.mark.parametrize(
        ("name", "suffix"), [(b"a.MP3", b".mp3"), (b"a.b.flac", b".flac"), (b".mp3", b""), (b"mp3", b""), (b"a.", b".")]
    )
    def test_the_suffix_of_a_name(self, name: bytes, suffix: bytes) -> None:
        assert suffix_of(name) == suffix

    def test_every_known_extension_is_looked_for(self, house: House) -> None:
        for extension in EXTENSIONS:
            house.save(f"song.{extension}")

        assert house.scan().seen == len(EXTENSIONS)
