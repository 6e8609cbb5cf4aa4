"""Clients that are not what is measured: each runs in a process of its own and prints one line of JSON.

`python -m bench.clients ranges|paced|listeners` with the wish as JSON on standard input.
"""

import json
import random
import re
import selectors
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

_HEAD_BYTES = 8192
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
_TICK_S = 0.25
_STALL_S = 2.0
_SINK = bytearray(4 << 20)


@dataclass(frozen=True, slots=True)
class Target:
    """What to ask for.

    Attributes:
        size: Bytes of the file; 0 when it is not known, as for JSON.
        window: Bytes of each range at a random place; 0 asks for the whole file. Of listeners: bytes a second.
        paths: Instead of `path`: one after the other, over and over; each connection begins at another place.
        times: Stop after so many answers on each connection; 0 goes on until the time is over.
        every_s: Paced: seconds from one request's turn to the next, on each connection; 0 is as fast as it goes.
    """

    address: tuple[str, int]
    path: str
    size: int
    window: int
    connections: int
    seconds: float
    fields: Mapping[str, str] = field(default_factory=dict)
    seed: int = 1
    every_s: float = 0
    paths: Sequence[str] = ()
    times: int = 0


@dataclass(slots=True)
class Seen:
    """What a client saw.

    Attributes:
        latencies_ms: p50, p95, p99, greatest; from the turn of a request to its last byte.
        cpu_s: CPU seconds of the client.
        late: Of listeners: reads that found less than was due; `requests` counts the reads.
        stalls: Of listeners: times that somebody waited for more than two seconds.
    """

    requests: int = 0
    body_bytes: int = 0
    wrong: int = 0
    seconds: float = 0
    cpu_s: float = 0
    latencies_ms: tuple[float, float, float, float] = (0, 0, 0, 0)
    late: int = 0
    stalls: int = 0

    @property
    def gigabytes_a_second(self) -> float:
        """Throughput."""
        return self.body_bytes / self.seconds / 1e9

    @property
    def requests_a_second(self) -> float:
        """Rate."""
        return self.requests / self.seconds

    @property
    def load(self) -> float:
        """Share of one core that the client itself took."""
        return self.cpu_s / self.seconds


