"""Events as clients hear them (N190 to N195)."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from socket import create_connection
from urllib.parse import urlsplit

import pytest

from doors.native.conftest import Served
from support.annex import PER_ACCOUNT, Annex
from support.api import Api, Thing, bearer, code_of
from support.server import run, wait_until


def test_a_new_library_is_told_to_whoever_may_read_it(served: Served) -> None:
    with served.bob.http.stream("GET", "/api/v1/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.iter_lines()
        assert next(lines) == "retry: 2000"
        served.bob.post("/libraries", {"name": "Told"})

        told = next(line for line in lines if line.startswith("event:"))

    assert told == "event: library.changed"


def test_after_a_gap_a_client_is_told_to_ask_anew(served: Served) -> None:
    with served.bob.http.stream("GET", "/api/v1/events", headers={"Last-Event-ID": "long-ago"}) as answer:
        assert next(line for line in answer.iter_lines() if line.startswith("event:")) == "event: resync"


def test_a_stranger_hears_nothing(served: Served) -> None:
    assert code_of(served.nobody.get("/events", bearer("x"))) == (401, "token_invalid")


class Heard:
    """What one client is told, as it is told."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self.identity = ""

    def __iter__(self) -> Iterator[tuple[str, Thing]]:
        fields: dict[str, str] = {}
        quiet = 0
        for line in self._lines:
            quiet += line.startswith(":")
            assert quiet < 2, "nothing happened for two heartbeats"
            name, _, value = line.partition(": ")
            if line:
                fields[name] = value
            elif "event" in fields:
                self.identity = fields["id"]
                yield fields["event"], json.loads(fields["data"])
                fields = {}

    def until(self, topic: str, **data: object) -> list[tuple[str, Thing]]:
        """Return what comes up to an event that has these data."""
        found = []
        for heard in self:
            found.append(heard)
            if heard[0] == topic and heard[1].items() >= data.items():
                return found
        raise AssertionError(f"the stream ended before {topic}: {found}")


@contextmanager
def listening(api: Api, last_id: str = "") -> Iterator[Heard]:
    """A client that has begun to listen."""
    headers = {"Last-Event-ID": last_id} if last_id else {}
    with api.http.stream("GET", "/api/v1/events", headers=headers) as answer:
        assert answer.status_code == 200
        lines = answer.iter_lines()
        assert next(lines) == "retry: 2000"
        yield Heard(lines)


def test_a_member_hears_what_becomes_of_tracks(annex: Annex) -> None:
    with annex.somebody() as (_, bob):
        library = annex.library(bob)
        with listening(bob) as heard:
            sent = annex.send(bob, "Heard", library)
            bob.request("DELETE", f"/tracks/{sent.id}")

            told = heard.until("item.gone", library=library)

    assert [(topic, data) for topic, data in told if topic.startswith("item.")] == [
        ("item.added", {"library": library, "latest": 1, "count": 1}),
        ("item.changed", {"library": library, "latest": 2, "count": 1}),
        ("item.gone", {"library": library, "latest": 3, "count": 1}),
    ]


def test_nobody_hears_of_a_library_that_he_may_not_read_nor_of_jobs(annex: Annex) -> None:
    with annex.somebody() as (_, bob), annex.somebody() as (_, eve):
        foreign, mine = annex.library(bob), annex.library(eve)
        with listening(eve) as heard:
            annex.send(bob, "Not for Eve", foreign)
            annex.send(eve, "For Eve", mine)

            told = heard.until("item.changed", library=mine)

    assert {data["library"] for _, data in told} == {mine}
    assert "job.progress" not in {topic for topic, _ in told}


def test_administrators_hear_how_far_jobs_are(annex: Annex) -> None:
    with listening(annex.ada) as heard:
        annex.send(annex.ada, "A job for Ada", annex.library(annex.ada))

        [*_, (_, data)] = heard.until("job.progress", kind="probe_item", state="done")

    assert set(data) == {"job", "kind", "state", "done", "total"}


def test_whoever_is_put_out_hears_that_and_no_more_of_it(annex: Annex) -> None:
    library = annex.library(annex.ada)
    with annex.somebody() as (name, bob):
        mine = annex.library(bob)
        annex.ada.request("PUT", f"/libraries/{library}/members/{name}", json={"role": "listener"})
        with listening(bob) as heard:
            annex.ada.request("DELETE", f"/libraries/{library}/members/{name}")
            while heard.until("library.changed")[-1][1]:
                pass  # he may still be told of it by its name
            annex.send(annex.ada, f"Behind {name}", library)
            bob.request("PATCH", f"/libraries/{mine}", json={"name": "Mine"})

            told = heard.until("library.changed", library=mine)

    assert library not in {data.get("library") for _, data in told}


@pytest.mark.parametrize("is_by_another_process", [False, True])
def test_a_stream_ends_with_its_session(annex: Annex, is_by_another_process: bool) -> None:  # noqa: FBT001
    with annex.somebody() as (name, bob), listening(bob) as heard:
        if is_by_another_process:
            assert run(annex.server.data_dir, "user", "sessions", name, "--end").returncode == 0
        else:
            bob.post("/auth/logout")

        assert [topic for topic, _ in heard if topic.startswith("item.")] == []
        assert code_of(bob.get("/events")) == (401, "session_ended")


def test_whoever_comes_back_goes_on_or_asks_anew(annex: Annex) -> None:
    with annex.somebody() as (_, bob):
        library = annex.library(bob)
        with listening(bob) as heard:
            bob.request("PATCH", f"/libraries/{library}", json={"name": "Mine"})
            heard.until("library.changed", library=library)
        annex.send(bob, "Meanwhile", library)
        with listening(bob, heard.identity) as again:
            assert next(iter(again))[0] == "resync"


def test_an_account_holds_so_many_streams_and_one_that_ends_makes_room(annex: Annex) -> None:
    with annex.somebody() as (_, bob), annex.somebody() as (_, eve):
        with ExitStack() as stack:
            for _ in range(PER_ACCOUNT):
                stack.enter_context(listening(bob))
            refused = bob.get("/events")

            assert code_of(refused) == (429, "too_many_listeners")
            assert int(refused.headers["retry-after"]) > 0
            assert eve.get("/events").status_code == 200

        wait_until(lambda: bob.get("/events").status_code == 200, what="those who left are forgotten")


def test_clients_that_leave_at_once_hold_nothing(annex: Annex) -> None:
    with annex.somebody() as (_, bob):
        fields = {"Host": "localhost", **bearer(bob.token)}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        for _ in range(4 * PER_ACCOUNT):
            with create_connection(("127.0.0.1", urlsplit(annex.server.url).port or 0)) as client:
                client.sendall(f"GET /api/v1/events HTTP/1.1\r\n{head}\r\n".encode())

        def is_free() -> bool:
            with ExitStack() as stack:
                return all(
                    stack.enter_context(bob.http.stream("GET", "/api/v1/events")).status_code == 200
                    for _ in range(PER_ACCOUNT)
                )

        wait_until(is_free, what="those who left are forgotten")


def test_whoever_asks_by_head_holds_nothing(annex: Annex) -> None:
    with annex.somebody() as (_, bob):
        answers = [bob.request("HEAD", "/events") for _ in range(2 * PER_ACCOUNT)]

    assert {(one.status_code, one.headers["content-type"].partition(";")[0]) for one in answers} == {
        (200, "text/event-stream")
    }
