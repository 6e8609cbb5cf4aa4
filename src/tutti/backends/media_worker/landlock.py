"""Shuts the file system and TCP out of this process for good, as far as the kernel can.

Source: the kernel's Documentation/userspace-api/landlock.rst; no path is allowed, so there are no rules to add.
"""

import ctypes
import struct

_CREATE_RULESET = 444
_RESTRICT_SELF = 446
_ASK_VERSION = 1

_FS_RIGHTS_BY_ABI = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
_NETWORK_ABI = 4
_SCOPES_ABI = 6
_TCP_BIND_AND_CONNECT = 3
_ABSTRACT_SOCKETS_AND_SIGNALS = 3


def restrict(libc: ctypes.CDLL) -> str | None:
    """Deny every path, TCP, abstract sockets and signals to others; needs no_new_privs.

    Returns:
        The layer's name with the kernel's ABI, None when the kernel has no Landlock.
    """
    libc.syscall.restype = ctypes.c_long
    abi = libc.syscall(_CREATE_RULESET, None, 0, _ASK_VERSION)
    if abi < 1:
        return None
    attributes = _attributes(abi)
    ruleset = libc.syscall(_CREATE_RULESET, attributes, len(attributes), 0)
    if ruleset < 0 or libc.syscall(_RESTRICT_SELF, ruleset, 0) != 0:
        return None
    return f"landlock-{abi}"


def _attributes(abi: int) -> bytes:
    """Return `struct landlock_ruleset_attr` as this kernel knows it."""
    rights = _FS_RIGHTS_BY_ABI[max(known for known in _FS_RIGHTS_BY_ABI if known <= abi)]
    fields = [rights]
    if abi >= _NETWORK_ABI:
        fields.append(_TCP_BIND_AND_CONNECT)
    if abi >= _SCOPES_ABI:
        fields.append(_ABSTRACT_SOCKETS_AND_SIGNALS)
    return struct.pack(f"={len(fields)}Q", *fields)
