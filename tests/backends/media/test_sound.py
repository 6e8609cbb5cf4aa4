"""The sound of a file stays the same, to the byte, whatever becomes of its tags."""

import io
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mutagen
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutagen.apev2 import APEv2
from mutagen.id3 import APIC, ID3, TIT2
from mutagen.wave import WAVE

from support.tones import FORMATS, picture, write_tone
from tutti.domain.sound import Region, Sound, find_sound, hash_of, sound_of

Retag = Callable[[Path, int], object]


def sound(path: Path) -> Sound | None:
    with path.open("rb") as file:
        return sound_of(file, path.stat().st_size)


def in_bytes(data: bytes) -> Region | None:
    return find_sound(io.BytesIO(data), len(data))


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("tones")
    for suffix in FORMATS:
        write_tone(place / f"tone.{suffix}", seconds=0.3, tags={"title": "Before", "artist": "Ann"})
    return place


def easily(path: Path, length: int) -> None:
    opened: Any = mutagen.File(path, easy=True)  # noqa: TID251 -- these files are ours
    opened["title"] = "x" * length
    opened.save()


def by_id3(path: Path, length: int) -> None:
    tags = ID3()  # type: ignore[no-untyped-call]  # mutagen has no types
    tags.add(TIT2(text="x" * length))  # type: ignore[no-untyped-call]  # likewise
    tags.save(path, v1=2)


def in_chunk(path: Path, length: int) -> None:
    opened: Any = WAVE(path)  # type: ignore[no-untyped-call]  # likewise
    if opened.tags is None:
        opened.add_tags()
    opened.tags.add(TIT2(text="x" * length))  # type: ignore[no-untyped-call]  # likewise
    opened.save()


RETAGGED: dict[str, Retag] = {
    "mp3": easily,
    "flac": easily,
    "m4a": easily,
    "ogg": easily,
    "opus": easily,
    "wav": in_chunk,
    "aac": by_id3,
}


@pytest.mark.parametrize("length", [0, 1, 200, 1500])
@pytest.mark.parametrize("suffix", RETAGGED)
def test_other_tags_leave_it(tones: Path, tmp_path: Path, suffix: str, length: int) -> None:
    path = Path(shutil.copy(tones / f"tone.{suffix}", tmp_path))
    before = sound(path)
    assert before is not None

    RETAGGED[suffix](path, length)

    after = sound(path)
    assert after is not None
    assert (after.hash, after.region.size_bytes) == (before.hash, before.region.size_bytes)


@pytest.mark.parametrize("suffix", ["mp3", "flac", "m4a", "wav", "aac"])
def test_much_longer_tags_leave_it(tones: Path, tmp_path: Path, suffix: str) -> None:
    path = Path(shutil.copy(tones / f"tone.{suffix}", tmp_path))
    before = sound(path)

    RETAGGED[suffix](path, 300_000)

    after = sound(path)
    assert before
    assert after
    assert after.hash == before.hash


@pytest.mark.parametrize("suffix", ["ogg", "opus"])
def test_comments_of_more_pages_number_the_pages_of_ogg_anew(tones: Path, tmp_path: Path, suffix: str) -> None:
    """What cannot be: the number of a page is part of the page."""
    path = Path(shutil.copy(tones / f"tone.{suffix}", tmp_path))
    before = sound(path)

    easily(path, 300_000)

    after = sound(path)
    assert before
    assert after
    assert after.region.size_bytes == before.region.size_bytes
    assert after.hash != before.hash


@pytest.mark.parametrize("suffix", ["mp3", "flac", "m4a"])
def test_no_tags_at_all_leave_it(tones: Path, tmp_path: Path, suffix: str) -> None:
    path = Path(shutil.copy(tones / f"tone.{suffix}", tmp_path))
    before = sound(path)

    opened: Any = mutagen.File(path)  # noqa: TID251 -- these files are ours
    opened.delete()

    after = sound(path)
    assert before
    assert after
    assert after.hash == before.hash


def test_an_mp3_may_have_tags_of_every_kind(tones: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(tones / "tone.mp3", tmp_path))
    before = sound(path)

    lyrics = b"LYRICSBEGININD0000200LYR00005Hello"
    path.write_bytes(path.read_bytes() + lyrics + b"%06dLYRICS200" % len(lyrics) + b"TAG".ljust(128, b"\0"))
    ape = APEv2()  # type: ignore[no-untyped-call]  # mutagen has no types
    ape["Title"] = "Of an ape"
    ape.save(path)
    by_id3(path, 10)
    id3 = ID3(path)  # type: ignore[no-untyped-call]  # likewise
    id3.add(APIC(mime="image/png", type=3, data=picture()))  # type: ignore[no-untyped-call]  # likewise
    id3.save()

    after = sound(path)
    assert before
    assert after
    assert after.hash == before.hash


def test_a_flac_may_hide_between_foreign_tags(tones: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(tones / "tone.flac", tmp_path))
    before = sound(path)

    by_id3(path, 10)

    after = sound(path)
    assert before
    assert after
    assert after.hash == before.hash


@pytest.mark.parametrize("suffix", FORMATS)
def test_it_is_what_its_region_says(tones: Path, suffix: str) -> None:
    data = (tones / f"tone.{suffix}").read_bytes()
    found = sound(tones / f"tone.{suffix}")

    assert found
    assert hash_of(io.BytesIO(data[found.region.offset :]), Region(0, found.region.size_bytes)) == found.hash
    assert found.region.size_bytes > len(data) // 3


def test_an_mp4_in_fragments_has_none() -> None:
    box = (9).to_bytes(4, "big")

    assert in_bytes(b"\0\0\0\x08ftyp" + box + b"mdatx" + b"\0\0\0\x08moov") == Region(16, 1)
    assert in_bytes(b"\0\0\0\x08ftyp" + box + b"mdatx" + b"\0\0\0\x08moof" + box + b"mdaty") is None
    assert in_bytes(b"\0\0\0\x08ftyp" + box + b"mdatx" + box + b"mdaty") is None


def test_an_mp4_may_be_long_or_without_an_end() -> None:
    assert in_bytes(b"\0\0\0\x08ftyp\0\0\0\1mdat" + (18).to_bytes(8, "big") + b"xy") == Region(24, 2)
    assert in_bytes(b"\0\0\0\x08ftyp\0\0\0\0mdatxyz") == Region(16, 3)


def test_a_long_wave_says_how_long_it_is() -> None:
    data = b"RF64\xff\xff\xff\xffWAVEds64\x18\0\0\0" + bytes(8) + b"\3" + bytes(15) + b"data\xff\xff\xff\xffabcLIST"

    assert in_bytes(data) == Region(52, 3)


SEEDS = [b"ID3\4\0\0\0\0\0\5xxxxx", b"fLaC", b"OggS\0\2", b"RIFF\0\0\0\0WAVE", b"FORM\0\0\0\0AIFF", b"\xff\xfb\x90\0"]
ENDS = [
    b"",
    b"TAG".ljust(128),
    b"999999LYRICS200",
    b"LYRICSEND",
    b"APETAGEX" + b"\xff" * 24,
    b"3DI\4\0\0\x7f\x7f\x7f\x7f",
]


@given(st.sampled_from(SEEDS), st.binary(max_size=400), st.sampled_from(ENDS))
def test_of_whatever_bytes_it_is_within_them(head: bytes, middle: bytes, end: bytes) -> None:
    data = head + middle + end
    found = in_bytes(data)

    if found is not None:
        assert 0 <= found.offset < found.offset + found.size_bytes <= len(data)
