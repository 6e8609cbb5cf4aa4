"""Bytes on their way in: durable, named by their hash, an item, then a track."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import pytest
from sqlalchemy import select

from support.core import House
from support.errors import raised
from support.music import Song
from support.shelves import counted, kept, search_is_in_step
from support.statements import counted as counted_statements
from tutti.db.repos.browse import TrackFilter
from tutti.domain.caller import Caller
from tutti.domain.errors import ErrorKind
from tutti.domain.jobs import JobKind
from tutti.domain.media import Told
from tutti.domain.values import BlobHash, ItemId
from tutti.models import MediaItem
from tutti.services.catalog import PageWish
from tutti.services.ingest import Accepted

ONE = Song("One", audio="one")


def send(
    house: House,
    data: bytes = ONE.data,
    filename: str = "one.mp3",
    *,
    caller: Caller | None = None,
    library: UUID | None = None,
) -> Accepted:
    return house.send(data, filename, caller=caller, library=library)


def probe_all(house: House) -> None:
    for ref in due(house):
        house.probing.probe([ItemId(int(ref))])


def due(house: House) -> Sequence[str]:
    with house.db.read() as tx:
        return [job.ref for job in tx.jobs.all_jobs() if job.kind == JobKind.PROBE_ITEM]


def stored(house: House, uuid: UUID) -> MediaItem:
    with house.db.read() as tx:
        return tx._session.scalars(select(MediaItem).where(MediaItem.uuid == uuid)).one()


def delete(house: House, uuid: UUID) -> None:
    """Delete an item as a person will: later issues bring the use case."""
    with house.db.write() as tx:
        item = tx._session.scalars(select(MediaItem).where(MediaItem.uuid == uuid)).one()
        item.deleted_at = tx.now


class TestAccept:
    def test_the_bytes_are_kept_under_their_hash(self, house: House) -> None:
        accepted = send(house)

        assert accepted.blob_hash == hashlib.sha256(ONE.data).hexdigest()
        assert b"".join(house.blobs.read(BlobHash(accepted.blob_hash))) == ONE.data

    def test_the_item_waits_to_be_read(self, house: House) -> None:
        accepted = send(house)

        item = stored(house, accepted.uuid)
        assert (item.status, item.size_bytes, item.owner_id) == ("pending", len(ONE.data), house.ann.user_id)
        assert due(house) == [str(item.id)]
        assert house.titles() == []

    def test_devices_are_told_at_once(self, house: House) -> None:
        accepted = send(house)

        assert house.changes() == [(accepted.uuid, False)]

    def test_the_same_bytes_again_are_the_same_item(self, house: House) -> None:
        first = send(house)

        again = send(house, filename="other.mp3")

        assert (again.uuid, first.is_new, again.is_new) == (first.uuid, True, False)
        assert len(house.changes()) == 1

    def test_in_another_library_they_are_another_item_of_the_same_blob(self, house: House) -> None:
        bob = house.add_user("bob")

        mine, his = send(house), send(house, caller=bob)

        assert (his.is_new, his.uuid != mine.uuid) == (True, True)
        assert len(list(house.blobs.walk())) == 1

    def test_bytes_that_return_are_the_item_that_was_deleted(self, house: House) -> None:
        first = send(house)
        probe_all(house)
        delete(house, first.uuid)

        again = send(house)
        probe_all(house)

        item = stored(house, again.uuid)
        assert (again.uuid, item.deleted_at, item.status) == (first.uuid, None, "ready")
        assert house.titles() == ["One"]

    @pytest.mark.parametrize(
        ("sent", "name"),
        [
            ("../../etc/one.mp3", "one.mp3"),
            ("C:\\Music\\one.mp3", "one.mp3"),
            ("/", "untitled"),
            ("", "untitled"),
            ("a\r\nb\u202e.mp3", "a  b.mp3"),
            ("x" * 5000, "x" * 1000),
        ],
    )
    def test_a_filename_is_only_a_name(self, house: House, sent: str, name: str) -> None:
        assert stored(house, send(house, filename=sent).uuid).filename == name


class TestRefused:
    def test_an_empty_file(self, house: House) -> None:
        assert raised(lambda: send(house, b"")) == (ErrorKind.INVALID, "empty_file")

    def test_more_bytes_than_allowed(self, house: House) -> None:
        upload = house.ingest.stage(house.ann, "one.mp3")
        upload.append(b"x" * 10_000)

        assert raised(lambda: upload.append(b"x")) == (ErrorKind.TOO_LARGE, "file_too_large")

    def test_as_many_as_allowed_are_taken(self, house: House) -> None:
        assert send(house, b"OggS" * 2_500).is_new

    def test_a_library_that_one_may_only_listen_to(self, house: House) -> None:
        bob = house.add_user("bob")
        made = house.libraries.create(house.ann, "Jazz")
        with house.db.write() as tx:
            tx.libraries.add_member(made.id, bob.user_id, "listener")

        assert raised(lambda: send(house, caller=bob, library=made.uuid)) == (ErrorKind.FORBIDDEN, "not_an_editor")

    def test_a_library_of_somebody_else(self, house: House) -> None:
        bob = house.add_user("bob")
        foreign = house.libraries.mine(house.ann)[0].uuid

        assert raised(lambda: send(house, caller=bob, library=foreign)) == (ErrorKind.NOT_FOUND, "library_not_found")

    def test_nothing_of_a_refused_file_is_kept(self, house: House) -> None:
        bob = house.add_user("bob")
        foreign = house.libraries.mine(house.ann)[0].uuid

        raised(lambda: send(house, caller=bob, library=foreign))

        assert list(house.blobs.walk()) == []
        assert house.blobs.sweep(older_than_s=0) == 0


class TestTaken:
    """A small file comes whole, with the same outcome."""

    def test_it_is_what_one_in_pieces_is(self, house: House) -> None:
        jazz = house.libraries.create(house.ann, "Jazz").uuid
        pieces = house.send(ONE.data, "a/one.mp3", folder="Albums/First")

        whole = house.ingest.take(house.ann, "a/one.mp3", ONE.data, library_uuid=jazz, folder="Albums/First")

        mine, theirs = stored(house, pieces.uuid), stored(house, whole.uuid)
        for name in ("filename", "folder", "blob_hash", "size_bytes", "status", "container", "owner_id", "told"):
            assert getattr(mine, name) == getattr(theirs, name)
        assert (whole.is_new, whole.size_bytes, len(due(house))) == (True, len(ONE.data), 2)

    def test_with_the_same_bytes_again_it_is_the_same_item(self, house: House) -> None:
        first = send(house)

        assert house.ingest.take(house.ann, "one.mp3", ONE.data) == replace(first, is_new=False)

    def test_what_is_refused_leaves_nothing(self, house: House) -> None:
        bob = house.add_user("bob")
        jazz = house.libraries.create(house.ann, "Jazz").uuid
        house.members.put(house.ann, jazz, "bob", "listener")
        mine = next(row.uuid for row in house.libraries.mine(house.ann) if row.is_personal)
        take = house.ingest.take
        refusals = [
            raised(lambda: take(house.ann, "one.mp3", b"")),
            raised(lambda: take(house.ann, "one.mp3", b"x" * 10_001)),
            raised(lambda: take(house.ann, "one.mp3", b"<html>" * 100)),
            raised(lambda: take(house.ann, "one.mp3", ONE.data, sha256="0" * 64)),
            raised(lambda: take(bob, "one.mp3", ONE.data, library_uuid=jazz)),
            raised(lambda: take(bob, "one.mp3", ONE.data, library_uuid=mine)),
        ]

        assert [code for _, code in refusals] == [
            "empty_file",
            "file_too_large",
            "not_audio",
            "digest_mismatch",
            "not_an_editor",
            "library_not_found",
        ]
        assert list(house.blobs.walk()) == []
        assert house.blobs.sweep(older_than_s=0) == 0

    def test_no_row_is_written_for_the_upload_itself(self, house: House) -> None:
        with counted_statements(house.db) as statements:
            house.ingest.take(house.ann, "one.mp3", ONE.data)

        assert len([one for one in statements if one.startswith("INSERT INTO media_item")]) == 1
        assert not [one for one in statements if one.startswith(("INSERT INTO upload", "DELETE FROM upload"))]


class TestDiscard:
    def test_an_upload_can_be_forgotten(self, house: House) -> None:
        upload = house.ingest.stage(house.ann, "one.mp3")
        upload.append(b"some bytes")

        upload.abandon()

        assert house.blobs.sweep(older_than_s=0) == 0


class TestProbe:
    def test_a_song_is_listed_with_what_its_tags_say(self, house: House) -> None:
        send(house, Song("One", ("Bob",), "Second", genres=("Jazz",)).data)

        probe_all(house)

        assert house.titles() == ["One"]
        assert [row.name for row in house.catalog.artists(house.ann, PageWish()).items] == ["Bob"]
        assert kept(house.db) == counted(house.db)
        assert search_is_in_step(house.db)

    def test_what_is_no_song_fails_with_its_reason(self, house: House) -> None:
        accepted = send(house, b"OggS and no song")

        probe_all(house)

        item = stored(house, accepted.uuid)
        assert (item.status, item.refusal) == ("failed", "damaged")
        assert house.titles() == []

    @pytest.mark.parametrize("data", [ONE.data, b"OggS and no song"])
    def test_a_second_time_changes_nothing(self, house: House, data: bytes) -> None:
        accepted = send(house, data)
        probe_all(house)
        before = (stored(house, accepted.uuid).status, house.changes(), kept(house.db))

        probe_all(house)

        assert (stored(house, accepted.uuid).status, house.changes(), kept(house.db)) == before

    def test_songs_without_an_album_are_of_one_unknown_album(self, house: House) -> None:
        send(house, Song("One", album="", audio="one").data)
        send(house, Song("Two", album="", audio="two").data)

        probe_all(house)

        assert [row.title for row in house.catalog.albums(house.ann, PageWish()).items] == ["Unknown album"]

    def test_a_song_without_a_title_is_called_as_its_file(self, house: House) -> None:
        send(house, Song("", audio="one").data, "My song.mp3")
        send(house, Song("", audio="two").data, "nameless")

        probe_all(house)

        assert house.titles() == ["My song", "nameless"]

    def test_an_item_that_was_deleted_meanwhile_is_not_listed(self, house: House) -> None:
        delete(house, send(house).uuid)

        probe_all(house)

        assert house.titles() == []

    def test_an_item_whose_bytes_were_removed_for_good_meanwhile_is_no_error(self, house: House) -> None:
        accepted = send(house)
        house.trash.delete(house.ann, accepted.uuid)
        house.trash.purge(house.ann, accepted.uuid)

        probe_all(house)

        assert stored(house, accepted.uuid).status == "pending"

    def test_what_is_no_song_is_announced_as_gone(self, house: House) -> None:
        accepted = send(house, b"OggS and no song")

        probe_all(house)

        assert house.changes() == [(accepted.uuid, False), (accepted.uuid, True)]

    def test_an_item_that_never_was_is_no_error(self, house: House) -> None:
        house.probing.probe([ItemId(99)])

    def test_lost_bytes_are_tried_again_later(self, house: House) -> None:
        accepted = send(house)
        house.blobs.delete(BlobHash(accepted.blob_hash))

        assert raised(lambda: probe_all(house)) == (ErrorKind.UNAVAILABLE, "blob_damaged")
        assert stored(house, accepted.uuid).status == "pending"


class TestTold:
    """What a client says of a file fills in where the file says nothing."""

    SILENT = Song(title="", artists=(), album="", audio="silent")
    TOLD = Told("Said", "Sayer", "Sayings", 1234)

    def accept(self, house: House, song: Song, told: Told, filename: str = "file.mp3") -> UUID:
        upload = house.ingest.stage(house.ann, filename)
        upload.append(song.data)
        return house.ingest.accept(upload, told=told).uuid

    def texts(self, house: House) -> tuple[str, str, str]:
        (row,) = house.catalog.tracks(house.ann, PageWish(), TrackFilter()).items
        return row.title, row.artist_name, row.album_title

    def test_it_is_taken_where_the_file_is_silent(self, house: House) -> None:
        self.accept(house, self.SILENT, self.TOLD)
        house.probe_all()

        assert self.texts(house) == ("Said", "Sayer", "Sayings")

    def test_it_never_overrules_the_file(self, house: House) -> None:
        self.accept(house, Song("Own", ("Ann",), "First"), self.TOLD)
        house.probe_all()

        assert self.texts(house) == ("Own", "Ann", "First")

    def test_it_is_still_known_when_the_bytes_come_back(self, house: House) -> None:
        item = self.accept(house, self.SILENT, self.TOLD)
        house.trash.delete(house.ann, item)
        house.trash.purge(house.ann, item)

        self.accept(house, self.SILENT, Told("Later"))
        house.probe_all()

        assert self.texts(house) == ("Said", "Sayer", "Sayings")

    def test_it_is_text_as_any_other(self, house: House) -> None:
        self.accept(house, self.SILENT, Told("a\0b\n" + "x" * 1000, duration_ms=-5))
        house.probe_all()

        assert self.texts(house)[0] == "ab " + "x" * 497
