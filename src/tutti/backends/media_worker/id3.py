"""Turns ID3 frames, wherever they stood, into raw tags and pictures."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tutti.backends.media_worker.mutagen_types import Frames

_PICTURE_BY_ADDRESS = "-->"


def raw_of(frames: Frames) -> dict[str, list[str]]:
    """Return the text of the frames: `tit2`, `txxx:artists`, `comm` (the plain one) ... to its values."""
    raw: dict[str, list[str]] = {}
    for frame in frames.values():
        name = frame.FrameID
        if name.startswith("T"):
            read = _SPECIAL.get(name, _text)
        elif (special := _SPECIAL.get(name)) is not None:
            read = special
        else:
            continue
        for key, values in read(frame):
            raw.setdefault(key, []).extend(values)
    return raw


def pictures_of(frames: Frames) -> Iterator[tuple[int, bytes]]:
    """Yield the kind and bytes of each embedded picture; one that is only an address is left alone."""
    for frame in frames.values():
        if frame.FrameID == "APIC" and frame.mime != _PICTURE_BY_ADDRESS:
            yield int(frame.type), frame.data


Pairs = Iterator[tuple[str, list[str]]]


def _text(frame: Any) -> Pairs:  # noqa: ANN401 -- mutagen's frames have no types
    text = getattr(frame, "text", None)
    if isinstance(text, list):
        yield frame.FrameID.lower(), [str(value) for value in text]


def _named_text(frame: Any) -> Pairs:  # noqa: ANN401
    yield f"txxx:{frame.desc.lower()}", [str(value) for value in frame.text]


def _genres(frame: Any) -> Pairs:  # noqa: ANN401
    yield "tcon", frame.genres


def _comment(frame: Any) -> Pairs:  # noqa: ANN401
    yield f"comm:{frame.desc.lower()}" if frame.desc else "comm", [str(value) for value in frame.text]


def _lyrics(frame: Any) -> Pairs:  # noqa: ANN401
    yield "uslt", [str(frame.text)]


def _identifier(frame: Any) -> Pairs:  # noqa: ANN401
    yield f"ufid:{frame.owner.lower()}", [frame.data.decode("ascii", "replace")]


def _volume(frame: Any) -> Pairs:  # noqa: ANN401
    yield f"rva2:{frame.desc.lower()}", [f"{frame.gain:+.2f} dB"]


_SPECIAL: Mapping[str, Callable[[Any], Pairs]] = {
    "TXXX": _named_text,
    "TCON": _genres,
    "COMM": _comment,
    "USLT": _lyrics,
    "UFID": _identifier,
    "RVA2": _volume,
}
