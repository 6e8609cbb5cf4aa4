"""Locks the process that is about to open hostile files: limits, another user, Landlock, a list of system calls."""

import contextlib
import ctypes
import os
import resource
import signal
import sys
from dataclasses import dataclass, field

from tutti.backends.media_worker import landlock, seccomp

_NOBODY = 65534
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38

_LIMITS = {
    resource.RLIMIT_AS: 1 << 30,
    resource.RLIMIT_FSIZE: 0,
    resource.RLIMIT_NOFILE: 64,
    resource.RLIMIT_NPROC: 0,
    resource.RLIMIT_CORE: 0,
}


@dataclass(slots=True)
class Layers:
    """What holds a child, the strongest first, and what this system does not offer, as short names."""

    active: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def note(self, name: str, active: str | None) -> None:
        """Note a layer under the name that it reports, or as missing."""
        if active:
            self.active.insert(0, active)
        else:
            self.missing.insert(0, name)


def lock() -> Layers:
    """Give up everything but the open descriptors; cannot be undone."""
    layers = Layers()
    layers.note("limits", _limit())
    if os.getuid() == 0:
        layers.note("uid", _drop_uid())
    if sys.platform == "linux":
        _lock_linux(layers)
    else:
        layers.missing += ["landlock", "seccomp"]
    return layers


def _lock_linux(layers: Layers) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # after the uid, whose change would clear it
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    layers.note("landlock", landlock.restrict(libc))
    layers.note("seccomp", seccomp.restrict(libc))


def _limit() -> str | None:
    try:
        for limit, value in _LIMITS.items():
            resource.setrlimit(limit, (value, value))
    except (OSError, ValueError):
        return None
    return "limits"


def _drop_uid() -> str | None:
    with contextlib.suppress(OSError):
        os.setgroups([])
        os.setresgid(_NOBODY, _NOBODY, _NOBODY)
        os.setresuid(_NOBODY, _NOBODY, _NOBODY)
        return "uid"
    return None
