"""Leaves this process the few system calls that reading a descriptor and answering needs; all others fail with EPERM.

Source: the kernel's Documentation/userspace-api/seccomp_filter.rst; numbers from its syscall tables.
An allow-list also shuts out what Landlock does not know: UDP, unix sockets, chmod, io_uring, whatever comes next.
"""

import ctypes
import errno
import os
import struct

_PR_SET_SECCOMP = 22
_MODE_FILTER = 2

_LOAD_WORD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_NUMBER_OFFSET, _ARCHITECTURE_OFFSET = 0, 4
_KILL, _ALLOW, _ERRNO = 0x80000000, 0x7FFF0000, 0x00050000

_AUDIT_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

_ALLOWED = {
    "x86_64": (
        *(0, 8, 3, 5, 47, 44),  # read lseek close fstat recvmsg sendto
        *(1, 7, 9, 10, 11, 12, 13, 14, 15, 17, 19, 24, 25, 28, 32, 35, 39, 45, 46, 60, 72, 96, 98),
        *(131, 186, 202, 204, 219, 228, 229, 230, 231, 262, 271, 273, 318, 324, 332, 334),
    ),
    "aarch64": (
        *(63, 62, 57, 80, 212, 206),  # the same, in the same order where both have them
        *(64, 73, 222, 226, 215, 214, 134, 135, 139, 67, 65, 124, 216, 233, 23, 101, 172, 207, 211, 93, 25, 169, 165),
        *(132, 178, 98, 123, 128, 113, 114, 115, 94, 79, 99, 278, 283, 291, 293),
    ),
}
"""read lseek close fstat recvmsg sendto; write poll mmap mprotect munmap brk rt_sigaction rt_sigprocmask rt_sigreturn
pread64 readv sched_yield mremap madvise dup nanosleep getpid recvfrom sendmsg exit fcntl gettimeofday getrusage;
sigaltstack gettid futex sched_getaffinity restart_syscall clock_gettime clock_getres clock_nanosleep exit_group
newfstatat ppoll set_robust_list getrandom membarrier statx rseq."""


def restrict(libc: ctypes.CDLL) -> str | None:
    """Install the filter; needs no_new_privs.

    Returns:
        The layer's name, None when this kernel or processor has none.
    """
    machine = os.uname().machine
    if machine not in _ALLOWED:
        return None
    program = _program(machine)
    code = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    is_set = libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, header, 0, 0) == 0
    return "seccomp" if is_set else None


def _program(machine: str) -> bytes:
    """Return the filter in classic BPF: one comparison for each allowed call, each jumping to the last line."""
    allowed = _ALLOWED[machine]
    lines = [
        (_LOAD_WORD, 0, 0, _ARCHITECTURE_OFFSET),
        (_JUMP_IF_EQUAL, 1, 0, _AUDIT_ARCHITECTURE[machine]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD_WORD, 0, 0, _NUMBER_OFFSET),
        *((_JUMP_IF_EQUAL, len(allowed) - place, 0, number) for place, number in enumerate(allowed)),
        (_RETURN, 0, 0, _ERRNO | errno.EPERM),
        (_RETURN, 0, 0, _ALLOW),
    ]
    return b"".join(struct.pack("=HBBI", *line) for line in lines)
