"""Data sets from a fixed seed, cached outside of the tree: libraries of any size whose files are not there."""

import os
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import accumulate
from pathlib import Path
from threading import Event
from time import perf_counter
from uuid import UUID

from tutti.backends.bus import LocalBus
from tutti.db import schema
from tutti.db.engine import Database
from tutti.domain.media import Reading, StreamFacts, Tags
from tutti.domain.scanning import ScanPolicy
from tutti.domain.values import LibraryId, SourceId
from tutti.kit.clock import system_clock
from tutti.models import Library, Source
from tutti.ports.folders import FileEntry, Listing
from tutti.ports.media import MediaFile
from tutti.services.scanning import Scanner

WORDS = 60_000
"""Words of the vocabulary; the nth most frequent one is met about 1/n as often as the first."""

_CONSONANTS = (
    "b",
    "c",
    "ch",
    "d",
    "f",
    "g",
    "h",
    "j",
    "k",
    "l",
    "m",
    "n",
    "p",
    "r",
    "s",
    "st",
    "t",
    "th",
    "v",
    "w",
    "z",
)
_VOWELS = ("a", "e", "i", "o", "u", "ou", "ea", "y")
_ENDS = ("", "", "", "n", "r", "s", "t", "l", "ng", "m", "x")
_ACCENTS = str.maketrans("aeioun", "áéíöüñ")
_TITLE_WORDS = ((1, 2, 3, 4, 5, 6), (12, 28, 28, 18, 9, 5))
_GENRES = 60


@dataclass(frozen=True, slots=True)
class Shape:
    """How large a library is; about 12 tracks a record and 4 records an artist.

    Attributes:
        libraries: Over how many libraries the records are dealt, one after the other.
    """

    tracks: int = 1_000_000
    libraries: int = 1
    seed: int = 7


@dataclass(frozen=True, slots=True)
class Record:
    """One album: the folder it is in, below the source, and the tags of its tracks."""

    folder: bytes
    tracks: Sequence[Tags]


