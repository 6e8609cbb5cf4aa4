"""Files that nobody here made, many of them damaged on purpose: each ends in a reading or a refusal.

The expected outcomes are in `golden/`, reviewed line by line; `python -m support.media_corpus` in `tests` writes them.
"""

import pytest

from support.media_corpus import GOLDEN, corpus, media_file, read_file_here, summary
from tutti.backends.media_worker.pool import PooledMediaReader
from tutti.domain.media import Refused


@pytest.mark.parametrize("name", ["mutagen", "beets"])
def test_every_file_is_read_or_refused_as_reviewed(reader: PooledMediaReader, name: str) -> None:
    paths = corpus(name)

    answers = reader.read(media_file(path) for path in paths)
    lines = [f"{path.name}\t{summary(answer)}" for path, answer in zip(paths, answers, strict=True)]

    assert lines == (GOLDEN / f"{name}.tsv").read_text().splitlines()


@pytest.mark.parametrize("name", ["mutagen", "beets"])
def test_a_locked_child_reads_exactly_what_an_open_one_does(reader: PooledMediaReader, name: str) -> None:
    paths = corpus(name)

    locked = list(reader.read(media_file(path) for path in paths))

    assert locked == [read_file_here(path) for path in paths]


@pytest.mark.parametrize("name", ["sound-theme-freedesktop", "asc-music", "hyperrogue-music", "wesnoth-1.16-music"])
def test_no_real_piece_of_music_is_refused(reader: PooledMediaReader, name: str) -> None:
    music = [path for path in corpus(name) if path.suffix in {".ogg", ".oga", ".mp3"}]

    refused = [
        (path.name, answer.message)
        for path, answer in zip(music, reader.read(map(media_file, music)), strict=True)
        if isinstance(answer, Refused) and path.stat().st_size
    ]

    assert refused == []


def test_what_ffmpeg_refuses_is_read_with_its_length(reader: PooledMediaReader) -> None:
    names = {"hr-savino-ocean.ogg", "hr-savino-ivory.ogg", "hr-savino-caribbean.ogg"}
    music = [path for path in corpus("hyperrogue-music") if path.name in names]

    answers = list(reader.read(map(media_file, music)))

    assert len(answers) == 3
    assert all(not isinstance(answer, Refused) and answer.facts.duration_ms > 60_000 for answer in answers)
