"""What a device keeps, and how far it is: a position in every library that it follows."""

import json
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

from tutti.kit.paging import BadCursor
from tutti.kit.text import clean

FOLDER_MAX = 1000
"""Characters of the folder of a file."""

_PART_MAX = 255
_MOST_PARTS = 64


def clean_folder(text: str) -> str:
    """Return where a client says that a file is, fit to show: relative, its parts between slashes, empty for the top.

    Neither empty parts nor `.` and `..`, nothing that cannot be seen, at most `FOLDER_MAX` characters: deeper folders
    are left out. Cleaning twice changes nothing.
    """
    kept = ""
    for part in text[: 4 * FOLDER_MAX].replace("\\", "/").split("/")[: 2 * _MOST_PARTS]:
        cleaned = clean(part, _PART_MAX)
        if cleaned in {"", ".", ".."}:
            continue
        longer = f"{kept}/{cleaned}" if kept else cleaned
        if len(longer) > FOLDER_MAX or longer.count("/") >= _MOST_PARTS:
            break
        kept = longer
    return kept


CHOICES = ("artists", "albums", "tracks", "playlists")
"""What a device can keep, besides whole libraries; the fields of `Keep`."""


@dataclass(frozen=True, slots=True)
class Keep:
    """Which of the files that it is told of a device keeps.

    Attributes:
        libraries: Everything in these; None names none, which alone is everything there is.
        artists, albums, tracks: And everything of these; of an artist what credits him on a track or as its album's.
        playlists: And everything in these, as far as the device's owner sees them.
        max_bytes: Of all that the newest until so much is used; None for no limit.
    """

    libraries: Sequence[UUID] | None = None
    artists: Sequence[UUID] = ()
    albums: Sequence[UUID] = ()
    tracks: Sequence[UUID] = ()
    playlists: Sequence[UUID] = ()
    max_bytes: int | None = None

    @property
    def is_everything(self) -> bool:
        """Whether nothing is chosen; there may be a limit."""
        return self.libraries is None and not any(map(self.chosen, CHOICES))

    def chosen(self, kind: str) -> Sequence[UUID]:
        """Return what is chosen of one of `CHOICES`."""
        found: Sequence[UUID] = getattr(self, kind)
        return found

    def to_text(self) -> str:
        """Return it as it is stored."""
        found: dict[str, object] = {name: list(map(str, self.chosen(name))) for name in CHOICES if self.chosen(name)}
        if self.libraries is not None:
            found["libraries"] = list(map(str, self.libraries))
        if self.max_bytes is not None:
            found["max_bytes"] = self.max_bytes
        return json.dumps(found, sort_keys=True) if found else ""


def keep_of(text: str) -> Keep:
    """Undo `Keep.to_text`."""
    found = json.loads(text) if text else {}
    libraries = found.get("libraries")
    chosen = {name: tuple(map(UUID, found.get(name, ()))) for name in CHOICES}
    return Keep(
        libraries=None if libraries is None else tuple(map(UUID, libraries)),
        max_bytes=found.get("max_bytes"),
        **chosen,
    )


def stamped(keep_tag: int, stamps: Sequence[tuple[UUID, int]]) -> int:
    """Return the tag of a rule while its playlists are at these revisions: after any change of them another one."""
    digest = sha256(json.dumps([keep_tag, [(str(uuid), revision) for uuid, revision in stamps]]).encode()).digest()
    return int.from_bytes(digest[:4]) >> 1


class Line(NamedTuple):
    """Where the space of a device ends: what was added then or later is kept; within that moment, by its id."""

    added_at: datetime
    item_id: int


NOTHING = Line(datetime(9999, 1, 1, tzinfo=UTC), 0)
"""The line of a device that has room for nothing."""


class Part(NamedTuple):
    """How far a device is in one library, as a member of this epoch."""

    epoch: int
    seq: int


@dataclass(frozen=True, slots=True)
class Position:
    """What a device was told so far; the default is that of one that knows nothing.

    Attributes:
        keep_tag: Of the rule by which it was told what to keep.
        line: Up to where that was what it keeps; None when it has no limit.
        is_settled: Whether that was the line of everything told so far.
    """

    keep_tag: int = 0
    line: Line | None = None
    is_settled: bool = True
    parts: Mapping[UUID, Part] = field(default_factory=dict)

    def to_text(self) -> str:
        """Return the opaque, URL-safe text of a position."""
        line = self.line or Line(_BEGINNING, 0)
        flags = (self.line is not None) * _HAS_LINE + self.is_settled * _IS_SETTLED
        moment = (line.added_at - _BEGINNING) // _MICROSECOND
        head = _HEAD.pack(_VERSION, flags, self.keep_tag, moment, line.item_id)
        parts = (_PART.pack(uuid.bytes, *part) for uuid, part in self.parts.items())
        return urlsafe_b64encode(head + b"".join(parts)).rstrip(b"=").decode("ascii")


_VERSION = 1
_HAS_LINE, _IS_SETTLED = 1, 2
_HEAD = struct.Struct("<BBIqq")
_PART = struct.Struct("<16sIQ")
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_LARGEST = (1 << 62) - 1
_MICROSECOND = timedelta(microseconds=1)
CURSOR_MAX = 60_000
"""Characters of a position: more libraries than anybody has."""


def position_of(text: str) -> Position:
    """Undo `Position.to_text`.

    Raises:
        BadCursor: The text is no position, exactly as we write it.
    """
    if len(text) > CURSOR_MAX:
        raise BadCursor("The cursor is too long.")
    try:
        data = urlsafe_b64decode(text.encode("ascii") + b"==")
        version, flags, keep_tag, moment, item_id = _HEAD.unpack_from(data)
        line = Line(_BEGINNING + moment * _MICROSECOND, item_id) if flags & _HAS_LINE else None
        parts = dict(_parts(data[_HEAD.size :]))
    except (ValueError, ArithmeticError, struct.error) as error:
        raise BadCursor("The cursor cannot be read.") from error
    position = Position(keep_tag, line, bool(flags & _IS_SETTLED), parts)
    if version != _VERSION or position.to_text() != text:
        raise BadCursor("The cursor belongs to another list.")
    return position


def _parts(data: bytes) -> Iterator[tuple[UUID, Part]]:
    for library, epoch, seq in _PART.iter_unpack(data):
        yield UUID(bytes=library), Part(epoch, min(seq, _LARGEST))
