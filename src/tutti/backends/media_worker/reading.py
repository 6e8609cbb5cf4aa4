"""Decides what a file is and reads it; the only place beside the pool where a file is refused."""

import errno
import hashlib
from collections.abc import Iterable, Mapping
from io import BufferedIOBase

from tutti.backends.media_worker.cleaning import VALUES_LIMIT, clean_block, clean_line
from tutti.backends.media_worker.pictures import mime_of
from tutti.backends.media_worker.readers import Parsed, parse
from tutti.backends.media_worker.source import DamagedError, FilmError, Source, source_of
from tutti.backends.media_worker.vocabulary import tags_of
from tutti.domain.formats import Container, container_of_bytes, not_media, picture_or_film
from tutti.domain.media import Cover, Reading, Refusal, Refused, StreamFacts, Tags
from tutti.domain.values import ArtworkHash

_FINGERPRINT_BYTES = 65536
_LONGEST_MS = 2**31 - 1
_RAW_KEYS_LIMIT = 256
_RAW_TEXT_LIMIT = 200_000
_KEY_LIMIT = 128


def read(file: BufferedIOBase, size: int, promised: Container | None) -> Reading | Refused:
    """Read one file, whatever it is; raises OSError only when the disk fails.

    Args:
        file: Its bytes, seekable.
        size: How many they are.
        promised: What its name says, None when the name says nothing.
    """
    if size == 0:
        return Refused(Refusal.EMPTY, "The file is empty.")
    try:
        return _read(source_of(file, size), promised)
    except DamagedError as error:
        return Refused(Refusal.DAMAGED, str(error))
    except FilmError as error:
        return Refused(Refusal.WRONG_TYPE, str(error))


def find_picture(file: BufferedIOBase, size: int) -> bytes | None:
    """Return the front cover in an audio file, None when there is none or the file cannot be read."""
    try:
        source = source_of(file, size)
        container = container_of_bytes(source.audio_head)
        return parse(source, container or Container.MP3).picture if size else None
    except Exception:  # noqa: BLE001 -- as in `_parsed`: this runs in the child alone
        return None


def _read(source: Source, promised: Container | None) -> Reading | Refused:
    container = container_of_bytes(source.audio_head)
    if container is None:
        refused = _foreign(source.head, promised)
        if refused or promised not in _SEEKING_SYNC:
            return refused or Refused(Refusal.NOT_MEDIA, _no_sound(promised))
    elif promised not in {container, None}:
        return _misnamed(container, promised)
    return _parsed(source, container or promised or Container.MP3, is_certain=container is not None)


_SEEKING_SYNC = {Container.MP3, Container.AAC}
"""Formats without a signature, whose frames may begin after some rubbish."""


def _foreign(head: bytes, promised: Container | None) -> Refused | None:
    claim = f", although its name says {promised.label}" if promised else ""
    if (kind := picture_or_film(head)) is not None:
        return Refused(Refusal.WRONG_TYPE, f"This is {kind}{claim}.")
    if (kind := not_media(head)) is not None:
        return Refused(Refusal.NOT_MEDIA, f"This is {kind}{claim}.")
    return None


def _no_sound(promised: Container | None) -> str:
    return f"There is no {promised.label if promised else 'known'} audio in it."


def _misnamed(container: Container, promised: Container | None) -> Refused:
    said = promised.label if promised else "nothing"
    return Refused(Refusal.WRONG_TYPE, f"This is {container.label} audio, although its name says {said}.")


_DISK_ERRORS = {errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ENOTCONN, errno.EHOSTDOWN}
"""What the disk or the network behind it says; other OSErrors are seeks to places that a damaged file names."""


def _parsed(source: Source, container: Container, *, is_certain: bool) -> Reading | Refused:
    try:
        parsed = parse(source, container)
        return Reading(_facts(container, parsed), _tags(parsed), _fingerprint(source, parsed), _cover(parsed))
    except FilmError:
        raise
    except Exception as error:  # mutagen raises IndexError, KeyError, struct.error ...; this runs in the child alone
        if isinstance(error, OSError) and error.errno in _DISK_ERRORS:
            raise
        if not is_certain:
            return Refused(Refusal.NOT_MEDIA, _no_sound(container))
        known = str(error) if isinstance(error, DamagedError) else None
        return Refused(Refusal.DAMAGED, known or f"Its {container.label} data is damaged or cut off.")


def _facts(container: Container, parsed: Parsed) -> StreamFacts:
    duration_ms = round(parsed.seconds * 1000)
    duration_ms = duration_ms if 0 <= duration_ms <= _LONGEST_MS else 0
    mean_bps = (parsed.audio[1] - parsed.audio[0]) * 8000 // duration_ms if duration_ms else 0
    return StreamFacts(
        container=container.value,
        codec=clean_line(parsed.codec, _KEY_LIMIT),
        mime=container.mime,
        duration_ms=duration_ms,
        bitrate_bps=_bounded(parsed.bitrate_bps) or _bounded(mean_bps),
        sample_rate_hz=_bounded(parsed.sample_rate_hz),
        channels=_bounded(parsed.channels),
    )


def _bounded(number: int) -> int:
    return number if 0 <= number < 1 << 31 else 0


def _tags(parsed: Parsed) -> Tags:
    return tags_of(bounded(parsed.raw), parsed.vocabulary)


def bounded(raw: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    """Return raw tags fit to store and to send: clean, without empty ones, 200,000 characters in all."""
    kept: dict[str, list[str]] = {}
    left = _RAW_TEXT_LIMIT
    for key, texts in raw.items():
        values = [value for text in texts if (value := clean_block(text))][:VALUES_LIMIT]
        left -= len(key) + sum(map(len, values))
        if left < 0 or len(kept) == _RAW_KEYS_LIMIT:
            break
        if values:
            kept[clean_line(key, _KEY_LIMIT)] = values
    return kept


def _fingerprint(source: Source, parsed: Parsed) -> str:
    start, end = parsed.audio
    middle = max(start, (start + end - _FINGERPRINT_BYTES) // 2)
    return hashlib.sha256(source.at(middle, min(_FINGERPRINT_BYTES, end - middle))).hexdigest()[:32]


def _cover(parsed: Parsed) -> Cover | None:
    picture = parsed.picture
    mime = mime_of(picture) if picture else None
    if picture is None or mime is None:
        return None
    return Cover(ArtworkHash(hashlib.sha256(picture).hexdigest()), mime, len(picture))
