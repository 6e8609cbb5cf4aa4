"""D1-D4: searches and pages in a library of a million, and how fast one is brought in."""

import argparse
import random
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from time import perf_counter

from bench import data
from bench.compare import Latency, Sample, compare, latency, on_this_machine, own_cpu_s, report_latency, say, verdict
from bench.processes import folder, postgresql
from tutti.backends.bus import LocalBus
from tutti.db import schema
from tutti.db.engine import Database
from tutti.db.repos.browse import TrackFilter
from tutti.domain.values import LibraryId
from tutti.kit.clock import system_clock
from tutti.kit.text import words

_LIBRARY = LibraryId(1)
_ASKED = 2000
_ASKED_OF_ANCHOR = 20
_HITS = 20
_PAGE = 50
_DEPTH = 0.9


def main() -> None:
    """Run the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tracks", type=int, default=1_000_000)
    parser.add_argument("--on-postgresql", type=int, default=100_000, help="tracks of D5; 0 leaves it out")
    parser.add_argument("--imported", type=int, default=20_000, help="tracks of one import in D4")
    args = parser.parse_args()
    with on_this_machine():
        path = data.library(data.Shape(args.tracks))
        db = data.open_database(path)
        with closing(sqlite3.connect(path)) as plain:
            _prefixes(db, plain)
            _parts(db, plain)
            _pages(db, plain, round(args.tracks * _DEPTH))
        if args.on_postgresql:
            _on_postgresql(args.on_postgresql)
        db.close()
        with folder("database") as place:
            _imports(place, args.imported, args.rounds)


def _prefixes(db: Database, plain: sqlite3.Connection) -> None:
    # No anchor: this index keeps no sizes, so ranking all hits by bm25 would read every text.
    typed = [title[:end] for title, end in _asked(plain, 2)]
    found = latency([_search(db, one) for one in typed])
    report_latency("D1 prefix, ranked", "tutti", found, goal_ms=10)


def _parts(db: Database, plain: sqlite3.Connection) -> None:
    typed = [title.split()[0][1:] for title, _ in _asked(plain, 4) if len(title.split()[0]) > 3]
    found = latency([_search(db, one) for one in typed])
    report_latency("D2 substring", "tutti", found, goal_ms=15)
    query = "SELECT id FROM track WHERE title_sort LIKE ? LIMIT ?"
    rare = [f"%{one}zz%" for one in typed[:_ASKED_OF_ANCHOR]]  # so that LIKE reads the whole table, as it must
    _against("D2 substring", "LIKE", found, [_ask(plain, query, one, _HITS) for one in rare])


def _on_postgresql(tracks: int) -> None:
    """D5: the same searches on a PostgreSQL server of our own."""
    with closing(sqlite3.connect(data.library(data.Shape(tracks)))) as plain, postgresql() as url:
        db = Database(url, clock=system_clock, bus=LocalBus())
        schema.upgrade(db.engine)
        seconds = data.import_music(db, data.Shape(tracks))
        with db.engine.connect() as connection:
            connection.exec_driver_sql("ANALYZE")
        titles = [(title[:end], title.split()[0][1:]) for title, end in _asked(plain, 4)]
        prefixes = latency([_search(db, typed) for typed, _ in titles])
        parts = latency([_search(db, part) for _, part in titles if len(part) > 2])
        report_latency(f"D5 prefix of {tracks:,}", "tutti, PostgreSQL", prefixes, goal_ms=30)
        report_latency(f"D5 substring of {tracks:,}", "tutti, PostgreSQL", parts, goal_ms=30)
        say(f"D5 import of {tracks:,} tracks: {seconds:.0f} s")
        db.close()


def _pages(db: Database, plain: sqlite3.Connection, depth: int) -> None:
    query = (
        "SELECT title_sort, id FROM track WHERE library_id = 1 AND is_listed ORDER BY title_sort, id LIMIT ? OFFSET ?"
    )
    keys = [(str(row[0]), int(row[1])) for row in plain.execute(query, (_ASKED // 10, depth))]

    def page(after: tuple[str, int]) -> float:
        with db.read() as tx:
            began = perf_counter()
            tx.browse.tracks([_LIBRARY], TrackFilter(), after=after, limit=_PAGE)
            return perf_counter() - began

    page(keys[0])
    found = latency([page(key) for key in keys])
    report_latency(f"D3 page at {depth}", "tutti", found, goal_ms=1)
    offsets = [_ask(plain, query, _PAGE, depth) for _ in range(5)]
    ratio = _against(f"D3 page at {depth}", "OFFSET", found, offsets)
    say(f"D3 page at {depth}: {ratio:.0f} times OFFSET  goal 100 {verdict(met=ratio >= 100)}")


def _asked(plain: sqlite3.Connection, least: int) -> Iterator[tuple[str, int]]:
    """Yield folded titles and how much of each was typed, as people type: every length as often as the next."""
    rng = random.Random("asked")
    last = plain.execute("SELECT max(id) FROM track").fetchone()[0]
    for _ in range(_ASKED):
        (title,) = plain.execute("SELECT title_sort FROM track WHERE id = ?", (rng.randint(1, last),)).fetchone()
        if len(title) >= least:
            yield title, rng.randint(least, min(len(title), 20))


def _search(db: Database, typed: str) -> float:
    with db.read() as tx:
        began = perf_counter()
        tx.search.tracks([_LIBRARY], words(typed, 8), _HITS)
        return perf_counter() - began


def _ask(plain: sqlite3.Connection, query: str, *given: object) -> float:
    began = perf_counter()
    plain.execute(query, given).fetchall()
    return perf_counter() - began


def _against(metric: str, name: str, ours: Latency, seconds: Sequence[float]) -> float:
    """Report the anchor; return how many times longer its median takes."""
    theirs = latency(seconds)
    report_latency(metric, name, theirs)
    return theirs.p50_ms / ours.p50_ms


def _imports(place: Path, tracks: int, rounds: int) -> None:
    """Compare whole imports with the fastest that a table of the same tracks can be filled."""
    rows = [_row(tags, number) for number, tags in enumerate(_tags(tracks))]
    numbers = iter(range(1000))

    def ours() -> Sample:
        db = data.open_database(place / f"{next(numbers)}.db")
        schema.upgrade(db.engine)
        cpu = own_cpu_s()
        seconds = data.import_music(db, data.Shape(tracks))
        db.close()
        return Sample(tracks / seconds, own_cpu_s() - cpu)

    def theirs() -> Sample:
        cpu = own_cpu_s()
        seconds = _raw_import(place / f"{next(numbers)}.db", rows)
        return Sample(tracks / seconds, own_cpu_s() - cpu)

    contenders: dict[str, Callable[[], Sample]] = {"executemany": theirs, "tutti": ours}
    compare("D4 tracks brought in/s", "executemany", contenders, rounds=rounds, goal=0.2)


def _raw_import(path: Path, rows: Sequence[tuple[object, ...]]) -> float:
    with closing(sqlite3.connect(path)) as plain:
        plain.execute("PRAGMA journal_mode=WAL")
        plain.execute("PRAGMA synchronous=FULL")
        plain.execute(f"CREATE TABLE track (id INTEGER PRIMARY KEY, {', '.join(f'c{n}' for n in range(12))})")
        for column in range(5):
            plain.execute(f"CREATE INDEX i{column} ON track (c{column})")
        began = perf_counter()
        for start in range(0, len(rows), 1000):
            with plain:
                plain.executemany(f"INSERT INTO track VALUES (NULL{', ?' * 12})", rows[start : start + 1000])
        return perf_counter() - began


def _tags(tracks: int) -> Iterator[tuple[str, str, str, str]]:
    for record in data.records(data.Shape(tracks)):
        for tags in record.tracks:
            yield tags.title, tags.artists[0], tags.album, tags.date


def _row(tags: tuple[str, str, str, str], number: int) -> tuple[object, ...]:
    return (*tags, number, 200_000, 900_000, 44_100, 2, "flac", "audio/flac", f"{number}.flac")


if __name__ == "__main__":
    main()
