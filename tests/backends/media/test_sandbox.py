"""reliability.md P52, finding 5: a media child reads its descriptors, answers its parent, and can do nothing else."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import canary
from support.tiers import require_that
from tutti.backends.media_worker.pool import PooledMediaReader
from tutti.domain.errors import AppError
from tutti.ports.media import MediaFile

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Landlock and seccomp are Linux's")

ATTEMPTS = (
    "read",
    "list",
    "write",
    "remove",
    "chmod_own_file",
    "tcp",
    "udp",
    "unix",
    "fork",
    "exec",
    "kill_parent",
    "trace_parent",
    "allocate_4_gib",
    "grow_limits",
)


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[int]:
    """A TCP and UDP port and a unix socket that would answer, and a file that could be read."""
    (tmp_path / "secret").write_bytes(b"secret")
    tmp_path.chmod(0o777)
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.socket(socket.AF_UNIX) as unix,
    ):
        port = tcp.getsockname()[1]
        udp.bind(("127.0.0.1", port))
        unix.bind(str(tmp_path / "socket"))
        unix.listen()
        yield port


@pytest.fixture(scope="module")
def layers() -> set[str]:
    """What this system offers."""
    reader = PooledMediaReader(1)
    found = {layer.partition("-")[0] for layer in reader.layers()}
    reader.close()
    return found


def _try(layers: str, attempt: str, scratch: Path, port: int) -> str:
    command = [sys.executable, canary.__file__, layers, attempt, str(scratch), str(port)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_a_locked_child_is_refused(attempt: str, layers: set[str], tmp_path: Path, listener: int) -> None:
    require_that(bool(layers & {"landlock", "seccomp"}), "this kernel has neither Landlock nor seccomp")

    assert _try("all", attempt, tmp_path, listener) == "refused"


@pytest.mark.parametrize("layer", ["landlock", "seccomp"])
@pytest.mark.parametrize("attempt", ["read", "list", "write", "tcp"])
def test_either_layer_alone_keeps_files_and_network_out(
    layer: str, attempt: str, layers: set[str], tmp_path: Path, listener: int
) -> None:
    require_that(layer in layers, f"this kernel has no {layer}")

    assert _try(layer, attempt, tmp_path, listener) == "refused"


@pytest.mark.skipif(os.getuid() != 0, reason="only root has another user to become")
def test_a_child_of_root_is_root_no_more(layers: set[str], tmp_path: Path, listener: int) -> None:
    assert "uid" in layers
    assert _try("all", "become_root", tmp_path, listener) == "refused"


def test_the_layers_are_named_the_strongest_first() -> None:
    reader = PooledMediaReader(1)

    held, missing = reader.layers(), reader.missing_layers()

    reader.close()
    assert {layer.partition("-")[0] for layer in held} | set(missing) >= {"landlock", "seccomp", "limits"}
    assert held[-1] == "limits"


def test_strict_reads_where_nothing_is_missing_and_refuses_elsewhere(tmp_path: Path) -> None:
    reader = PooledMediaReader(1, is_strict=True)
    file = MediaFile(os.fsencode(tmp_path / "gone.mp3"))
    empty = MediaFile(os.fsencode(tmp_path / "empty.mp3"))
    (tmp_path / "empty.mp3").touch()

    try:
        answers: list[object] = list(reader.read([file, empty]))
    except AppError as error:
        answers = [error.code]
    missing = reader.missing_layers()

    reader.close()
    assert answers == ["media_worker_unavailable"] if missing else len(answers) == 2
