"""All benches, one after the other, each in a process of its own: `python -m bench [AREA...] [--json FILE]`."""

import argparse
import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

AREAS = {
    "ranges": "B1-B6: ranges and whole files",
    "listeners": "B7: a thousand listeners",
    "cold": "B8 B9: files from the disk, streams beside a scan",
    "api": "A1 A2 A7: lists and search over HTTP",
    "scan": "S1-S8: reading folders",
    "database": "D1-D5: searches, pages, imports",
    "sync": "A9 A10: what a device is told",
    "uploads": "U1 U4: files over HTTP",
    "phones": "U2 U3 U4: files by gRPC",
    "buckets": "B10: files that lie in S3",
    "folders": "the client: first rounds, and one without changes",
    "access": "P3 P4 A3: logins, tokens, small answers",
    "process": "P1 P2 P5 P7: start, memory, hops",
}
_RATIO = re.compile(
    r"(?P<metric>.{22}) (?P<name>.{18}) +(?P<value>\S+)  ratio (?P<ratio>\S+) \((?P<low>[^.]*\.?\d*)\.\.(?P<high>\S+)\)"
)
_VERDICT = re.compile(r"\b(met|missed|void|skipped)\b")


def main() -> None:
    """Run the areas that are named, else all."""
    parser = argparse.ArgumentParser(description=__doc__, epilog="; ".join(f"{k}: {v}" for k, v in AREAS.items()))
    parser.add_argument("areas", nargs="*", metavar="AREA", help=f"of {', '.join(AREAS)}")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every line as a record")
    args = parser.parse_args()
    unknown = set(args.areas) - set(AREAS)
    if unknown:
        parser.error(f"there is no area {', '.join(sorted(unknown))}")
    options = ["--rounds", str(args.rounds)] if args.rounds else []
    found, failed = [], []
    for area in args.areas or AREAS:
        print(f"\n== {AREAS[area]}", flush=True)
        lines, status = _run(area, options)
        found += [_record(area, line) for line in lines]
        if status:
            failed.append(area)
    if args.json:
        when = datetime.now(UTC).isoformat(timespec="seconds")
        args.json.write_text(json.dumps({"at": when, "records": found}, indent=1), encoding="utf-8")
    if failed:
        sys.exit(f"these came to no end: {', '.join(failed)}")


def _run(area: str, options: list[str]) -> tuple[list[str], int]:
    if find_spec(f"bench.{area}") is None:
        print("skipped: not written yet", flush=True)
        return ["skipped: not written yet"], 0
    lines = []
    command = [sys.executable, "-m", f"bench.{area}", *options]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line.rstrip("\n"))
    return lines, process.returncode


def _record(area: str, line: str) -> dict[str, str]:
    """Take a line apart as far as it has the common parts."""
    record = {"area": area, "line": line}
    ratio, verdicts = _RATIO.match(line), _VERDICT.findall(line)
    if ratio:
        record |= {key: value.strip() for key, value in ratio.groupdict().items()}
    if verdicts:
        record["verdict"] = verdicts[-1]
    return record


if __name__ == "__main__":
    main()
