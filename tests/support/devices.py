"""Devices that are kept in step: a folder each, and the real program."""

import json
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from support.api import PASSWORD, Thing
from support.server import PROGRAM, environment

_RUN_S = 120


@dataclass(frozen=True)
class Device:
    """One device of one account; everything it keeps is below `place`."""

    place: Path
    url: str
    name: str
    user: str = "ada"

    @property
    def folder(self) -> Path:
        path = self.place / "music"
        path.mkdir(parents=True, exist_ok=True)
        return path

    @property
    def environment(self) -> dict[str, str]:
        homes = {"XDG_CONFIG_HOME": str(self.place / "config"), "XDG_STATE_HOME": str(self.place / "state")}
        return environment(self.place / "unused", homes)

    def command(self, *options: str) -> list[str]:
        return [*PROGRAM, "sync", str(self.folder), "--server", self.url, "--device", self.name, *options]

    def signed_in(self) -> Sequence[str]:
        return ("--user", self.user, "--password-stdin")

    def run(self, *options: str, password: str = PASSWORD) -> subprocess.CompletedProcess[str]:
        """Run to the end, as the account."""
        command = self.command(*self.signed_in(), *options)
        return subprocess.run(
            command,
            input=f"{password}\n",
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=_RUN_S,
        )

    def sync(self, *options: str) -> Thing:
        """Run, and return what was done; all of it must have been."""
        done = self.run("--json", *options)
        assert done.returncode == 0, done.stdout + done.stderr
        return dict(json.loads(done.stdout))

    def killed_after(self, seconds: float, *options: str, number: int = signal.SIGKILL) -> int:
        """Run, and end it by a signal after a while, unless it was faster; returns its status."""
        with subprocess.Popen(
            self.command(*self.signed_in(), *options),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=self.environment,
            text=True,
        ) as process:
            assert process.stdin is not None
            process.stdin.write(f"{PASSWORD}\n")
            process.stdin.flush()
            try:
                return process.wait(seconds)
            except subprocess.TimeoutExpired:
                process.send_signal(number)
                return process.wait(_RUN_S)

    def tree(self) -> Mapping[str, bytes]:
        """Return every file that a person sees."""
        return {
            path.relative_to(self.folder).as_posix(): path.read_bytes()
            for path in self.folder.rglob("*")
            if path.is_file() and not any(part.startswith(".") for part in path.relative_to(self.folder).parts)
        }

    def leftovers(self) -> Sequence[str]:
        """Return the hidden files of our own."""
        return [str(path) for path in self.folder.rglob(".tutti-*") if path.is_file()]

    def put(self, path: str, content: bytes) -> None:
        """Have a file in the folder."""
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_bytes(content)


def noise(seed: int, size: int = 3000) -> bytes:
    """Return bytes that count as MPEG audio without tags, different for each seed."""
    frame = b"\xff\xfb\x90\x64" + seed.to_bytes(8, "big") + bytes(417 - 12)
    return frame * (size // len(frame) + 1)
