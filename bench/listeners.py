"""B7: a thousand listeners who take 320 kbit/s each, against nginx; and what a stranger's request waits meanwhile."""

import argparse
import resource
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from threading import Thread

from bench import media
from bench.clients import Seen, Target, ask
from bench.compare import on_this_machine, say, skip, verdict
from bench.processes import cpu_s, folder, memory_mb, missing, nginx
from bench.ranges import serving, stream_path

_RATE = 40_000
_PINGS_S = 20
_PAGE = resource.getpagesize()


def main() -> None:
    """Run nginx, then ours."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--listeners", type=int, default=1000)
    args = parser.parse_args()
    with on_this_machine(), ExitStack() as stack:
        if reason := missing("nginx"):
            skip("B7", reason)
            return
        music = media.big_file()
        scratch = stack.enter_context(folder("listeners"))
        _allow_descriptors()
        server = stack.enter_context(serving(scratch / "data", music))
        pid, address = stack.enter_context(nginx(music))
        size = (music / "noise.wav").stat().st_size
        anchor = Target(address, "/noise.wav", size, _RATE, args.listeners, args.seconds)
        for _ in range(args.rounds):
            server.sign_in()
            ours = Target(server.address, stream_path(server), size, _RATE, args.listeners, args.seconds, server.fields)
            theirs_s = _round("nginx", pid, anchor, ping="/noise.wav", window=1)
            ours_s = _round("tutti", server.pid, ours, ping="/", window=0)
            ratio = ours_s / theirs_s if theirs_s else float("nan")
            met = verdict(met=ratio <= 3)
            say(f"{'B7 listeners':<22} {'tutti':<18} cpu {ratio:.1f}x vs nginx  rounds 1  goal 3x {met}")


def _round(name: str, pid: int, target: Target, *, ping: str, window: int) -> float:
    """Load one server; print what was seen and return its CPU seconds."""
    before, memory, tcp = cpu_s(pid), memory_mb(pid, "Private_Dirty"), _tcp_mb()
    found: dict[str, Seen] = {}
    length = target.size if window else 0
    pinging = Target(
        target.address,
        ping,
        length,
        window,
        8,
        target.seconds - 1,
        target.fields,
        every_s=1 / _PINGS_S,
    )
    listening = Thread(target=lambda: found.update(heard=ask(target, kind="listeners")))
    waiting = Thread(target=lambda: found.update(pinged=ask(pinging, kind="paced")))
    listening.start()
    waiting.start()
    peak = _watch(pid, listening)
    listening.join()
    waiting.join()
    spent, heard, pinged = cpu_s(pid) - before, found["heard"], found["pinged"]
    each = 1024 / target.connections
    late = 100 * heard.late / max(heard.requests, 1)
    met = heard.stalls == 0 and late <= 2 and peak[0] <= 300 and pinged.latencies_ms[2] <= 700
    say(
        f"{'B7 listeners':<22} {name:<18} {target.connections} for {target.seconds:.0f} s  cpu {spent:.2f} s  "
        f"late {late:.2f} %  stalls {heard.stalls}  user memory {(peak[1] - memory) * each:.0f} KiB each  "
        f"tcp {max(peak[2] - tcp, 0) / target.connections:.2f} MB each  rss {peak[0]:.0f} MB  "
        f"ping p50 {pinged.latencies_ms[0]:.1f} p99 {pinged.latencies_ms[2]:.1f} ms  wrong {heard.wrong}  "
        f"client {heard.load:.2f} of a core"
        + ("" if name == "nginx" else f"  goal 0 stalls, 2 %, 300 MB, 700 ms {verdict(met=met, wrong=heard.wrong)}")
    )
    return spent


def _watch(pid: int, listening: Thread) -> tuple[float, float, float]:
    """Return the peaks of RSS, of private memory and of TCP memory, in MB."""
    peak = (0.0, 0.0, 0.0)
    while listening.is_alive():
        now = (memory_mb(pid), memory_mb(pid, "Private_Dirty"), _tcp_mb())
        peak = (max(peak[0], now[0]), max(peak[1], now[1]), max(peak[2], now[2]))
        listening.join(0.5)
    return peak


def _tcp_mb() -> float:
    """Return the memory that the kernel holds for TCP on the whole machine."""
    line = next(one for one in Path("/proc/net/sockstat").read_text().splitlines() if one.startswith("TCP:"))
    words = line.split()
    numbers: Mapping[str, str] = dict(zip(words[1::2], words[2::2], strict=True))
    return int(numbers["mem"]) * _PAGE / 1e6


def _allow_descriptors() -> None:
    """Children inherit the limit: a listener costs a server two descriptors."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 16384), hard))


if __name__ == "__main__":
    main()
