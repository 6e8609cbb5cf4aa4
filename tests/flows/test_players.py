"""Players that nobody wrote for us play every format from its address, and seek (N74)."""

import os
import subprocess
from pathlib import Path

import pytest

from flows.conftest import TONE_SECONDS
from support import tiers
from support.tones import FORMATS, RATE_HZ


def run(command: list[str], **environment: str) -> str:
    """Run a player to its end and return what it said."""
    env = {**os.environ, **environment}  # noqa: TID251 - players want a home and a path
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout + done.stderr


def seconds_of(samples: Path) -> float:
    """Return how long raw samples last: 16 bits, one channel."""
    return samples.stat().st_size / 2 / RATE_HZ


def mpv(address: str, place: Path, *options: str) -> float:
    """Play with mpv into a file and return how many seconds it played."""
    out = place / "played.raw"
    quiet = ["--no-config", "--no-terminal", "--vo=null", "--ao=pcm", f"--ao-pcm-file={out}", "--ao-pcm-waveheader=no"]
    form = ["--audio-format=s16", f"--audio-samplerate={RATE_HZ}", "--audio-channels=mono"]
    run([tiers.require("mpv"), *quiet, *form, *options, address])
    return seconds_of(out)


@pytest.mark.parametrize("suffix", FORMATS)
def test_mpv_plays_to_the_end(addresses: dict[str, str], tmp_path: Path, suffix: str) -> None:
    assert mpv(addresses[suffix], tmp_path) == pytest.approx(TONE_SECONDS, abs=0.3)


@pytest.mark.parametrize("suffix", FORMATS)
def test_mpv_seeks(addresses: dict[str, str], tmp_path: Path, suffix: str) -> None:
    assert mpv(addresses[suffix], tmp_path, f"--start={TONE_SECONDS - 3}") == pytest.approx(3, abs=0.6)


@pytest.mark.parametrize("suffix", FORMATS)
def test_ffmpeg_seeks(addresses: dict[str, str], tmp_path: Path, suffix: str) -> None:
    out = tmp_path / "played.raw"
    form = ["-f", "s16le", "-ar", str(RATE_HZ), "-ac", "1"]

    run(
        [tiers.require("ffmpeg"), "-v", "error", "-ss", str(TONE_SECONDS - 3), "-i", addresses[suffix], *form, str(out)]
    )

    assert seconds_of(out) == pytest.approx(3, abs=0.6)


def test_ffplay_plays_to_the_end(addresses: dict[str, str]) -> None:
    command = [tiers.require("ffplay"), "-v", "error", "-nodisp", "-autoexit", "-ss", str(TONE_SECONDS - 1)]

    said = run([*command, addresses["flac"]], SDL_AUDIODRIVER="dummy")

    assert said.strip() == ""
