"""B10: 1 MiB ranges of files that lie in S3, through the server, against obstore that reads the same ranges itself.

`python -m bench.buckets --read SECONDS`, with the bucket as JSON on standard input, is the anchor.
"""

import argparse
import asyncio
import http.client
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import obstore
from obstore.store import S3Store

from bench.clients import Target, ask
from bench.compare import Sample, compare, on_this_machine, own_cpu_s
from bench.processes import PASSWORD, cpu_s, folder, run, settle, started, tutti
from bench.uploads import NOISE, PIECE

_FILES, _MEGABYTES, _LANES = 8, 32, 16
_TESTS = Path(__file__).parents[1] / "tests"


def main() -> None:
    """Run the row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6, help="how long each run takes")
    parser.add_argument("--read", type=float, help="be the anchor for so long")
    args = parser.parse_args()
    if args.read:
        print(json.dumps(asyncio.run(_read(json.load(sys.stdin), args.read))), flush=True)
        os._exit(0)  # threads of the library may outlive the interpreter, which aborts then
    with on_this_machine(), folder("buckets") as place, _bucket(place) as (store, settings):
        run(place, "user", "add", "bench", "--password-stdin", stdin=f"{PASSWORD}\n", settings=settings)
        with tutti(place, settings) as server:
            paths = [f"/api/v1/tracks/{_put(server.address, server.fields)}/stream" for _ in range(_FILES)]
            target = Target(
                server.address, paths[0], _MEGABYTES * PIECE, PIECE, _LANES, args.seconds, server.fields, paths=paths
            )

            def ours() -> Sample:
                settle()
                before, seen = cpu_s(server.pid), ask(target)
                return Sample(seen.gigabytes_a_second * 1000, (cpu_s(server.pid) - before) / seen.seconds, seen.wrong)

            contenders = {"obstore": lambda: _alone(store, args.seconds), "tutti": ours}
            compare("B10 S3 1m-c16 MB/s", "obstore", contenders, rounds=args.rounds, goal=0.7)


def _alone(store: Mapping[str, str], seconds: float) -> Sample:
    settle()
    command = [sys.executable, "-m", "bench.buckets", "--read", str(seconds)]
    done = subprocess.run(command, input=json.dumps(store), capture_output=True, text=True, check=True)
    return Sample(*json.loads(done.stdout))


async def _read(store: Mapping[str, Any], seconds: float) -> tuple[float, float, int]:
    """Read ranges at random places in as many lanes; return megabytes a second, CPU a second, and what was wrong."""
    bucket = S3Store(**store, client_options={"allow_http": True})
    size = _MEGABYTES * PIECE
    keys = [one["path"] for page in obstore.list(bucket) for one in page if one["size"] == size]
    count = wrong = 0
    cpu, began = own_cpu_s(), perf_counter()

    async def lane(number: int) -> None:
        nonlocal count, wrong
        chosen = random.Random(number)
        while perf_counter() - began < seconds:
            start = chosen.randrange(size - PIECE)
            found = await obstore.get_range_async(bucket, chosen.choice(keys), start=start, length=PIECE)
            count, wrong = count + 1, wrong + (len(found) != PIECE)

    await asyncio.gather(*map(lane, range(_LANES)))
    took = perf_counter() - began
    return count * PIECE / took / 1e6, (own_cpu_s() - cpu) / took, wrong


def _put(address: tuple[str, int], fields: Mapping[str, str]) -> str:
    connection = http.client.HTTPConnection(*address, timeout=120)
    mark = b"OggS" + os.urandom(16)
    body = mark + (NOISE * _MEGABYTES)[len(mark) :]
    connection.request("PUT", "/api/v1/files/bench.ogg", body=body, headers=dict(fields))
    answer = connection.getresponse()
    said = json.loads(answer.read())
    if answer.status != http.client.CREATED:
        raise RuntimeError(said)
    return str(said["id"])


@contextmanager
def _bucket(place: Path) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """Start the S3 server of the tests; yield what obstore needs of a bucket, and our settings for the same."""
    command = [sys.executable, "-m", "support.s3", str(place / "swift")]
    with started(command, env={**os.environ, "PYTHONPATH": str(_TESTS)}) as process:
        assert process.stderr is not None
        said = json.loads(process.stderr.readline())
        settings = {
            "TUTTI_BLOBS__URL": f"s3://{said['bucket']}/bench",
            "TUTTI_BLOBS__ENDPOINT": said["endpoint"],
            "TUTTI_BLOBS__REGION": said["region"],
            "TUTTI_BLOBS__ACCESS_KEY": said["access_key_id"],
            "TUTTI_BLOBS__SECRET_KEY": said["secret_access_key"],
        }
        yield said, settings


if __name__ == "__main__":
    main()
