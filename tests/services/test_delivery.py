"""Which bytes a caller gets, and what he is told when there are none."""

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, update

from support.core import PASSWORD, House
from support.errors import raised
from support.music import Song
from tutti.domain.caller import Caller, Permission
from tutti.domain.errors import AppError, ErrorKind
from tutti.domain.files import OpenedFile
from tutti.models import LibraryMember, MediaItem, SourceObject
from tutti.services.delivery import Delivery
from tutti.services.sessions import Client

SONG = Song("One")


def content(delivery: Delivery) -> bytes:
    assert isinstance(delivery.file, OpenedFile)
    return os.pread(delivery.file.descriptor.fd, delivery.file.size_bytes, 0)


@pytest.fixture
def item(house: House) -> UUID:
    """A file of a folder."""
    house.save("one.mp3", SONG)
    house.scan()
    return house.listed()["one.mp3"]


@pytest.fixture
def blob(house: House) -> UUID:
    """A file of ours."""
    return house.send(SONG.data).uuid


def blob_file(house: House) -> Path:
    [stored] = house.blobs.walk()
    assert stored.path is not None
    path = Path(os.fsdecode(stored.path))
    path.chmod(0o600)
    return path


class TestFileOfAFolder:
    def test_its_bytes_are_opened(self, house: House, item: UUID) -> None:
        delivery = house.deliveries.open(house.ann, item)

        assert content(delivery) == SONG.data
        assert (delivery.mime, delivery.filename) == ("audio/mpeg", "one.mp3")

    def test_its_validators_are_those_of_the_file_that_is_open(self, house: House, item: UUID) -> None:
        status = (house.music / "one.mp3").stat()

        delivery = house.deliveries.open(house.ann, item)

        assert delivery.etag == f"{status.st_size:x}-{status.st_mtime_ns:x}"
        assert delivery.modified_at == datetime.fromtimestamp(status.st_mtime_ns // 10**9, UTC)

    def test_it_changes_its_validator_with_the_file_before_any_scan(self, house: House, item: UUID) -> None:
        before = house.deliveries.open(house.ann, item).etag
        house.save("one.mp3", SONG)

        assert house.deliveries.open(house.ann, item).etag != before

    def test_it_stays_readable_for_a_stream_that_is_under_way(self, house: House, item: UUID) -> None:
        delivery = house.deliveries.open(house.ann, item)
        (house.music / "one.mp3").unlink()

        assert content(delivery) == SONG.data

    def test_a_file_that_is_not_there_is_gone(self, house: House, item: UUID) -> None:
        (house.music / "one.mp3").unlink()

        assert raised(lambda: house.deliveries.open(house.ann, item)) == (ErrorKind.GONE, "file_missing")

    def test_while_its_folder_is_down_it_is_unavailable(self, house: House, item: UUID) -> None:
        house.music.rename(house.music.parent / "unmounted")
        with pytest.raises(AppError):
            house.scan()

        assert raised(lambda: house.deliveries.open(house.ann, item)) == (ErrorKind.UNAVAILABLE, "source_unavailable")

    def test_a_folder_that_is_called_down_and_is_there_delivers(self, house: House, item: UUID) -> None:
        away = house.music.rename(house.music.parent / "unmounted")
        with pytest.raises(AppError):
            house.scan()
        away.rename(house.music)

        assert content(house.deliveries.open(house.ann, item)) == SONG.data

    def test_a_link_out_of_the_folder_is_not_followed(self, house: House, item: UUID) -> None:
        path = house.music / "one.mp3"
        secret = path.rename(house.music.parent / "secret.mp3")
        path.symlink_to(secret)

        assert raised(lambda: house.deliveries.open(house.ann, item)) == (ErrorKind.GONE, "file_missing")

    @pytest.mark.parametrize(("moment_ns", "year"), [(10**19, 2286), (-(10**18), 1970)])
    def test_a_file_from_another_age_is_delivered(self, house: House, item: UUID, moment_ns: int, year: int) -> None:
        os.utime(house.music / "one.mp3", ns=(moment_ns, moment_ns))

        assert house.deliveries.open(house.ann, item).modified_at.year == year

    def test_an_item_whose_source_was_taken_away_is_gone(self, house: House, item: UUID) -> None:
        with house.db.write() as tx:
            tx._session.execute(delete(SourceObject))

        assert raised(lambda: house.deliveries.open(house.ann, item)) == (ErrorKind.GONE, "file_missing")

    def test_an_unknown_item_is_not_found(self, house: House) -> None:
        assert raised(lambda: house.deliveries.open(house.ann, uuid4())) == (ErrorKind.NOT_FOUND, "track_not_found")


class TestBlob:
    def test_its_bytes_are_opened(self, house: House, blob: UUID) -> None:
        assert content(house.deliveries.open(house.ann, blob)) == SONG.data

    def test_its_validator_is_its_hash(self, house: House, blob: UUID) -> None:
        [stored] = house.blobs.walk()

        assert house.deliveries.open(house.ann, blob).etag == stored.hash

    @pytest.mark.parametrize("damage", ["cut", "grown", "gone"])
    def test_damaged_bytes_are_never_sent(self, house: House, blob: UUID, damage: str) -> None:
        path = blob_file(house)
        if damage == "gone":
            path.unlink()
        else:
            os.truncate(path, 5 if damage == "cut" else 10_000)

        assert raised(lambda: house.deliveries.open(house.ann, blob)) == (ErrorKind.UNAVAILABLE, "blob_damaged")

    def test_a_file_that_is_sent_again_repairs_it(self, house: House, blob: UUID) -> None:
        os.truncate(blob_file(house), 5)
        house.send(SONG.data, "again.mp3")

        assert content(house.deliveries.open(house.ann, blob)) == SONG.data


class TestTicket:
    @pytest.fixture
    def ann(self, house: House) -> Caller:
        return house.sessions.sign_in("ann", PASSWORD, Client()).caller

    def test_it_opens_the_item_for_its_account(self, house: House, ann: Caller, item: UUID) -> None:
        ticket = house.deliveries.ticket(ann, item)

        access = house.accounts.redeem(ticket.text, item)

        assert content(house.deliveries.open(access.caller, item)) == SONG.data

    def test_it_says_until_when_it_is_good(self, house: House, ann: Caller, item: UUID) -> None:
        ticket = house.deliveries.ticket(ann, item)

        assert ticket.expires_at == house.clock.now + timedelta(hours=6)

    def test_without_a_session_there_is_none(self, house: House, ann: Caller, item: UUID) -> None:
        caller = replace(ann, session_uuid=None)

        assert raised(lambda: house.deliveries.ticket(caller, item)) == (ErrorKind.FORBIDDEN, "session_needed")

    def test_for_an_unknown_item_there_is_none(self, house: House, ann: Caller) -> None:
        assert raised(lambda: house.deliveries.ticket(ann, uuid4())) == (ErrorKind.NOT_FOUND, "track_not_found")


class TestMayGoOn:
    """What is being sent is asked about again when access may have changed (P34)."""

    @pytest.fixture
    def caller(self, house: House) -> Caller:
        """Bob in a session of his own, who may listen to Ann's library."""
        house.join(house.add_user("bob"), house.library_id, "listener")
        return house.sessions.sign_in("bob", PASSWORD, Client()).caller

    def goes_on(self, house: House, caller: Caller, item: UUID) -> bool:
        return house.deliveries.may_go_on([(caller, item)]) == [True]

    def test_whoever_is_still_allowed_goes_on(self, house: House, item: UUID, caller: Caller) -> None:
        house.clock.advance(timedelta(hours=1))  # the token is over, the session is not

        assert self.goes_on(house, caller, item)
        assert self.goes_on(house, house.ann, item)

    def test_each_is_asked_about_by_himself(self, house: House, item: UUID, caller: Caller) -> None:
        house.sessions.sign_out(caller)

        assert house.deliveries.may_go_on([(caller, item), (house.ann, item)]) == [False, True]

    def test_whose_account_is_out_does_not(self, house: House, item: UUID, caller: Caller) -> None:
        house.accounts.set_active(house.ann, "bob", is_active=False)

        assert not self.goes_on(house, caller, item)

    def test_whose_account_is_gone_does_not(self, house: House, item: UUID, caller: Caller) -> None:
        house.administration.delete(house.ann, caller.user_uuid)

        assert not self.goes_on(house, caller, item)

    def test_who_is_no_member_any_more_does_not(self, house: House, item: UUID, caller: Caller) -> None:
        with house.db.write() as tx:
            tx._session.execute(delete(LibraryMember).where(LibraryMember.user_id == caller.user_id))

        assert not self.goes_on(house, caller, item)

    def test_who_has_no_role_any_more_does_not(self, house: House, item: UUID, caller: Caller) -> None:
        with house.db.write() as tx:
            tx.accounts.set_roles(caller.user_id, [])

        assert not self.goes_on(house, caller, item)

    def test_an_app_key_goes_on_until_it_is_revoked(self, house: House, item: UUID, caller: Caller) -> None:
        made = house.app_keys.create(caller, "radio", [Permission.LISTEN])
        by_key = house.accounts.authenticate(made.text).caller
        assert self.goes_on(house, by_key, item)

        house.app_keys.revoke(caller, made.known.uuid)

        assert not self.goes_on(house, by_key, item)

    def test_what_somebody_has_deleted_is_not_sent_on(self, house: House, item: UUID, caller: Caller) -> None:
        with house.db.write() as tx:
            tx._session.execute(update(MediaItem).where(MediaItem.uuid == item).values(deleted_at=tx.now))

        assert not self.goes_on(house, caller, item)
        assert not self.goes_on(house, caller, uuid4())
