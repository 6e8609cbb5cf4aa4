"""Runs contenders side by side, round after round, and reports ratios to the anchor (performance.md 3)."""

import os
import platform
import resource
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_BUSY = 1.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One timed run of fixed length.

    Attributes:
        value: A rate; more is better.
        cpu_s: CPU seconds that the process tree under test spent meanwhile.
        wrong: Wrong bytes, statuses or rows; a single one voids the run.
    """

    value: float
    cpu_s: float
    wrong: int = 0


@dataclass(frozen=True, slots=True)
class Latency:
    """How long single operations took, in milliseconds."""

    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    count: int


def compare(
    metric: str,
    anchor: str,
    contenders: Mapping[str, Callable[[], Sample]],
    *,
    rounds: int = 5,
    goal: float = 1.0,
) -> dict[str, float]:
    """Print one line for each contender; return the median of its ratios to the anchor, round by round.

    Each round runs every contender once, and each round begins with another one.

    Args:
        metric: What is compared, with its unit: `B1 1m-c16 GB/s`.
        anchor: The contender that the others are measured by.
        contenders: Name to one timed run.
        rounds: How many, at least 5 for a figure that is quoted.
        goal: The ratio to reach.
    """
    names = list(contenders)
    runs: dict[str, list[Sample]] = {name: [] for name in names}
    for turn in range(rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            runs[name].append(contenders[name]())
    return {name: _report(metric, name, runs, anchor=anchor, goal=goal) for name in names}


def _report(metric: str, name: str, runs: Mapping[str, Sequence[Sample]], *, anchor: str, goal: float) -> float:
    ours, theirs = runs[name], runs[anchor]
    ratios = sorted(mine.value / other.value for mine, other in zip(ours, theirs, strict=True))
    cpu = median(_cpu_ratio(mine, other) for mine, other in zip(ours, theirs, strict=True))
    wrong, ratio = sum(sample.wrong for sample in (*ours, *theirs)), median(ratios)
    against = "the anchor" if name == anchor else f"vs {anchor}"
    outcome = "" if name == anchor else f"  goal {goal:g} {verdict(met=ratio >= goal, wrong=wrong)}"
    say(
        f"{metric:<22} {name:<18} {median(sample.value for sample in ours):>9.4g}  ratio {ratio:.2f} "
        f"({ratios[0]:.2f}..{ratios[-1]:.2f}) {against}  cpu {cpu:.2f}x  wrong {wrong}  rounds {len(ours)}{outcome}"
    )
    return ratio


def _cpu_ratio(ours: Sample, theirs: Sample) -> float:
    """Return the CPU per unit against the anchor's; not a number when a run was too short to tell."""
    if not ours.cpu_s or not theirs.cpu_s:
        return float("nan")
    return (ours.cpu_s / ours.value) / (theirs.cpu_s / theirs.value)


def latency(seconds: Sequence[float]) -> Latency:
    """Return the percentiles of single operations that took these seconds."""
    ordered = sorted(seconds)
    p50, p95, p99 = (ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1000 for share in (0.5, 0.95, 0.99))
    return Latency(p50, p95, p99, ordered[-1] * 1000, len(ordered))


def report_latency(metric: str, name: str, found: Latency, *, goal_ms: float | None = None, wrong: int = 0) -> None:
    """Print one line for one contender; the goal is for the 99th percentile."""
    outcome = "" if goal_ms is None else f"  goal p99 {goal_ms:g} {verdict(met=found.p99_ms <= goal_ms, wrong=wrong)}"
    say(
        f"{metric:<22} {name:<18} p50 {found.p50_ms:.2f}  p95 {found.p95_ms:.2f}  p99 {found.p99_ms:.2f}  "
        f"max {found.max_ms:.2f} ms  of {found.count}  wrong {wrong}{outcome}"
    )


def verdict(*, met: bool, wrong: int = 0) -> str:
    """Return the last word of a line."""
    return "void" if wrong else "met" if met else "missed"


def skip(metric: str, reason: str) -> None:
    """Say that a cell was left out and why: `nginx not installed`."""
    say(f"{metric:<22} skipped: {reason}")


@contextmanager
def on_this_machine() -> Iterator[None]:
    """Print the machine before and its load after."""
    load = os.getloadavg()[0]
    model = next(iter(_field(Path("/proc/cpuinfo"), "model name")), platform.processor() or "unknown")
    say(f"{os.cpu_count()} cores of {model}, {platform.system()} {platform.release()}, Python {sys.version.split()[0]}")
    if load > _BUSY:
        say(f"WARNING the load is {load:.1f} before the first round; read CPU and ratios, not rates")
    began = perf_counter()
    yield
    say(f"took {perf_counter() - began:.0f} s; load {load:.1f} before, {os.getloadavg()[0]:.1f} after")


def own_cpu_s() -> float:
    """Return the CPU seconds of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def tree_cpu_s(pid: int) -> float:
    """Return the CPU seconds of a process so far, with those of its children, the living and the reaped."""
    stat = _stat(pid)
    if stat is None:
        return 0.0
    own = sum(map(int, stat[11:15])) / _TICKS_PER_S  # utime, stime and both of reaped children
    return own + sum(tree_cpu_s(child) for child in _children(pid))


def rss_bytes(pid: int) -> int:
    """Return the resident memory of one process."""
    found = _field(Path(f"/proc/{pid}/status"), "VmRSS")
    return int(found[0].split()[0]) * 1024 if found else 0


def say(line: str) -> None:
    """Print one line at once."""
    print(line, flush=True)


def _stat(pid: int) -> Sequence[str] | None:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def _children(pid: int) -> Sequence[int]:
    try:
        lists = [path.read_text().split() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    except OSError:
        return ()
    return [int(child) for found in lists for child in found]


def _field(path: Path, name: str) -> Sequence[str]:
    """Return the values of a field in a file of `name: value` lines; none where there is no such file."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return ()
    return [value.strip() for field, _, value in (line.partition(":") for line in lines) if field.strip() == name]
