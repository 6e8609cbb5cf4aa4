"""reliability.md P51, finding 7: real files with bytes changed end in a reading or a refusal, and in nothing else.

300 examples here, 10,000 in `make test-deep`.
"""

import random
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.media_corpus import corpus, media_file, read_file_here, read_here
from support.tiers import is_deep
from tutti.backends.media_worker import wire
from tutti.backends.media_worker.pool import PooledMediaReader
from tutti.domain.media import Reading, Refused

LARGEST_BYTES = 200_000
SUFFIXES = {".mp3", ".flac", ".m4a", ".ogg", ".opus", ".wma", ".wav", ".aac", ".ape", ".wv", ".mpc", ".aiff", ".dsf"}
SUFFIXES |= {".spx", ".tta", ".tak", ".dff", ".m4b", ".aif"}
THROUGH_THE_POOL = 1000 if is_deep() else 100


@cache
def seeds() -> Sequence[tuple[str, bytes]]:
    paths = [path for name in ("mutagen", "beets") for path in corpus(name)]
    small = [path for path in paths if path.suffix in SUFFIXES and 0 < path.stat().st_size < LARGEST_BYTES]
    return [(path.name, path.read_bytes()) for path in small]


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Change a few places, mostly near the start, where the structure is."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        at = int(len(changed) * chance.random() ** 3)
        length = chance.choice((1, 1, 2, 4, 8, 64))
        match chance.randrange(6):
            case 0:
                changed[at : at + length] = chance.randbytes(length)
            case 1:
                changed[at : at + length] = b"\xff" * length
            case 2:
                changed[at : at + length] = bytes(length)
            case 3:
                del changed[at : at + length]
            case 4:
                changed[at:at] = changed[at : at + length * 16]
            case _:
                del changed[chance.randrange(len(changed) + 1) :]
    return bytes(changed)


@settings(max_examples=10_000 if is_deep() else 300)
@given(number=st.integers(0, 2**32), seed=st.integers(0, 2**32))
def test_changed_files_are_read_or_refused(number: int, seed: int) -> None:
    name, data = seeds()[number % len(seeds())]

    answer = read_here(mutated(data, random.Random(seed)), name)

    assert isinstance(answer, Reading | Refused)
    assert isinstance(wire.decode(wire.encode(wire.to_wire(answer))), wire.Found | wire.NotTaken)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_locked_child_answers_for_changed_files_as_an_open_one(
    reader: PooledMediaReader, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    files = {}
    for number in range(THROUGH_THE_POOL):
        name, data = chance.choice(seeds())
        files[tmp_path / f"{number}-{name}"] = mutated(data, chance)
    for path, data in files.items():
        path.write_bytes(data)

    answers = list(reader.read(map(media_file, files)))

    assert answers == [read_file_here(path) for path in files]
