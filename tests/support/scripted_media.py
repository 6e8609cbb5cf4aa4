"""A media reader that understands toy music, remembers what it was asked, and can be told to fail."""

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from support.music import song_in
from tutti.backends.media_worker.opening import open_media
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.media import Reading, Refusal, Refused
from tutti.ports.media import COVER_SIZES, MediaFile

PICTURE = b"PICTURE"
"""Files that begin like this are pictures that can be rendered."""

_AHEAD = 3


class ScriptedMedia:
    """Implements the port MediaReader.

    Attributes:
        asked: Paths that were read, in order.
        rendered: Paths and sizes that were rendered, in order.
        answers: What to say of a path whatever is in the file.
        before_answer: Called with each path before its answer; may raise.
    """

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.rendered: list[tuple[bytes, int]] = []
        self.answers: dict[bytes, Reading | Refused] = {}
        self.before_answer: Callable[[bytes], None] = lambda _: None

    def read(self, files: Iterable[MediaFile]) -> Iterator[Reading | Refused]:
        ahead: deque[MediaFile] = deque()
        for file in files:
            ahead.append(file)
            if len(ahead) > _AHEAD:
                yield self._answer(ahead.popleft())
        while ahead:
            yield self._answer(ahead.popleft())

    def render_cover(self, file: MediaFile, size_px: int) -> bytes:
        if size_px not in COVER_SIZES:
            raise AppError(ErrorKind.INVALID, "bad_cover_size", "There is no such size.")
        data = _content(file)
        song = None if isinstance(data, Refused) else song_in(data)
        picture = song.cover.encode() if song else data
        if not picture:
            raise AppError(ErrorKind.NOT_FOUND, "no_cover", "There is no cover.")
        if isinstance(picture, Refused) or not picture.startswith(PICTURE):
            raise AppError(ErrorKind.UNSUPPORTED, "bad_picture", "The picture cannot be decoded.")
        self.rendered.append((file.path, size_px))
        return b"webp %d %s" % (size_px, hashlib.sha256(picture).hexdigest().encode())

    def layers(self) -> Sequence[str]:
        return ("script",)

    def close(self) -> None:
        pass

    def _answer(self, file: MediaFile) -> Reading | Refused:
        self.before_answer(file.path)
        self.asked.append(file.path)
        if file.path in self.answers:
            return self.answers[file.path]
        data = _content(file)
        if isinstance(data, Refused):
            return data
        if not data:
            return Refused(Refusal.EMPTY, "The file is empty.")
        song = song_in(data)
        if song and file.wants_sound:
            return replace(song.reading(), sound=song.sound)
        return song.reading() if song else Refused(Refusal.DAMAGED, "The file is damaged.")


def _content(file: MediaFile) -> bytes | Refused:
    descriptor = open_media(file)
    if isinstance(descriptor, Refused):
        return descriptor
    with os.fdopen(descriptor, "rb") as opened:
        return opened.read()
