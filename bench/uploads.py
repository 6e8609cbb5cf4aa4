"""U1 and U4: files over HTTP, hashed and durable, against a server that throws them away; what they cost in memory."""

import argparse
import http.client
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import count

from bench.api import anchor
from bench.compare import Sample, compare, on_this_machine, say, verdict
from bench.processes import PASSWORD, cpu_s, folder, memory_mb, run, settle, tutti

PIECE = 1 << 20
_numbers = count(1)


def main() -> None:
    """Run the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--megabytes", type=int, default=64, help="size of a file of U1")
    parser.add_argument("--files", type=int, default=4, help="files of a run of U1")
    parser.add_argument("--large", type=int, default=1024, help="megabytes of a file of U4")
    args = parser.parse_args()
    with on_this_machine(), folder("uploads") as place:
        run(place, "user", "add", "bench", "--password-stdin", stdin=f"{PASSWORD}\n")
        with tutti(place) as server, anchor("discard") as (pid, address):
            contenders = {
                "uvicorn, discarded": lambda: _sent(pid, address, {}, args.files, args.megabytes),
                "tutti": lambda: _sent(server.pid, server.address, server.fields, args.files, args.megabytes),
            }
            compare("U1 upload MB/s", "uvicorn, discarded", contenders, rounds=args.rounds, goal=0.5)
        with tutti(place) as server:
            grow(
                "U4 memory, HTTP", server.pid, args.large, lambda size: _put(server.address, server.fields, size) == 201
            )


def _sent(pid: int, address: tuple[str, int], fields: Mapping[str, str], files: int, megabytes: int) -> Sample:
    settle()
    before, began = cpu_s(pid), time.perf_counter()
    wrong = sum(_put(address, fields, megabytes) not in {200, 201} for _ in range(files))
    seconds = time.perf_counter() - began
    return Sample(files * megabytes / seconds, (cpu_s(pid) - before) / seconds, wrong)


def grow(metric: str, pid: int, megabytes: int, send: Callable[[int], bool]) -> None:
    """U4: twenty large files, four at a time; the memory of all our processes at its highest."""
    send(8)
    settle()
    before, highest = memory_mb(pid), 0.0
    with ThreadPoolExecutor(4) as pool:
        sending = [pool.submit(send, megabytes) for _ in range(20)]
        while not all(one.done() for one in sending):
            highest = max(highest, memory_mb(pid))
            time.sleep(0.2)
        wrong = sum(not one.result() for one in sending)
    growth = highest - before
    say(
        f"{metric:<22} {'tutti':<18} {growth:.0f} MB over {before:.0f} MB, 20 files of {megabytes} MB, "
        f"4 at a time  wrong {wrong}  goal 40 {verdict(met=growth <= 40, wrong=wrong)}"
    )


def _put(address: tuple[str, int], fields: Mapping[str, str], megabytes: int) -> int:
    """Send a file that nobody has; return the status."""
    connection = http.client.HTTPConnection(*address, timeout=300)
    size = {"Content-Length": str(megabytes << 20)}
    path = f"/api/v1/files/{next(_numbers)}.ogg"
    connection.request("PUT", path, body=_pieces(megabytes), headers={**fields, **size})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


NOISE = random.Random("noise").randbytes(PIECE)


def _pieces(megabytes: int) -> Iterator[bytes]:
    mark = b"OggS" + os.urandom(16)
    yield mark + NOISE[len(mark) :]
    for _ in range(megabytes - 1):
        yield NOISE


if __name__ == "__main__":
    main()
