"""Two phones and the original app's own algorithm (docs/contracts/astolfo.md b.9), in two languages."""

from pathlib import Path

from doors.astolfo.conftest import House, tone
from support.phone import CHUNK_BYTES, Folder, ForeignPhone


def put(root: Path, name: str, data: bytes) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


class TestTwoPhones:
    def test_they_come_to_hold_the_same_and_then_nothing_moves(self, house: House, tmp_path: Path) -> None:
        name = house.newcomer()
        with house.phone(name) as one, house.phone(name) as other:
            first, second = Folder(tmp_path / "one", one), Folder(tmp_path / "other", other)
            put(first.root, "album/song.FLAC", tone(tmp_path))
            put(first.root, "tune.mp3", tone(tmp_path, "mp3"))
            put(second.root, "other.ogg", tone(tmp_path, "ogg"))

            assert first.sync() == (2, 0)
            assert second.sync() == (1, 2)
            assert first.sync() == (0, 1)

            assert first.scan().keys() == second.scan().keys()
            assert {first.sync(), second.sync()} == {(0, 0)}

    def test_two_files_of_one_name_do_not_take_turns(self, house: House, tmp_path: Path) -> None:
        name = house.newcomer()
        with house.phone(name) as one, house.phone(name) as other:
            first, second = Folder(tmp_path / "one", one), Folder(tmp_path / "other", other)
            put(first.root, "album/track.flac", tone(tmp_path))
            put(first.root, "other/track.flac", tone(tmp_path))
            put(second.root, "Track.flac", tone(tmp_path))

            for _ in range(2):
                first.sync()
                second.sync()

            assert len(first.scan()) == len(second.scan()) == 3
            assert {first.sync(), second.sync()} == {(0, 0)}

    def test_a_file_that_was_tagged_anew_settles(self, house: House, tmp_path: Path) -> None:
        """The old bytes stay on the server, under their name; the new ones get another."""
        name = house.newcomer()
        with house.phone(name) as one, house.phone(name) as other:
            first, second = Folder(tmp_path / "one", one), Folder(tmp_path / "other", other)
            put(first.root, "song.flac", tone(tmp_path))
            first.sync()
            second.sync()
            put(first.root, "song.flac", tone(tmp_path))

            for _ in range(3):
                first.sync()
                second.sync()

            assert first.scan().keys() == second.scan().keys()
            assert {first.sync(), second.sync()} == {(0, 0)}


def test_the_stock_client_of_another_language_syncs(house: House, foreign_modules: Path, tmp_path: Path) -> None:
    name, data = house.newcomer(), tone(tmp_path, "wav") + bytes(300_000)
    put(tmp_path, "from afar.wav", data)
    with house.phone(name) as phone:
        foreign = ForeignPhone(foreign_modules, house.ports, phone.token)

        content_hash = foreign("upload", tmp_path / "from afar.wav")["hash"]
        listed = foreign("list")["files"]
        came = foreign("download", content_hash, tmp_path / "back.wav")

        assert listed == [{"hash": content_hash, "filename": "from afar.wav"}]
        assert tmp_path.joinpath("back.wav").read_bytes() == data
        assert came == {"largest": CHUNK_BYTES}
        assert foreign("delete", content_hash) == {"success": True}
        assert foreign("list") == {"files": []}
        foreign.token = ""
        assert foreign("list")["code"] == 16
