"""Uploads that wait for their client: truthful about what is durable, counted while they wait, one writer at a time."""

import hashlib
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import NamedTuple
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from support import tiers
from support.core import House
from support.errors import raised
from support.music import Song
from tutti.domain.errors import AppError, ErrorKind
from tutti.models import MediaItem
from tutti.models import Upload as UploadRow
from tutti.services.ingest import Ingest, IngestPolicy
from tutti.services.uploads import Upload

DATA = Song("One", audio="one").data
DAY = timedelta(days=1)


def begin(house: House, data: bytes = DATA, name: str = "one.mp3") -> UUID:
    """Make an upload that can be resumed, and let go of it."""
    upload = house.ingest.create(house.ann, name, library_uuid=None, length=len(data), described="filename b25l")
    return house.ingest.pause(upload).uuid


def go_on(house: House, uuid: UUID, offset: int, data: bytes) -> Upload:
    upload = house.ingest.resume(house.ann, uuid, offset)
    upload.append(data)
    return upload


def rows(house: House) -> list[tuple[int, int]]:
    """Offset and reservation of every upload."""
    with house.db.engine.connect() as connection:
        return [
            (row[0], row[1]) for row in connection.execute(select(UploadRow.offset_bytes, UploadRow.reserved_bytes))
        ]


def staged(house: House) -> int:
    """Remove what is staged and held by nobody, and say how much that was."""
    house.blob_clock.advance(timedelta(hours=1))
    return house.blobs.sweep(older_than_s=0)


class TestResuming:
    def test_it_goes_on_where_it_was_and_becomes_an_item(self, house: House) -> None:
        uuid = begin(house)
        house.ingest.pause(go_on(house, uuid, 0, DATA[:9]))
        assert house.ingest.find(house.ann, uuid).offset == 9

        accepted = house.ingest.accept(go_on(house, uuid, 9, DATA[9:]))

        assert accepted.blob_hash == hashlib.sha256(DATA).hexdigest()
        state = house.ingest.find(house.ann, uuid)
        assert (state.item_uuid, state.offset) == (accepted.uuid, len(DATA))

    def test_what_was_said_of_it_is_said_again(self, house: House) -> None:
        state = house.ingest.find(house.ann, begin(house))

        assert (state.described, state.length, state.item_uuid) == ("filename b25l", len(DATA), None)

    @pytest.mark.parametrize("offset", [0, 8, 10, 10_000])
    def test_any_other_offset_is_refused_and_changes_nothing(self, house: House, offset: int) -> None:
        """P09"""
        uuid = begin(house)
        house.ingest.pause(go_on(house, uuid, 0, DATA[:9]))

        assert raised(lambda: house.ingest.resume(house.ann, uuid, offset)) == (ErrorKind.CONFLICT, "wrong_offset")
        assert house.ingest.find(house.ann, uuid).offset == 9

    def test_a_second_writer_is_refused_while_the_first_one_holds_it(self, house: House) -> None:
        """P10"""
        uuid = begin(house)
        with_nine = go_on(house, uuid, 0, DATA[:9])

        assert raised(lambda: house.ingest.resume(house.ann, uuid, 0)) == (ErrorKind.CONFLICT, "staged_busy")
        assert raised(lambda: house.ingest.terminate(house.ann, uuid)) == (ErrorKind.CONFLICT, "staged_busy")
        assert house.ingest.find(house.ann, uuid).offset == 0, "only what is durable is promised"
        assert house.ingest.pause(with_nine).offset == 9

    def test_a_finished_one_takes_no_more(self, house: House) -> None:
        uuid = begin(house)
        house.ingest.accept(go_on(house, uuid, 0, DATA))

        assert raised(lambda: house.ingest.resume(house.ann, uuid, len(DATA))) == (
            ErrorKind.CONFLICT,
            "upload_finished",
        )

    def test_one_whose_server_died_over_the_last_byte_is_finished_by_whoever_asks(self, house: House) -> None:
        uuid = begin(house)
        house.ingest.pause(go_on(house, uuid, 0, DATA))

        state = house.ingest.find(house.ann, uuid)

        assert state.item_uuid is not None
        assert [blob.hash for blob in house.blobs.walk()] == [hashlib.sha256(DATA).hexdigest()]

    def test_bytes_that_were_not_synced_are_asked_for_again(self, house: House) -> None:
        """A crash: the row never heard of them; the file is the one that counts."""
        uuid = begin(house)
        go_on(house, uuid, 0, DATA[:9]).staged.close()

        offset = house.ingest.find(house.ann, uuid).offset

        assert house.ingest.accept(go_on(house, uuid, offset, DATA[offset:])).blob_hash == (
            hashlib.sha256(DATA).hexdigest()
        )

    def test_nobody_else_finds_it(self, house: House) -> None:
        """O-UP3"""
        uuid, bob = begin(house), house.add_user("bob")
        ways: list[Callable[[], object]] = [
            lambda: house.ingest.find(bob, uuid),
            lambda: house.ingest.resume(bob, uuid, 0),
            lambda: house.ingest.terminate(bob, uuid),
            lambda: house.ingest.find(house.ann, uuid4()),
        ]

        assert [raised(way) for way in ways] == [(ErrorKind.NOT_FOUND, "upload_not_found")] * 4

    def test_whoever_lost_the_library_cannot_go_on(self, house: House) -> None:
        bob = house.add_user("bob")
        shared = house.libraries.create(house.ann, "Jazz")
        house.members.put(house.ann, shared.uuid, "bob", "editor")
        upload = house.ingest.create(bob, "x.mp3", library_uuid=shared.uuid, length=len(DATA), described="")
        house.ingest.pause(upload)
        house.members.remove(house.ann, shared.uuid, "bob")

        assert raised(lambda: house.ingest.resume(bob, upload.uuid, 0)) == (ErrorKind.NOT_FOUND, "library_not_found")


