"""Whatever people do to a folder, and however scans end in between: the library says what is on the disk."""

import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.core import House
from support.music import Song, save, song_in
from support.shelves import counted, kept, search_is_in_step
from support.tiers import is_deep

Step = Callable[[House], None]

SONGS = [
    Song("One", audio="one", album="First", genres=("Pop",)),
    Song("Two", audio="two", album="First", artists=("Ann", "Bob"), genres=("Pop", "Jazz")),
    Song("Three", audio="one", album="Second", composers=("Cid",)),
    Song("Four", audio="four", album="", artists=(), genres=()),
    Song("Five", audio="five", album="Second", is_compilation=True, cover="PICTURE"),
]
FOLDERS = st.sampled_from(["", "a", "a/b", "c"])
FILES = st.builds(Path, FOLDERS, st.sampled_from(["1.mp3", "2.mp3", "3.flac"]))


class Killed(BaseException):
    """As a kill: nothing of ours catches it."""


def put(name: Path, song: Song) -> Step:
    return lambda house: _ignored(lambda: save(house.music / name, song))


def damage(name: Path) -> Step:
    return lambda house: _ignored(lambda: save(house.music / name, b"noise"))


def picture(folder: str) -> Step:
    return lambda house: _ignored(lambda: save(house.music / folder / "cover.jpg", b"PICTURE"))


def remove(name: Path) -> Step:
    return lambda house: (house.music / name).unlink(missing_ok=True)


def move(old: Path, new: Path) -> Step:
    def step(house: House) -> None:
        (house.music / new).parent.mkdir(parents=True, exist_ok=True)
        _ignored(lambda: (house.music / old).rename(house.music / new))

    return step


def move_folder(old: str, new: str) -> Step:
    return lambda house: _ignored(lambda: shutil.move(house.music / old, house.music / new))


def copy(old: Path, new: Path) -> Step:
    def step(house: House) -> None:
        if (house.music / old).exists():
            _ignored(lambda: save(house.music / new, (house.music / old).read_bytes()))

    return step


def stop(after: int) -> Step:
    def step(house: House) -> None:
        left = iter(range(after))
        house.scanner().scan(house.source_id, progress=lambda _: next(left, None) is not None, believe_removals=True)

    return step


def kill(after: int) -> Step:
    def step(house: House) -> None:
        left = iter(range(after))

        def answer(_: bytes) -> None:
            if next(left, None) is None:
                raise Killed

        house.media.before_answer = answer
        with suppress(Killed):
            house.scan(believe_removals=True)
        house.media.before_answer = lambda _: None

    return step


def scan(house: House) -> None:
    house.scan(believe_removals=True)


SCANS = st.one_of(st.just(scan), st.builds(stop, st.integers(0, 3)), st.builds(kill, st.integers(0, 6)))
STEPS = st.one_of(
    st.builds(put, FILES, st.sampled_from(SONGS)),
    st.builds(put, FILES, st.sampled_from(SONGS)),
    st.builds(move, FILES, FILES),
    st.builds(copy, FILES, FILES),
    st.builds(remove, FILES),
    st.builds(damage, FILES),
    st.builds(move_folder, st.sampled_from(["a", "c"]), st.sampled_from(["d", "c"])),
    st.builds(picture, FOLDERS),
    SCANS,
)


@settings(
    max_examples=30 if is_deep() else 6,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=st.lists(STEPS, min_size=3, max_size=25))
def test_after_any_edits_and_a_scan_the_library_is_what_the_folder_is(
    new_house: Callable[[], AbstractContextManager[House]], steps: list[Step]
) -> None:
    with new_house() as house:
        for step in steps:
            step(house)

        scan(house)

        stored = {path: one.title for path, one in house.known().items() if one.is_listed}
        assert stored == on_disk(house.music)
        assert searched(house) == Counter(stored.values())
        assert kept(house.db) == counted(house.db)
        assert search_is_in_step(house.db)
        assert replayed(house) == set(house.listed().values())


def on_disk(root: Path) -> dict[str, str]:
    """The songs in a folder: path to title."""
    files = [path for path in root.rglob("*") if path.is_file() and path.suffix != ".jpg"]
    songs = {str(path.relative_to(root)): song_in(path.read_bytes()) for path in files}
    return {name: song.title for name, song in songs.items() if song}


def searched(house: House) -> Counter[str]:
    """How often each title is found by its own name."""
    found = [house.catalog.search(house.ann, song.title, limit=50).tracks for song in SONGS]
    return Counter(row.title for rows in found for row in rows)


def replayed(house: House) -> set[object]:
    """The items that a device has, which did nothing but follow the changes."""
    return {item for item, is_gone in dict(house.changes()).items() if not is_gone}


def _ignored(act: Callable[[], object]) -> None:
    """Do something that a person may try in vain: a folder is where a file should be, or nothing at all."""
    with suppress(OSError, shutil.Error):
        act()
