"""Devices that keep files by their content are told each once, by a name of its own."""

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from uuid import UUID

import pytest
from sqlalchemy import update

from support.core import House
from support.errors import raised
from support.music import Song
from tutti.domain.caller import Caller, Permission
from tutti.domain.errors import ErrorKind
from tutti.models import Library
from tutti.services.listing import PhoneFile

ONE = Song("One", audio="one")
TWO = Song("Two", ("Bob",), "Second", audio="two")
UNKNOWN = "0" * 64
NOT_FOUND = (ErrorKind.NOT_FOUND, "track_not_found")


def hash_of(song: Song | bytes) -> str:
    return sha256(song if isinstance(song, bytes) else song.data).hexdigest()


def names(house: House, caller: Caller | None = None) -> dict[str, str]:
    """What a phone is told: name to hash."""
    return {file.filename: file.hash for file in house.listing.phone_list(caller or house.ann)}


def shared(house: House, *, syncs: bool) -> UUID:
    library = house.libraries.create(house.ann, "Shared")
    with house.db.engine.begin() as connection:
        connection.execute(update(Library).where(Library.id == library.id).values(syncs=syncs))
    return library.uuid


def join(house: House, library: UUID, role: str) -> Caller:
    bob = house.add_user("bob")
    row = next(row for row in house.libraries.mine(house.ann) if row.uuid == library)
    house.join(bob, row.id, role)  # type: ignore[arg-type]  # rows carry plain numbers
    return bob


class TestList:
    def test_a_fresh_server_lists_nothing(self, house: House) -> None:
        assert list(house.listing.phone_list(house.ann)) == []

    def test_a_file_is_there_before_it_was_read(self, house: House) -> None:
        house.send(ONE.data, "one.mp3")

        assert house.listing.phone_list(house.ann) == [PhoneFile(hash_of(ONE), "one.mp3")]

    def test_a_file_that_cannot_be_read_stays(self, house: House) -> None:
        data = b"OggS and no song"

        house.send(data, "broken.ogg")
        house.probe_all()

        assert names(house) == {"broken.ogg": hash_of(data)}

    def test_a_file_without_a_name_is_there_at_once_under_its_hash(self, house: House) -> None:
        data = b"OggS and no song"

        house.send(data, "")

        assert names(house) == {f"{hash_of(data)}.ogg": hash_of(data)}

    def test_only_five_formats_are_listed(self, house: House) -> None:
        for number, end in enumerate(["mp3", "FLAC", "wav", "oGg", "m4a", "opus", "aac", "wma", "txt"]):
            house.send(Song(audio=f"audio {number}").data, f"{number}.{end}")

        assert list(names(house)) == ["0.mp3", "1.FLAC", "2.wav", "3.oGg", "4.m4a"]

    def test_files_of_folders_that_are_only_read_are_not_listed(self, house: House) -> None:
        house.save("one.mp3", ONE)
        house.scan()

        assert names(house) == {}

    def test_the_same_content_in_two_libraries_is_one_file(self, house: House) -> None:
        library = shared(house, syncs=True)

        house.send(ONE.data, "one.mp3")
        house.send(ONE.data, "uno.mp3", library=library)

        assert names(house) == {"one.mp3": hash_of(ONE)}

    def test_two_files_of_one_name_get_two_names_that_stay(self, house: House) -> None:
        house.send(ONE.data, "x.mp3")
        house.send(TWO.data, "X.mp3")
        before = names(house)

        house.listing.delete(house.ann, hash_of(ONE))
        alone = names(house)
        house.send(ONE.data, "x.mp3")

        assert before == {"x.mp3": hash_of(ONE), f"X ({hash_of(TWO)[:8]}).mp3": hash_of(TWO)}
        assert alone == {f"X ({hash_of(TWO)[:8]}).mp3": hash_of(TWO)}
        assert names(house) == before

    def test_a_name_stays_when_the_bytes_are_gone_for_good_and_come_back(self, house: House) -> None:
        gone = house.send(ONE.data, "x.mp3")
        house.send(TWO.data, "x.mp3")
        before = names(house)

        house.listing.delete(house.ann, hash_of(ONE))
        house.trash.purge(house.ann, gone.uuid)
        house.send(ONE.data, "x.mp3")

        assert names(house) == before

    def test_what_came_by_a_hidden_name_is_listed_when_a_phone_sends_it(self, house: House) -> None:
        house.send(ONE.data, "one.mp2")
        house.send(ONE.data, "one.mp3")
        house.send(ONE.data, "uno.mp3")

        assert names(house) == {"one.mp3": hash_of(ONE)}

    def test_what_was_deleted_is_not_listed_until_it_is_back(self, house: House) -> None:
        house.send(ONE.data, "one.mp3")
        house.listing.delete(house.ann, hash_of(ONE))
        before = names(house)
        house.send(ONE.data, "one.mp3")

        assert (before, names(house)) == ({}, {"one.mp3": hash_of(ONE)})

    @pytest.mark.parametrize(("role", "count"), [("owner", 1), ("editor", 1), ("listener", 0)])
    def test_it_takes_an_editor_to_see_a_shared_library(self, house: House, role: str, count: int) -> None:
        library = shared(house, syncs=True)
        bob = join(house, library, role)

        house.send(ONE.data, library=library)

        assert len(names(house, bob)) == count

    def test_a_library_that_does_not_sync_is_not_listed(self, house: House) -> None:
        house.send(ONE.data, library=shared(house, syncs=False))

        assert names(house) == {}