class TestChecksums:
    def test_a_piece_with_the_hash_it_was_said_to_have_stays(self, house: House) -> None:
        uuid = begin(house)
        upload = house.ingest.resume(house.ann, uuid, 0)
        upload.mark("sha1")
        upload.append(DATA[:9])
        upload.confirm(hashlib.sha1(DATA[:9], usedforsecurity=False).hexdigest())

        assert house.ingest.pause(upload).offset == 9

    def test_a_piece_with_another_hash_is_forgotten_and_the_offset_stays(self, house: House) -> None:
        """P09"""
        uuid = begin(house)
        house.ingest.pause(go_on(house, uuid, 0, DATA[:5]))
        upload = house.ingest.resume(house.ann, uuid, 5)
        upload.mark("sha256")
        upload.append(b"noise")

        refusal = raised(lambda: upload.confirm(hashlib.sha256(DATA[5:10]).hexdigest()))
        upload.abandon()

        assert refusal == (ErrorKind.INVALID, "checksum_mismatch")
        assert house.ingest.find(house.ann, uuid).offset == 5
        assert house.ingest.accept(go_on(house, uuid, 5, DATA[5:])).is_new

    def test_a_piece_that_was_cut_off_before_its_hash_could_be_compared_is_forgotten(self, house: House) -> None:
        uuid = begin(house)
        upload = house.ingest.resume(house.ann, uuid, 0)
        upload.mark("sha256")
        upload.append(DATA[:9])

        assert house.ingest.pause(upload).offset == 0


