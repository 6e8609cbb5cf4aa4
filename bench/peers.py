"""Other servers and taggers from the package index, each in a throw-away environment."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from bench.media import CACHE

_INSTALL_S = 180
_SCAN_S = 300


@dataclass(frozen=True, slots=True)
class Peer:
    """What a peer did."""

    seconds: float
    note: str


def beets(music: Path, place: Path) -> Peer | str:
    """Import in place without looking anything up; return why not when it cannot be had."""
    if reason := _install("beets"):
        return reason
    home = place / "beets"
    home.mkdir(parents=True)
    (home / "config.yaml").write_text(
        f"directory: {home}/music\nlibrary: {home}/library.db\nimport:\n  copy: no\n  write: no\n"
        "  autotag: no\n  quiet: yes\n  resume: no\nplugins: []\n",
        encoding="utf-8",
    )
    environment = {**os.environ, "BEETSDIR": str(home)}
    seconds, fault = _timed([str(_bin("beets") / "beet"), "import", "-A", "-q", "-C", str(music)], environment)
    if fault:
        return fault
    listed = subprocess.run(
        [str(_bin("beets") / "beet"), "ls"], env=environment, capture_output=True, text=True, check=False
    )
    return Peer(seconds, f"found {len(listed.stdout.splitlines())}")


def supysonic(music: Path, place: Path) -> Peer | str:
    """Scan a folder; return why not when it cannot be had."""
    if reason := _install("supysonic"):
        return reason
    home = place / "supysonic"
    home.mkdir(parents=True)
    (home / ".supysonic").write_text(f"[base]\ndatabase_uri = sqlite:///{home}/db\n", encoding="utf-8")
    environment = {**os.environ, "HOME": str(home)}
    program = str(_bin("supysonic") / "supysonic-cli")
    for command in (["folder", "add", "music", str(music)],):
        _, fault = _timed([program, *command], environment, cwd=home)
        if fault:
            return fault
    seconds, fault = _timed([program, "folder", "scan", "-f", "--foreground", "music"], environment, cwd=home)
    return fault or Peer(seconds, "")


def _install(package: str) -> str:
    """Install into an environment of its own; return why that failed, empty when it is there."""
    home = CACHE / "peers" / package
    if (home / "done").exists():
        return ""
    try:
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True, capture_output=True, timeout=_INSTALL_S)
        command = [str(home / "bin" / "pip"), "install", "--quiet", package]
        subprocess.run(command, check=True, capture_output=True, timeout=_INSTALL_S)
    except subprocess.SubprocessError as error:
        return f"{package} cannot be installed: {type(error).__name__}"
    (home / "done").touch()
    return ""


def _bin(package: str) -> Path:
    return CACHE / "peers" / package / "bin"


def _timed(command: list[str], environment: dict[str, str], *, cwd: Path | None = None) -> tuple[float, str]:
    began = time.monotonic()
    try:
        done = subprocess.run(
            command,
            env=environment,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_SCAN_S,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return 0, f"{Path(command[0]).name}: {type(error).__name__}"
    tail = (done.stderr.strip().splitlines() or [""])[-1]
    return time.monotonic() - began, f"{Path(command[0]).name} failed: {tail}" if done.returncode else ""
