"""What the file system says of files and folders that may be gone a moment later."""

import os
import re
from pathlib import Path
from stat import S_ISREG

from tutti.backends.blobs_local.disk import store_errors


def status_of(path: Path) -> os.stat_result | None:
    """Return what the file system says of a file, None when there is none; raises OSError."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    return status if S_ISREG(status.st_mode) else None


def names(folder: Path, pattern: re.Pattern[str]) -> list[str]:
    """Return the names of that pattern, sorted; none when the folder is not there."""
    with store_errors():
        try:
            return sorted(path.name for path in folder.iterdir() if pattern.fullmatch(path.name))
        except (FileNotFoundError, NotADirectoryError):
            return []
