"""What has to happen so that a folder and a server are in step: a three-way merge without input or output (ADR 0033).

Three states are compared: what both sides had when they last agreed (a binding's `base`), what the folder has now, and
what the server has now. Whoever changed alone wins; when both did, both versions are kept.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from typing import NamedTuple

from tutti.domain.errors import AppError, ErrorKind
from tutti.syncing.names import Names, conflict_path, local_path


class Kind(IntEnum):
    """What an action does; actions are carried out in this order."""

    FORGET = 0
    """The file, if there is one, no longer belongs to the item; nothing is deleted."""
    UNWANT = 1
    """The file was deleted here: the item stays where it is and does not come again."""
    MOVE = 2
    """The file of the item has another path now."""
    STEP_ASIDE = 3
    """Rename the file from `path` to `other`."""
    ADOPT = 4
    """File and item have the same bytes: they belong together."""
    REMOVE = 5
    """Delete the file that this device has downloaded."""
    TRASH = 6
    """Have the server put the item into its trash."""
    PULL_TAGS = 7
    """The item has new tags: fetch what is around its sound."""
    PUSH_TAGS = 8
    """The file has new tags: send what is around its sound."""
    PUSH = 9
    """The file has new bytes: send them as the item's."""
    UPLOAD = 10
    """The file is new."""
    PULL = 11
    """The item has new bytes: fetch them."""
    DOWNLOAD = 12
    """The item is new here."""


class Action(NamedTuple):
    """One step; `path` is the file it is about, `other` a second path."""

    kind: Kind
    path: str = ""
    item: str = ""
    other: str = ""


class Binding(NamedTuple):
    """A file that belongs to an item.

    Attributes:
        item: The item.
        path: Where the file was.
        base: The hash of the bytes on which both sides agreed.
        is_ours: Whether this device downloaded those bytes, and so may delete them.
        audio_hash: Of the sound in these bytes, where it is known.
    """

    item: str
    path: str
    base: str
    is_ours: bool = False
    audio_hash: str | None = None


class Remote(NamedTuple):
    """An item as the server last told it.

    Attributes:
        hash: SHA-256 of its bytes, in hex; empty when it is gone.
        keep: Whether this device's rule wants it.
        is_unwanted: It was deleted here.
    """

    hash: str
    folder: str = ""
    filename: str = ""
    audio_hash: str | None = None
    keep: bool = True
    is_gone: bool = False
    is_unwanted: bool = False


@dataclass(frozen=True, slots=True)
class Wish:
    """What a run may do, and what it calls this device and today in names of conflicts."""

    downloads: bool = True
    uploads: bool = True
    deletes: bool = False
    device: str = "here"
    day: str = "today"


@dataclass(frozen=True, slots=True)
class View:
    """All that is known.

    Attributes:
        local: The hash of every file that is there, by path.
        bindings: By item; no two name one path.
        remotes: By item.
        sounds: The hash of the sound of files that have changed, by path, where it is known.
        unread: Whether a path could not be looked at: nothing there counts as gone.
        blocked: Paths that are taken by something that is no file of music.
    """

    local: Mapping[str, str]
    bindings: Mapping[str, Binding]
    remotes: Mapping[str, Remote]
    sounds: Mapping[str, str] = field(default_factory=dict)
    unread: Callable[[str], bool] = lambda _: False
    blocked: frozenset[str] = frozenset()


def plan(view: View, wish: Wish) -> list[Action]:
    """Return what has to happen, in order; nothing when both sides are in step.

    Raises:
        AppError: CONFLICT `too_much_vanished`, when more than half of the files are gone: a disk that is not there
            looks the same, so nothing at all is done.
    """
    actions = sorted(_Merge(view, wish).actions(), key=lambda action: (action.kind, action.path, action.item))
    return [action for action in actions if _is_allowed(action.kind, wish)]


_DOWN = frozenset({Kind.STEP_ASIDE, Kind.REMOVE, Kind.PULL_TAGS, Kind.PULL, Kind.DOWNLOAD})
_UP = frozenset({Kind.TRASH, Kind.PUSH_TAGS, Kind.PUSH, Kind.UPLOAD})


