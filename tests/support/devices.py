"""Devices that are kept in step: a folder each, with the real program or with what it calls."""

import signal
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from support.api import PASSWORD
from support.server import PROGRAM, environment
from tutti.syncing import opening, rounds
from tutti.syncing.looking import Report
from tutti.syncing.opening import Order
from tutti.syncing.plan import Wish

_RUN_S = 200
DAY = "2026-11-26"


@dataclass(frozen=True)
class Device:
    """One device of one account; everything it keeps is below `place`."""

    place: Path
    url: str
    name: str
    user: str
    key: str = field(repr=False)

    @property
    def folder(self) -> Path:
        path = self.place / "music"
        path.mkdir(parents=True, exist_ok=True)
        return path

    @property
    def order(self) -> Order:
        wish = Wish(device=self.name, day=DAY)
        return Order(
            self.folder, self.url, self.key, state=self.place / "state/tutti", wish=wish, device_name=self.name
        )

    def round(self, **wishes: Any) -> Report:
        """Make one round in this process."""
        order = self.order
        with opening.opened(replace(order, wish=replace(order.wish, **wishes))) as site:
            return rounds.run(site)

    def sync(self, **wishes: bool) -> dict[str, int]:
        """Make one round in which nothing fails, and return what was done."""
        report = self.round(**wishes)
        assert not report.failures, report.failures
        return done(report)

    def command(self, *options: str) -> list[str]:
        return [*PROGRAM, "sync", str(self.folder), "--server", self.url, "--device", self.name, *options]

    @property
    def environment(self) -> dict[str, str]:
        homes = {"XDG_CONFIG_HOME": str(self.place / "config"), "XDG_STATE_HOME": str(self.place / "state")}
        return environment(self.place / "unused", homes)

    @property
    def signed_in(self) -> Sequence[str]:
        return ("--user", self.user, "--password-stdin")

    def run(self, *options: str, password: str = PASSWORD) -> subprocess.CompletedProcess[str]:
        """Run the program to its end; who it is for is among the options."""
        return subprocess.run(
            self.command(*options),
            input=f"{password}\n",
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=_RUN_S,
        )

    def started(self, *options: str) -> "subprocess.Popen[str]":
        """Start the program with the key in its environment."""
        return subprocess.Popen(
            self.command(*options),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment | {"TUTTI_SYNC__KEY": self.key},
            text=True,
        )

    def ended_after(self, seconds: float, *options: str, number: int = signal.SIGKILL) -> int:
        """Run the program, and end it by a signal after a while unless it was faster; returns its status."""
        with self.started(*options) as process:
            try:
                process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                process.send_signal(number)
                process.communicate(timeout=_RUN_S)
            return process.returncode

    def tree(self) -> Mapping[str, bytes]:
        """Return every file that a person sees."""
        return {
            path.relative_to(self.folder).as_posix(): path.read_bytes()
            for path in self.folder.rglob("*")
            if path.is_file() and not any(part.startswith(".") for part in path.relative_to(self.folder).parts)
        }

    def leftovers(self) -> Sequence[str]:
        """Return the hidden files of our own, save those that were set aside."""
        found = (path.relative_to(self.folder) for path in self.folder.rglob(".tutti-*"))
        return [str(path) for path in found if (self.folder / path).is_file()]

    def put(self, path: str, content: bytes) -> None:
        """Have a file in the folder."""
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_bytes(content)


def done(report: Report) -> dict[str, int]:
    """Return what a round did, by the names of actions."""
    return {kind.name.lower(): count for kind, count in Counter(report.counts).items()}


def noise(seed: int, size: int = 3000) -> bytes:
    """Return bytes that count as MPEG audio without tags, different for each seed."""
    frame = b"\xff\xfb\x90\x64" + seed.to_bytes(8, "big") + bytes(417 - 12)
    return frame * (size // len(frame) + 1)
