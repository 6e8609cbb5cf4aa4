"""App keys that this program keeps: one file each, readable by its owner alone, for a server and an account."""

import os
from pathlib import Path
from secrets import token_hex
from urllib.parse import quote, unquote, urlsplit

from tutti.domain.errors import AppError, ErrorKind

_KEY_MAX_BYTES = 1000


class KeyFolder:
    """The keys below a folder: `<server>/<account>.key`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, server: str, username: str | None) -> str | None:
        """Return the key for a server, None when there is none.

        Args:
            server: Its address.
            username: The account; None for the only one there is a key of.

        Raises:
            AppError: CONFLICT `several_accounts`, when there are keys of several; as `read_key`.
        """
        if username is not None:
            path = self._path(server, username)
            return read_key(path) if path.exists() else None
        known = sorted(self._of(server).glob("*.key"))
        if len(known) > 1:
            names = ", ".join(unquote(path.stem) for path in known)
            raise AppError(ErrorKind.CONFLICT, "several_accounts", f"Say --user: there are keys of {names}.")
        return read_key(known[0]) if known else None

    def keep(self, server: str, username: str, key: str) -> None:
        """Keep a key, in the place of the one there was.

        Raises:
            OSError: It cannot be written.
        """
        path = self._path(server, username)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = path.with_name(f".{token_hex(8)}.new")
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(f"{key}\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)

    def drop(self, server: str, username: str | None) -> None:
        """Forget the keys of an account, or of all."""
        paths = self._of(server).glob("*.key") if username is None else [self._path(server, username)]
        for path in paths:
            path.unlink(missing_ok=True)

    def _of(self, server: str) -> Path:
        parts = urlsplit(server)
        return self._folder / quote(f"{parts.scheme}-{parts.netloc}{parts.path}", safe="")

    def _path(self, server: str, username: str) -> Path:
        return self._of(server) / f"{quote(username, safe='')}.key"


def read_key(path: Path) -> str:
    """Return the key that a file holds.

    Raises:
        AppError: INVALID `bad_key`, when it holds none.
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        raw = file.read(_KEY_MAX_BYTES + 1).strip()
    if not raw or len(raw) > _KEY_MAX_BYTES or not all(0x21 <= byte <= 0x7E for byte in raw):  # noqa: PLR2004 - visible
        raise AppError(ErrorKind.INVALID, "bad_key", f"{path}: there is no key in this file.")
    return raw.decode("ascii")
