"""Many items are read at once; what is so of one is so of all (the cases of one are in test_ingest.py)."""

from collections.abc import Iterable, Iterator

import pytest

from support.core import House
from support.errors import raised
from support.music import Song
from support.shelves import counted, kept, search_is_in_step
from tutti.domain.caller import Caller
from tutti.domain.errors import ErrorKind
from tutti.domain.jobs import JobKind
from tutti.domain.media import Reading, Refused
from tutti.domain.values import BlobHash, ItemId
from tutti.ports.media import MediaFile

SONGS = [Song(f"Song {number}", artists=(f"Singer {number % 2}",), audio=str(number)) for number in range(3)]


@pytest.fixture
def bob(house: House) -> Caller:
    return house.add_user("bob")


def pending(house: House) -> list[ItemId]:
    with house.db.read() as tx:
        jobs = [job for job in tx.jobs.all_jobs() if job.kind == JobKind.PROBE_ITEM]
    return [ItemId(int(job.ref)) for job in reversed(jobs)]


def test_all_are_listed_and_one_that_is_no_song_fails_alone(house: House) -> None:
    for song in SONGS:
        house.send(song.data)
    bad = house.send(b"OggS and no song")

    house.probing.probe(pending(house))

    assert house.titles() == ["Song 0", "Song 1", "Song 2"]
    assert house.changes()[-4:].count((bad.uuid, True)) == 1
    assert kept(house.db) == counted(house.db)
    assert search_is_in_step(house.db)


def test_whoever_made_a_file_that_takes_its_reader_over_learns_nothing_of_others(
    house: House, bob: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files of two libraries are never in one hand: a reader serves one call."""
    calls: list[int] = []

    def read(files: Iterable[MediaFile]) -> Iterator[Reading | Refused]:
        asked = list(files)
        calls.append(len(asked))
        return type(house.media).read(house.media, asked)

    house.send(SONGS[0].data)
    house.send(SONGS[1].data, caller=bob)
    house.send(SONGS[2].data)
    monkeypatch.setattr(house.media, "read", read)

    house.probing.probe(pending(house))

    assert sorted(calls) == [1, 2]
    assert (house.titles(), house.titles(bob)) == (["Song 0", "Song 2"], ["Song 1"])


def test_bytes_that_are_lost_leave_the_others_as_they_were(house: House) -> None:
    """Nothing is half done: the runner does each by itself then."""
    lost = house.send(SONGS[0].data)
    house.send(SONGS[1].data)
    house.blobs.delete(BlobHash(lost.blob_hash))
    ids = pending(house)

    assert raised(lambda: house.probing.probe(ids)) == (ErrorKind.UNAVAILABLE, "blob_damaged")
    assert house.titles() == []

    house.probing.probe(ids[1:])
    assert house.titles() == ["Song 1"]
