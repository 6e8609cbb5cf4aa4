"""Nothing in the repository is only true on one machine, and nothing in it names whoever or whatever wrote it."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from support import tiers
from support.server import ROOT


def tracked() -> list[Path]:
    """Return every file under version control; none where there is no repository, as in an archive."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        return []
    done = subprocess.run([git, "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


# The brackets keep this file from being the first that has them.
HOMES = r"(?<![\w.~*])([/]work/|[/]root/|[/]home/\w|[/]Users/\w)"
WRITERS = r"(?i)[c]laude|[a]nthropic|[o]penai|[c]hatgpt|[c]opilot|[s]ub-?agent"
SECRETS = r"[P]RIVATE KEY-----\s+\w{20}|[g]hp_\w{20}|[A]KIA[A-Z0-9]{16}"


@pytest.mark.parametrize("pattern", [HOMES, WRITERS, SECRETS], ids=["homes", "writers", "secrets"])
def test_no_tracked_file_has(pattern: str) -> None:
    files = tracked()
    tiers.require_that(bool(files), "this is no git repository")
    compiled = re.compile(pattern)

    assert [str(path.relative_to(ROOT)) for path in files if compiled.search(path.read_text("utf-8", "replace"))] == []


def test_what_is_locked_comes_from_the_public_index() -> None:
    hosts = set(re.findall(r"https?://([^/\"]+)", (ROOT / "uv.lock").read_text()))

    assert hosts == {"pypi.org", "files.pythonhosted.org"}


@pytest.mark.parametrize("name", ["data", ".venv", "tutti.db", "keys"])
def test_what_a_server_keeps_is_not_tracked(name: str) -> None:
    assert not [path for path in tracked() if path.relative_to(ROOT).parts[0] == name or path.name == name]
