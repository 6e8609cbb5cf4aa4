"""Reads the files named on standard input, sandboxed or in this process; prints seconds, CPU seconds, files read."""

import os
import sys
import time
from collections.abc import Iterator
from io import BufferedReader, FileIO

from bench.processes import cpu_s
from tutti.backends.media_worker import reading
from tutti.backends.media_worker.pool import PooledMediaReader
from tutti.backends.media_worker.source import BUFFER_BYTES
from tutti.domain.formats import container_of_name
from tutti.domain.media import Reading, Refused
from tutti.ports.media import MediaFile


def _plain(paths: list[bytes]) -> Iterator[Reading | Refused]:
    for path in paths:
        with BufferedReader(FileIO(path), BUFFER_BYTES) as file:  # as the child opens it
            yield reading.read(file, os.fstat(file.fileno()).st_size, container_of_name(path))


def main() -> None:
    """Read once to be warm, then all of them, timed."""
    paths = sys.stdin.buffer.read().split(b"\n")
    if sys.argv[1] == "plain":
        list(_plain(paths[:100]))
        before, began = cpu_s(os.getpid()), time.perf_counter()
        answers = list(_plain(paths))
        seconds, spent = time.perf_counter() - began, cpu_s(os.getpid()) - before
    else:
        pool = PooledMediaReader(1)
        wanted = [MediaFile(path=path, root=os.path.dirname(path)) for path in paths]  # noqa: PTH120 - bytes
        list(pool.read(wanted[:100]))
        before, began = cpu_s(os.getpid()), time.perf_counter()
        answers = list(pool.read(wanted))
        seconds, spent = time.perf_counter() - began, cpu_s(os.getpid()) - before
        pool.close()
    read = sum(isinstance(one, Reading) for one in answers)
    sys.stdout.write(f"{seconds} {spent} {read}\n")


if __name__ == "__main__":
    main()
