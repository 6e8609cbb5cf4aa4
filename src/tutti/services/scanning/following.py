"""Follows files that changed places: which item each file of a batch is.

A place is left when its file is gone, or when another sound is found there. What is found is then looked for among
the items whose places were left, so that renumbered and swapped files keep their stars and plays. Places that are read
in another batch of the scan count as held: a row of files that is renumbered across the end of a batch loses one.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from tutti.db.repos.sources import MovedFile
from tutti.domain.media import Reading, Refused
from tutti.domain.values import ItemId
from tutti.ports.folders import FileEntry
from tutti.services.scanning.comparing import Work


@dataclass(frozen=True, slots=True)
class Outcome:
    """A file and what the reader says of it."""

    work: Work
    found: Reading | Refused


@dataclass(frozen=True, slots=True)
class Identity:
    """What a file is.

    Attributes:
        file_id: Its row, None for a new one.
        item_id: Its item, None for a new one.
    """

    file_id: int | None
    item_id: int | None
    is_moved: bool = False


@dataclass(frozen=True, slots=True)
class Followed:
    """The files of a batch.

    Attributes:
        identities: One for each outcome, in order.
        lost: Items that nothing is any more.
        surplus: Rows of places that were left for a place with a row of its own.
    """

    identities: Sequence[Identity]
    lost: Sequence[ItemId] = ()
    surplus: Sequence[int] = ()


def stay(batch: Sequence[Outcome]) -> Followed:
    """Say that every file is what was at its path before."""
    return Followed([_at_its_path(one) for one in batch])


def follow(
    batch: Sequence[Outcome], candidates: Sequence[MovedFile], is_there: Callable[[MovedFile], bool]
) -> Followed:
    """Say which item each file is.

    Args:
        batch: What was read.
        candidates: The files known before that share an inode or a sound with one of the batch.
        is_there: Whether a file is at the place of a candidate now.
    """
    sounds = {one.id: one.fingerprint for one in candidates}
    stays = {
        one.work.seen.id
        for one in batch
        if one.work.seen is not None and _sound(one) is not None and sounds.get(one.work.seen.id) == _sound(one)
    }
    strange = [one for one in batch if one.work.seen is None or one.work.seen.id not in stays]
    overrun = {one.work.seen.id: one.work.seen.item_id for one in strange if one.work.seen is not None}
    left = [one for one in candidates if one.id not in stays and (one.id in overrun or not is_there(one))]
    homes = _match(strange, left)
    taken = {home.item_id for home in homes.values()}
    identities = [_identity(one, homes.get(one.work.path), overrun, taken) for one in batch]
    kept = {one.item_id for one in identities}
    used = {one.file_id for one in identities}
    return Followed(
        identities,
        lost=[ItemId(item) for item in overrun.values() if item is not None and item not in kept],
        surplus=[home.id for home in homes.values() if home.id not in used],
    )


def _at_its_path(outcome: Outcome) -> Identity:
    seen = outcome.work.seen
    return Identity(None, None) if seen is None else Identity(seen.id, seen.item_id)


def _identity(
    outcome: Outcome, home: MovedFile | None, overrun: Mapping[int, int | None], taken: Collection[int | None]
) -> Identity:
    here = _at_its_path(outcome)
    if home is None:
        return Identity(here.file_id, None if here.item_id in taken else here.item_id)
    brings_its_row = here.file_id is None and home.id not in overrun
    return Identity(home.id if brings_its_row else here.file_id, home.item_id, is_moved=True)


def _match(new: Sequence[Outcome], left: Sequence[MovedFile]) -> Mapping[bytes, MovedFile]:
    """Pair files with places that were left by the same sound: the same inode first, else the same size; each once.

    An inode alone says nothing, because a file system gives that of a deleted file to the next one.
    """
    homes: dict[bytes, MovedFile] = {}
    for told_by in (_inode, _size):
        former: defaultdict[_Trait, list[MovedFile]] = defaultdict(list)
        paired = {home.id for home in homes.values()}
        for one in left:
            if one.id not in paired:
                former[one.fingerprint, *told_by(one)].append(one)
        for outcome in new:
            path, sound = outcome.work.path, _sound(outcome)
            if sound is not None and path not in homes:
                same = former[sound, *told_by(outcome.work.file)]
                if same:
                    homes[path] = same.pop(0)
    return homes


_Trait = tuple[str | int, ...]


def _sound(outcome: Outcome) -> str | None:
    return outcome.found.fingerprint if isinstance(outcome.found, Reading) else None


def _inode(file: FileEntry | MovedFile) -> _Trait:
    return (file.device, file.inode)


def _size(file: FileEntry | MovedFile) -> _Trait:
    return (file.size_bytes,)
