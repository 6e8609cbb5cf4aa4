"""Who did what is noted with what it tells of, without a secret, and nobody alters it unseen (P48, O-OP3)."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from support.core import PASSWORD, House
from support.databases import ON_SQLITE
from support.errors import raised
from tutti.db.engine import WriteTx
from tutti.domain.audit import Action, Outcome
from tutti.domain.caller import Caller, Operator, Permission, Role
from tutti.domain.errors import ErrorKind
from tutti.domain.origin import Origin, arriving
from tutti.kit.paging import Page
from tutti.models import AuditEntry, ServerFact
from tutti.services.accounts import NewUser
from tutti.services.administration import UserChange
from tutti.services.audit import Audit, Verified
from tutti.services.auditing import note
from tutti.services.catalog import PageWish
from tutti.services.profiles import ProfileChange
from tutti.services.registration import Admission
from tutti.services.sessions import Client
from tutti.services.signing import Signing

THERE = Origin("native", "192.0.2.7", "request-1")
Act = Callable[[House, Caller], object]


def entries(house: House) -> list[AuditEntry]:
    """Everything, the newest first."""
    return list(house.audit.page(Operator(), PageWish(limit=500)).items)


def told(house: House) -> tuple[str, str, str, str]:
    """The newest entry: action, outcome, actor, target."""
    one = entries(house)[0]
    return one.action, one.outcome, one.actor, one.target


def sign_in(house: House, password: str = PASSWORD, name: str = "ann") -> Any:
    return house.sessions.sign_in(name, password, Client("kitchen"))


def use_twice(house: House) -> None:
    token = sign_in(house).refresh_token
    house.sessions.refresh(token)
    house.clock.advance(timedelta(seconds=11))
    raised(lambda: house.sessions.refresh(token))


def end_session(house: House) -> None:
    caller = sign_in(house).caller
    house.sessions.end(caller, caller.session_uuid)


def invited(house: House) -> None:
    registration = house.registration(Admission.INVITE)
    registration.register(NewUser("eve", PASSWORD), registration.invite(house.ann).code)


def key(house: House) -> Any:
    return house.app_keys.create(house.ann, "radio", {Permission.LISTEN}).known


def library(house: House) -> Any:
    return house.libraries.create(house.ann, "Parties").uuid


def source(house: House) -> Any:
    return house.sources.everywhere()[0].uuid


def change(house: House, bob: Caller, **wanted: Any) -> None:
    house.administration.change(house.ann, bob.user_uuid, UserChange(**wanted))


DONE: dict[str, tuple[Act, tuple[str, str, str]]] = {
    "sign in": (lambda house, _: sign_in(house), ("sign_in", "ann", "kitchen")),
    "end a session": (lambda house, _: end_session(house), ("session_end", "ann", "kitchen")),
    "sign out": (lambda house, _: house.sessions.sign_out(sign_in(house).caller), ("sign_out", "ann", "kitchen")),
    "sign out everywhere": (
        lambda house, _: house.sessions.sign_out_everywhere(sign_in(house).caller),
        ("sign_out_everywhere", "ann", ""),
    ),
    "sign somebody out": (
        lambda house, bob: house.administration.end_sessions(house.ann, bob.user_uuid),
        ("sign_out_everywhere", "ann", "bob"),
    ),
    "own password": (
        lambda house, _: house.profiles.change_password(house.ann, PASSWORD, "another good one"),
        ("password_change", "ann", "ann"),
    ),
    "somebody's password": (
        lambda house, bob: house.administration.set_password(house.ann, bob.user_uuid, "another good one"),
        ("password_change", "ann", "bob"),
    ),
    "own address": (
        lambda house, _: house.profiles.change(house.ann, ProfileChange(email="ann@example.org")),
        ("email_change", "ann", "ann"),
    ),
    "somebody's address": (
        lambda house, bob: change(house, bob, email="bob@example.org"),
        ("email_change", "ann", "bob"),
    ),
    "roles": (
        lambda house, bob: change(house, bob, roles={Role.USER, Role.ADMIN}),
        ("roles_change", "ann", "bob admin user"),
    ),
    "quota": (lambda house, bob: change(house, bob, quota_bytes=7), ("quota_change", "ann", "bob 7")),
    "disable": (lambda house, bob: change(house, bob, is_active=False), ("account_disable", "ann", "bob")),
    "enable by command": (
        lambda house, _: house.accounts.set_active(Operator(), "bob", is_active=True),
        ("account_enable", "operator", "bob"),
    ),
    "add": (lambda house, _: house.add_user("eve"), ("account_add", "operator", "eve user")),
    "delete": (
        lambda house, bob: house.administration.delete(house.ann, bob.user_uuid),
        ("account_delete", "ann", "bob"),
    ),
    "make an app key": (lambda house, _: key(house), ("app_key_make", "ann", "radio listen")),
    "revoke an app key": (
        lambda house, _: house.app_keys.revoke(house.ann, key(house).uuid),
        ("app_key_revoke", "ann", "radio"),
    ),
    "register by invite": (lambda house, _: invited(house), ("register", "eve", "invite")),
    "let somebody in": (
        lambda house, _: house.members.put(house.ann, library(house), "bob", "listener"),
        ("member_put", "ann", "bob listener Parties"),
    ),
    "make a library": (lambda house, _: library(house), ("library_make", "ann", "Parties")),
    "rename a library": (
        lambda house, _: house.libraries.change(house.ann, library(house), name="Quiet"),
        ("library_rename", "ann", "Parties Quiet"),
    ),
    "have devices follow a library": (
        lambda house, _: house.libraries.change(house.ann, library(house), syncs=True),
        ("library_sync", "ann", "Parties on"),
    ),
    "delete a library": (
        lambda house, _: house.libraries.delete(house.ann, library(house)),
        ("library_delete", "ann", "Parties"),
    ),
    "empty the trash": (lambda house, _: house.trash.empty(house.ann), ("trash_empty", "ann", "")),
}


class TestDone:
    @pytest.mark.parametrize(("act", "expected"), list(DONE.values()), ids=list(DONE))
    def test_it_is_noted(self, house: House, act: Act, expected: tuple[str, str, str]) -> None:
        act(house, house.add_user("bob"))

        action, outcome, actor, target = told(house)
        assert ((action, actor, target), outcome) == (expected, "ok")

    def test_a_claim_is_noted(self, empty_house: House) -> None:
        token = empty_house.accounts.open_claim() or ""
        empty_house.accounts.claim(token, NewUser("ann", PASSWORD))

        assert told(empty_house) == ("claim", "ok", "ann", "")

    def test_putting_somebody_out_is_noted(self, house: House) -> None:
        house.add_user("bob")
        parties = library(house)
        house.members.put(house.ann, parties, "bob", "listener")
        house.members.remove(house.ann, parties, "bob")

        assert told(house)[:3] == ("member_remove", "ok", "ann")

    def test_adding_a_source_by_command_is_noted_once(self, house: House, tmp_path: Path) -> None:
        folder = tmp_path.resolve() / "more"
        folder.mkdir()
        before = len(entries(house))
        for _ in range(2):
            house.sources.add(house.ann, folder)

        assert told(house) == ("source_add", "ok", "operator", str(folder))
        assert len(entries(house)) == before + 1

    def test_removing_one_track_for_good_is_noted(self, house: House) -> None:
        gone = house.bring()
        house.trash.delete(house.ann, gone.uuid)
        house.trash.purge(house.ann, gone.uuid)

        assert told(house) == ("trash_purge", "ok", "ann", str(gone.uuid))

    def test_removing_a_source_is_noted(self, house: House) -> None:
        house.sources.remove(house.ann, source(house))

        assert told(house) == ("source_remove", "ok", "ann", str(house.music.resolve()))

    def test_an_invite_is_noted_without_its_code(self, house: House) -> None:
        registration = house.registration(Admission.INVITE)
        made = registration.invite(house.ann)
        registration.withdraw(house.ann, made.uuid)

        assert [(one.action, one.target) for one in entries(house)[:2]] == [
            ("invite_withdraw", str(made.uuid)),
            ("invite_make", str(made.uuid)),
        ]

    def test_new_keys_are_noted(self, house: House) -> None:
        signing = Signing(house.db, OneKey())
        signing.rotate(Operator())
        signing.retire(Operator(), at_once=True)

        assert [one.action for one in entries(house)[:2]] == ["key_retire", "key_rotate"]

    def test_where_it_came_from_is_noted(self, house: House) -> None:
        with arriving(THERE):
            sign_in(house)

        one = entries(house)[0]
        assert (one.door, one.address, one.request_id) == ("native", "192.0.2.7", "request-1")
        assert (one.actor_uuid, one.at) == (house.ann.user_uuid, house.clock())

    def test_what_is_rolled_back_is_not_noted(self, house: House) -> None:
        before = len(entries(house))

        raised(lambda: house.administration.delete(house.ann, house.ann.user_uuid))

        assert len(entries(house)) == before

    def test_a_change_of_something_else_is_not_noted(self, house: House) -> None:
        before = len(entries(house))

        house.profiles.change(house.ann, ProfileChange(birth_date=date(1990, 1, 1)))

        assert len(entries(house)) == before


class OneKey:
    """Is `SigningKeys`."""

    def kids(self) -> list[str]:
        return ["one"]

    def add(self) -> str:
        return "two"

    def retire(self, *, unused_for: timedelta) -> list[str]:
        return ["one"]


class TestRefused:
    def test_a_wrong_password(self, house: House) -> None:
        raised(lambda: sign_in(house, "wrong password"))

        assert told(house) == ("sign_in", "refused", "", "ann")

    def test_a_name_that_is_nobody_s_may_be_a_password(self, house: House) -> None:
        raised(lambda: sign_in(house, name="hunter2"))

        assert told(house) == ("sign_in", "refused", "", "")

    def test_too_many_are_noted_once_a_minute(self, house: House) -> None:
        for _ in range(30):
            raised(lambda: sign_in(house, "wrong password"))

        assert [one.outcome for one in entries(house)][:11] == ["limited"] + ["refused"] * 10

    def test_a_refresh_token_that_was_used_twice(self, house: House) -> None:
        use_twice(house)

        reused = [one for one in entries(house) if one.action == Action.REFRESH_REUSE]
        assert [(one.actor, one.outcome, one.target) for one in reused] == [("ann", "refused", "kitchen")]

    def test_what_somebody_may_never_do_is_noted_once_a_minute(self, house: House) -> None:
        """P48"""
        bob = house.add_user("bob")

        for _ in range(3):
            raised(lambda: house.accounts.carry_out(bob, house.administration.overview))

        noted = [(one.action, one.outcome, one.actor, one.target) for one in entries(house)]
        sentence = "Only an administrator may do that, with a session of his own."
        assert noted[0] == ("not_allowed", "refused", "bob", sentence)
        assert len([one for one in noted if one[0] == "not_allowed"]) == 1

    def test_a_wrong_app_key(self, house: House) -> None:
        raised(lambda: house.accounts.authenticate("tutti_wrong"))

        assert told(house) == ("app_key_use", "refused", "", "")

    @ON_SQLITE
    def test_it_stays_refused_where_nothing_can_be_written(self, house: House) -> None:
        path = Path(house.db.engine.url.database or "")

        def lose() -> None:
            house.db.close()
            path.unlink()
            path.mkdir()

        house.passwords.before_verify = lose
        try:
            assert raised(lambda: sign_in(house, "wrong password")) == (ErrorKind.UNAUTHENTICATED, "bad_login")
        finally:
            path.rmdir()

    def test_one_s_own_wrong_password(self, house: House) -> None:
        raised(lambda: house.profiles.change_password(house.ann, "wrong password", "another good one"))

        assert told(house) == ("password_change", "refused", "ann", "ann")


class TestContent:
    def test_no_secret_is_in_it(self, house: House) -> None:
        signed_in = sign_in(house)
        made = house.app_keys.create(house.ann, "radio", {Permission.LISTEN})
        raised(lambda: sign_in(house, "a wrong secret"))
        house.sessions.refresh(signed_in.refresh_token)

        text = repr([vars(one) for one in entries(house)])
        for secret in (PASSWORD, "a wrong secret", made.text, signed_in.refresh_token, signed_in.access_token):
            assert secret not in text

    @pytest.mark.parametrize("hostile", ["a\r\nb", "a\x1b[31mb", "a\u202eb", "a\x00b", "a\ud800b", "x" * 5000])
    def test_nothing_in_it_steers_a_terminal_or_a_log(self, house: House, hostile: str) -> None:
        with arriving(Origin(hostile, hostile, hostile)), house.db.write() as tx:
            note(tx, Action.SIGN_IN, None, hostile)

        one = entries(house)[0]
        for text in (one.target, one.door, one.address, one.request_id):
            assert text.isprintable()
        assert house.audit.verify(Operator()) == Verified(len(entries(house)))


class TestReading:
    def test_the_newest_come_first_and_page_by_page(self, house: House) -> None:
        for _ in range(3):
            sign_in(house)
        everything = [one.id for one in entries(house)]

        first = house.audit.page(house.ann, PageWish(limit=2))
        second = house.audit.page(house.ann, PageWish(first.next_cursor, 2))

        assert [one.id for one in (*first.items, *second.items)] == everything[:4]

    def test_by_action_and_by_account(self, house: House) -> None:
        sign_in(house)
        raised(lambda: sign_in(house, "wrong password"))

        def found(**narrowed: str) -> Page[AuditEntry]:
            return house.audit.page(house.ann, PageWish(), **narrowed)

        assert [one.outcome for one in found(action="sign_in").items] == ["refused", "ok"]
        assert [one.action for one in found(by="ann").items] == ["sign_in"]

    def test_only_administrators_read_it(self, house: House) -> None:
        bob = house.add_user("bob")

        assert raised(lambda: house.audit.page(bob, PageWish())) == (ErrorKind.FORBIDDEN, "not_allowed")
        assert raised(lambda: house.audit.verify(bob)) == (ErrorKind.FORBIDDEN, "not_allowed")

    def test_a_database_without_the_key_notes_nothing(self, house: House) -> None:
        house.db._audit_key = b""

        with pytest.raises(RuntimeError), house.db.write() as tx:
            note(tx, Action.SIGN_IN, None)


@pytest.fixture
def noted(house: House) -> House:
    """Ten entries, from number 1 on."""
    with house.db.write() as tx:
        tx._session.execute(delete(AuditEntry))
        tx._session.execute(delete(ServerFact))
    for number in range(10):
        with house.db.write() as tx:
            note(tx, Action.SIGN_IN, None, f"target {number}")
        house.clock.advance(timedelta(days=1))
    return house


def tamper(house: House, act: Callable[[WriteTx], object]) -> Verified:
    with house.db.write() as tx:
        act(tx)
    return house.audit.verify(Operator())


FIELDS = {"action": "claim", "outcome": "ok!", "actor": "eve", "target": "?", "door": "?", "address": "?"}


class TestChain:
    def test_all_fit(self, noted: House) -> None:
        assert noted.audit.verify(Operator()) == Verified(10)

    def test_none_is_well(self, empty_house: House) -> None:
        assert empty_house.audit.verify(Operator()) == Verified(0)

    @pytest.mark.parametrize("field", [*FIELDS, "request_id"])
    def test_an_altered_entry_is_named(self, noted: House, field: str) -> None:
        altered = update(AuditEntry).where(AuditEntry.id == 4).values({field: FIELDS.get(field, "?")})

        found = tamper(noted, lambda tx: tx._session.execute(altered))

        assert (found.wrong, found.entries) == (4, 3)

    @pytest.mark.parametrize("number", [1, 4, 10])
    def test_a_missing_entry_is_named(self, noted: House, number: int) -> None:
        gone = delete(AuditEntry).where(AuditEntry.id == number)

        assert tamper(noted, lambda tx: tx._session.execute(gone)).wrong == number

    def test_two_that_changed_places_are_named(self, noted: House) -> None:
        def swap(tx: WriteTx) -> None:
            one, other = tx._session.scalars(select(AuditEntry).where(AuditEntry.id.in_([4, 5]))).all()
            one.target, other.target = other.target, one.target
            one.mac, other.mac = other.mac, one.mac

        assert tamper(noted, swap).wrong == 4

    @pytest.mark.parametrize("mark", ["", "zz" * 64, "00" * 64])
    def test_a_forged_mark_is_named(self, noted: House, mark: str) -> None:
        forged = update(ServerFact).where(ServerFact.name == "audit_newest").values(text=mark)

        assert tamper(noted, lambda tx: tx._session.execute(forged)).wrong == 10

    def test_a_cut_end_with_a_forged_mark_is_named(self, noted: House) -> None:
        def cut(tx: WriteTx) -> None:
            tx._session.execute(delete(AuditEntry).where(AuditEntry.id > 7))
            tx._session.execute(update(ServerFact).where(ServerFact.name == "audit_newest").values(number=7))

        assert tamper(noted, cut).wrong == 7

    @pytest.mark.parametrize("also_the_mark", [True, False])
    def test_a_cut_end_still_shows_when_more_was_noted(self, noted: House, *, also_the_mark: bool) -> None:
        def cut(tx: WriteTx) -> None:
            tx._session.execute(delete(AuditEntry).where(AuditEntry.id > 7))
            if also_the_mark:
                tx._session.execute(delete(ServerFact).where(ServerFact.name == "audit_newest"))

        tamper(noted, cut)
        with noted.db.write() as tx:
            note(tx, Action.SIGN_IN, None)

        assert noted.audit.verify(Operator()).wrong == 8

    def test_a_cut_beginning_is_named(self, noted: House) -> None:
        assert tamper(noted, lambda tx: tx._session.execute(delete(AuditEntry).where(AuditEntry.id < 4))).wrong == 1


class TestAge:
    def test_what_is_old_is_cut_off_and_the_rest_fits(self, noted: House) -> None:
        audit = Audit(noted.db, keep=timedelta(days=5))

        assert audit.prune() == 5
        assert audit.verify(Operator()) == Verified(5)

    def test_all_of_it_may_be_old(self, noted: House) -> None:
        noted.clock.advance(timedelta(days=400))

        assert noted.audit.prune() == 10
        with noted.db.write() as tx:
            note(tx, Action.SIGN_IN, None)
        assert noted.audit.verify(Operator()) == Verified(1)
        assert entries(noted)[0].id == 11

    def test_an_older_one_behind_a_newer_one_stays(self, noted: House) -> None:
        noted.clock.advance(timedelta(days=-9))
        with noted.db.write() as tx:
            note(tx, Action.SIGN_IN, None)

        assert Audit(noted.db, keep=timedelta(days=0)).prune() == 1
        assert noted.audit.verify(Operator()) == Verified(10)

    def test_nobody_else_cuts_off_what_is_old(self, noted: House) -> None:
        Audit(noted.db, keep=timedelta(days=5)).prune()
        forged = update(ServerFact).where(ServerFact.name == "audit_oldest").values(number=7)

        found = tamper(noted, lambda tx: tx._session.execute(forged))

        assert (found.wrong, found.entries) == (7, 0)

    def test_housekeeping_does_it(self, noted: House) -> None:
        noted.clock.advance(timedelta(days=400))

        assert noted.maintenance.tidy().audited == 10


def test_an_outcome_has_a_word() -> None:
    assert sorted(Outcome) == ["limited", "ok", "refused"]
