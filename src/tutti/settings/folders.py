"""Where programs that a person runs keep what is theirs (XDG Base Directory 0.8)."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple


class UserFolders(NamedTuple):
    """The folders of one account of this machine that belong to this program."""

    config: Path
    state: Path


def user_folders(environment: Mapping[str, str] = os.environ) -> UserFolders:
    """Return the folders of the account that runs this program.

    Raises:
        RuntimeError: The account has no home.
    """

    def folder(name: str, default: str) -> Path:
        named = Path(environment.get(name, ""))
        return (named if named.is_absolute() else Path.home() / default) / "tutti"

    return UserFolders(folder("XDG_CONFIG_HOME", ".config"), folder("XDG_STATE_HOME", ".local/state"))
