"""The pool on small files made here: the first promise is an answer for each file, in order."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tutti.backends.media_worker.pool import PooledMediaReader
from tutti.domain.media import Refusal, Refused
from tutti.ports.media import MediaFile


@pytest.fixture(scope="module")
def reader() -> Iterator[PooledMediaReader]:
    pool = PooledMediaReader(2)
    yield pool
    pool.close()


def _file(path: Path, data: bytes) -> MediaFile:
    path.write_bytes(data)
    return MediaFile(os.fsencode(path), os.fsencode(path.parent))


def test_every_file_gets_its_answer_in_the_order_asked(reader: PooledMediaReader, tmp_path: Path) -> None:
    empty = _file(tmp_path / "a.mp3", b"")
    page = _file(tmp_path / "b.mp3", b"<!DOCTYPE html><p>no music</p>")
    files = [empty, page] * 50

    answers = list(reader.read(files))

    reasons = [answer.reason for answer in answers if isinstance(answer, Refused)]
    assert reasons == [Refusal.EMPTY, Refusal.NOT_MEDIA] * 50