def _is_allowed(kind: Kind, wish: Wish) -> bool:
    return (wish.downloads or kind not in _DOWN) and (wish.uploads or kind not in _UP)


class _Merge:
    """The merge of one view; `_homes` says where each item's file is now, None when it is gone."""

    def __init__(self, view: View, wish: Wish) -> None:
        self._view = view
        self._wish = wish
        self._homes: dict[str, str | None] = {}
        self._loose: dict[str, str] = {}
        self._unbound: set[str] = set()
        self._names: Names | None = None

    @cached_property
    def _live(self) -> frozenset[str]:
        return frozenset(remote.hash for remote in self._view.remotes.values() if not remote.is_gone)

    @property
    def _taken(self) -> Names:
        if self._names is None:  # most runs give no name to anything, and a hundred thousand names take their time
            self._names = Names([*self._view.local, *self._view.blocked])
        return self._names

    def actions(self) -> Iterator[Action]:
        """Yield what has to happen, in any order."""
        yield from self._place()
        for item, path in self._homes.items():
            yield from self._merge(self._view.bindings[item], path)
        yield from self._bind_loose()
        incoming = list(self._incoming())
        yield from incoming
        # Files that stepped aside were taken out of those that are loose.
        for path in self._loose:
            yield Action(Kind.UPLOAD, path)

    def _place(self) -> Iterator[Action]:
        """Find out where the file of each item is: files are followed by their bytes when they move."""
        view = self._view
        bound = {binding.path for binding in view.bindings.values()}
        displaced = [one for one in view.bindings.values() if view.local.get(one.path) != one.base]
        strays = defaultdict(list)
        for path in [*(one.path for one in displaced), *(view.local.keys() - bound)]:
            if path in view.local:
                strays[view.local[path]].append(path)
        self._homes = {item: one.path if one.path in view.local else None for item, one in view.bindings.items()}
        moved = dict(self._moves(displaced, strays))
        overtaken = set(moved.values())
        for one in displaced:
            if one.item in moved:
                self._homes[one.item] = moved[one.item]
                yield Action(Kind.MOVE, moved[one.item], one.item, one.path)
            elif one.path in overtaken:
                self._homes[one.item] = None
        self._refuse_if_most_vanished()
        self._loose = {path: view.local[path] for path in sorted(view.local.keys() - bound - overtaken)}
        left = {one.path for one in displaced if one.item in moved} - overtaken
        self._loose |= {path: view.local[path] for path in sorted(left) if path in view.local}
        self._unbound = {item for item, remote in view.remotes.items() if not remote.is_gone} - view.bindings.keys()

    def _moves(self, displaced: list[Binding], strays: dict[str, list[str]]) -> Iterator[tuple[str, str]]:
        for one in displaced:
            paths = strays.get(one.base)
            if not paths or self._view.unread(one.path):
                continue
            name = one.path.rpartition("/")[2]
            found = min(paths, key=lambda path: (path.rpartition("/")[2] != name, path))
            paths.remove(found)
            yield one.item, found

    def _refuse_if_most_vanished(self) -> None:
        bindings = self._view.bindings
        gone = [item for item, path in self._homes.items() if path is None]
        vanished = sum(not self._view.unread(bindings[item].path) for item in gone)
        if vanished * 2 > len(bindings):
            sentence = (
                f"{vanished} of {len(bindings)} files that were in the folder are gone. If their disk is not there,"
                " bring it back; if you removed them, --start-over forgets that they were here. Nothing was done."
            )
            raise AppError(ErrorKind.CONFLICT, "too_much_vanished", sentence)

    def _merge(self, binding: Binding, path: str | None) -> Iterator[Action]:
        remote = self._view.remotes.get(binding.item)
        if remote is None:  # nobody tells us of it any more: not ours to decide
            return
        if path is None:
            if not self._view.unread(binding.path):
                yield from self._vanished(binding, remote)
        else:
            yield from self._present(binding, remote, path)

    def _present(self, binding: Binding, remote: Remote, path: str) -> Iterator[Action]:
        mine = self._view.local[path]
        if mine == remote.hash and not remote.is_gone:
            if mine != binding.base:
                yield Action(Kind.ADOPT, path, binding.item)
            elif not remote.keep and binding.is_ours:
                yield Action(Kind.REMOVE, path, binding.item)
        elif mine == binding.base:
            yield from self._changed_there(binding, remote, path)
        elif remote.hash == binding.base and not remote.is_gone:
            if mine in self._live:  # a copy of another item has taken its place: no library has two of the same bytes
                yield from self._vanished(binding, remote)
                return
            has_same_sound = remote.audio_hash is not None and remote.audio_hash == self._view.sounds.get(path)
            yield Action(Kind.PUSH_TAGS if has_same_sound else Kind.PUSH, path, binding.item)
        else:
            yield from self._changed_twice(binding, remote, path)

    def _vanished(self, binding: Binding, remote: Remote) -> Iterator[Action]:
        if remote.is_gone or not remote.keep:
            yield Action(Kind.FORGET, binding.path, binding.item)
        elif not (self._wish.deletes and self._wish.uploads):
            yield Action(Kind.UNWANT, binding.path, binding.item)
        elif remote.hash == binding.base:
            yield Action(Kind.TRASH, binding.path, binding.item)
        else:  # deleted here and changed there: the change is worth more
            yield Action(Kind.FORGET, binding.path, binding.item)
            self._unbound.add(binding.item)

    def _changed_there(self, binding: Binding, remote: Remote, path: str) -> Iterator[Action]:
        if remote.is_gone:
            if self._wish.deletes and binding.is_ours:
                yield Action(Kind.REMOVE, path, binding.item)
        elif not remote.keep:
            if binding.is_ours:
                yield Action(Kind.REMOVE, path, binding.item)
        else:
            has_same_sound = remote.audio_hash is not None and remote.audio_hash == binding.audio_hash
            yield Action(Kind.PULL_TAGS if has_same_sound else Kind.PULL, path, binding.item)

    def _changed_twice(self, binding: Binding, remote: Remote, path: str) -> Iterator[Action]:
        if remote.is_gone or not remote.keep:  # our version is the only one that is wanted here
            yield Action(Kind.FORGET, path, binding.item)
            self._loose[path] = self._view.local[path]
        elif self._wish.downloads:
            yield self._step_aside(path)
            yield Action(Kind.DOWNLOAD, path, binding.item)

    def _step_aside(self, path: str) -> Action:
        aside = self._taken.settle(conflict_path(path, self._wish.device, self._wish.day))
        self._loose.pop(path, None)
        self._loose[aside] = self._view.local[path]
        return Action(Kind.STEP_ASIDE, path, other=aside)

    def _bind_loose(self) -> Iterator[Action]:
        """Bind files to items that have the same bytes; copies of what is there already need nothing."""
        remotes = self._view.remotes
        if not self._loose:
            return
        waiting = defaultdict(list)
        for item in sorted(self._unbound):
            waiting[remotes[item].hash].append(item)
        for path, digest in list(self._loose.items()):
            if path not in self._view.local:  # it has yet to step aside
                continue
            items = waiting.get(digest)
            if items:
                named = (one for one in items if local_path(remotes[one].folder, remotes[one].filename) == path)
                item = next(named, items[0])
                items.remove(item)
                self._unbound.discard(item)
                yield Action(Kind.ADOPT, path, item)
            if digest in self._live:
                del self._loose[path]

    def _incoming(self) -> Iterator[Action]:
        if not self._unbound:
            return
        remotes, present = self._view.remotes, set(self._view.local.values())
        for item in sorted(self._unbound):
            remote = remotes[item]
            if remote.is_unwanted or not remote.keep or remote.hash in present:
                continue
            present.add(remote.hash)
            path = local_path(remote.folder, remote.filename)
            if path in self._loose and path in self._view.local and self._wish.downloads:
                yield self._step_aside(path)
            else:
                path = self._taken.settle(path)
            yield Action(Kind.DOWNLOAD, path, item)
