"""Small audio files that a real encoder made, for tests in which a real decoder or player must be content."""

import array
import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import av
from av.audio.stream import AudioStream
from mutagen.id3 import APIC, ID3
from PIL import Image

RATE_HZ = 48_000


class Format(NamedTuple):
    """How the files with one suffix are made, and as what they are served."""

    muxer: str
    codec: str
    mime: str
    layout: str = "mono"


FORMATS: Mapping[str, Format] = {
    "mp3": Format("mp3", "libmp3lame", "audio/mpeg"),
    "flac": Format("flac", "flac", "audio/flac"),
    "wav": Format("wav", "pcm_s16le", "audio/wav"),
    "ogg": Format("ogg", "vorbis", "audio/ogg", "stereo"),
    "opus": Format("opus", "libopus", "audio/ogg"),
    "m4a": Format("ipod", "aac", "audio/mp4"),
    "aac": Format("adts", "aac", "audio/aac"),
}


def write_tone(
    path: Path,
    *,
    seconds: float = 1,
    hz: float = 440,
    cover: bytes | None = None,
    tags: Mapping[str, str] | None = None,
) -> Path:
    """Write a sine tone in the format of the suffix, with tags as FFmpeg names them; only an mp3 takes a cover."""
    path.parent.mkdir(parents=True, exist_ok=True)
    form = FORMATS[path.suffix[1:]]
    # ADTS has no tags of its own; the others ignore the option.
    with av.open(str(path), "w", format=form.muxer, options={"write_id3v2": "1"}) as container:
        container.metadata.update(tags or {})
        # FFmpeg's own Vorbis encoder calls itself experimental.
        options = {"strict": "-2", "b": "96k"}
        stream = container.add_stream(form.codec, rate=RATE_HZ, layout=form.layout, options=options)
        assert isinstance(stream, AudioStream)
        for packet in (*stream.encode(_sine(seconds, hz, form.layout)), *stream.encode(None)):
            container.mux(packet)
    if cover is not None:
        _embed(path, cover)
    return path


def picture(colour: str = "teal", *, width: int = 700, height: int = 500) -> bytes:
    """Return a PNG of one colour."""
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(buffer, "PNG")
    return buffer.getvalue()


def _sine(seconds: float, hz: float, layout: str) -> av.AudioFrame:
    count = int(seconds * RATE_HZ)
    frame = av.AudioFrame(format="s16", layout=layout, samples=count)
    frame.sample_rate, frame.pts = RATE_HZ, 0
    times = 2 if layout == "stereo" else 1
    step = math.tau * hz / RATE_HZ
    wave = array.array("h", (int(9000 * math.sin(step * index)) for index in range(count) for _ in range(times)))
    frame.planes[0].update(wave.tobytes())
    return frame


def _embed(path: Path, cover: bytes) -> None:
    """Put a picture into an mp3."""
    id3 = ID3(path)  # type: ignore[no-untyped-call]  # mutagen has no types
    id3.add(APIC(mime="image/png", type=3, data=cover))  # type: ignore[no-untyped-call]  # likewise
    id3.save()
