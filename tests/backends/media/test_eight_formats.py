"""performance.md S7: title, artist, album, track, date and length of the eight formats, and what else they can hold."""

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path

import pytest
from PIL import Image

from support.derive_media import FORMATS, Song, derive
from support.media_corpus import corpus, media_file, read_here
from tutti.backends.media_worker.pool import PooledMediaReader
from tutti.domain.media import Reading, Refusal, Refused

SECONDS = 3.0
WITHOUT_COVER = {"wav"}


@pytest.fixture(scope="module")
def song() -> Song:
    picture = io.BytesIO()
    Image.radial_gradient("L").convert("RGB").save(picture, "JPEG")
    return Song(cover=picture.getvalue())


@pytest.fixture(scope="module")
def files(song: Song, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    return derive(tmp_path_factory.mktemp("songs"), song, seconds=SECONDS)


@pytest.fixture(scope="module")
def readings(files: Mapping[str, Path], reader: PooledMediaReader) -> Mapping[str, Reading]:
    answers = reader.read(map(media_file, files.values()))
    return {name: answer for name, answer in zip(files, answers, strict=True) if isinstance(answer, Reading)}


@pytest.mark.parametrize("name", FORMATS)
def test_the_truth_table_is_met(readings: Mapping[str, Reading], song: Song, name: str) -> None:
    tags = readings[name].tags

    found = (tags.title, *tags.artists, tags.album, *tags.genres, tags.date, tags.track)

    assert found == (song.title, song.artist, song.album, song.genre, song.date, song.track)


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "wav"])
def test_album_artist_disc_and_totals_are_read_where_the_format_has_them(
    readings: Mapping[str, Reading], song: Song, name: str
) -> None:
    tags = readings[name].tags

    found = (*tags.album_artists, tags.track_total, tags.disc, tags.disc_total)

    assert found == (song.album_artist, song.tracks, song.disc, song.discs)


@pytest.mark.parametrize("name", FORMATS)
def test_the_length_is_right_to_a_frame_or_two(readings: Mapping[str, Reading], name: str) -> None:
    assert readings[name].facts.duration_ms == pytest.approx(SECONDS * 1000, abs=60)


@pytest.mark.parametrize("name", FORMATS)
def test_rate_and_channels_are_read(readings: Mapping[str, Reading], name: str) -> None:
    facts = readings[name].facts

    assert (facts.sample_rate_hz, facts.channels) == (48000 if name == "opus" else 44100, 2)
    assert 20_000 < facts.bitrate_bps < 2_000_000


@pytest.mark.parametrize("name", [name for name in FORMATS if name not in WITHOUT_COVER])
def test_the_cover_is_named_by_its_bytes(readings: Mapping[str, Reading], song: Song, name: str) -> None:
    cover = readings[name].cover

    assert cover is not None
    assert (cover.hash, cover.mime) == (hashlib.sha256(song.cover).hexdigest(), "image/jpeg")
    assert cover.size_bytes == len(song.cover)


@pytest.mark.parametrize("name", [name for name in FORMATS if name not in WITHOUT_COVER])
def test_the_cover_is_drawn_from_every_format(reader: PooledMediaReader, files: Mapping[str, Path], name: str) -> None:
    drawn = Image.open(io.BytesIO(reader.render_cover(media_file(files[name]), 64)))

    assert (drawn.format, drawn.size) == ("WEBP", (64, 64))


@pytest.mark.parametrize("name", ["mp3", "flac", "aac", "m4a", "wav", "wma", "ogg", "opus"])
def test_a_retagged_file_keeps_its_fingerprint(files: Mapping[str, Path], tmp_path: Path, name: str) -> None:
    other = derive(tmp_path, Song(title="x" * 3000), seconds=SECONDS)[name]

    first, second = (read_here(path.read_bytes(), path.name) for path in (files[name], other))

    assert isinstance(first, Reading)
    assert isinstance(second, Reading)
    assert first.fingerprint == second.fingerprint


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("wrong", FORMATS)
def test_a_misnamed_file_is_refused_by_what_it_is(files: Mapping[str, Path], name: str, wrong: str) -> None:
    same = {name, wrong} <= {"ogg", "opus"} or name == wrong

    answer = read_here(files[name].read_bytes(), f"song.{wrong}")

    assert isinstance(answer, Reading) if same else _is_misnamed(answer)


def _is_misnamed(answer: Reading | Refused) -> bool:
    return isinstance(answer, Refused) and answer.reason is Refusal.WRONG_TYPE and "its name says" in answer.message


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "aac"])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_file_that_stops_early_is_reported(files: Mapping[str, Path], name: str, share: float) -> None:
    data = files[name].read_bytes()

    answer = read_here(data[: int(len(data) * share)], f"song.{name}")

    assert isinstance(answer, Refused)
    assert answer.reason is Refusal.DAMAGED


def test_adts_that_stops_early_is_as_long_as_it_is(files: Mapping[str, Path]) -> None:
    """ADTS promises no length, so half a file is a whole shorter one."""
    data = files["aac"].read_bytes()

    answer = read_here(data[: len(data) // 2], "song.aac")

    assert isinstance(answer, Reading)
    assert 0 < answer.facts.duration_ms < SECONDS * 1000


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("stop", [1, 3, 11, 40, 100])
def test_the_first_bytes_alone_are_no_song(files: Mapping[str, Path], name: str, stop: int) -> None:
    assert isinstance(read_here(files[name].read_bytes()[:stop], f"song.{name}"), Refused)


@pytest.mark.parametrize(
    "suffix", ["aiff", "alac.m4a", "ape", "dsf", "flac", "m4a", "mp3", "mpc", "ogg", "opus", "wma", "wv"]
)
def test_the_same_tags_are_read_from_every_format_of_another_hand(suffix: str) -> None:
    (path,) = (path for path in corpus("beets") if path.name == f"full.{suffix}")

    answer = read_here(path.read_bytes(), path.name)

    assert isinstance(answer, Reading)
    tags = answer.tags
    assert (tags.title, tags.artists, tags.album) == ("full", ["the artist"], "the album")
    assert (tags.track, tags.track_total, tags.disc, tags.disc_total) == (2, 3, 4, 5)
    assert (tags.date, tags.genres, tags.composers) == ("2001", ["the genre"], ["the composer"])
    assert (tags.lyrics, tags.comment) == ("the lyrics", "the comments")
    assert tags.is_compilation


def test_a_real_recording_is_as_long_in_every_format(reader: PooledMediaReader, tmp_path: Path) -> None:
    music = corpus("wesnoth-1.16-music")
    source = next(path for path in music if path.name == "knolls.ogg")

    files = derive(tmp_path, Song(), seconds=60, source=source)
    answers = list(reader.read(map(media_file, files.values())))

    lengths = [answer.facts.duration_ms for answer in answers if isinstance(answer, Reading)]
    assert lengths == pytest.approx([60_000] * 8, rel=0.005)