class TestRefused:
    """P11: what is not what it was said to be leaves nothing behind."""

    @pytest.mark.parametrize(
        ("data", "length", "digest", "refusal"),
        [
            (DATA, None, hashlib.sha256(b"other").hexdigest(), (ErrorKind.INVALID, "digest_mismatch")),
            (DATA, len(DATA) + 1, None, (ErrorKind.INVALID, "length_mismatch")),
            (b"This is a text.\n" * 50, None, None, (ErrorKind.UNSUPPORTED, "not_audio")),
            (b"<html><script>alert(1)</script></html>" * 20, None, None, (ErrorKind.UNSUPPORTED, "not_audio")),
            (b"PK\3\4" + bytes(600), None, None, (ErrorKind.UNSUPPORTED, "not_audio")),
            (b"MZ" + bytes(range(256)) * 3, None, None, (ErrorKind.UNSUPPORTED, "not_audio")),
            (b"\x89PNG\r\n\x1a\n" + bytes(600), None, None, (ErrorKind.UNSUPPORTED, "not_audio")),
        ],
    )
    def test_when_it_is_complete(
        self,
        house: House,
        data: bytes,
        length: int | None,
        digest: str | None,
        refusal: tuple[ErrorKind, str],
    ) -> None:
        """O-UP5"""
        upload = house.ingest.stage(house.ann, "music.flac", length=length)
        upload.append(data)

        assert raised(lambda: house.ingest.accept(upload, sha256=digest)) == refusal
        assert (list(house.blobs.walk()), staged(house), rows(house)) == ([], 0, [])

    def test_when_more_comes_than_was_announced(self, house: House) -> None:
        upload = house.ingest.stage(house.ann, "one.mp3", length=4)

        assert raised(lambda: upload.append(DATA)) == (ErrorKind.TOO_LARGE, "length_exceeded")
        assert (staged(house), rows(house)) == (0, [])

    @pytest.mark.parametrize(
        ("length", "refusal"),
        [(0, (ErrorKind.INVALID, "empty_file")), (10_001, (ErrorKind.TOO_LARGE, "file_too_large")), (10 << 40, None)],
    )
    def test_before_the_first_byte(self, house: House, length: int, refusal: tuple[ErrorKind, str] | None) -> None:
        """O-UP4"""
        wanted = refusal or (ErrorKind.TOO_LARGE, "file_too_large")

        assert raised(lambda: house.ingest.stage(house.ann, "x.mp3", length=length)) == wanted
        assert (staged(house), rows(house)) == (0, [])

    def test_when_too_many_were_begun(self, house: House) -> None:
        """O-UP4"""
        few = Ingest(house.db, house.blobs, policy=IngestPolicy(max_unfinished=3))
        for _ in range(3):
            few.pause(few.create(house.ann, "x.mp3", library_uuid=None, length=9, described=""))

        refusal = raised(lambda: few.create(house.ann, "x.mp3", library_uuid=None, length=9, described=""))

        assert refusal == (ErrorKind.LIMITED, "too_many_uploads")

    def test_a_tag_larger_than_the_look_does_not_hide_what_follows_it(self, house: House) -> None:
        tag = b"ID3\4\0\0\0\0\x40\0" + bytes(1 << 13)
        upload = house.ingest.stage(house.ann, "x.mp3")
        upload.append(tag + b"This is a text.\n" * 50)

        assert raised(lambda: house.ingest.accept(upload)) == (ErrorKind.UNSUPPORTED, "not_audio")


class TestQuota:
    def limited(self, house: House, quota: int, *, step: int = 100) -> Ingest:
        return Ingest(house.db, house.blobs, policy=IngestPolicy(step_bytes=step, default_quota_bytes=quota))

    def test_the_announced_length_is_reserved_until_the_upload_ends(self, house: House) -> None:
        ingest = self.limited(house, len(DATA) * 2 - 1)
        first = ingest.stage(house.ann, "one.mp3", length=len(DATA))

        refusal = raised(lambda: ingest.stage(house.ann, "two.mp3", length=len(DATA)))
        first.abandon()

        assert refusal == (ErrorKind.FULL, "quota_exceeded")
        ingest.stage(house.ann, "two.mp3", length=len(DATA)).abandon()

    def test_an_unknown_length_is_reserved_step_by_step_and_exactly_at_the_end(self, house: House) -> None:
        upload = self.limited(house, 250).stage(house.ann, "one.mp3")
        upload.append(bytes(1))
        assert rows(house) == [(0, 100)]
        upload.append(bytes(200))
        assert rows(house) == [(0, 201)], "another step does not fit"
        upload.append(bytes(49))

        assert raised(lambda: upload.append(bytes(1))) == (ErrorKind.FULL, "quota_exceeded")
        assert rows(house) == []

    def test_twenty_at_once_fill_one_place_once(self, house: House) -> None:
        """P15"""
        ingest = self.limited(house, len(DATA) + 10)

        def send(number: int) -> str:
            data = DATA + b"%02d" % number
            try:
                upload = ingest.stage(house.ann, "x.mp3", length=len(data))
                upload.append(data)
                ingest.accept(upload)
            except AppError as error:
                return error.code
            return "taken"

        with ThreadPoolExecutor(8) as pool:
            outcomes = Counter(pool.map(send, range(20)))

        assert outcomes == {"taken": 1, "quota_exceeded": 19}


