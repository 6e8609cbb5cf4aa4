"""Reads a log of system calls and says what a power cut at an acknowledgement would have cost (reliability.md P02).

It keeps the two things that are volatile until fsync: the bytes of a file, and a name in a folder. Blind to mmap and
io_uring; folders are named by their path, so the program under test must not rename them.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import PurePath

from support.syscalls import Call

_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_DESCRIPTOR = re.compile(r"\d+<([^>]*)>")

_WRITES = {"write", "pwrite64", "writev", "pwritev", "pwritev2", "ftruncate", "fallocate", "copy_file_range"}
_SYNCS = {"fsync", "fdatasync"}
_RENAMES = {"rename", "renameat", "renameat2"}
_LINKS = {"link", "linkat"}
_MKDIRS = {"mkdir", "mkdirat"}
_UNLINKS = {"unlink", "unlinkat", "rmdir"}


def gaps(calls: Sequence[Call], *, root: str, is_ack: Callable[[Call], bool], ignore: str = r"(?!)") -> list[str]:
    """Return one line for each promise that was given too early; none when all is well.

    Args:
        calls: In the order in which they ended.
        root: Only what lies beneath counts.
        is_ack: Recognises the calls that tell a client "it is stored".
        ignore: Pattern of paths (relative to root) that no acknowledgement promises.
    """
    state = _Volatile(root, re.compile(ignore))
    found = []
    for call in calls:
        if is_ack(call):
            found += [f"line {call.started}: acknowledged, but {what}" for what in state.now()]
        elif not call.has_failed:
            found += [f"line {call.started}: {what}" for what in state.after(call)]
    return found


class _Volatile:
    """What is not on the disk yet."""

    def __init__(self, root: str, ignore: re.Pattern[str]) -> None:
        self._root = root.rstrip("/") + "/"
        self._ignore = ignore
        self._bytes: set[str] = set()
        self._names: set[str] = set()

    def now(self) -> list[str]:
        return [f"bytes of {path} are volatile" for path in self._promised(self._bytes)] + [
            f"the name {path} is volatile" for path in self._promised(self._names)
        ]

    def after(self, call: Call) -> list[str]:
        """Take note of a call; return what is wrong with making it now."""
        match (call.name, self._paths(call)):
            case (name, [path, *_]) if name in _WRITES:
                self._bytes.add(path)
            case (name, [path, *_]) if name in _SYNCS:
                self._bytes.discard(path)
                self._names = {entry for entry in self._names if str(PurePath(entry).parent) != path}
            case ("openat", [path, *_]) if "O_CREAT" in call.args and "O_EXCL" in call.args:
                self._names.add(path)
            case (name, [path, *_]) if name in _MKDIRS:
                self._names.add(path)
            case (name, [path, *_]) if name in _UNLINKS:
                self._forget(path)
            case (name, [old, new]) if name in _RENAMES | _LINKS:
                return self._named(old, new, is_moved=name in _RENAMES)
            case _:
                pass
        return []

    def _named(self, old: str, new: str, *, is_moved: bool) -> list[str]:
        is_early = old in self._bytes and new.startswith(self._root)
        if is_moved:
            self._forget(old)
        self._names.add(new)
        if is_early:
            self._bytes.add(new)
        return [f"{new} became visible before its bytes were durable"] if is_early else []

    def _forget(self, path: str) -> None:
        self._bytes.discard(path)
        self._names.discard(path)

    def _promised(self, paths: set[str]) -> list[str]:
        relative = sorted(path.removeprefix(self._root) for path in paths if path.startswith(self._root))
        return [path for path in relative if not self._ignore.search(path)]

    def _paths(self, call: Call) -> list[str]:
        if call.name in _WRITES | _SYNCS:
            return _DESCRIPTOR.findall(call.args)[:1]
        return _QUOTED.findall(call.args)
