"""One key ring for all: making an RSA key takes longer than any test here."""

from pathlib import Path

import pytest

from tutti.backends.keys import KeyRing, load_or_create_keys


@pytest.fixture(scope="session")
def keys_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as first start leaves it; tests that change it copy it."""
    folder = tmp_path_factory.mktemp("data") / "keys"
    load_or_create_keys(folder)
    return folder


@pytest.fixture(scope="session")
def keys(keys_folder: Path) -> KeyRing:
    return load_or_create_keys(keys_folder)


@pytest.fixture(scope="session")
def other_keys(tmp_path_factory: pytest.TempPathFactory) -> KeyRing:
    """The keys of another server."""
    return load_or_create_keys(tmp_path_factory.mktemp("other") / "keys")
