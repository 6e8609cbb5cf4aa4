"""Real media that nobody here made, and the little that tests need to say about such files."""

import hashlib
import io
import os
from collections.abc import Sequence
from pathlib import Path

from support import fetch_media
from support.tiers import require_that
from tutti.backends.media_worker import reading
from tutti.domain.formats import container_of_name
from tutti.domain.media import Reading, Refused
from tutti.ports.media import MediaFile

GOLDEN = Path(__file__).parent.parent / "backends" / "media" / "golden"


def corpus(name: str) -> Sequence[Path]:
    """Return the files of a collection, in order; without it the test is skipped, or fails where all must run."""
    folder = fetch_media.folder_of(name)
    require_that(folder is not None, f"{name} is not here: run `python tests/support/fetch_media.py --all`")
    return sorted(path for path in folder.rglob("*") if path.is_file()) if folder else ()


def media_file(path: Path) -> MediaFile:
    """Return the file as it is handed to a reader, bound to its folder."""
    return MediaFile(os.fsencode(path), os.fsencode(path.parent))


def read_here(data: bytes, name: str) -> Reading | Refused:
    """Read bytes in this process: the same code as in the child, without its walls."""
    return reading.read(io.BytesIO(data), len(data), container_of_name(os.fsencode(name)))


def read_file_here(path: Path) -> Reading | Refused:
    """Read a file in this process; seeking in one is not quite what seeking in bytes is."""
    with path.open("rb") as file:
        return reading.read(file, path.stat().st_size, container_of_name(os.fsencode(path)))


def summary(answer: Reading | Refused) -> str:
    """Return what matters of an answer as one line."""
    if isinstance(answer, Refused):
        return f"{answer.reason.value}: {answer.message}"
    facts, tags = answer.facts, answer.tags
    sound = f"{facts.container}/{facts.codec} {facts.duration_ms} ms {facts.sample_rate_hz} Hz x{facts.channels}"
    words = "|".join((tags.title, "+".join(tags.artists), tags.album, tags.date, str(tags.track)))
    cover = f"{answer.cover.mime} {answer.cover.size_bytes}" if answer.cover else "no cover"
    raw = hashlib.sha256(repr(sorted((key, list(values)) for key, values in tags.raw.items())).encode()).hexdigest()[:8]
    return f"{sound} | {words} | {cover} | {len(tags.raw)} tags {raw}"


def update_golden() -> None:
    """Write what is read today; the difference is reviewed like code."""
    GOLDEN.mkdir(exist_ok=True)
    for name in ("mutagen", "beets"):
        lines = (f"{path.name}\t{summary(read_here(path.read_bytes(), path.name))}\n" for path in corpus(name))
        (GOLDEN / f"{name}.tsv").write_text("".join(lines))


if __name__ == "__main__":
    update_golden()
