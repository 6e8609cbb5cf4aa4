"""A program that locks itself as the media child does and then tries what no media child may do.

`python canary.py LAYERS ATTEMPT SCRATCH PORT`: LAYERS is `all` or the only layer to use; prints `refused` or `done`.
"""

import ctypes
import os
import resource
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from tutti.backends.media_worker import landlock, sandbox, seccomp

LIBC = ctypes.CDLL(None, use_errno=True)
_PTRACE_ATTACH, _PR_SET_NO_NEW_PRIVS = 16, 38


def _checked(result: int) -> None:
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")


def attempts(scratch: Path, port: int) -> Mapping[str, Callable[[], object]]:
    """Return what can be tried, by name; whatever would need an import is made ready here, before the lock."""
    secret, fresh = scratch / "secret", scratch / "fresh"
    own = os.open(secret, os.O_RDONLY)
    unix_path = str(scratch / "socket")
    parent = os.getppid()

    def connect_tcp() -> None:
        with socket.socket(socket.AF_INET) as tcp:
            tcp.connect(("127.0.0.1", port))

    def connect_udp() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.sendto(b"out", ("127.0.0.1", port))

    def connect_unix() -> None:
        with socket.socket(socket.AF_UNIX) as unix:
            unix.connect(unix_path)

    return {
        "read": lambda: os.open(secret, os.O_RDONLY),
        "list": lambda: list(scratch.iterdir()),
        "write": lambda: os.open(fresh, os.O_WRONLY | os.O_CREAT),
        "remove": secret.unlink,
        "chmod_own_file": lambda: os.fchmod(own, 0o777),
        "tcp": connect_tcp,
        "udp": connect_udp,
        "unix": connect_unix,
        "fork": os.fork,
        "exec": lambda: os.execv(sys.executable, [sys.executable, "-c", "print('done')"]),
        "kill_parent": lambda: os.kill(parent, 0),
        "trace_parent": lambda: _checked(LIBC.ptrace(_PTRACE_ATTACH, parent, None, None)),
        "allocate_4_gib": lambda: bytearray(4 << 30),
        "grow_limits": lambda: resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30)),
        "become_root": lambda: os.setuid(0),
    }


def lock(layers: str) -> None:
    """Lock this process by all layers or by one alone."""
    if layers == "all":
        sandbox.lock()
        return
    LIBC.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if not {"landlock": landlock, "seccomp": seccomp}[layers].restrict(LIBC):
        raise SystemExit(f"{layers} is not here")


def main() -> None:
    layers, attempt, scratch, port = sys.argv[1:]
    tried = attempts(Path(scratch), int(port))[attempt]
    lock(layers)
    try:
        tried()
    except (OSError, MemoryError, ValueError):
        os.write(1, b"refused")
    else:
        os.write(1, b"done")
    os._exit(0)


if __name__ == "__main__":
    main()
