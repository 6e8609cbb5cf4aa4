"""A server and devices in memory, on which plans are carried out: what `tutti.syncing` does, without bytes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import count

from tutti.syncing.plan import Action, Binding, Kind, Remote, View, Wish, plan

TRANSFERS = frozenset({Kind.UPLOAD, Kind.DOWNLOAD, Kind.PUSH, Kind.PUSH_TAGS, Kind.PULL, Kind.PULL_TAGS})


def sound_of(content: str) -> str:
    """Return the sound in a content such as `s1-t2`; the rest are its tags."""
    return content.partition("-")[0]


@dataclass
class Cloud:
    """Items by their id; the same bytes are kept once."""

    items: dict[str, Remote] = field(default_factory=dict)
    numbers: Iterable[int] = field(default_factory=count)

    def upload(self, path: str, content: str) -> str:
        for item, remote in self.items.items():
            if remote.hash == content and not remote.is_gone:
                return item
        item = f"item{next(iter(self.numbers)):03}"
        folder, _, name = path.rpartition("/")
        self.items[item] = Remote(content, folder, name, sound_of(content))
        return item

    def push(self, item: str, replaced: str, content: str) -> bool:
        remote = self.items[item]
        if remote.is_gone or remote.hash != replaced:
            return False  # 409 bytes_changed
        if content in {one.hash for one in self.items.values() if not one.is_gone}:
            return False  # 409 bytes_known
        self.items[item] = remote._replace(hash=content, audio_hash=sound_of(content))
        return True

    def trash(self, item: str) -> None:
        self.items[item] = self.items[item]._replace(is_gone=True)


@dataclass
class Phone:
    """A device: the files in its folder, and what its index knows.

    Attributes:
        deleted: Contents of files that plans deleted, with whether the index said that they were ours.
        shelved: Contents that were set aside because they were not ours.
    """

    cloud: Cloud
    wish: Wish
    files: dict[str, str] = field(default_factory=dict)
    bindings: dict[str, Binding] = field(default_factory=dict)
    unwanted: set[str] = field(default_factory=set)
    put_here: set[str] = field(default_factory=set)
    deleted: list[tuple[str, bool]] = field(default_factory=list)
    shelved: list[str] = field(default_factory=list)
    dropped: frozenset[str] = frozenset()

    def view(self) -> View:
        remotes = {
            item: remote._replace(is_unwanted=item in self.unwanted, keep=item not in self.dropped)
            for item, remote in self.cloud.items.items()
            if not remote.is_gone or item in self.bindings
        }
        sounds = {path: sound_of(content) for path, content in self.files.items()}
        return View(local=dict(self.files), bindings=dict(self.bindings), remotes=remotes, sounds=sounds)

    def plan(self) -> list[Action]:
        return plan(self.view(), self.wish)

    def run(self) -> list[Action]:
        """Plan and carry it out."""
        actions = self.plan()
        for action in actions:
            self._do(action)
        return actions

    def tree(self) -> Mapping[str, str]:
        return dict(self.files)

    def edit(self, path: str, content: str) -> None:
        """What a person does."""
        self.files[path] = content

    def _bind(self, item: str, path: str, base: str, *, is_ours: bool) -> None:
        self.bindings = {one: known for one, known in self.bindings.items() if known.path != path or one == item}
        self.bindings[item] = Binding(item, path, base, is_ours, sound_of(base))
        self.unwanted.discard(item)

    def _do(self, action: Action) -> None:
        getattr(self, f"_{action.kind.name.lower()}")(action)

    def _forget(self, action: Action) -> None:
        del self.bindings[action.item]

    def _unwant(self, action: Action) -> None:
        del self.bindings[action.item]
        self.unwanted.add(action.item)

    def _move(self, action: Action) -> None:
        self.bindings[action.item] = self.bindings[action.item]._replace(path=action.path)

    def _step_aside(self, action: Action) -> None:
        assert action.other not in self.files, "nothing is overwritten"
        self.files[action.other] = self.files.pop(action.path)
        self.bindings = {item: one for item, one in self.bindings.items() if one.path != action.path}

    def _adopt(self, action: Action) -> None:
        assert self.cloud.items[action.item].hash == self.files[action.path]
        self._bind(action.item, action.path, self.files[action.path], is_ours=False)

    def _remove(self, action: Action) -> None:
        binding = self.bindings.pop(action.item)
        assert binding.path == action.path
        assert self.files[action.path] == binding.base, "what is deleted is what was downloaded"
        self.deleted.append((self.files.pop(action.path), binding.is_ours))

    def _trash(self, action: Action) -> None:
        assert action.path not in self.files or self.files[action.path] != self.cloud.items[action.item].hash
        self.cloud.trash(action.item)
        del self.bindings[action.item]

    def _push(self, action: Action) -> None:
        content = self.files[action.path]
        if self.cloud.push(action.item, self.bindings[action.item].base, content):
            self._bind(action.item, action.path, content, is_ours=False)

    _push_tags = _push

    def _upload(self, action: Action) -> None:
        content = self.files[action.path]
        item = self.cloud.upload(action.path, content)
        if item not in self.bindings or self.bindings[item].path == action.path:
            self._bind(item, action.path, content, is_ours=False)

    def _pull(self, action: Action) -> None:
        binding = self.bindings[action.item]
        assert self.files[action.path] == binding.base, "what is replaced is what both sides had"
        if not binding.is_ours:
            self.shelved.append(self.files[action.path])
        self.files[action.path] = self.cloud.items[action.item].hash
        self._bind(action.item, action.path, self.files[action.path], is_ours=True)

    _pull_tags = _pull

    def _download(self, action: Action) -> None:
        assert action.path not in self.files, "nothing is overwritten"
        self.files[action.path] = self.cloud.items[action.item].hash
        self._bind(action.item, action.path, self.files[action.path], is_ours=True)


def settled(phones: list[Phone], rounds: int = 8) -> bool:
    """Let the phones run in turn until a whole turn does nothing; False when that does not happen."""
    return any(not sum(len(phone.run()) for phone in phones) for _ in range(rounds))


def named(wish: Wish, device: str) -> Wish:
    """Return the wish of another device."""
    return replace(wish, device=device)