def cache_folder() -> Path:
    """Return the folder that data sets are kept in."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(home) / "tutti" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def vocabulary(seed: int) -> Sequence[str]:
    """Return distinct words, the most frequent first; frequent words tend to be short, some have accents."""
    rng = random.Random(f"words-{seed}")
    words: dict[str, None] = {}
    while len(words) < WORDS:
        word = "".join(rng.choice(_CONSONANTS) + rng.choice(_VOWELS) for _ in range(rng.choice((1, 2, 2, 3, 3, 4))))
        word += rng.choice(_ENDS)
        words[word.translate(_ACCENTS) if rng.random() < 0.03 else word] = None
    return sorted(words, key=lambda word: len(word) + rng.gauss(0, 2))


def records(shape: Shape) -> Iterator[Record]:
    """Yield the same albums for the same shape, those of one artist after the other."""
    rng = random.Random(f"records-{shape.seed}")
    phrase = _phrases(rng, vocabulary(shape.seed))
    artists = [phrase(*_TITLE_WORDS) for _ in range(max(8, shape.tracks // 50))]
    genres = [phrase((1, 2), (3, 1)) for _ in range(_GENRES)]
    genre_weights = list(accumulate(1 / (rank + 1) for rank in range(_GENRES)))
    artist_weights = list(accumulate(1 / (rank + 100) for rank in range(len(artists))))
    dealt = Counter(rng.choices(range(len(artists)), cum_weights=artist_weights, k=shape.tracks // 10 + 1))
    left = shape.tracks
    for number in sorted(dealt):
        for _ in range(dealt[number]):
            count = min(left, rng.choice((8, 10, 11, 12, 13, 14, 16)))
            left -= count
            album = Tags(
                artists=(artists[number],),
                album_artists=(artists[number],),
                album=phrase(*_TITLE_WORDS),
                genres=rng.choices(genres, cum_weights=genre_weights, k=rng.choice((1, 1, 2))),
                date=str(rng.randrange(1950, 2027)),
            )
            if rng.random() < 0.1:
                album = replace(album, album_artists=("Various Artists",), is_compilation=True)
            yield _record(album, [phrase(*_TITLE_WORDS) for _ in range(count)], artists, rng)
            if not left:
                return


def _phrases(rng: random.Random, words: Sequence[str]) -> Callable[[Sequence[int], Sequence[int]], str]:
    weights = list(accumulate(1 / (rank + 2.7) for rank in range(len(words))))

    def phrase(lengths: Sequence[int], shares: Sequence[int]) -> str:
        count = rng.choices(lengths, shares)[0]
        return " ".join(rng.choices(words, cum_weights=weights, k=count)).title()

    return phrase


def _record(album: Tags, titles: Sequence[str], artists: Sequence[str], rng: random.Random) -> Record:
    tracks = []
    for number, title in enumerate(titles, 1):
        by: Sequence[str] = album.artists
        if album.is_compilation:
            by = (rng.choice(artists),)
        elif rng.random() < 0.08:
            by = (*by, rng.choice(artists))
        raw = {"title": [title], "artist": by, "album": [album.album], "genre": album.genres, "date": [album.date]}
        tracks.append(replace(album, title=title, artists=by, track=number, raw=raw))
    folder = f"{album.album_artists[0]}/{album.date} {album.album} {rng.randrange(16**6):06x}"
    return Record(folder.encode(), tracks)


class SyntheticMusic:
    """Implements FolderReader and MediaReader for one library of a shape.

    Attributes:
        generating_s: Seconds spent here so far, which are no part of what a scan costs.
    """

    def __init__(self, shape: Shape, place: int = 0) -> None:
        self._shape = shape
        self._place = place
        self._readings: dict[bytes, Reading] = {}
        self.generating_s = 0.0

    def walk(self, root: bytes) -> Iterator[Listing]:
        """Yield the folders; what the files hold is kept until it is read."""
        known = {b""}
        yield Listing(b"", ())
        for record in self._own_records():
            above = record.folder.partition(b"/")[0]
            if above not in known:
                known.add(above)
                yield Listing(above, ())
            yield self._listing(root, record)

    def count(self, _root: bytes, _suffixes: frozenset[bytes], _stop: Event) -> int:
        """Return how many files there are, roughly."""
        return self._shape.tracks // self._shape.libraries

    def is_file(self, _root: bytes, _path: bytes) -> bool:
        """Nothing is there a second time."""
        return False

    def watch(self, roots: Callable[[], Sequence[bytes]], changed: Callable[[bytes], None], stop: Event) -> None:
        """Nothing changes."""

    def read(self, files: Iterable[MediaFile]) -> Iterator[Reading]:
        """Yield what the files hold."""
        for file in files:
            yield self._readings.pop(file.path)

    def render_cover(self, file: MediaFile, size_px: int) -> bytes:
        """There are no pictures."""
        raise NotImplementedError

    def layers(self) -> Sequence[str]:
        """Nothing is opened."""
        return ()

    def close(self) -> None:
        """Nothing is open."""

    def _own_records(self) -> Iterator[Record]:
        numbered = enumerate(records(self._shape))
        while True:
            began = perf_counter()
            number, record = next(numbered, (0, None))
            self.generating_s += perf_counter() - began
            if record is None:
                return
            if number % self._shape.libraries == self._place:
                yield record

    def _listing(self, root: bytes, record: Record) -> Listing:
        began = perf_counter()
        files = []
        for tags in record.tracks:
            name = f"{tags.track:02} {tags.title}.flac".encode()
            sound = sha256(record.folder + name).hexdigest()
            size = 12_000_000 + int(sound[:5], 16)
            files.append(FileEntry(name, size, 1_700_000_000_000_000_000 + size, "fd00", sound[:8]))
            facts = StreamFacts("flac", "flac", "audio/flac", 120_000 + size % 240_000, 900_000, 44_100, 2)
            self._readings[root + b"/" + record.folder + b"/" + name] = Reading(facts, tags, sound[:32])
        self.generating_s += perf_counter() - began
        return Listing(record.folder, files)


class _NoLocks:
    def hold(self, _name: str) -> nullcontext[None]:
        return nullcontext()


def import_music(db: Database, shape: Shape) -> float:
    """Make the libraries of a shape and scan them, as `tutti scan` would; return the seconds that took."""
    seconds = 0.0
    for place in range(shape.libraries):
        source_id = _source(db, f"Library {place + 1}", UUID(int=place + 1))
        music = SyntheticMusic(shape, place)
        began = perf_counter()
        Scanner(db, music, music, _NoLocks(), policy=ScanPolicy()).scan(source_id)
        seconds += perf_counter() - began - music.generating_s
    return seconds


def _source(db: Database, name: str, uuid: UUID) -> SourceId:
    with db.write() as tx:
        library = Library(uuid=uuid, name=name, is_personal=False, syncs=False, created_at=tx.now)
        tx.libraries.add(library)
        source = Source(uuid=uuid, library_id=LibraryId(library.id), path=b"/music", state="new", created_at=tx.now)
        tx.sources.add(source)
        return SourceId(source.id)


def open_database(path: Path) -> Database:
    """Open a database as the server does."""
    return Database(f"sqlite:///{path}", clock=system_clock, bus=LocalBus())


def library(shape: Shape) -> Path:
    """Return a migrated database that holds a shape, made when it is not in the cache; nobody may change it."""
    path = cache_folder() / f"{_name(shape)}.db"
    if not path.exists():
        partial = path.with_suffix(".part")
        partial.unlink(missing_ok=True)
        db = open_database(partial)
        schema.upgrade(db.engine)
        import_music(db, shape)
        db.optimize()
        db.close()
        partial.rename(path)
    return path


def _name(shape: Shape) -> str:
    made_by = [Path(__file__), *sorted((Path(schema.__file__).parent / "migrations").rglob("*.py"))]
    version = sha256(b"".join(file.read_bytes() for file in made_by)).hexdigest()[:8]
    return f"tracks-{shape.tracks}-{shape.libraries}-{shape.seed}-{version}"