class TestDetails:
    def test_they_are_what_was_read(self, house: House) -> None:
        item = house.bring(TWO)

        (file,) = house.listing.legacy_files(house.ann)

        assert (file.hash, file.filename, file.uuid) == (hash_of(TWO), "one.mp3", item.uuid)
        assert (file.title, file.artist, file.album) == ("Two", "Bob", "Second")
        assert (file.size_bytes, file.added_at) == (len(TWO.data), house.clock())
        assert file.duration_ms > 0

    def test_before_that_they_are_empty(self, house: House) -> None:
        house.send(ONE.data)

        (file,) = house.listing.legacy_files(house.ann)

        assert (file.title, file.artist, file.album, file.duration_ms) == ("", "", "", 0)

    def test_hidden_and_deleted_files_have_none(self, house: House) -> None:
        house.send(ONE.data, "one.opus")
        house.send(TWO.data, "two.mp3")
        house.listing.delete(house.ann, hash_of(TWO))

        assert house.listing.legacy_files(house.ann) == []


class TestByHash:
    def test_what_one_may_read_is_found_whatever_its_format(self, house: House) -> None:
        library = shared(house, syncs=False)
        bob = join(house, library, "listener")

        item = house.send(ONE.data, "one.opus", library=library)

        assert house.listing.by_hash(bob, hash_of(ONE)) == item.uuid

    @pytest.mark.parametrize("content_hash", [UNKNOWN, "", " ", "x" * 64, hash_of(ONE).upper(), "0" * 5000])
    def test_anything_else_is_not_found(self, house: House, content_hash: str) -> None:
        house.send(ONE.data)

        assert raised(lambda: house.listing.by_hash(house.ann, content_hash)) == NOT_FOUND

    def test_of_others_it_is_not_found(self, house: House) -> None:
        house.send(ONE.data)
        bob = house.add_user("bob")

        assert raised(lambda: house.listing.by_hash(bob, hash_of(ONE))) == NOT_FOUND

    def test_deleted_it_is_not_found(self, house: House) -> None:
        house.send(ONE.data)
        house.listing.delete(house.ann, hash_of(ONE))

        assert raised(lambda: house.listing.by_hash(house.ann, hash_of(ONE))) == NOT_FOUND


class TestDelete:
    def test_it_can_be_taken_back(self, house: House) -> None:
        item = house.bring(ONE)

        house.listing.delete(house.ann, hash_of(ONE))
        titles = house.titles()
        house.trash.restore(house.ann, item.uuid)

        assert titles == []
        assert names(house) == {"one.mp3": hash_of(ONE)}

    def test_what_is_nowhere_is_deleted_already(self, house: House) -> None:
        house.send(ONE.data)

        house.listing.delete(house.ann, UNKNOWN)
        house.listing.delete(house.ann, hash_of(TWO))

        assert len(names(house)) == 1

    def test_what_only_others_have_is_nowhere(self, house: House) -> None:
        house.send(ONE.data)

        house.listing.delete(house.add_user("bob"), hash_of(ONE))

        assert len(names(house)) == 1

    @pytest.mark.parametrize("content_hash", ["", " ", "x" * 64, hash_of(ONE).upper(), hash_of(ONE) + "\n"])
    def test_what_is_no_hash_is_refused(self, house: House, content_hash: str) -> None:
        assert raised(lambda: house.listing.delete(house.ann, content_hash)) == (ErrorKind.INVALID, "bad_hash")

    def test_a_listener_may_not(self, house: House) -> None:
        library = shared(house, syncs=True)
        bob = join(house, library, "listener")
        house.send(ONE.data, library=library)

        assert raised(lambda: house.listing.delete(bob, hash_of(ONE))) == (ErrorKind.FORBIDDEN, "not_an_editor")

    def test_it_leaves_every_library_that_syncs_and_no_other(self, house: House) -> None:
        syncing, quiet = shared(house, syncs=True), shared(house, syncs=False)
        house.send(ONE.data)
        house.send(ONE.data, library=syncing)
        kept = house.send(ONE.data, library=quiet)

        house.listing.delete(house.ann, hash_of(ONE))

        assert names(house) == {}
        assert house.listing.by_hash(house.ann, hash_of(ONE)) == kept.uuid

    def test_it_leaves_another_library_when_it_is_nowhere_else(self, house: House) -> None:
        house.send(ONE.data, library=shared(house, syncs=False))

        house.listing.delete(house.ann, hash_of(ONE))

        assert raised(lambda: house.listing.by_hash(house.ann, hash_of(ONE))) == NOT_FOUND


ASKS: tuple[Callable[[House, Caller], object], ...] = (
    lambda house, caller: house.listing.phone_list(caller),
    lambda house, caller: house.listing.legacy_files(caller),
    lambda house, caller: house.listing.by_hash(caller, UNKNOWN),
    lambda house, caller: house.listing.delete(caller, UNKNOWN),
)


@pytest.mark.parametrize("ask", ASKS, ids=["list", "details", "by hash", "delete"])
def test_a_narrow_credential_is_refused(house: House, ask: Callable[[House, Caller], object]) -> None:
    narrow = replace(house.ann, scopes=frozenset({Permission.CONTROL}))

    assert raised(lambda: ask(house, narrow)) == (ErrorKind.FORBIDDEN, "not_allowed")
