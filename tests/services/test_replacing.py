"""An item gets other bytes and stays what it was for everybody (N238)."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import UUID

import pytest
from sqlalchemy import select

from support.core import House
from support.errors import raised
from support.music import Song
from tutti.domain.caller import Caller
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.values import BlobHash, ItemId
from tutti.models import Blob, MediaItem, Upload
from tutti.services.administration import UserChange
from tutti.services.ingest import Accepted
from tutti.services.replacing import Replacement

OLD = Song("Old", audio="la la la")
NEW = Song("New", audio="la la la")
OTHER = Song("Other", audio="other")
CHANGED = (ErrorKind.CONFLICT, "bytes_changed")


def item_of(house: House, uuid: UUID) -> MediaItem:
    with house.db.read() as tx:
        return tx._session.scalars(select(MediaItem).where(MediaItem.uuid == uuid)).one()


def begin(
    house: House, sent: Accepted, data: bytes, *, head: int | None = None, caller: Caller | None = None
) -> Replacement:
    sha256 = house.hash_of(data)
    return house.replacing.begin(
        caller or house.ann, sent.uuid, replaces=sent.blob_hash, sha256=sha256, head_bytes=head
    )


def whole(house: House, sent: Accepted, data: bytes, *, caller: Caller | None = None) -> Accepted:
    """Replace all bytes, in pieces of seven."""
    replacement = begin(house, sent, data, caller=caller)
    for start in range(0, len(data), 7):
        replacement.append(data[start : start + 7])
    return house.replacing.finish(replacement)


def retag(house: House, sent: Accepted, song: Song, *, step: int = 7) -> Accepted:
    """Send what stands around the sound of a song."""
    region, data = song.sound, song.data
    ends = data[: region.offset] + data[sum(region) :]
    replacement = begin(house, sent, data, head=region.offset)
    for start in range(0, len(ends), step):
        replacement.append(ends[start : start + step])
    return house.replacing.finish(replacement)


def bytes_of(house: House, sent: Accepted) -> bytes:
    return b"".join(house.blobs.read(BlobHash(item_of(house, sent.uuid).blob_hash or "")))


class TestRetagging:
    @pytest.mark.parametrize("step", [1, 7, 1000])
    def test_the_sound_is_taken_from_what_is_there(self, house: House, step: int) -> None:
        sent = house.bring(OLD)

        replaced = retag(house, sent, NEW, step=step)

        assert (replaced.uuid, replaced.blob_hash) == (sent.uuid, house.hash_of(NEW.data))
        assert bytes_of(house, sent) == NEW.data

    def test_the_track_has_its_new_tags_once_it_was_read(self, house: House) -> None:
        sent = house.bring(OLD)

        retag(house, sent, NEW)
        assert house.titles() == ["Old"]
        house.probe_all()

        assert house.titles() == ["New"]
        assert house.changes()[-2:] == [(sent.uuid, False)] * 2

    def test_where_the_sound_lies_is_known_at_once(self, house: House) -> None:
        sent = house.bring(OLD)
        longer = Song("A longer title", audio=OLD.audio)
        before = item_of(house, sent.uuid)

        retag(house, sent, longer)

        after = item_of(house, sent.uuid)
        assert (after.audio_offset, after.audio_bytes) == longer.sound
        assert after.audio_hash == before.audio_hash == house.hash_of(b"la la la")

    def test_bytes_around_another_sound_are_refused(self, house: House) -> None:
        sent = house.bring(OTHER)

        assert raised(lambda: retag(house, sent, NEW)) == (ErrorKind.INVALID, "digest_mismatch")
        assert bytes_of(house, sent) == OTHER.data

    def test_a_head_that_is_too_short_is_refused(self, house: House) -> None:
        sent = house.bring(OLD)
        replacement = begin(house, sent, NEW.data, head=100)
        replacement.append(b"x" * 99)

        assert raised(lambda: house.replacing.finish(replacement)) == (ErrorKind.INVALID, "length_mismatch")

    def test_nothing_before_it_and_nothing_behind_it_is_the_sound_alone(self, house: House) -> None:
        """Nobody sends that; but no bytes at all must not end as no bytes at all."""
        sent = house.bring(OLD)
        replacement = begin(house, sent, b"la la la", head=0)

        assert raised(lambda: house.replacing.finish(replacement)) == (ErrorKind.UNSUPPORTED, "not_audio")
        assert replacement.offset == 8

    @pytest.mark.parametrize("data", [OLD.data, b"OggS and no song"])
    def test_a_sound_that_is_not_known_cannot_be_taken(self, house: House, data: bytes) -> None:
        sent = house.send(data)
        if data != OLD.data:
            house.probe_all()

        assert raised(lambda: begin(house, sent, NEW.data, head=5)) == (ErrorKind.CONFLICT, "no_sound")


class TestReplaced:
    def test_it_is_the_same_item(self, house: House) -> None:
        sent = house.bring(OLD)

        replaced = whole(house, sent, OTHER.data)
        house.probe_all()

        assert replaced.uuid == sent.uuid
        assert house.titles() == ["Other"]

    def test_what_it_was_is_nobodys_and_goes_after_its_time(self, house: House) -> None:
        sent = house.bring(OLD)

        whole(house, sent, OTHER.data)

        with house.db.read() as tx:
            assert tx._session.scalars(select(Blob.hash)).all() == [house.hash_of(OTHER.data)]
        assert house.blobs.find(BlobHash(sent.blob_hash)) is not None

    def test_bytes_that_another_library_has_too_stay(self, house: House) -> None:
        jazz = house.libraries.create(house.ann, "Jazz")
        sent = house.bring(OLD)
        house.bring(OLD, library=jazz.uuid)

        whole(house, sent, OTHER.data)

        with house.db.read() as tx:
            assert len(tx._session.scalars(select(Blob.hash)).all()) == 2

    def test_the_bytes_it_has_are_no_change(self, house: House) -> None:
        sent = house.bring(OLD)
        before = house.changes()

        assert whole(house, sent, OLD.data).blob_hash == sent.blob_hash
        assert house.changes() == before

    def test_what_cannot_be_read_leaves_the_lists(self, house: House) -> None:
        sent = house.bring(OLD)

        whole(house, sent, b"OggS and no song")
        house.probe_all()

        assert house.titles() == []
        assert house.changes()[-1] == (sent.uuid, True)
        assert [one.track_count for one in house.libraries.mine(house.ann)] == [0]

    def test_a_probe_of_the_former_bytes_says_nothing_of_the_new_ones(self, house: House) -> None:
        sent = house.send(OLD.data)
        number = ItemId(item_of(house, sent.uuid).id)
        house.media.before_answer = lambda _: _once(house, lambda: whole(house, sent, OTHER.data))

        house.probing.probe([number])

        assert item_of(house, sent.uuid).status == "pending"
        house.probe_all()
        assert house.titles() == ["Other"]

    def test_nothing_is_left_of_an_upload(self, house: House) -> None:
        sent = house.bring(OLD)
        whole(house, sent, OTHER.data)
        raised(lambda: whole(house, sent, NEW.data))

        with house.db.read() as tx:
            assert tx._session.scalars(select(Upload)).all() == []


def _once(house: House, act: object) -> None:
    house.media.before_answer = lambda _: None
    assert callable(act)
    act()


class TestRefused:
    def test_other_bytes_than_it_has(self, house: House) -> None:
        sent = house.bring(OLD)
        replacement = begin(house, sent, NEW.data)
        replacement.append(NEW.data)
        whole(house, sent, OTHER.data)

        assert raised(lambda: house.replacing.finish(replacement)) == CHANGED
        assert raised(lambda: begin(house, sent, NEW.data)) == CHANGED
        assert bytes_of(house, sent) == OTHER.data

    @pytest.mark.parametrize("is_trashed", [False, True])
    def test_bytes_that_are_another_item(self, house: House, *, is_trashed: bool) -> None:
        sent, other = house.bring(OLD), house.bring(OTHER)
        if is_trashed:
            house.trash.delete(house.ann, other.uuid)

        with pytest.raises(AppError, match=str(other.uuid)) as refused:
            whole(house, sent, OTHER.data)

        assert refused.value.code == "bytes_known"
        assert bytes_of(house, sent) == OLD.data

    def test_what_was_deleted(self, house: House) -> None:
        sent = house.bring(OLD)
        replacement = begin(house, sent, NEW.data)
        replacement.append(NEW.data)
        house.trash.delete(house.ann, sent.uuid)

        not_found = (ErrorKind.NOT_FOUND, "track_not_found")
        assert raised(lambda: house.replacing.finish(replacement)) == not_found
        assert raised(lambda: begin(house, sent, NEW.data)) == not_found

    def test_a_file_of_a_folder(self, house: House) -> None:
        house.save("one.mp3")
        house.scan()
        uuid = house.listed()["one.mp3"]

        refused = raised(lambda: house.replacing.begin(house.ann, uuid, replaces="0" * 64, sha256="0" * 64))

        assert refused == (ErrorKind.CONFLICT, "read_only_origin")

    def test_whoever_may_only_listen(self, house: House) -> None:
        jazz = house.libraries.create(house.ann, "Jazz")
        bob = house.add_user("bob")
        house.members.put(house.ann, jazz.uuid, "bob", "listener")
        sent = house.bring(OLD, library=jazz.uuid)

        refused = raised(lambda: begin(house, sent, NEW.data, caller=bob))

        assert refused == (ErrorKind.FORBIDDEN, "not_an_editor")

    def test_whoever_was_put_out_meanwhile(self, house: House) -> None:
        jazz = house.libraries.create(house.ann, "Jazz")
        bob = house.add_user("bob")
        house.members.put(house.ann, jazz.uuid, "bob", "editor")
        sent = house.bring(OLD, library=jazz.uuid)
        replacement = begin(house, sent, NEW.data, caller=bob)
        replacement.append(NEW.data)
        house.members.remove(house.ann, jazz.uuid, "bob")

        assert raised(lambda: house.replacing.finish(replacement)) == (ErrorKind.NOT_FOUND, "library_not_found")

    def test_too_large_a_file_before_and_while_it_comes(self, house: House) -> None:
        sent = house.bring(OLD)
        too_large = (ErrorKind.TOO_LARGE, "file_too_large")

        announced = raised(
            lambda: house.replacing.begin(
                house.ann, sent.uuid, replaces=sent.blob_hash, sha256="0" * 64, head_bytes=1, length=9_995
            )
        )

        assert announced == too_large
        assert raised(lambda: whole(house, sent, b"OggS" + bytes(10_000))) == too_large


class TestQuota:
    @pytest.fixture
    def bob(self, house: House) -> Caller:
        return house.add_user("bob")

    def limit(self, house: House, caller: Caller, quota_bytes: int) -> None:
        house.administration.change(house.ann, caller.user_uuid, UserChange(quota_bytes=quota_bytes))

    def test_only_the_difference_counts(self, house: House, bob: Caller) -> None:
        sent = house.bring(OLD, caller=bob)
        longer = Song("Longer " * 3, audio="x").data
        self.limit(house, bob, len(longer))

        whole(house, sent, longer, caller=bob)

        assert house.quotas.usage(bob).used_bytes == len(longer)

    def test_more_than_there_is_room_for_is_refused(self, house: House, bob: Caller) -> None:
        sent = house.bring(OLD, caller=bob)
        longer = Song("Longer " * 3, audio="x").data
        self.limit(house, bob, len(longer) - 1)

        refused = raised(lambda: whole(house, sent, longer, caller=bob))

        assert refused == (ErrorKind.FULL, "quota_exceeded")
        assert (house.quotas.usage(bob).used_bytes, house.quotas.usage(bob).reserved_bytes) == (len(OLD.data), 0)

    def test_an_account_that_is_too_full_may_get_smaller(self, house: House, bob: Caller) -> None:
        sent = house.bring(OLD, caller=bob)
        self.limit(house, bob, 1)
        shorter = Song("S", audio="s").data

        whole(house, sent, shorter, caller=bob)

        assert house.quotas.usage(bob).used_bytes == len(shorter)

    def test_an_item_stays_its_owners(self, house: House, bob: Caller) -> None:
        jazz = house.libraries.create(house.ann, "Jazz")
        house.members.put(house.ann, jazz.uuid, "bob", "editor")
        sent = house.bring(OLD, library=jazz.uuid)

        whole(house, sent, OTHER.data, caller=bob)

        assert (house.quotas.usage(bob).used_bytes, house.quotas.usage(house.ann).used_bytes) == (0, len(OTHER.data))


class TestTogether:
    def test_of_many_at_once_one_wins_and_the_others_hear_of_it(self, house: House) -> None:
        sent = house.bring(OLD)
        songs = [Song(f"New {number}", audio=OLD.audio) for number in range(4)]
        start = Barrier(len(songs))

        def run(song: Song) -> str:
            replacement = begin(house, sent, song.data)
            replacement.append(song.data)
            start.wait()
            try:
                return house.replacing.finish(replacement).blob_hash
            except AppError as error:
                return error.code

        with ThreadPoolExecutor(len(songs)) as pool:
            outcomes = list(pool.map(run, songs))
        house.probe_all()

        assert sorted(outcomes)[1:] == ["bytes_changed"] * 3
        [winner] = set(outcomes) - {"bytes_changed"}
        assert item_of(house, sent.uuid).blob_hash == winner
        assert house.titles() == [next(song.title for song in songs if house.hash_of(song.data) == winner)]


class TestSounds:
    """What came in before anybody looked for its sound is looked into by maintenance."""

    def forget(self, house: House, sent: Accepted) -> None:
        with house.db.write() as tx:
            item = tx.media.by_id(item_of(house, sent.uuid).id)
            assert item is not None
            item.audio_offset, item.audio_bytes, item.audio_hash = 0, None, None

    def test_it_is_found_and_told(self, house: House) -> None:
        sent = house.bring(OLD)
        self.forget(house, sent)
        cursor = house.sync.changes(house.ann).cursor

        assert house.maintenance.tidy().measured == 1

        [change] = house.sync.changes(house.ann, cursor=cursor).changes
        assert (change.item_uuid, change.audio_hash) == (sent.uuid, house.hash_of(b"la la la"))
        assert house.maintenance.tidy().measured == 0

    def test_what_has_none_is_looked_into_once(self, house: House) -> None:
        sent = house.bring(b"OggS and no song")
        self.forget(house, sent)

        assert (house.sounds.fill(), house.sounds.fill()) == (1, 0)

    def test_damaged_bytes_keep_nobody_else_waiting(self, house: House) -> None:
        damaged, sent = house.bring(OTHER), house.bring(OLD)
        self.forget(house, damaged)
        self.forget(house, sent)
        house.blobs.set_aside(BlobHash(damaged.blob_hash))

        house.sounds.fill()

        assert item_of(house, sent.uuid).audio_hash == house.hash_of(b"la la la")
