"""What a server may call a file here, and when two names are one."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutti.syncing.names import DEPTH_MAX, PART_MAX_BYTES, Names, conflict_path, is_audio, key_of, local_path


class TestLocalPath:
    @pytest.mark.parametrize(
        ("folder", "filename", "expected"),
        [
            ("Abba/Gold", "01 Fernando.mp3", "Abba/Gold/01 Fernando.mp3"),
            ("", "-rf.mp3", "-rf.mp3"),
            ("/etc", "passwd", "etc/passwd.audio"),
            ("../../up", "x.mp3", "up/x.mp3"),
            ("a/./b//c", "x.mp3", "a/b/c/x.mp3"),
            ("", "../x.mp3", "_._x.mp3"),
            ("..\\..", "x.mp3", "_._../x.mp3".replace("../", "/")),
            ("", "a\0b\n\x1b[2J.mp3", "a_b__[2J.mp3"),
            ("", "con.mp3", "_con.mp3"),
            ("LPT1", "nul", "_LPT1/_nul.audio"),
            ("trailing. ", "dot.mp3. ", "trailing/dot.mp3"),
            (".ssh", ".tutti-x.mp3", "_ssh/_tutti-x.mp3"),
            ("", "song.mp3.exe", "song.mp3.exe.audio"),
            ("", "run\u202e3pm.exe", "run_3pm.exe.audio"),
            ("", 'a:b<c>"d|e?f*.mp3', "a_b_c__d_e_f_.mp3"),
            ("", "", "_.audio"),
            ("", "e\u0301.MP3", "\u00e9.MP3"),
            ("", "\ud800.mp3", "_.mp3"),
        ],
    )
    def test_a_name_of_a_server_becomes_one_that_is_harmless(self, folder: str, filename: str, expected: str) -> None:
        assert local_path(folder, filename) == expected

    def test_what_is_too_long_keeps_its_ending(self) -> None:
        name = local_path("", "\u00e4" * 500 + ".flac")

        assert name.endswith("\u00e4.flac")
        assert len(name.encode()) <= PART_MAX_BYTES

    @given(st.text(max_size=300), st.text(max_size=300))
    def test_no_text_whatever_leads_out_or_hides(self, folder: str, filename: str) -> None:
        path = local_path(folder, filename)

        parts = path.split("/")
        assert len(parts) <= DEPTH_MAX + 1
        assert not any(part in {"", ".", ".."} or part.startswith(".") for part in parts)
        assert not re.search(r'[\x00-\x1f\x7f<>:"|?*\\]', path)
        assert all(len(part.encode()) <= PART_MAX_BYTES and part == part.rstrip(". ") for part in parts)
        assert is_audio(parts[-1])

    @given(st.text(max_size=60), st.text(max_size=60))
    def test_a_name_that_was_made_here_is_kept(self, folder: str, filename: str) -> None:
        folder, _, name = local_path(folder, filename).rpartition("/")

        assert local_path(folder, name) == (f"{folder}/{name}" if folder else name)


class TestTaken:
    @pytest.mark.parametrize("wanted", ["a/x.mp3", "A/X.MP3", "a/\u212aelvin.mp3", "e\u0301.mp3"])
    def test_names_that_some_file_system_takes_for_one_get_a_number(self, wanted: str) -> None:
        names = Names(["a/x.mp3", "A/kelvin.mp3", "\u00c9.mp3"])

        settled = names.settle(wanted)

        assert settled == wanted.replace(".", " (2).", 1)

    def test_a_file_is_not_put_below_a_file(self) -> None:
        settled = Names(["a/x.mp3"]).settle("a/x.mp3/y.mp3")

        assert Names(["a/x.mp3"]).is_free(settled)

    def test_a_file_does_not_take_the_name_of_a_folder(self) -> None:
        assert Names(["a.mp3/x.mp3"]).settle("a.mp3") == "a (2).mp3"

    @given(st.lists(st.sampled_from(["a.mp3", "A.mp3", "a.mp3/a.mp3", "a/a.mp3", "a"]), max_size=12))
    def test_no_two_files_have_one_name_whatever_is_asked_for(self, wanted: list[str]) -> None:
        names = Names()

        keys = [key_of(names.settle(path)) for path in wanted]

        assert len(set(keys)) == len(keys)
        assert not any(one.startswith(f"{other}/") for one in keys for other in keys)


class TestConflict:
    def test_it_names_the_device_and_the_day(self) -> None:
        assert conflict_path("A/b.mp3", "lap/top", "2026-11-26") == "A/b (conflict lap_top 2026-11-26).mp3"

    def test_a_long_name_has_room_for_it(self) -> None:
        path = conflict_path("x" * 190 + ".mp3", "d" * 100, "2026-11-26")

        assert len(path) <= PART_MAX_BYTES
        assert path.endswith(" 2026-11-26).mp3")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("x.audio", True),
        ("x.mp3", True),
        ("x.FLAC", True),
        (".x.mp3", False),
        ("x.jpg", False),
        ("mp3", False),
        ("x.mp3.part", False),
    ],
)
def test_only_names_of_audio_that_are_not_hidden_count(name: str, expected: bool) -> None:  # noqa: FBT001
    assert is_audio(name) is expected
