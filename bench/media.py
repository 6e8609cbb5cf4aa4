"""Libraries of real audio files in eight formats, encoded once, tagged one by one, kept outside of the tree."""

import random
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from io import BytesIO
from pathlib import Path

from PIL import Image

from bench.tagging import ALBUM_TRACKS, Truth, tagged

CACHE = Path.home() / ".cache" / "tutti" / "bench"
"""Where data sets are kept, by name and parameters."""

FORMATS = ("mp3", "flac", "ogg", "opus", "m4a", "wav", "aac", "wma")
SHORT_FORMATS = ("mp3", "flac", "opus", "m4a")
COVER_BYTES = 26_000

_SOUNDS = 5
_CODECS = {
    "mp3": "-c:a libmp3lame -b:a 192k",
    "flac": "-c:a flac",
    "ogg": "-c:a libvorbis -b:a 160k",
    "opus": "-c:a libopus -b:a 128k -ar 48000",
    "m4a": "-c:a aac -b:a 160k -movflags +faststart",
    "wav": "-c:a pcm_s16le",
    "aac": "-c:a aac -b:a 160k -f adts",
    "wma": "-c:a wmav2 -b:a 160k",
}


def big_library() -> Path:
    """Return 3,000 files of 20 s, 375 of each of eight formats, with covers of 26 KB."""
    return _library("mixed", FORMATS, count=3000, seconds=20, with_cover=True)


def small_library() -> Path:
    """Return 20,000 files of 2 s in four formats, without covers."""
    return _library("tiny", SHORT_FORMATS, count=20_000, seconds=2, with_cover=False)


def linked_library(times: int) -> Path:
    """Return the small library hard-linked so many times into trees of their own: as many rows, few bytes of disk."""
    name = f"linked-{times}"

    def build(target: Path) -> None:
        source = small_library()
        for number in range(times):
            shutil.copytree(source, target / f"Tree {number:03}", copy_function=_link)

    return cached(name, build)


def big_file(megabytes: int = 30) -> Path:
    """Return a folder with one WAV file of that size, of noise from a fixed seed."""

    def build(target: Path) -> None:
        size = megabytes << 20
        head = struct.pack("<4sI4s4sIHHIIHH4sI", *_wave_head(size))
        (target / "noise.wav").write_bytes(head + random.Random(size).randbytes(size - len(head)))

    return cached(f"noise-{megabytes}", build)


def noise_files(count: int, megabytes: int) -> Path:
    """Return a folder of WAV files to be evicted and read cold."""

    def build(target: Path) -> None:
        size = megabytes << 20
        head = struct.pack("<4sI4s4sIHHIIHH4sI", *_wave_head(size))
        for number in range(count):
            data = head + random.Random(number).randbytes(size - len(head))
            (target / f"noise {number:02}.wav").write_bytes(data)

    return cached(f"cold-{count}-{megabytes}", build)


def truths(count: int = 3000, seconds: int = 20, formats: tuple[str, ...] = FORMATS) -> Iterator[Truth]:
    """Yield what stands in each file of a library."""
    albums = count // len(formats) // ALBUM_TRACKS + 1
    for form in formats:
        for number in range(count // len(formats)):
            album, track = divmod(number, ALBUM_TRACKS)
            artist = f"{_WORDS[album % len(_WORDS)]} {form.upper()}"
            title = f"{_WORDS[(number * 7) % len(_WORDS)]} {_WORDS[(number * 11 + 3) % len(_WORDS)]} {number}"
            name = f"Volume {album % albums + 1} of {form}"
            path = f"{artist}/{name}/{track + 1:02} {title}.{form}"
            yield Truth(path, form, title, artist, name, track + 1, str(1960 + album % 60), seconds * 1000)


def cached(name: str, build: Callable[[Path], None]) -> Path:
    """Return a data set, built when it is not there yet; one that was left half-built is built anew."""
    target = CACHE / name
    if not target.exists():
        unfinished = CACHE / f"{name}.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        build(unfinished)
        unfinished.rename(target)
    return target


def _library(name: str, formats: tuple[str, ...], *, count: int, seconds: int, with_cover: bool) -> Path:
    def build(target: Path) -> None:
        sounds = cached(f"sounds-{seconds}", lambda folder: _encode(folder, seconds))
        wanted = list(truths(count, seconds, formats))
        chunks = [(sounds, target, wanted[start : start + 250], with_cover) for start in range(0, len(wanted), 250)]
        with ProcessPoolExecutor(2) as pool:
            list(pool.map(_write, chunks))

    return cached(f"{name}-{count}-{seconds}", build)


def _encode(folder: Path, seconds: int) -> None:
    """Encode a few sounds in every format: tones under noise, so that lossless files are not tiny."""
    for form in FORMATS:
        for number in range(_SOUNDS):
            source = f"sine=f={220 + 40 * number}:d={seconds}[a];anoisesrc=a=0.1:seed={number}:d={seconds}[b]"
            graph = f"{source};[a][b]amix=2,aformat=sample_rates=44100:channel_layouts=stereo"
            command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", graph, "-map_metadata", "-1"]
            subprocess.run([*command, *_CODECS[form].split(), str(folder / f"{number}.{form}")], check=True)


def _write(chunk: tuple[Path, Path, list[Truth], bool]) -> None:
    sounds, target, wanted, with_cover = chunk
    for number, truth in enumerate(wanted):
        sound = _sound(sounds / f"{number % _SOUNDS}.{truth.format}")
        data = tagged(sound, truth, _cover(truth.album) if with_cover else b"")
        path = target / truth.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


@cache
def _sound(path: Path) -> bytes:
    return path.read_bytes()


@cache
def _cover(album: str) -> bytes:
    """Return a JPEG of about 26 KB; noise is what keeps it from being smaller."""
    generator = random.Random(album)
    small = Image.frombytes("RGB", (96, 96), generator.randbytes(96 * 96 * 3))
    buffer = BytesIO()
    small.resize((480, 480)).save(buffer, "JPEG", quality=80)
    data = buffer.getvalue()
    return data + b"\0" * max(COVER_BYTES - len(data), 0)


def _link(source: str, target: str) -> None:
    Path(target).hardlink_to(source)


def _wave_head(size: int) -> tuple[bytes | int, ...]:
    rate, channels, bits = 44_100, 2, 16
    block = channels * bits // 8
    form = (16, 1, channels, rate, rate * block, block, bits)
    return (b"RIFF", size - 8, b"WAVE", b"fmt ", *form, b"data", size - 44)


_WORDS = (  # noqa: SIM905 - fifty words, not fifty lines
    "Amber Birch Cinder Dune Ember Fjord Grove Harbor Iris Juniper Kestrel Lantern Meadow Nectar Orchid Pebble "
    "Quartz River Saffron Thistle Umber Violet Willow Yarrow Zephyr Alder Bramble Coral Drift Echo Fern Glade Heron "
    "Island Jasper Krill Larch Maple Nimbus Ocean Pine Quill Raven Sable Tide Upland Vesper Wren Élan Ægir "
).split()