class TestTogether:
    def test_the_same_bytes_at_once_are_one_blob_and_one_item(self, house: House) -> None:
        """P08"""
        with ThreadPoolExecutor(8) as pool:
            accepted = list(pool.map(lambda _: house.send(DATA), range(24)))

        assert len({one.uuid for one in accepted}) == 1
        assert sum(one.is_new for one in accepted) == 1
        assert len(list(house.blobs.walk())) == 1

    def test_a_repeated_upload_whose_answer_was_lost_is_the_same_item(self, house: House) -> None:
        """P12"""
        first = house.send(DATA)

        assert {house.send(DATA, f"{number}.mp3").uuid for number in range(5)} == {first.uuid}
        with house.db.read() as tx:
            assert len(tx._session.scalars(select(MediaItem)).all()) == 1


class TestEnding:
    def test_one_can_be_given_up(self, house: House) -> None:
        uuid = begin(house)

        house.ingest.terminate(house.ann, uuid)

        assert raised(lambda: house.ingest.find(house.ann, uuid)) == (ErrorKind.NOT_FOUND, "upload_not_found")
        assert (staged(house), rows(house)) == (0, [])

    def test_to_give_up_a_finished_one_leaves_the_item(self, house: House) -> None:
        uuid = begin(house)
        accepted = house.ingest.accept(go_on(house, uuid, 0, DATA))

        house.ingest.terminate(house.ann, uuid)

        assert [blob.hash for blob in house.blobs.walk()] == [accepted.blob_hash]

    def test_after_a_day_without_its_client_it_is_gone(self, house: House) -> None:
        uuid = begin(house)
        house.clock.advance(DAY)

        assert raised(lambda: house.ingest.find(house.ann, uuid)) == (ErrorKind.GONE, "upload_expired")
        assert house.ingest.sweep() == 1
        assert (staged(house), rows(house)) == (0, [])

    def test_every_piece_gives_it_another_day(self, house: House) -> None:
        uuid = begin(house)
        house.clock.advance(DAY - timedelta(minutes=1))
        house.ingest.pause(go_on(house, uuid, 0, DATA[:9]))
        house.clock.advance(DAY - timedelta(minutes=1))

        assert house.ingest.sweep() == 0
        assert house.ingest.find(house.ann, uuid).offset == 9

    def test_nobody_sweeps_what_somebody_holds(self, house: House) -> None:
        uuid = begin(house)
        upload = go_on(house, uuid, 0, DATA)
        house.clock.advance(DAY * 2)

        assert house.ingest.sweep() == 0
        assert house.ingest.accept(upload).is_new

    def test_bytes_that_are_gone_from_the_disk_end_it(self, house: House) -> None:
        uuid = begin(house)
        assert staged(house) == 1

        assert raised(lambda: house.ingest.resume(house.ann, uuid, 0)) == (ErrorKind.GONE, "upload_expired")


class Step(NamedTuple):
    """What happens to one piece of an upload: so many bytes, and how its request ends."""

    size: int
    end: str


STEPS = st.lists(
    st.builds(Step, st.integers(0, 60), st.sampled_from(["pause", "crash", "noise", "misplaced"])), max_size=12
)


@settings(max_examples=300 if tiers.is_deep() else 8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_whatever_happens_on_the_way_the_offset_is_true_and_the_file_whole(house: House, steps: list[Step]) -> None:
    """P09"""
    data = DATA + uuid4().bytes
    uuid, sent = begin(house, data), 0
    for step in steps:
        offset = house.ingest.find(house.ann, uuid).offset
        assert offset <= sent
        piece = data[offset : min(offset + step.size, len(data) - 1)]
        if step.end == "misplaced":
            assert raised(partial(house.ingest.resume, house.ann, uuid, offset + 1))[1] == "wrong_offset"
            continue
        upload = house.ingest.resume(house.ann, uuid, offset)
        if step.end == "noise":
            upload.mark("sha256")
            upload.append(b"?")  # at the last byte there is room for no more
            assert raised(partial(upload.confirm, "0" * 64))[1] == "checksum_mismatch"
            upload.abandon()
            assert house.ingest.find(house.ann, uuid).offset == offset
            continue
        upload.append(piece)
        sent = max(sent, offset + len(piece))
        if step.end == "pause":
            assert house.ingest.pause(upload).offset == offset + len(piece)
        else:
            upload.staged.close()
    offset = house.ingest.find(house.ann, uuid).offset

    accepted = house.ingest.accept(go_on(house, uuid, offset, data[offset:]))

    assert accepted.blob_hash == hashlib.sha256(data).hexdigest()