def ask(target: Target, *, kind: str = "ranges") -> Seen:
    """Run a client in its own process and return what it saw."""
    command = [sys.executable, "-m", "bench.clients", kind]
    done = subprocess.run(command, input=json.dumps(asdict(target)), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    found = json.loads(done.stdout)
    return Seen(**{**found, "latencies_ms": tuple(found["latencies_ms"])})


class Connection:
    """One keep-alive connection: sends a request, throws the body away inside the kernel, sends the next."""

    def __init__(
        self, number: int, target: Target, seen: Seen, latencies: list[float], generator: random.Random
    ) -> None:
        self._target = target
        self._seen = seen
        self._latencies = latencies
        self._random = generator
        self._left = 0
        self._expected = target.window or target.size
        self._status = b"HTTP/1.1 206" if target.window else b"HTTP/1.1 200"
        paths = target.paths or [target.path]
        first = number * len(paths) // target.connections
        self._paths = cycle([*paths[first:], *paths[:first]])
        fields = "".join(f"{name}: {value}\r\n" for name, value in target.fields.items())
        self._fields = f" HTTP/1.1\r\nHost: bench\r\n{fields}".encode()
        self._began = 0.0
        self.is_idle = True
        self.socket = socket.create_connection(target.address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, began: float) -> None:
        """Ask for the next window."""
        request = b"GET " + next(self._paths).encode() + self._fields
        if self._target.window:
            offset = int(self._random.random() * (self._target.size - self._target.window))
            request += b"Range: bytes=%d-%d\r\n" % (offset, offset + self._target.window - 1)
        self._began, self.is_idle = began, False
        self.socket.send(request + b"\r\n")

    def receive(self) -> bool:
        """Take what is there; return whether an answer has ended."""
        if self._left:
            wish = min(self._left, len(_SINK))
            count = self.socket.recv_into(_SINK, wish, socket.MSG_TRUNC) or self._lost()
        else:
            count, self._left = self._head()
        self._left -= count
        self._seen.body_bytes += count
        if self._left:
            return False
        self._seen.requests += 1
        self._latencies.append(time.perf_counter() - self._began)
        self.is_idle = True
        return True

    def _head(self) -> tuple[int, int]:
        """Read a head with the begin of its body; return the bytes of the body that came, and of all of it."""
        data = self.socket.recv(_HEAD_BYTES)
        head, _, body = data.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if length is None or not data.startswith(self._status) or self._expected not in {0, int(length[1])}:
            self._seen.wrong += 1
            sys.stderr.write(head[:500].decode("latin-1"))
            self._lost()
            return 0, 0
        return len(body), int(length[1])

    def _lost(self) -> int:
        raise ConnectionResetError("the connection ended or spoke nonsense")


def fetch(target: Target) -> Seen:
    """Ask as fast as it goes, or by the clock, on all connections until the time is over."""
    seen, latencies = Seen(), list[float]()
    generator = random.Random(target.seed)
    selector = selectors.EpollSelector()
    connections = [Connection(number, target, seen, latencies, generator) for number in range(target.connections)]
    for one in connections:
        selector.register(one.socket, selectors.EVENT_READ, one)
    began, cpu = time.perf_counter(), time.process_time()
    for one in connections:
        one.send(time.perf_counter())
    end = began + target.seconds
    most = target.times * target.connections or sys.maxsize
    while (now := time.perf_counter()) < end and seen.requests < most:
        for key, _ in selector.select(end - now):
            if key.data.receive():
                key.data.send(time.perf_counter())
    seen.seconds = time.perf_counter() - began
    seen.cpu_s = time.process_time() - cpu
    seen.latencies_ms = percentiles(latencies)
    return seen


def paced(target: Target) -> Seen:
    """Send requests when their turn comes, whatever became of those before: waiting counts as latency."""
    seen, latencies = Seen(), list[float]()
    generator = random.Random(target.seed)
    selector = selectors.EpollSelector()
    idle = deque(Connection(number, target, seen, latencies, generator) for number in range(target.connections))
    for one in idle:
        selector.register(one.socket, selectors.EVENT_READ, one)
    began, cpu = time.perf_counter(), time.process_time()
    turn, end = began, began + target.seconds
    while (now := time.perf_counter()) < end:
        while turn <= now and idle:
            idle.popleft().send(turn)
            turn += target.every_s
        wait = (min(turn, end) - now) if idle else end - now
        idle += [key.data for key, _ in selector.select(max(wait, 0)) if key.data.receive()]
    seen.seconds = time.perf_counter() - began
    seen.cpu_s = time.process_time() - cpu
    seen.latencies_ms = percentiles(latencies)
    return seen


class Listener:
    """Takes what its rate is worth at every tick, from a random place of a file to its end."""

    def __init__(self, target: Target, seen: Seen, generator: random.Random) -> None:
        self._target = target
        self._seen = seen
        self._taken = 0
        self._full_at = 0.0
        self._is_stalled = False
        self._generator = generator
        self._socket = socket.create_connection(target.address)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 256 * 1024)

    def start(self, now: float) -> None:
        """Ask for the file and begin to play."""
        fields = "".join(f"{name}: {value}\r\n" for name, value in self._target.fields.items())
        offset = self._generator.randrange(self._target.size // 2)
        request = f"GET {self._target.path} HTTP/1.1\r\nHost: bench\r\n{fields}Range: bytes={offset}-\r\n\r\n"
        self._socket.send(request.encode())
        data = self._socket.recv(1)
        self._seen.wrong += not data.startswith(b"H")
        self._socket.settimeout(0)
        self._began = self._full_at = now

    def take(self, now: float) -> None:
        """Read what is due."""
        due = int((now - self._began) * self._target.window) - self._taken
        try:
            count = self._socket.recv_into(_SINK, min(due, len(_SINK)), socket.MSG_TRUNC) if due > 0 else 0
        except BlockingIOError:
            count = 0
        self._taken += count
        self._seen.body_bytes += count
        self._seen.requests += 1
        if count >= due:
            self._full_at, self._is_stalled = now, False
            return
        self._seen.late += 1
        if now - self._full_at > _STALL_S and not self._is_stalled:
            self._is_stalled = True
            self._seen.stalls += 1


def listen(target: Target) -> Seen:
    """Play on all connections; their ticks are spread evenly over time."""
    seen, generator = Seen(), random.Random(target.seed)
    everybody = [Listener(target, seen, generator) for _ in range(target.connections)]
    began, cpu = time.perf_counter(), time.process_time()
    for one in everybody:
        one.start(time.perf_counter())
    end, step, turn = began + target.seconds, _TICK_S / len(everybody), time.perf_counter()
    for one in cycle(everybody):
        turn += step
        if (wait := turn - time.perf_counter()) > 0:
            time.sleep(wait)
        now = time.perf_counter()
        if now > end:
            break
        one.take(now)
    seen.seconds = time.perf_counter() - began
    seen.cpu_s = time.process_time() - cpu
    return seen


def percentiles(latencies_s: list[float]) -> tuple[float, float, float, float]:
    """Return p50, p95, p99 and the greatest, in milliseconds."""
    ordered = sorted(latencies_s) or [0.0]
    at = [ordered[min(int(len(ordered) * share), len(ordered) - 1)] for share in (0.5, 0.95, 0.99, 1)]
    return at[0] * 1000, at[1] * 1000, at[2] * 1000, at[3] * 1000


_LUA = """
local fields = {%(fields)s}
local window, size, path = %(window)d, %(size)d, "%(path)s"
function init() math.randomseed(%(seed)d) end
function request()
  local offset = math.random(0, size - window)
  fields["Range"] = "bytes=" .. offset .. "-" .. (offset + window - 1)
  return wrk.format("GET", path, fields)
end
"""
_LUA_DONE = """
function done(summary, latency)
  local wrong = summary.errors.status + summary.errors.read + summary.errors.connect + summary.errors.timeout
  io.write(string.format("\\nSEEN %d %d %d %f %f %f %f %f\\n", summary.requests, summary.bytes, wrong,
    summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(95) / 1e3, latency:percentile(99) / 1e3,
    latency.max / 1e3))
end
"""


def ask_wrk(target: Target, folder: Path) -> Seen:
    """As `ask`, by wrk: for small answers, where a client in Python would be the limit."""
    fields = ",".join(f'["{name}"]="{value}"' for name, value in target.fields.items())
    script = folder / "wrk.lua"
    values = {"fields": fields, "window": target.window, "size": target.size, "path": target.path, "seed": target.seed}
    script.write_text((_LUA % values if target.window else f"wrk.headers = {{{fields}}}\n") + _LUA_DONE)
    url = f"http://{target.address[0]}:{target.address[1]}{target.path}"
    duration = f"-d{max(round(target.seconds), 1)}s"
    command = ["wrk", "-t1", f"-c{target.connections}", duration, "-s", str(script), url]
    before = _children_cpu_s()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    numbers = next(line for line in done.stdout.splitlines() if line.startswith("SEEN")).split()[1:]
    requests, body_bytes, wrong = map(int, numbers[:3])
    seconds, p50, p95, p99, greatest = map(float, numbers[3:])
    return Seen(requests, body_bytes, wrong, seconds, _children_cpu_s() - before, (p50, p95, p99, greatest))


def _children_cpu_s() -> float:
    import resource  # noqa: PLC0415

    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


_KINDS: Mapping[str, Callable[[Target], Seen]] = {"ranges": fetch, "paced": paced, "listeners": listen}


def main() -> None:
    """Be the client process."""
    wish: dict[str, Any] = json.loads(sys.stdin.read())
    target = Target(**{**wish, "address": tuple(wish["address"])})
    sys.stdout.write(json.dumps(asdict(_KINDS[sys.argv[1]](target))))


if __name__ == "__main__":
    main()
